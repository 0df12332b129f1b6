"""Fills `{name}`, `{obj.attr}`, `{d["key"]}`, `{In[3]}` into a prompt, and nothing else.

A brace is filled only where it holds an identifier path that resolves; JSON, LaTeX, code and dict literals
pass through untouched. Nothing is evaluated: a path is walked name by name.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

_PATH = re.compile(
    r"""(?<!\{)\{\s*([A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[\s*(?:-?\d+|"[^"\]{}]*"|'[^'\]{}]*')\s*\])*)\s*\}"""
)
_STEP = re.compile(r"""\.([A-Za-z_]\w*)|\[\s*(?:(-?\d+)|"([^"]*)"|'([^']*)')\s*\]""")


def fill(prompt: str, names: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The filled prompt, and a note for each brace that looks like a mistyped variable.

    Doubled braces (`{{name}}`, a template's) are left alone.
    """
    notes: list[str] = []

    def replace(match: re.Match[str]) -> str:
        path = match.group(1)
        try:
            return str(_walk(path, names))
        except (KeyError, AttributeError, IndexError, TypeError) as error:
            notes.extend(_note(path, names, error))
            return match.group(0)

    return _PATH.sub(replace, prompt), notes


def _walk(path: str, names: Mapping[str, Any]) -> Any:
    root = re.match(r"\w+", path)
    assert root is not None
    value = names[root.group()]
    for attribute, index, double, single in _STEP.findall(path[root.end() :]):
        if attribute:
            value = getattr(value, attribute)
        else:
            value = value[int(index) if index else double or single]
    return value


def _note(path: str, names: Mapping[str, Any], error: Exception) -> list[str]:
    root = re.split(r"\W", path, maxsplit=1)[0]
    if root in names:
        return [f"{{{path}}} was left as typed: {type(error).__name__}: {error}"]
    known = [name for name in names if not name.startswith("_")]
    near = difflib.get_close_matches(root, known, 1, cutoff=0.75)
    if near:
        return [f"{{{path}}} was left as typed: no variable {root!r}; did you mean {{{near[0]}}}?"]
    return [f"{{{path}}} was left as typed: no variable {root!r}"] if len(root) > 2 else []
