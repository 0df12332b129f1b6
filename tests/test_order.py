from __future__ import annotations

import pytest

from nbstream.events import (
    IterationEnd,
    IterationStart,
    RunEnd,
    RunStart,
    StepEnd,
    StepStart,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResult,
)
from nbstream.events.order import Order, end_tool_call

START = RunStart("r")


@pytest.mark.parametrize(
    ("events", "rule"),
    [
        ([TextDelta(0, "a")], "begins with run_start"),
        ([START, START], "comes once"),
        ([START, RunEnd("stop"), TextDelta(0, "a")], "nothing comes after"),
        ([START, ToolCallDelta("c", "{")], "open tool call"),
        ([START, ToolCallEnd("c")], "open tool call"),
        ([START, ToolCallStart("c", 0), ToolCallStart("c", 1)], "started once"),
        ([START, ToolCallStart("c", 0), ToolResult("c")], "after tool_call_end"),
        ([START, ToolCallStart("c", 0), RunEnd("stop")], "everything is closed"),
        ([START, StepEnd("a")], "closes an open step"),
        ([START, IterationStart(1), IterationStart(2)], "has ended"),
        ([START, IterationEnd(1)], "closes the open iteration"),
    ],
)
def test_the_last_event_breaks_a_rule(events, rule):
    order = Order()
    *before, last = events
    assert [order.violation(event) for event in before] == [""] * len(before)
    assert rule in order.violation(last)


def test_closing_makes_the_end_legal():
    order = Order()
    for event in [
        START,
        StepStart("outer"),
        StepStart("inner"),
        IterationStart(1),
        ToolCallStart("a", 0),
        ToolCallDelta("a", '{"x":'),
        ToolCallStart("b", 1),
    ]:
        assert order.violation(event) == ""
    closing = order.closing()
    assert [type(event) for event in closing] == [
        ToolCallEnd,
        ToolCallEnd,
        IterationEnd,
        StepEnd,
        StepEnd,
    ]
    assert closing[0].text == '{"x":' and closing[0].error
    for event in [*closing, RunEnd("stopped")]:
        assert order.violation(event) == ""


@pytest.mark.parametrize(
    ("text", "arguments", "fails"),
    [('{"a":1}', {"a": 1}, False), ("", {}, False), ("  ", {}, False), ('{"a":', None, True)],
)
def test_the_end_of_a_tool_call(text, arguments, fails):
    event = end_tool_call("c", text)
    assert event.arguments == arguments
    assert bool(event.error) is fails
    assert event.text == (text if fails else "")
