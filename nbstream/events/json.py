"""JSON from outside: one way to decode it, with a bound on what it may cost those who walk it later."""

from __future__ import annotations

import json
from typing import Any

import msgspec

#: How deeply lists and objects may stand in each other. Real payloads stay below 20; what folds, encodes
#: and draws a value walks it by recursion, and Python allows 1,000 calls, the caller's own among them.
MAX_DEPTH = 100


def decode_json(
    data: bytes | bytearray | str, *, max_depth: int = MAX_DEPTH, lenient: bool = False
) -> Any:
    """The value of a JSON text.

    `lenient` takes also what many programs write though the standard refuses it: line breaks and other
    control characters inside strings, half surrogates, bytes that are not UTF-8 (U+FFFD), and `NaN` and
    `Infinity` (None). Raises ValueError for what is no JSON, nested deeper than `max_depth`, or holds a
    number that is too large.
    """
    try:
        if lenient:
            text = data if isinstance(data, str) else data.decode("utf-8", "replace")
            value = json.loads(text, strict=False, parse_constant=_nothing)
        else:
            value = msgspec.json.decode(data)
    except RecursionError:
        raise ValueError(_too_deep(max_depth)) from None
    # counting is a hundred times as fast as decoding, and nearly always says that it cannot be deep
    if _openings(data) > max_depth and depth_exceeds(value, max_depth):
        raise ValueError(_too_deep(max_depth))
    return value


def depth_exceeds(value: Any, limit: int) -> bool:
    """Whether lists and dicts stand in each other more than `limit` deep. Without recursion."""
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(limit):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True


def _openings(data: bytes | bytearray | str) -> int:
    if isinstance(data, str):
        return data.count("[") + data.count("{")
    return data.count(b"[") + data.count(b"{")


def _too_deep(limit: int) -> str:
    return f"JSON is nested more than {limit} levels deep"


def _nothing(_: str) -> None:
    return None
