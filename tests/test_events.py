from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from nbstream import events
from nbstream.events import EVENT_TYPES, Raw, RunEnd, TextDelta, ToolResult

#: The events whose required fields are not simply text and numbers.
SAMPLES: list[events.StreamEvent] = [
    events.RunEnd("stop"),
    events.Error("server", "message"),
    events.ToolApproval("call", "approved"),
    events.ToolProgress("call", {"a": [1, None]}),
    events.Raw({"a": [1, None]}),
]


def sample(cls: type[Any]) -> Any:
    """An event with every required field set."""
    for event in SAMPLES:
        if type(event) is cls:
            return event
    values = {str: "x", int: 1, float: 0.5}
    required = [field for field in msgspec.structs.fields(cls) if field.required]
    return cls(**{field.name: values[field.type] for field in required})


@pytest.mark.parametrize("cls", EVENT_TYPES, ids=lambda cls: cls.__name__)
def test_every_event_survives_its_json_form(cls):
    event = sample(cls)
    data = events.encode(event)
    assert events.decode(data) == event
    assert next(iter(json.loads(data))) == "type"
    assert events.to_builtins(event) == json.loads(data)


def test_type_names_are_unique_and_snake_case():
    names = [str(cls.__struct_config__.tag) for cls in EVENT_TYPES]
    assert len(set(names)) == len(names)
    assert all(name == name.lower() for name in names)


def test_unknown_type_is_kept_as_raw():
    event = events.decode(b'{"type":"telepathy_delta","thought":1}')
    assert event == Raw({"type": "telepathy_delta", "thought": 1}, source="unknown event type")


def test_unknown_fields_are_ignored():
    assert events.decode(b'{"type":"run_end","finish_reason":"stop","mood":"good"}') == RunEnd(
        "stop"
    )


@pytest.mark.parametrize("text", ["[]", "7", '{"type":"text_delta","block":"one"}', "{"])
def test_what_is_no_event_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        events.decode(text)


def test_events_cannot_be_changed():
    with pytest.raises(AttributeError):
        TextDelta(0, "a").text = "b"  # type: ignore[misc]


def test_a_result_json_cannot_hold_becomes_its_repr():
    assert events.to_builtins(ToolResult("c", object))["content"] == repr(object)
