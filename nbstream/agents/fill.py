"""Fills `{name}`, `{obj.attr}`, `{d["key"]}`, `{In[3]}` into a prompt, and nothing else.

A brace is filled only where it holds an identifier path that resolves; JSON, LaTeX, code and dict literals
pass through untouched. Nothing is evaluated: a path is walked name by name, and never through a module or a name
that begins with an underscore, behind which lie the interpreter and the environment. A prompt may be pasted from
anywhere.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from types import (
    BuiltinFunctionType,
    CodeType,
    FrameType,
    FunctionType,
    MethodType,
    ModuleType,
    TracebackType,
)
from typing import Any, NamedTuple

from nbstream.events.errors import UsageError

_PATH = re.compile(
    r"""(?<!\{)\{\s*([A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[\s*(?:-?\d+|"[^"\]{}]*"|'[^'\]{}]*')\s*\])*)\s*\}"""
)
_STEP = re.compile(r"""\.([A-Za-z_]\w*)|\[\s*(?:(-?\d+)|"([^"]*)"|'([^']*)')\s*\]""")
_CELL = re.compile(r"(In|Out|Err)\[\s*(\d+)\s*\]")
_NAMED_SECRET = re.compile(
    r"(?i)api[_-]?key|secret|passw|(?:^|[^a-z])(?:pwd|token|credentials?)(?:$|[^a-z])"
)

#: Stricter than what is masked: a false alarm here keeps a prompt from being sent. Name, or prefix, then at
#: least sixteen characters with a digit among them.
_FORMED_LIKE_A_KEY = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|pplx|hf|r8|nvapi|gh[pousr]|glpat|xox[abprs])[-_](?=[\w-]*\d)[\w-]{16,}"
    r"|\bAIza[\w-]{30,}|\bAKIA[0-9A-Z]{16}\b|\bgithub_pat_\w{20,}|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}"
    r"|(?i:\bbearer\s+)(?=\S*\d)[\w.~+/-]{16,}|-----BEGIN [A-Z ]*PRIVATE KEY"
)

KEEP = "Send the braces as typed with --no-interpolate, or take them out."


class Filled(NamedTuple):
    """`notes`: one for each brace that was left, if it looks like a variable. `names`: what was filled in."""

    text: str
    notes: list[str]
    names: list[str]


def fill(prompt: str, names: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The filled prompt, and a note for each brace that looks like a mistyped variable.

    Doubled braces (`{{name}}`, a template's) are left alone. Raises `UsageError` where a value cannot be had.
    """
    filled = _filled(prompt, names, _walk)
    return filled.text, filled.notes


def fill_from_notebook(
    prompt: str, variables: Mapping[str, Any], cells: Mapping[str, Any]
) -> Filled:
    """The prompt of a cell, which may be pasted: filled with variables of the user's own only.

    `variables` is the namespace, `cells` what `In[3]`, `Out[3]` and `Err[3]` stand for. Modules, private
    names and anything else of those three are left as typed. Raises `UsageError` for a value that looks like
    a key, too.
    """

    def walk(path: str, names: Mapping[str, Any]) -> Any:
        if match := _CELL.fullmatch(path):
            name, number = match.groups()
            return _open(cells[name][int(number)])
        root = re.split(r"\W", path, maxsplit=1)[0]
        if root in cells:
            raise _Private(f"it is filled in as {{{root}[3]}}, with the number of a cell")
        if root.startswith("_"):
            raise _Private("private names are not filled in")
        value = _walk(path, names)
        if isinstance(value, (type, FunctionType, BuiltinFunctionType, MethodType)):
            raise _Private("functions and classes are not filled in")
        return value

    return _filled(prompt, variables, walk, refuse=_looks_like_a_key)


def _filled(prompt: str, names: Mapping[str, Any], walk: Any, refuse: Any = None) -> Filled:
    notes: list[str] = []
    used: dict[str, None] = {}

    def replace(match: re.Match[str]) -> str:
        path = match.group(1)
        try:
            value = walk(path, names)
        except (KeyError, IndexError, TypeError, _Missing, _Private) as error:
            notes.extend(_note(path, names, error))
            return match.group(0)
        try:
            text = str(value)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise _raised(path, "its text", error) from None
        if refuse is not None and refuse(path, text):
            raise UsageError(
                f"{{{path}}} looks like a key or a password: it is not sent.", hint=KEEP
            )
        used[path] = None
        return text

    text = _PATH.sub(replace, prompt)
    return Filled(text, notes, list(used))


class _Missing(Exception):
    """There is no such attribute."""


class _Private(Exception):
    """A path that is not walked."""


def _walk(path: str, names: Mapping[str, Any]) -> Any:
    root = re.match(r"\w+", path)
    assert root is not None
    value = _open(names[root.group()])
    for attribute, index, double, single in _STEP.findall(path[root.end() :]):
        if attribute.startswith("_"):
            raise _Private("private names are not filled in")
        try:
            if attribute:
                value = _open(getattr(value, attribute))
            else:
                value = _open(value[int(index) if index else double or single])
        except (KeyError, IndexError, TypeError, _Private, KeyboardInterrupt):
            raise
        except AttributeError as error:
            if _has(value, attribute):  # there is one, and its code failed
                raise _raised(path, attribute, error) from None
            raise _Missing(f"AttributeError: {error}") from None
        except BaseException as error:  # a property of the user's may raise anything
            raise _raised(path, attribute or "an item", error) from None
    return value


def _open(value: Any) -> Any:
    """The value, unless whatever the interpreter knows lies behind it."""
    if isinstance(value, (ModuleType, FrameType, CodeType, TracebackType)):
        raise _Private("modules and frames are not filled in")
    if isinstance(value, type(os.environ)):
        raise _Private("the environment is not filled in")
    return value


def _has(value: Any, attribute: str) -> bool:
    return any(attribute in vars(each) for each in type(value).__mro__)


def _raised(path: str, what: str, error: BaseException) -> UsageError:
    try:
        description = f"{type(error).__name__}: {error}"
    except BaseException:
        description = type(error).__name__
    return UsageError(f"{{{path}}} cannot be filled in: {what} raised {description}.", hint=KEEP)


def _looks_like_a_key(path: str, text: str) -> bool:
    """What is formed like one, has the name of one and is a single word, or is one of the environment's."""
    if _FORMED_LIKE_A_KEY.search(text):
        return True
    if _NAMED_SECRET.search(path) and re.fullmatch(r"\S{8,}", text):
        return True
    return any(
        len(value) >= 8 and value in text
        for name, value in os.environ.items()
        if _NAMED_SECRET.search(name)
    )


def _note(path: str, names: Mapping[str, Any], error: Exception) -> list[str]:
    root = re.split(r"\W", path, maxsplit=1)[0]
    if isinstance(error, (_Private, _Missing)):
        return [f"{{{path}}} was left as typed: {error}"]
    if root in names or _CELL.fullmatch(path):
        return [f"{{{path}}} was left as typed: {type(error).__name__}: {error}"]
    known = [name for name in names if not name.startswith("_")]
    near = difflib.get_close_matches(root, known, 1, cutoff=0.75)
    if near:
        return [f"{{{path}}} was left as typed: no variable {root!r}; did you mean {{{near[0]}}}?"]
    return [f"{{{path}}} was left as typed: no variable {root!r}"] if len(root) > 2 else []
