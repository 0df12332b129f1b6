"""Arguments that arrive as assignments to JSON paths, as growing JSON text."""

from __future__ import annotations

import re
from typing import Any

import msgspec

_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]|\[\"((?:[^\"\\]|\\.)*)\"\]")


def steps_of(path: str) -> list[str | int]:
    """`$.a[0].b` as `["a", 0, "b"]`."""
    steps: list[str | int] = []
    for name, index, single, double in _STEP.findall(path.removeprefix("$")):
        steps.append(int(index) if index else name or single or double)
    return steps


class PathWriter:
    """`assign` values in document order and get the new JSON text each time; `close` ends the text.

    `value` is what the assignments amount to, also where they did not come in order (`orderly` is then
    False, and the text is not).
    """

    def __init__(self) -> None:
        self.value: Any = {}
        self.orderly = True
        self._open: list[str | int] = []  # where the text stands: the steps to the last leaf
        self._in_string = False
        self._written = False

    def assign(self, path: str, value: Any, more: bool = False) -> str:
        """The text that says `value` at `path`; a string with `more` stays open for its next piece."""
        steps = steps_of(path)
        if not steps:
            return ""
        if self._in_string and steps == self._open and isinstance(value, str):
            self._store(steps, value, extend=True)
            text = _json(value)[1:-1]
            if not more:
                self._in_string = False
                text += '"'
            return text
        self._store(steps, value, extend=False)
        text = self._move(steps)
        text += _json(value)
        self._in_string = isinstance(value, str) and more
        return text[:-1] if self._in_string else text

    def close(self) -> str:
        if not self._written:
            return "{}"
        text = '"' if self._in_string else ""
        self._in_string = False
        for step in reversed(self._open):
            text += "]" if isinstance(step, int) else "}"
        return text

    def _move(self, steps: list[str | int]) -> str:
        text = '"' if self._in_string else ""
        self._in_string = False
        common = 0
        for a, b in zip(self._open, steps, strict=False):
            if a != b:
                break
            common += 1
        if self._written and (common == len(self._open) or common == len(steps)):
            self.orderly = False  # a value below or above one that is written already
        for step in reversed(self._open[common + 1 :]):
            text += "]" if isinstance(step, int) else "}"
        if self._written:
            text += ","
        elif not isinstance(steps[0], int):
            text += "{"
        else:
            text += "["
        for n, step in enumerate(steps[common:]):
            if n:
                text += "[" if isinstance(step, int) else "{"
            if isinstance(step, str):
                text += f"{_json(step)}:"
        self._open = steps
        self._written = True
        return text

    def _store(self, steps: list[str | int], value: Any, extend: bool) -> None:
        place = self.value
        for step, following in zip(steps, [*steps[1:], None], strict=False):
            if isinstance(step, int):
                if not isinstance(place, list):
                    return
                while len(place) <= step:
                    place.append(None)
            elif not isinstance(place, dict):
                return
            if following is None:
                old = place.get(step) if isinstance(place, dict) else place[step]  # type: ignore[index]
                place[step] = old + value if extend and isinstance(old, str) else value  # type: ignore[index]
                return
            inner = place.get(step) if isinstance(place, dict) else place[step]  # type: ignore[index]
            if not isinstance(inner, (dict, list)):
                inner = place[step] = [] if isinstance(following, int) else {}  # type: ignore[index]
            place = inner


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
