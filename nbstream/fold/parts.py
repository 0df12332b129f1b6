"""What a transcript is made of: stretches of text, tool calls, media, and the steps they stand in."""

from __future__ import annotations

from typing import Any, Literal

from nbstream.events import ContentPart, FinishReason, StepStart, ToolCallStart, Usage
from nbstream.events.usage import tokens_of, usage_dict
from nbstream.events.visible import printable

ToolStatus = Literal["streaming", "called", "approval", "running", "done", "error", "denied"]


_MANY = 64


class Text:
    """A string that grows: appending is O(new text), the whole is joined when somebody asks.

    One thread appends, any may read: only the one that appends ever changes the pieces.
    """

    __slots__ = ("_joined", "_pieces")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._joined = 0

    def append(self, text: str) -> None:
        self._pieces.append(text)
        if len(self._pieces) - self._joined >= _MANY:  # a piece by itself takes fifty bytes more
            self._pieces[self._joined :] = ["".join(self._pieces[self._joined :])]
            self._joined += 1

    def __str__(self) -> str:
        return "".join(self._pieces[:])

    def __bool__(self) -> bool:
        return any(self._pieces)


class TextPart:
    """A stretch of answer, thinking or refusal. `time` and `until` are when it began and last grew."""

    __slots__ = (
        "block",
        "choice",
        "content",
        "kind",
        "paragraph",
        "redacted",
        "signature",
        "step",
        "time",
        "until",
    )

    def __init__(self, kind: Literal["text", "thinking", "refusal"], event: Any) -> None:
        self.kind = kind
        self.block: int = event.block
        self.choice: int = event.choice
        self.step: str = event.step
        self.time: float = event.time
        self.until: float = event.time
        self.paragraph: bool = getattr(event, "paragraph", False)
        self.content: Text = Text()
        self.signature: str = ""
        self.redacted: str = ""

    @property
    def text(self) -> str:
        return str(self.content)

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "block": self.block,
            "choice": self.choice,
            "step": self.step,
            "text": self.text,
            "time": self.time,
            "until": self.until,
            "signature": self.signature,
            "redacted": self.redacted,
        }


class ToolPart:
    """A tool call: its arguments as they arrive, then what became of it.

    Where it asked a person, `approval_id` names the question and `preview` is what it would run with.
    """

    kind = "tool"
    __slots__ = (
        "approval_id",
        "arguments",
        "block",
        "call_id",
        "duration",
        "error",
        "input",
        "name",
        "preview",
        "progress",
        "result",
        "server_side",
        "status",
        "step",
        "time",
        "until",
    )

    def __init__(self, event: ToolCallStart) -> None:
        self.call_id: str = event.call_id
        self.block: int = event.block
        self.name: str = event.name
        self.server_side: bool = event.server_side
        self.step: str = event.step
        self.time: float = event.time
        self.until: float = event.time
        self.status: ToolStatus = "streaming"
        self.input: Text = Text()
        self.arguments: Any = None
        self.error: str = ""
        self.approval_id: str = ""
        self.preview: str = ""
        self.progress: list[Any] = []
        self.result: Any = None
        self.duration: float | None = None

    @property
    def over(self) -> bool:
        """Whether it has run, here or at the provider: what follows is said after it."""
        return self.server_side or self.status in ("done", "error", "denied")

    @property
    def arguments_text(self) -> str:
        """The arguments as raw JSON text."""
        return str(self.input)

    @property
    def outcome(self) -> str:
        """`done, 0.8 s`, or `failed, 1.2 s`"""
        ended = self.status
        if self.status == "error":
            cut = "incomplete" if self.result is None else "failed"
            ended = "stopped" if self.result == "stopped" else cut
        return f"{ended}, {self.duration:.1f} s" if (self.duration or 0) >= 0.05 else ended

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "call_id": self.call_id,
            "block": self.block,
            "step": self.step,
            "name": self.name,
            "server_side": self.server_side,
            "status": self.status,
            "arguments_text": self.arguments_text,
            "arguments": self.arguments,
            "error": self.error,
            "approval_id": self.approval_id,
            "preview": self.preview,
            "progress": self.progress,
            "result": self.result,
            "duration": self.duration,
            "time": self.time,
            "until": self.until,
        }

    def __repr__(self) -> str:
        return printable(f"ToolPart({self.name!r}, {self.arguments_text}, status={self.status!r})")


class MediaPart:
    """An image, sound or file in the answer, or in what a tool gave (`run` is then its call_id).

    `data` is base64.
    """

    kind = "media"
    __slots__ = ("alt", "block", "data", "mime", "run", "step", "time", "url")

    def __init__(self, event: ContentPart) -> None:
        self.block: int = event.block
        self.run: str = event.run
        self.step: str = event.step
        self.time: float = event.time
        self.mime: str = event.mime
        self.data: str = event.data
        self.url: str = event.url
        self.alt: str = event.alt

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "block": self.block,
            "run": self.run,
            "step": self.step,
            "mime": self.mime,
            "data": self.data,
            "url": self.url,
            "alt": self.alt,
            "time": self.time,
        }


Part = TextPart | ToolPart | MediaPart


class StepSection:
    """A step of a workflow, or an agent that a tool of another asks (`run` is then that tool's call_id).

    `step` is the step around it, "" at the top. `duration` in seconds, `usage` and `finish_reason` once it
    has ended.
    """

    __slots__ = (
        "agent",
        "duration",
        "finish_reason",
        "index",
        "name",
        "run",
        "step",
        "structured",
        "time",
        "usage",
    )

    def __init__(self, event: StepStart) -> None:
        self.name: str = event.name
        self.index: int = event.index
        self.agent: str = event.agent
        self.structured: bool = event.structured
        self.run: str = event.run
        self.step: str = event.step
        self.time: float = event.time
        self.duration: float | None = None
        self.usage: Usage | None = None
        self.finish_reason: FinishReason | None = None

    def to_dict(self) -> dict[str, Any]:
        names = (
            *("name", "index", "agent", "structured", "run", "step"),
            *("time", "duration", "finish_reason"),
        )
        return {**{name: getattr(self, name) for name in names}, "usage": usage_dict(self.usage)}

    def __str__(self) -> str:
        """`1. greeter (Kai): 5.6 s, 245 tokens`"""
        return printable(f"{self.index + 1}. {self.label}: {self.cost}")

    @property
    def label(self) -> str:
        """`greeter (Kai)`"""
        return f"{self.name} ({self.agent})" if self.agent not in ("", self.name) else self.name

    @property
    def cost(self) -> str:
        """`5.6 s, 245 tokens`, or `failed, 1.2 s`"""
        if self.duration is None:
            return "running"
        ending = {"error": "failed", "stopped": "stopped"}.get(self.finish_reason or "")
        return ", ".join(
            [*filter(None, [ending]), f"{self.duration:.1f} s", *tokens_of(self.usage)]
        )

    __repr__ = __str__
