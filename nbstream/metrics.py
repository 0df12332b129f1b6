"""Speed and size of a run, as a pure fold over its events; every time is in seconds since it began.

Definitions follow the serving benchmarks (vLLM `benchmark_serving`, LLMPerf, NVIDIA GenAI-Perf): time to
first token is the wait for the first content of any kind; the decode rate is the tokens after the first
divided by the time after the first, so that queueing never counts into it.
"""

from __future__ import annotations

from typing import Any, Literal

from .events import (
    Delta,
    Event,
    IterationEnd,
    RunEnd,
    RunStart,
    StreamEvent,
    TextDelta,
    ToolResult,
    Usage,
)

TokenSource = Literal["provider", "deltas"]


class Metrics:
    """What `stream.metrics` shows.

    `ttft`: seconds to the first content (text, thinking, refusal or tool call), None before it.
    `ttfv`: seconds to the first visible text. `last`: seconds to the latest content.
    `elapsed`: seconds to the end, None while running.
    """

    def __init__(self) -> None:
        self.ttft: float | None = None
        self.ttfv: float | None = None
        self.last: float | None = None
        self.elapsed: float | None = None
        self.started_at = 0.0
        self.deltas = 0
        self.tool_time = 0.0
        self._reported: int | None = None
        self._reported_before = 0
        self._deltas_before = 0

    def apply(self, event: StreamEvent) -> None:
        if isinstance(event, Delta):
            if self.ttft is None:
                self.ttft = event.time
            if self.ttfv is None and isinstance(event, TextDelta):
                self.ttfv = event.time
            self.last = event.until or event.time
            self.deltas += event.count
        elif (fold := _FOLD.get(type(event))) is not None:
            fold(self, event)

    def _run_start(self, event: RunStart) -> None:
        self.started_at = event.started_at

    def _usage(self, event: Usage) -> None:
        if event.output_tokens is not None and not event.estimated:
            self._reported = event.output_tokens

    def _iteration_end(self, _: IterationEnd) -> None:
        self._reported_before += (
            self._reported if self._reported is not None else self.deltas - self._deltas_before
        )
        self._deltas_before = self.deltas
        self._reported = None

    def _tool_result(self, event: ToolResult) -> None:
        self.tool_time += event.duration or 0.0

    def _run_end(self, event: RunEnd) -> None:
        self.elapsed = event.time

    @property
    def token_source(self) -> TokenSource:
        """Where `output_tokens` comes from: the provider's usage, or deltas counted (an estimate)."""
        pending = self.deltas > self._deltas_before
        reported = self._reported is not None or (self._reported_before and not pending)
        return "provider" if reported else "deltas"

    @property
    def output_tokens(self) -> int:
        """Tokens generated so far, reasoning included."""
        current = self.deltas - self._deltas_before if self._reported is None else self._reported
        return self._reported_before + current

    @property
    def tokens_per_second(self) -> float | None:
        """Decode rate: tokens after the first per second after the first; None before two deltas."""
        if self.ttft is None or self.last is None:
            return None
        seconds = self.last - self.ttft - self.tool_time
        if seconds <= 0 or self.output_tokens < 2:
            return None
        return (self.output_tokens - 1) / seconds

    def to_dict(self) -> dict[str, Any]:
        return {
            "ttft": self.ttft,
            "ttfv": self.ttfv,
            "elapsed": self.elapsed,
            "output_tokens": self.output_tokens,
            "token_source": self.token_source,
            "tokens_per_second": self.tokens_per_second,
            "deltas": self.deltas,
        }

    def __repr__(self) -> str:
        values = ", ".join(f"{key}={value!r}" for key, value in self.to_dict().items())
        return f"Metrics({values})"


_FOLD: dict[type[Event], Any] = {
    RunStart: Metrics._run_start,
    Usage: Metrics._usage,
    IterationEnd: Metrics._iteration_end,
    ToolResult: Metrics._tool_result,
    RunEnd: Metrics._run_end,
}
