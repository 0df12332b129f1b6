from __future__ import annotations

import pytest

from nbstream.events import (
    IterationEnd,
    RunEnd,
    RunStart,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    ToolResult,
    Usage,
    stamp,
)
from nbstream.metrics import Metrics


def fold(*timed: tuple[float, StreamEvent]) -> Metrics:
    metrics = Metrics()
    for seq, (time, event) in enumerate(timed):
        metrics.apply(stamp(event, seq, time))
    return metrics


def test_waiting_never_counts_into_the_rate():
    deltas = [(10.0 + i / 100, TextDelta(0, "x")) for i in range(101)]
    metrics = fold((0.0, RunStart("r")), *deltas, (11.5, RunEnd("stop")))
    assert metrics.ttft == metrics.ttfv == 10.0
    assert metrics.tokens_per_second == pytest.approx(100)
    assert metrics.elapsed == 11.5
    assert metrics.token_source == "deltas"


def test_thinking_is_the_first_token_but_not_the_first_visible_text():
    metrics = fold((1.0, ThinkingDelta(0, "hm")), (3.0, TextDelta(1, "x")))
    assert (metrics.ttft, metrics.ttfv) == (1.0, 3.0)


def test_the_providers_figure_replaces_the_estimate():
    metrics = fold((1.0, TextDelta(0, "a b c")), (2.0, TextDelta(0, "d")), (2.0, Usage(5, 11)))
    assert (metrics.output_tokens, metrics.token_source) == (11, "provider")
    assert metrics.tokens_per_second == pytest.approx(10)


def test_tool_time_never_counts_into_the_rate():
    metrics = fold(
        (0.0, TextDelta(0, "a")),
        (1.0, ToolResult("c", duration=8.0)),
        (10.0, TextDelta(1, "b")),
        (10.0, Usage(1, 21)),
    )
    assert metrics.tokens_per_second == pytest.approx(10)


def test_iterations_add_up():
    metrics = fold(
        (0.0, TextDelta(0, "a")),
        (0.1, Usage(3, 10)),
        (0.2, IterationEnd(1)),
        (0.3, TextDelta(1, "b")),
        (0.4, Usage(3, 7)),
    )
    assert metrics.output_tokens == 17


def test_merged_deltas_count_as_what_they_were():
    one_by_one = fold(*((i / 10, TextDelta(0, "x")) for i in range(5)))
    merged = Metrics()
    merged.apply(TextDelta(0, "xxxxx", count=5, time=0.0, until=0.4))
    assert merged.to_dict() == one_by_one.to_dict()


def test_one_delta_has_no_rate():
    assert fold((1.0, TextDelta(0, "x"))).tokens_per_second is None
