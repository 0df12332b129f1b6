"""A stream in a terminal: the text as it arrives, thinking dimmed, tools and the end in one line each.

Nothing that was printed is printed again, so it works in pipes and logs as it does on a screen. Of what models,
tools and servers say, nothing reaches the terminal as a command: see `nbstream.events.visible`.
"""

from __future__ import annotations

import json
from typing import Any, TextIO

from rich.console import Console

from nbstream.events import (
    Error,
    Event,
    Reset,
    Retry,
    RunEnd,
    StepEnd,
    StepStart,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStart,
    ToolResult,
    WarningEvent,
)
from nbstream.events.visible import isolated, printable
from nbstream.fold.recap import Recap
from nbstream.render.saved import summary
from nbstream.runs.stream import Stream

#: What is printed of a tool's result, in characters.
MAX_RESULT = 500

_DIM, _TOOL, _ERROR, _STEP = "dim", "cyan", "bold red", "bold"


class TerminalView:
    """Prints the events of `stream` from now on; colours only where `file` is a terminal.

    Of steps side by side the first is printed as it comes, the others when it has ended.
    """

    def __init__(
        self, stream: Stream, *, thinking: bool = True, file: TextIO | None = None
    ) -> None:
        self._stream = stream
        self._thinking = thinking
        self._console = Console(
            file=file, highlight=False, markup=False, emoji=False, soft_wrap=True
        )
        self._kind: type[Event] | None = None
        self._at_start = True
        self._lane = ""
        self._held: list[StreamEvent] = []

    def __call__(self, event: StreamEvent) -> None:
        lane = _lane(event)
        if lane and self._lane not in ("", lane):
            self._held.append(event)
            return
        self._lane = self._lane or lane
        self._show(event)
        if isinstance(event, StepEnd) and not event.step:
            self._lane = ""
            held, self._held = self._held, []
            for late in held:
                self(late)

    def _show(self, event: StreamEvent) -> None:
        if isinstance(event, TextDelta) and event.choice == 0:
            self._grow(event, event.text)
        elif isinstance(event, ThinkingDelta) and self._thinking:
            self._grow(event, event.text, _DIM)
        elif isinstance(event, ToolCallStart):
            self._grow(event, f"⚙ {isolated(event.name)} ", _TOOL)
            self._kind = ToolCallDelta
        elif isinstance(event, ToolCallDelta):
            self._grow(event, event.arguments, _TOOL)
        elif isinstance(event, ToolResult):
            self._line(self._result(event), _ERROR if event.is_error else _TOOL)
        elif isinstance(event, StepStart):
            self._line(f"── {isolated(event.name)} ──", _STEP)
        elif isinstance(event, Retry):
            self._line(f"retrying in {event.wait:.1f} s: {isolated(event.reason)}", _DIM)
        elif isinstance(event, Reset):
            self._line("the model starts anew", _DIM)
        elif isinstance(event, WarningEvent):
            self._line(isolated(event.message), _DIM)
        elif isinstance(event, Error):
            self._line(isolated(f"{event.message}\n{event.hint}".rstrip()), _ERROR)
        elif isinstance(event, RunEnd):
            if recap := Recap(self._stream.transcript):
                self._line(printable(recap.to_text()), _DIM)
            self._line(printable(summary(self._stream.transcript, self._stream.metrics)), _DIM)

    def _result(self, event: ToolResult) -> str:
        text = event.content if isinstance(event.content, str) else _json(event.content)
        shown = text if len(text) <= MAX_RESULT else f"{text[:MAX_RESULT]}…"
        name = next(
            (c.name for c in self._stream.transcript.tool_calls if c.call_id == event.call_id), ""
        )
        return f"→ {isolated(name)}: {isolated(shown)}"

    def _grow(self, event: StreamEvent, text: str, style: str = "") -> None:
        if type(event) is not self._kind:
            self._new_line()
            self._kind = type(event)
        # half of a line break that comes in two pieces is no sign of its own
        self._print(printable(text.removesuffix("\r")), style)

    def _line(self, text: str, style: str) -> None:
        self._new_line()
        self._kind = None
        self._print(f"{text}\n", style)

    def _new_line(self) -> None:
        if not self._at_start:
            self._print("\n")

    def _print(self, text: str, style: str = "") -> None:
        """Prints text that is printable."""
        if text:
            self._console.print(text, style=style, end="")
            self._at_start = text.endswith("\n")


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=repr)
    except (RecursionError, ValueError):
        return f"[{type(value).__name__}]"


def _lane(event: StreamEvent) -> str:
    """The step at the top that the event belongs to; "" for the run's own."""
    name = event.name if isinstance(event, (StepStart, StepEnd)) else ""
    return (event.step or name).partition("/")[0]
