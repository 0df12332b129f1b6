"""What a run has said so far: a pure fold over its events.

`js/src/run/fold.ts` folds the same events in the browser; `tests/golden/` holds cases that both must agree on.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any, Literal

from nbstream.events import (
    Citation,
    ContentPart,
    Error,
    FinishReason,
    IterationEnd,
    IterationStart,
    Raw,
    RefusalDelta,
    Reset,
    Retry,
    RunEnd,
    RunStart,
    Stall,
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
    Usage,
    WarningEvent,
)
from nbstream.events.usage import add_usage, usage_dict

from .parts import MediaPart, Part, StepSection, TextPart, ToolPart, ToolStatus

Status = Literal["pending", "running", "done", "stopped", "error"]


class Transcript:
    """The fold: `apply` each event once, in order."""

    def __init__(self) -> None:
        self.status: Status = "pending"
        self.run_id: str = ""
        self.model: str = ""
        self.provider: str = ""
        self.title: str = ""
        self.started_at: float = 0.0
        self.parts: list[Part] = []
        self.citations: list[Citation] = []
        self.steps: list[StepSection] = []
        self.iteration: int = 0
        self.warnings: list[WarningEvent] = []
        self.retries: list[Retry] = []
        self.stall: Stall | None = None
        self.error: Error | None = None
        self.finish_reason: FinishReason | None = None
        self.provider_reason: str = ""
        self.incomplete: bool = False
        self.raw_count: int = 0
        self.carry: dict[str, Any] | None = None
        self._usage: dict[str, Usage] = {}
        self._usage_before: Usage | None = None
        self._open: dict[tuple[str, int, int, str], TextPart] = {}
        self._calls: dict[str, ToolPart] = {}

    def apply(self, event: StreamEvent) -> None:
        if type(event) is TextDelta:  # most events: first, and fast
            self._grow("text", event)
        elif type(event) is ThinkingDelta:
            part = self._grow("thinking", event)
            part.signature += event.signature
            part.redacted += event.redacted
        elif type(event) is ToolCallDelta:
            self._call_delta(event)
        else:
            self._apply(event)

    def _apply(self, event: StreamEvent) -> None:
        match event:
            case RefusalDelta():
                self._grow("refusal", event)
            case ToolCallStart():
                self._call_start(event)
            case ToolCallEnd():
                self._call_end(event)
            case ToolApproval():
                self._approval(event)
            case ToolProgress():
                self._progress(event)
            case ToolResult():
                self._result(event)
            case ContentPart():
                self.stall = None
                self.parts.append(MediaPart(event))
            case Citation():
                self.citations.append(event)
            case Usage():
                self._usage[event.step] = event
            case IterationStart():
                self.iteration = event.iteration
            case IterationEnd():
                self._iteration_end(event)
            case StepStart():
                self.steps.append(StepSection(event))
            case StepEnd():
                self._step_end(event)
            case Retry():
                self.retries.append(event)
            case Reset():
                self._reset(event)
            case WarningEvent():
                self.warnings.append(event)
            case Stall():
                self.stall = event
            case Error():
                self.error = event
            case Raw():
                self.raw_count += 1
            case RunStart():
                self._run_start(event)
            case RunEnd():
                self._run_end(event)

    # ── what it says ──────────────────────────────────────────────────────────

    @property
    def text(self) -> str:
        """The answer so far: the first choice where there are several, the last step of a workflow.

        What is said after a tool has run, the provider's or an agent's, is a paragraph of its own, and so is
        another message of the same answer; all else is what the provider sent, to the letter.
        """
        nested = {step.name for step in self.steps if step.run}
        parts = [part for part in self.parts if part.step not in nested and _speaks(part)]
        step = next((part.step for part in reversed(parts) if isinstance(part, TextPart)), "")
        text, gap, message = "", False, False
        for part in parts:
            if part.step != step:
                continue
            piece = part.text if isinstance(part, TextPart) else ""
            if isinstance(part, ToolPart):
                gap, message = gap or part.over, message or part.server_side
                continue
            if isinstance(part, TextPart) and part.paragraph:
                gap = message = True
            text += paragraph_break(text, piece, message) * gap + piece
            if piece:
                gap = message = False
        return text

    @property
    def thinking(self) -> str:
        return self._joined("thinking")

    @property
    def refusal(self) -> str:
        return self._joined("refusal")

    @property
    def tool_calls(self) -> list[ToolPart]:
        return list(self._calls.values())

    def call(self, call_id: str) -> ToolPart | None:
        return self._calls.get(call_id)

    @property
    def flow(self) -> list[StepSection]:
        """The workflow's own steps, without those inside them and the agents that tools ask."""
        return [step for step in self.steps if not step.step and not step.run]

    def sections(self) -> list[tuple[StepSection | None, list[Part]]]:
        """The parts by the step they belong to (None: the run's own), side-by-side steps one after the other."""
        steps = {step.name: step for step in self.steps}

        def place(part: Part) -> int:
            own = steps.get(part.step.partition("/")[0])
            return own.index if own is not None and not own.run else -1

        parts = sorted(self.parts, key=place)
        return [(steps.get(name), list(run)) for name, run in groupby(parts, lambda p: p.step)]

    @property
    def usage(self) -> Usage | None:
        """The provider's last figures, summed over iterations and steps; None where it gave none."""
        total = self._usage_before
        for usage in self._usage.values():
            total = add_usage(total, usage)
        return total

    def _joined(self, kind: str) -> str:
        return "".join(
            part.text
            for part in self.parts
            if isinstance(part, TextPart) and part.kind == kind and part.choice == 0
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values: the form the golden cases are written in."""
        return {
            "status": self.status,
            "run_id": self.run_id,
            "model": self.model,
            "provider": self.provider,
            "title": self.title,
            "text": self.text,
            "parts": [part.to_dict() for part in self.parts],
            "citations": [
                {"block": c.block, "title": c.title, "url": c.url, "quote": c.quote}
                for c in self.citations
            ],
            "steps": [step.to_dict() for step in self.steps],
            "flow": [step.name for step in self.flow],
            "iteration": self.iteration,
            "warnings": [w.message for w in self.warnings],
            "retries": [r.reason for r in self.retries],
            "stall": self.stall.idle if self.stall else None,
            "usage": usage_dict(self.usage),
            "error": {"kind": self.error.kind, "message": self.error.message}
            if self.error
            else None,
            "finish_reason": self.finish_reason,
            "provider_reason": self.provider_reason,
            "incomplete": self.incomplete,
            "raw_count": self.raw_count,
        }

    # ── the fold ──────────────────────────────────────────────────────────────

    def _run_start(self, event: RunStart) -> None:
        self.status = "running"
        self.run_id = event.run_id
        self.model = event.model
        self.provider = event.provider
        self.title = event.title
        self.started_at = event.started_at

    def _grow(self, kind: Literal["text", "thinking", "refusal"], event: Any) -> TextPart:
        self.stall = None
        key = (kind, event.block, event.choice, event.step)
        part = self._open.get(key)
        if part is None:
            part = self._open[key] = TextPart(kind, event)
            self.parts.append(part)
        part.until = event.until or event.time
        if event.text:
            part.content.append(event.text)
        return part

    def _call_start(self, event: ToolCallStart) -> None:
        self.stall = None
        part = ToolPart(event)
        self._calls[event.call_id] = part
        self.parts.append(part)

    def _call_delta(self, event: ToolCallDelta) -> None:
        self.stall = None
        if part := self._calls.get(event.call_id):
            part.input.append(event.arguments)
            part.until = event.until or event.time

    def _call_end(self, event: ToolCallEnd) -> None:
        if part := self._calls.get(event.call_id):
            part.status = "error" if event.error else "called"
            part.arguments = event.arguments
            part.error = event.error
            part.until = event.time

    def _approval(self, event: ToolApproval) -> None:
        if part := self._calls.get(event.call_id):
            part.status = _AFTER_DECISION[event.decision]
            part.approval_id = event.approval_id or part.approval_id
            part.preview = event.arguments_text or part.preview

    def _progress(self, event: ToolProgress) -> None:
        if part := self._calls.get(event.call_id):
            part.status = "running"
            part.progress.append(event.content)

    def _result(self, event: ToolResult) -> None:
        if part := self._calls.get(event.call_id):
            if part.status != "denied":
                part.status = "error" if event.is_error else "done"
            part.result = event.content
            part.duration = event.duration
            part.until = event.time

    def _step_end(self, event: StepEnd) -> None:
        for step in reversed(self.steps):
            if step.name == event.name and step.duration is None:
                step.duration = event.duration or max(event.time - step.time, 0.0)
                step.usage = event.usage
                step.finish_reason = event.finish_reason
                break

    def _iteration_end(self, event: IterationEnd) -> None:
        self.carry = event.carry
        latest = self._usage.pop(event.step, None)
        self._usage_before = add_usage(self._usage_before, event.usage or latest)

    def _reset(self, event: Reset) -> None:
        def stays(part: Part) -> bool:
            return part.block < event.block or part.step != event.step

        self.parts = [part for part in self.parts if stays(part)]
        self._open = {key: part for key, part in self._open.items() if stays(part)}
        self._calls = {key: part for key, part in self._calls.items() if stays(part)}

    def _run_end(self, event: RunEnd) -> None:
        self.stall = None
        self.finish_reason = event.finish_reason
        self.provider_reason = event.provider_reason
        self.incomplete = event.incomplete
        self.carry = event.carry or self.carry
        if event.finish_reason == "error":
            self.status = "error"
        else:
            self.status = "stopped" if event.finish_reason == "stopped" else "done"


def _speaks(part: Part) -> bool:
    if isinstance(part, TextPart):
        return part.kind == "text" and part.choice == 0
    return isinstance(part, ToolPart)


def paragraph_break(before: str, after: str, message: bool = False) -> str:
    """What divides two pieces of an answer between which something else happened.

    White space that is there already is enough, but another `message` has an empty line before it.
    """
    if not before or not after:
        return ""
    if not message:
        return "" if before[-1].isspace() or after[0].isspace() else "\n\n"
    end, start = before[-_EDGE:], after[:_EDGE]
    edge = end[len(end.rstrip()) :] + start[: len(start) - len(start.lstrip())]
    return "\n" * max(2 - edge.count("\n"), 0)


#: White space beyond so many characters is divided enough.
_EDGE = 32


_AFTER_DECISION: dict[str, ToolStatus] = {
    "requested": "approval",
    "approved": "running",
    "denied": "denied",
    "timeout": "denied",
}
