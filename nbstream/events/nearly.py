"""JSON as models write it: nearly JSON, read with what had to be mended.

What json_repair guesses is taken only where the text is whole; arguments that were cut off stay an error.
"""

from __future__ import annotations

import re
from typing import Any

from .json import decode_json, depth_exceeds

#: The longest text that is guessed at, in characters: guessing takes longer than reading.
MAX_REPAIR = 200_000

FENCED = "words around a fenced block"

_FENCE = re.compile(r"```[\w+-]*[ \t]*\r?\n(.*?)\r?\n?[ \t]*```", re.DOTALL)
_SPECIAL = re.compile(r"<\|[\w ]+\|>\s*$")


def read_nearly(text: str) -> tuple[Any, str]:
    """The value of a text that is JSON or nearly, and what was mended, "" where nothing was.

    Takes line breaks inside strings, a fenced block with prose around it, an object with words before or
    after it, and what json_repair mends: single quotes, commas too many or too few, comments, `True`.
    Raises ValueError where it is no JSON or was cut off.
    """
    try:
        return decode_json(text), ""
    except ValueError as error:
        first = error
    if "nested" in str(first):
        raise first
    if (value := _lenient(text)) is not _NONE:
        return value, "line breaks or other control characters inside a string"
    for fenced in reversed(_FENCE.findall(text)):
        if (value := _lenient(fenced)) is not _NONE:
            return value, FENCED
    if (value := _inside(text)) is not _NONE:
        return value, "words around it"
    for inner in (text, *reversed(_FENCE.findall(text))):
        if (value := _guessed(inner)) is not _NONE:
            return value, "its syntax"
    raise first


def read_arguments(text: str) -> tuple[Any, str]:
    """The arguments of a tool call: as `read_nearly`, and an object that was encoded twice."""
    value, mended = read_nearly(text)
    for _ in range(3):
        if not isinstance(value, str) or not value.lstrip().startswith(("{", '"')):
            break
        try:
            inner, _ = read_nearly(value)
        except ValueError:
            break
        if not isinstance(inner, (dict, str)):
            break
        value, mended = inner, "JSON inside a string"
    return value, mended


def fit(value: Any, schema: Any) -> tuple[Any, bool]:
    """`value` with strings that hold JSON decoded where `schema` wants anything but a string, and whether any were."""
    return _fit(value, schema, schema if isinstance(schema, dict) else {}, 0)


_NONE: Any = object()


def _lenient(text: str) -> Any:
    try:
        return decode_json(text, lenient=True)
    except ValueError:
        return _NONE


def _inside(text: str) -> Any:
    """The one object or array that stands between words."""
    text = _SPECIAL.sub("", text)
    for opening, closing in (("{", "}"), ("[", "]")):
        start, end = text.find(opening), text.rfind(closing)
        if 0 <= start < end and (value := _lenient(text[start : end + 1])) is not _NONE:
            return value
    return _NONE


def _guessed(text: str) -> Any:
    text = text.strip()
    whole = (
        text[:1] in ("{", "[")
        and text[-1:] in ("}", "]")
        and text.count("{") <= text.count("}")
        and text.count("[") <= text.count("]")
        and (text.count('"') - text.count('\\"')) % 2 == 0
    )
    if not whole or len(text) > MAX_REPAIR:
        return _NONE
    from json_repair import repair_json

    try:
        value: Any = repair_json(text, return_objects=True, skip_json_loads=True)
    except (ValueError, RecursionError):
        return _NONE
    if not isinstance(value, (dict, list)) or not value or depth_exceeds(value, 100):
        return _NONE
    return value


def _fit(value: Any, schema: Any, root: dict[str, Any], depth: int) -> tuple[Any, bool]:
    if depth > 30 or not isinstance(schema, dict):
        return value, False
    schema = _resolved(schema, root)
    kinds = _kinds(schema, root, depth)
    if isinstance(value, str) and kinds and "string" not in kinds:
        if value.strip()[:1] not in ("{", "["):
            return value, False  # numbers and words are the validator's affair
        try:
            decoded, _ = read_nearly(value)
        except ValueError:
            return value, False
        if not isinstance(decoded, (dict, list)):
            return value, False
        return _fit(decoded, schema, root, depth + 1)[0], True
    changed = False
    for option in (schema, *_options(schema)):
        option = _resolved(option, root)
        properties = option.get("properties")
        if isinstance(value, dict) and isinstance(properties, dict):
            made = dict(value)
            for name, inner in properties.items():
                if name in made:
                    made[name], did = _fit(made[name], inner, root, depth + 1)
                    changed = changed or did
            value = made if changed else value
        items = option.get("items")
        if isinstance(value, list) and isinstance(items, dict):
            pairs = [_fit(item, items, root, depth + 1) for item in value]
            if any(did for _, did in pairs):
                value, changed = [item for item, _ in pairs], True
    return value, changed


def _kinds(schema: dict[str, Any], root: dict[str, Any], depth: int) -> set[str]:
    """The JSON types that a schema admits; empty where it does not say."""
    kind = schema.get("type")
    if isinstance(kind, str):
        return {kind}
    if isinstance(kind, list):
        return {k for k in kind if isinstance(k, str)}
    found: set[str] = set()
    for option in _options(schema):
        inner = _kinds(_resolved(option, root), root, depth + 1) if depth < 30 else set()
        if not inner:
            return set()
        found |= inner
    return found


def _options(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        option
        for name in ("anyOf", "oneOf")
        for option in schema.get(name) or ()
        if isinstance(option, dict)
    ]


def _resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    for _ in range(10):
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        place: Any = root
        for step in reference[2:].split("/"):
            place = place.get(step) if isinstance(place, dict) else None
        if not isinstance(place, dict):
            return {}
        schema = place
    return schema
