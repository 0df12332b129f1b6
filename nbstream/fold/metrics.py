"""Speed, size and cost of a run, as a pure fold over its events; every time is in seconds since it began.

The definitions are those of the serving benchmarks. Time to first token is the wait for the first content
of any kind (vLLM `bench serve`, LLMPerf, GenAI-Perf and its successor AIPerf; empty responses do not count).
Inter-token latencies are the waits between neighbouring deltas as they arrived, the first token's left out
(vLLM's ITL). The rate is what GenAI-Perf calls output token throughput per user, the inverse of vLLM's TPOT:
tokens after the first divided by the seconds after the first. LLMPerf's own rate divides by the whole time
instead and is not used. What this adds: each request of a run waits anew, so the wait for its first token,
and the time in which a tool ran, never count into the rate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nbstream.events import (
    ContentPart,
    Delta,
    Event,
    IterationEnd,
    IterationStart,
    RunEnd,
    RunStart,
    StepStart,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    ToolApproval,
    ToolCallDelta,
    ToolCallStart,
    ToolProgress,
    ToolResult,
    Usage,
)

from .iteration import AT_ONCE, SOURCES, Iteration, TokenSource, rate_of
from .series import CurrentRate, Gaps, Series
from .tables import to_pandas

#: A wait between two deltas that counts as a stall, in seconds, and how many of them are listed.
STALL = 1.0
MOST_STALLS = 100
Price = Callable[..., "float | None"]


class Metrics:
    """What `stream.metrics` shows. Times are in seconds, rates in tokens a second, costs in US dollars.

    `ttft`: to the first content (text, thinking, refusal or tool call), None before it.
    `ttfv`: to the first visible text. `last`: to the latest content. `elapsed`: to the end, None while
    running. `iterations`: each request of the run. `gaps`: the waits between deltas. `stalls`: [start,
    seconds] of waits of a second and more. `series`: tokens over time. `started_at` is Unix time.
    """

    def __init__(
        self,
        *,
        price: Price | None = None,
        tokenizer: Callable[[str], int] | None = None,
    ) -> None:
        self.ttft: float | None = None
        self.ttfv: float | None = None
        self.last: float | None = None
        self.elapsed: float | None = None
        self.started_at: float = 0.0
        self.deltas: int = 0
        self.iterations: list[Iteration] = []
        self.gaps: Gaps = Gaps()
        self.stalls: list[list[float]] = []
        self.series: Series = Series()
        self._current = CurrentRate()
        self._open: dict[str, Iteration] = {}
        self._step_start: dict[str, float] = {}
        self._model = self._provider = ""
        self._price = price
        self._tokenizer = tokenizer

    def apply(self, event: StreamEvent) -> None:
        if isinstance(event, Delta):  # most events: first, and fast
            self._delta(event)
            return
        match event:
            case ContentPart() | ToolCallStart():
                self._content(event)
            case ToolApproval() | ToolProgress() | ToolResult():
                self._tool(event)
            case RunStart():
                self._run_start(event)
            case StepStart():
                self._step(event)
            case Usage():
                self._usage(event)
            case IterationStart():
                self._iteration_start(event)
            case IterationEnd():
                self._iteration_end(event)
            case RunEnd():
                self._run_end(event)
            case _:
                pass

    # ── the fold ──────────────────────────────────────────────────────────────

    def _delta(self, event: Delta) -> None:
        time, count = event.time, event.count
        until = event.until or time
        now = self._open.get(event.step) or self._begin(event)
        if now._resting:
            self._content(event)
        else:
            self._gap(now, time if now.last is None else now.last, time)
        if until > time and count > 1:
            each = (until - time) / (count - 1)
            for n in range(count - 1):
                self._gap(now, time + n * each, time + (n + 1) * each)
        now.last = self.last = until
        now.deltas += count
        self.deltas += count
        text: str = event.arguments if isinstance(event, ToolCallDelta) else event.text  # type: ignore[attr-defined]
        now.characters += len(text)
        if self._tokenizer is not None:
            now.tokenized = (now.tokenized or 0) + self._tokenizer(text)
        if isinstance(event, ThinkingDelta):
            now.thinking_deltas += count
        elif self.ttfv is None and isinstance(event, TextDelta):
            self.ttfv = time
        self.series.add(until, count)
        self._current.add(until, count)

    def _content(self, event: Event) -> None:
        """Content came: the first, or the first after a rest."""
        now = self._open.get(event.step) or self._begin(event)
        if self.ttft is None:
            self.ttft = event.time
        if now.first is None:
            now.first = event.time
        if now._resting:
            now._resting = False
            now.bursts += 1
            now.last = event.time

    def _gap(self, now: Iteration, since: float, until: float) -> None:
        gap = until - since
        now.decode_time += gap
        self.gaps.add(gap)
        if gap >= STALL and len(self.stalls) < MOST_STALLS:
            self.stalls.append([since, gap])

    def _begin(self, event: Event) -> Iteration:
        number = sum(each.step == event.step for each in self.iterations) + 1
        start = event.time if self.iterations else 0.0
        start = self._step_start.pop(event.step, start)
        iteration = self._open[event.step] = Iteration(number, event.step, start)
        self.iterations.append(iteration)
        return iteration

    def _run_start(self, event: RunStart) -> None:
        self.started_at = event.started_at
        self._model, self._provider = event.model, event.provider

    def _step(self, event: StepStart) -> None:
        self._step_start[event.name] = event.time

    def _usage(self, event: Usage) -> None:
        now = self._open.get(event.step) or (
            self.iterations[-1] if self.iterations else self._begin(event)
        )
        now.usage = event

    def _iteration_start(self, event: IterationStart) -> None:
        self._open.pop(event.step, None)
        now = self._begin(event)
        now.number, now.start = event.iteration, event.time

    def _iteration_end(self, event: IterationEnd) -> None:
        now = self._open.pop(event.step, None)
        if now is not None:
            now.usage = event.usage or now.usage
            now.finish_reason = event.finish_reason

    def _tool(self, event: StreamEvent) -> None:
        if now := self._open.get(event.step):
            now.rest()
        if isinstance(event, ToolResult) and (now := now or self._latest(event.step)):
            now.tool_time += event.duration or 0.0

    def _latest(self, step: str) -> Iteration | None:
        return next((each for each in reversed(self.iterations) if each.step == step), None)

    def _run_end(self, event: RunEnd) -> None:
        self.elapsed = event.time
        for now in self._open.values():
            now.finish_reason = now.finish_reason or event.finish_reason

    # ── figures ───────────────────────────────────────────────────────────────

    @property
    def token_source(self) -> TokenSource:
        """Where `output_tokens` comes from, see `TokenSource`; the weakest one of the iterations."""
        places = [SOURCES.index(each.token_source) for each in self.iterations]
        return SOURCES[max(places, default=SOURCES.index("deltas"))]

    @property
    def estimated(self) -> bool:
        """Whether `output_tokens` is an estimate."""
        return self.token_source not in ("provider", "server")

    @property
    def output_tokens(self) -> int:
        """Tokens generated so far, thinking included."""
        return sum(each.output_tokens for each in self.iterations)

    @property
    def input_tokens(self) -> int | None:
        """Tokens read, cached ones included; None where the provider did not say."""
        return self._reported("input_tokens")

    @property
    def cached_tokens(self) -> int | None:
        """Input tokens read from the provider's cache; None where it did not say."""
        return self._reported("cache_read_tokens")

    @property
    def thinking_tokens(self) -> int | None:
        """Tokens of thinking, reported or counted; None where there is nothing to count."""
        return _sum(each.thinking_tokens for each in self.iterations)

    def _reported(self, name: str) -> int | None:
        return _sum(getattr(each.usage, name) for each in self.iterations if each.usage)

    @property
    def tokens_per_second(self) -> float | None:
        """The overall rate: tokens after the first per second after the first.

        None before two deltas, and where all came at once, within a twentieth of a second.
        """
        tokens = sum(each.decoded_tokens for each in self.iterations)
        return rate_of(tokens, self.decode_time)

    @property
    def server_tokens_per_second(self) -> float | None:
        """The rate as the server measured it in its latest answer; None where it does not say."""
        rates = [each.server_tokens_per_second for each in self.iterations]
        return next((rate for rate in reversed(rates) if rate is not None), None)

    def current_rate(self, now: float) -> float | None:
        """The smoothed rate `now` seconds after the run began, over about the last second."""
        if self.ttft is None or now - self.ttft < AT_ONCE:
            return None
        rate = self._current.at(now)
        return None if rate is None else rate * self.tokens_per_delta

    @property
    def tokens_per_delta(self) -> float:
        """What one delta in `series` stands for, in tokens."""
        return self.output_tokens / self.deltas if self.deltas else 1.0

    @property
    def decode_time(self) -> float:
        """Seconds in which tokens came: without waiting for first tokens and without tools."""
        return sum(each.decode_time for each in self.iterations)

    @property
    def wait_time(self) -> float:
        """Seconds of waiting for the first token of each iteration: queue, network and prompt."""
        return sum(each.ttft or 0.0 for each in self.iterations)

    @property
    def tool_time(self) -> float:
        """Seconds that tools took, as they reported them; tools side by side add up."""
        return sum(each.tool_time for each in self.iterations)

    @property
    def gap_p50(self) -> float | None:
        """The median wait between neighbouring deltas, in seconds; None where there was none."""
        return self.gaps.quantiles(0.5)[0]

    @property
    def gap_p95(self) -> float | None:
        """The wait that 95 of 100 do not exceed."""
        return self.gaps.quantiles(0.95)[0]

    @property
    def gap_p99(self) -> float | None:
        """The wait that 99 of 100 do not exceed."""
        return self.gaps.quantiles(0.99)[0]

    @property
    def gap_max(self) -> float | None:
        """The longest wait."""
        return self.gaps.longest if self.gaps.count else None

    @property
    def cost(self) -> float | None:
        """US dollars: the provider's figure, else computed from known prices; None where unknown."""
        return self.cost_with(0)

    def cost_with(self, prompt_tokens: int) -> float | None:
        """The cost so far, with `prompt_tokens` of input where the provider has not said how many."""
        costs = [self._cost(each, prompt_tokens) for each in self.iterations]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if costs and len(known) == len(costs) else None

    def _cost(self, iteration: Iteration, prompt_tokens: int) -> float | None:
        usage = iteration.usage or Usage()
        if usage.cost is not None:
            return usage.cost
        if self._price is None or (usage.input_tokens is None and not prompt_tokens):
            return None
        counted = Usage(
            input_tokens=prompt_tokens if usage.input_tokens is None else usage.input_tokens,
            output_tokens=iteration.output_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
        )
        wait = self.elapsed is not None or prompt_tokens > 0
        return self._price(self._model, self._provider, counted, load=wait)

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain values, None where unknown. `gap_*` are inter-token latencies."""
        p50, p95, p99 = self.gaps.quantiles(0.5, 0.95, 0.99)
        return {
            "ttft": self.ttft,
            "ttfv": self.ttfv,
            "elapsed": self.elapsed,
            "input_tokens": self.input_tokens,
            "cached_tokens": self.cached_tokens,
            "thinking_tokens": self.thinking_tokens,
            "output_tokens": self.output_tokens,
            "token_source": self.token_source,
            "tokens_per_second": self.tokens_per_second,
            "server_tokens_per_second": self.server_tokens_per_second,
            "cost": self.cost,
            "decode_time": self.decode_time,
            "wait_time": self.wait_time,
            "tool_time": self.tool_time,
            "gap_p50": p50,
            "gap_p95": p95,
            "gap_p99": p99,
            "gap_max": self.gap_max,
            "stalls": len(self.stalls),
            "iterations": len(self.iterations),
            "deltas": self.deltas,
        }

    def steps(self) -> dict[str, dict[str, Any]]:
        """Tokens, rate and times of each step of a workflow, by its name."""
        steps: dict[str, list[Iteration]] = {}
        for each in self.iterations:
            steps.setdefault(each.step, []).append(each)
        return {
            name: {
                "iterations": len(parts),
                "ttft": parts[0].ttft,
                "output_tokens": sum(each.output_tokens for each in parts),
                "tokens_per_second": rate_of(
                    sum(each.decoded_tokens for each in parts),
                    sum(each.decode_time for each in parts),
                ),
                "tool_time": sum(each.tool_time for each in parts),
            }
            for name, parts in steps.items()
        }

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame` with one row for each iteration. Raises `UsageError` without pandas."""
        return to_pandas([each.to_dict() for each in self.iterations])

    def __repr__(self) -> str:
        known = {
            key: float(f"{value:.4g}") if isinstance(value, float) else value
            for key, value in self.to_dict().items()
            if value is not None
        }
        return f"Metrics({', '.join(f'{key}={value!r}' for key, value in known.items())})"


def _sum(values: Any) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
