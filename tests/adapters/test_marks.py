"""Tool calls that servers mark in every wrong way; empty fields; arguments that are nearly JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nbstream.events import Warning
from nbstream.events.json import MAX_DEPTH, decode_json
from nbstream.events.nearly import fit, read_arguments, read_nearly
from tests.adapters.reading import body_of, read, response_of
from tests.servers import chat_event


def call(index: Any = 0, ident: Any = None, name: Any = None, arguments: Any = None) -> Any:
    function = {k: v for k, v in (("name", name), ("arguments", arguments)) if v is not None}
    marks = {k: v for k, v in (("index", index), ("id", ident)) if v is not None}
    return {"tool_calls": [{**marks, "type": "function", "function": function}]}


#: What a server sends, and the calls that were meant.
CASES: dict[str, tuple[list[Any], list[tuple[str, Any]]]] = {
    "one after the other": (
        [call(0, "a", "f", ""), call(0, arguments='{"x"'), call(0, arguments=": 1}")],
        [("f", {"x": 1})],
    ),
    "index 0 for all, ids": (
        [call(0, "a", "f", '{"x": 1}'), call(0, "b", "f", '{"x": 2}')],
        [("f", {"x": 1}), ("f", {"x": 2})],
    ),
    "index 0 for all, no ids": (
        [call(0, "", "f", "{}"), call(0, "", "g", '{"x": 2}'), call(0, "", "g", '{"x": 3}')],
        [("f", {}), ("g", {"x": 2}), ("g", {"x": 3})],
    ),
    "the same call twice, each whole": (
        [call(0, "", "roll", "{}"), call(0, "", "roll", "{}")],
        [("roll", {}), ("roll", {})],
    ),
    "index 0 for all, in pieces": (
        [
            call(0, "a", "f", ""),
            call(0, arguments='{"x": 1}'),
            call(0, "b", "g", ""),
            call(0, arguments='{"y": 2}'),
        ],
        [("f", {"x": 1}), ("g", {"y": 2})],
    ),
    "one id at two indexes": (
        [
            call(0, "a", "f", ""),
            call(0, "a", None, '{"x": 1}'),
            call(1, "a", "g", ""),
            call(1, "a", None, '{"y": 2}'),
        ],
        [("f", {"x": 1}), ("g", {"y": 2})],
    ),
    "one id, the index counts pieces": (
        [call(0, "a", "f", ""), call(1, "a", "f", '{"x"'), call(2, "a", "f", ": 1}")],
        [("f", {"x": 1})],
    ),
    "no id, the index counts pieces": (
        [call(0, "a", "f", ""), call(1, None, None, '{"x"'), call(2, None, None, ": 1}")],
        [("f", {"x": 1})],
    ),
    "a new id for each piece": (
        [call(0, "a", "f", '{"x"'), call(0, "b", None, ": "), call(0, "c", "f", "1}")],
        [("f", {"x": 1})],
    ),
    "the name in pieces": (
        [call(0, "a", "get_", ""), call(0, None, "weather"), call(0, arguments="{}")],
        [("get_weather", {})],
    ),
    "the name as far as it goes": (
        [call(0, "a", "get", ""), call(0, None, "get_weather"), call(0, arguments="{}")],
        [("get_weather", {})],
    ),
    "name and id in every piece": (
        [
            call(0, "a", "f", ""),
            call(0, "a", "f", '{"x": '),
            call(0, "a", "f", "1}"),
            call(0, "a", "f", ""),
        ],
        [("f", {"x": 1})],
    ),
    "the whole call again at its end": (
        [call(0, "a", "f", '{"x'), call(0, None, None, '": 1}'), call(0, "a", "f", '{"x": 1}')],
        [("f", {"x": 1})],
    ),
    "again, spaced differently": (
        [call(0, "a", "f", '{"x'), call(0, None, None, '": 1}'), call(0, "a", "f", '{"x":1}')],
        [("f", {"x": 1})],
    ),
    "arguments as far as they go": (
        [call(0, "a", "f", '{"x"'), call(0, "a", None, '{"x": 1'), call(0, "a", None, '{"x": 1}')],
        [("f", {"x": 1})],
    ),
    "an object in an object of its kind": (
        [call(0, "a", "f", '{"and":'), call(0, None, None, '{"and":1}'), call(0, None, None, "}")],
        [("f", {"and": {"and": 1}})],
    ),
    "neither id nor index": (
        [call(None, None, "f", '{"x": 1}'), call(None, None, "g", '{"y": 2}')],
        [("f", {"x": 1}), ("g", {"y": 2})],
    ),
    "no arguments at all": ([call(0, "a", "f")], [("f", {})]),
    "nobody is called": (
        [{"content": "x", "function_call": {"name": "", "arguments": ""}}, call(0, "", "", "")],
        [],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_calls(name: str) -> None:
    deltas, expected = CASES[name]
    events = read(body_of("chat"), [*map(chat_event, deltas), chat_event({}, "tool_calls")])
    calls = response_of(events).tool_calls
    assert [(c.name, c.arguments) for c in calls] == expected
    assert len({c.call_id for c in calls}) == len(expected)
    assert not any(isinstance(event, Warning) for event in events)


def test_empty_is_not_content() -> None:
    empty = {
        "content": "",
        "function_call": {"name": "", "arguments": ""},
        "audio": {"id": "", "data": "", "transcript": ""},
        "images": [{"type": "image_url", "image_url": {"url": ""}}],
        "refusal": "",
        "tool_calls": [
            {"id": "", "function": {"name": "", "arguments": ""}, "custom": {"name": ""}}
        ],
    }
    events = read(
        body_of("chat"), [chat_event(empty), chat_event({"content": "4"}), chat_event({}, "stop")]
    )
    response = response_of(events)
    assert [part.kind for part in response.transcript.parts] == ["text"]
    assert response.finish_reason == "stop"


# Nearly JSON ──────────────────────────────────────────────────────────────────

NEARLY = {
    '{"a": "x\ny\tz"}': {"a": "x\ny\tz"},
    'Sure!\n```json\n{"a": 1}\n```\nAnything else?': {"a": 1},
    'Sure: {"a": [1, {"b": 2}]} – is that it?': {"a": [1, {"b": 2}]},
    "[1, 2] it is": [1, 2],
    "{'a': 'it is', 'b': True,}": {"a": "it is", "b": True},
    '{"a": 1, // one\n "b": 2}': {"a": 1, "b": 2},
    '{"a": NaN}': {"a": None},
}


@pytest.mark.parametrize("text", NEARLY)
def test_nearly_json_is_read_and_said(text: str) -> None:
    value, mended = read_nearly(text)
    assert value == NEARLY[text]
    assert mended


@pytest.mark.parametrize(
    "text",
    ['{"a": "b', '{"a": [1, 2', '{"a": {"b": 1}', "no JSON", "", "{", '{"code": "if x { y }'],
)
def test_what_was_cut_off_is_not_guessed(text: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|Input data"):
        read_nearly(text)


def test_arguments_encoded_twice() -> None:
    inner = {"a": {"b": [1]}}
    for text in (json.dumps(json.dumps(inner)), json.dumps(json.dumps(json.dumps(inner)))):
        assert read_arguments(text) == (inner, "JSON inside a string")
    assert read_arguments('"plain"') == ("plain", "")


def test_strings_that_a_schema_wants_decoded() -> None:
    schema = {
        "type": "object",
        "properties": {
            "where": {"$ref": "#/$defs/Place"},
            "tags": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]},
            "note": {"type": "string"},
            "any": {},
        },
        "$defs": {"Place": {"type": "object", "properties": {"ids": {"type": "array"}}}},
    }
    given = {"where": '{"ids": "[1, 2]"}', "tags": '["a"]', "note": '{"x": 1}', "any": "[1]"}
    value, changed = fit(given, schema)
    assert changed
    assert value == {"where": {"ids": [1, 2]}, "tags": ["a"], "note": '{"x": 1}', "any": "[1]"}
    assert given["tags"] == '["a"]'
    assert fit(value, schema) == (value, False)


def test_what_was_mended_in_a_call_is_a_warning() -> None:
    delta = call(0, "a", "f", '{"code": "a\nb"}')
    events = read(body_of("chat"), [chat_event(delta), chat_event({}, "tool_calls")])
    (warning,) = [event for event in events if isinstance(event, Warning)]
    assert "arguments of f were mended" in warning.message
    assert response_of(events).tool_calls[0].arguments == {"code": "a\nb"}


# Depth ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize(
    "deep", ["[" * 100_000, "[" * 500 + "]" * 500, '{"a":' * 200 + "1" + "}" * 200]
)
def test_json_that_is_too_deep_is_no_json(deep: str, lenient: bool) -> None:
    with pytest.raises(ValueError, match="levels deep"):
        decode_json(deep, lenient=lenient)
    with pytest.raises(ValueError, match="levels deep"):
        decode_json(deep.encode(), lenient=lenient)


def test_brackets_in_text_are_not_depth() -> None:
    assert decode_json(json.dumps({"a": "[{" * 1000})) == {"a": "[{" * 1000}
    decode_json("[" * MAX_DEPTH + "]" * MAX_DEPTH)


def test_numbers_beyond_all_bounds_are_no_json() -> None:
    with pytest.raises(ValueError, match="out of range"):
        decode_json("9" * 10_000)


@pytest.mark.parametrize("wire", ["chat", "responses", "anthropic", "gemini", "ollama", "cohere"])
def test_a_deep_payload_ends_no_stream(wire: str) -> None:
    deep = b'{"choices": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    data = deep + b"\n" if wire == "ollama" else b"data: " + deep + b"\n\n"
    read(body_of(wire), [data[:-1]])
    events = read(body_of(wire), [data])
    assert any(
        isinstance(event, Warning) and "could not be read" in event.message for event in events
    )


def test_deep_arguments_are_an_error_of_the_call() -> None:
    delta = call(0, "a", "f", '{"a":' * 5000 + "1" + "}" * 5000)
    events = read(body_of("chat"), [chat_event(delta), chat_event({}, "tool_calls")])
    (made,) = response_of(events).tool_calls
    assert made.arguments is None
    assert "levels deep" in made.error
