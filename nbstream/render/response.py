"""What a finished run gives back."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nbstream import host
from nbstream.events import FinishReason, StreamEvent, Usage
from nbstream.fold.metrics import Metrics
from nbstream.fold.parts import StepSection, ToolPart
from nbstream.fold.transcript import Status, Transcript
from nbstream.logs.event_list import EventList
from nbstream.logs.recording import write_recording
from nbstream.wire.protocol import Format

# What writes a form is imported where it is asked for: a model that only completes needs none of it.


class Answer:
    """What a run has said, as `Stream` shows it while it runs and `Response` when it has ended."""

    transcript: Transcript
    metrics: Metrics
    events: EventList
    #: How the answer reads: "markdown", or "json" where it is a value.
    format: Format = "markdown"

    @property
    def status(self) -> Status:
        """`pending`, `running`, `done`, `stopped` or `error`."""
        return self.transcript.status

    @property
    def text(self) -> str:
        """The answer: the first choice where there are several, the last step of a workflow."""
        return self.transcript.text

    @property
    def thinking(self) -> str:
        """The reasoning that the provider showed."""
        return self.transcript.thinking

    @property
    def tool_calls(self) -> list[ToolPart]:
        """The tool calls with their arguments and results, in the order in which they began."""
        return self.transcript.tool_calls

    @property
    def steps(self) -> list[StepSection]:
        """The steps of a workflow, each with its name, agent, duration (seconds) and usage."""
        return self.transcript.steps

    @property
    def usage(self) -> Usage | None:
        """The provider's token counts, summed over iterations and steps; None where it gave none."""
        return self.transcript.usage

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why the answer ended; None while it has not."""
        return self.transcript.finish_reason

    def to_markdown(self) -> str:
        """The answer as markdown, with tool calls and an error as quotes."""
        from .saved import to_markdown

        return to_markdown(self.transcript)

    def to_html(self) -> str:
        """The run so far as one HTML file: chart, slider and all, offline; without scripts still readable."""
        from .page import to_page

        return to_page(self.transcript, self.metrics, self.events, self.format)

    def save(self, path: str | Path) -> None:
        """Write the run so far: a `.html` file to look at, or a recording that `nbstream.replay` plays."""
        if Path(path).suffix.lower() in (".html", ".htm"):
            Path(path).write_text(self.to_html(), "utf-8")
        else:
            write_recording(path, self.events)


class Response(Answer):
    """The answer of a run that has ended, whole or in part. `str(response)` is its text.

    `output` is the validated value where an output type was asked for. `partial` is true where the
    answer was cut: stopped, failed, out of tokens, or ended without the provider saying so.
    """

    def __init__(self, transcript: Transcript, metrics: Metrics, events: EventList) -> None:
        self.transcript = transcript
        self.metrics = metrics
        self.events = events
        self.output: Any = None

    @property
    def finish_reason(self) -> FinishReason:
        """Why the answer ended; `unknown` where nobody said."""
        return self.transcript.finish_reason or "unknown"

    @property
    def partial(self) -> bool:
        return (
            self.status != "done"
            or self.transcript.incomplete
            or self.finish_reason in ("length", "pause")
        )

    def __str__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        from .saved import to_html, to_text

        return {
            "text/html": to_html(self.transcript, self.metrics, format=self.format),
            "text/markdown": self.to_markdown(),
            "text/plain": to_text(self.transcript),
        }

    def _mime_(self) -> tuple[str, str]:  # what marimo shows
        return "text/html", self._repr_mimebundle_()["text/html"]

    def _ipython_display_(self) -> None:
        host.display(self)

    def __repr__(self) -> str:
        text = self.text
        shown = text if len(text) <= 60 else f"{text[:57]}…"
        return f"Response({shown!r}, finish_reason={self.finish_reason!r})"


def fold(events: Iterable[StreamEvent]) -> Response:
    """The response that events amount to."""
    transcript, metrics, kept = Transcript(), Metrics(), EventList()
    for event in events:
        transcript.apply(event)
        metrics.apply(event)
        kept.append(event)
    return Response(transcript, metrics, kept)
