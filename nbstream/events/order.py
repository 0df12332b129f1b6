"""The legal order of events, as a small machine of its own.

    run_start  ( step_start … step_end | iteration_start … iteration_end | content )*  [error]  run_end

A tool call is opened by `tool_call_start` and closed by `tool_call_end` before its result; whatever is
still open when a run ends is closed first, so that nothing downstream waits for ever. Steps may run side
by side, and each has iterations of its own.
"""

from __future__ import annotations

import msgspec

from .json import decode_json
from .union import (
    IterationEnd,
    IterationStart,
    RunEnd,
    RunStart,
    StepEnd,
    StepStart,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    ToolApproval,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolProgress,
    ToolResult,
)

CUT_OFF = "The answer ended before these arguments were complete."


class Order:
    """Follows a run's events and knows which may come next."""

    def __init__(self) -> None:
        self._started = False
        self._ended = False
        self._open_calls: dict[str, list[str]] = {}
        self._closed_calls: set[str] = set()
        self._steps: list[StepStart] = []
        self._iterations: dict[str, IterationStart] = {}

    def violation(self, event: StreamEvent) -> str:
        """The rule that `event` breaks here, or "" where it is legal (and then counted as seen)."""
        if self._ended:
            return "nothing comes after run_end"
        if not self._started and not isinstance(event, RunStart):
            return "a run begins with run_start"
        if type(event) is TextDelta or type(event) is ThinkingDelta:  # most events: first, and fast
            return ""
        if type(event) is ToolCallDelta:
            return self._call_delta(event)
        match event:
            case RunStart():
                return self._run_start(event)
            case RunEnd():
                return self._run_end(event)
            case ToolCallStart():
                return self._call_start(event)
            case ToolCallEnd():
                return self._call_end(event)
            case ToolApproval() | ToolProgress() | ToolResult():
                return self._call_later(event)
            case StepStart():
                return self._step_start(event)
            case StepEnd():
                return self._step_end(event)
            case IterationStart():
                return self._iteration_start(event)
            case IterationEnd():
                return self._iteration_end(event)
            case _:
                return ""

    def closing(self) -> list[StreamEvent]:
        """The events that close whatever is open, innermost first."""
        events: list[StreamEvent] = []
        for call_id, fragments in self._open_calls.items():
            end = end_tool_call(call_id, "".join(fragments))
            events.append(msgspec.structs.replace(end, error=CUT_OFF) if end.error else end)
        for open_one in self._iterations.values():
            events.append(IterationEnd(open_one.iteration, run=open_one.run, step=open_one.step))
        for step in reversed(self._steps):
            end = StepEnd(step.name, step.index, finish_reason="stopped")
            events.append(msgspec.structs.replace(end, run=step.run, step=step.step))
        return events

    def _run_start(self, _: RunStart) -> str:
        if self._started:
            return "run_start comes once"
        self._started = True
        return ""

    def _run_end(self, _: RunEnd) -> str:
        if self._open_calls or self._steps or self._iterations:
            return "run_end comes when everything is closed"
        self._ended = True
        return ""

    def _call_start(self, event: ToolCallStart) -> str:
        if event.call_id in self._open_calls or event.call_id in self._closed_calls:
            return "a call_id is started once"
        self._open_calls[event.call_id] = []
        return ""

    def _call_delta(self, event: ToolCallDelta) -> str:
        fragments = self._open_calls.get(event.call_id)
        if fragments is None:
            return "tool_call_delta belongs to an open tool call"
        fragments.append(event.arguments)
        return ""

    def _call_end(self, event: ToolCallEnd) -> str:
        if self._open_calls.pop(event.call_id, None) is None:
            return "tool_call_end belongs to an open tool call"
        self._closed_calls.add(event.call_id)
        return ""

    def _call_later(self, event: ToolApproval | ToolProgress | ToolResult) -> str:
        if event.call_id not in self._closed_calls:
            return "approval, progress and result come after tool_call_end"
        return ""

    def _step_start(self, event: StepStart) -> str:
        self._steps.append(event)
        return ""

    def _step_end(self, event: StepEnd) -> str:
        for i in range(len(self._steps) - 1, -1, -1):
            if self._steps[i].name == event.name:
                del self._steps[i]
                return ""
        return "step_end closes an open step"

    def _iteration_start(self, event: IterationStart) -> str:
        if event.step in self._iterations:
            return "an iteration begins after the one before has ended"
        self._iterations[event.step] = event
        return ""

    def _iteration_end(self, event: IterationEnd) -> str:
        started = self._iterations.get(event.step)
        if started is None or started.iteration != event.iteration:
            return "iteration_end closes the open iteration"
        del self._iterations[event.step]
        return ""


def end_tool_call(call_id: str, text: str) -> ToolCallEnd:
    """The `tool_call_end` of arguments that have all arrived; empty text means no arguments."""
    if not text.strip():
        return ToolCallEnd(call_id, {})
    try:
        return ToolCallEnd(call_id, decode_json(text))
    except ValueError as error:
        return ToolCallEnd(call_id, None, text, str(error))
