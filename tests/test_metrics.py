from __future__ import annotations

import re
import statistics
from pathlib import Path

import pytest

import nbstream as nb
from nbstream.events import (
    IterationEnd,
    IterationStart,
    RunEnd,
    RunStart,
    StepStart,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResult,
    Usage,
    stamp,
)
from nbstream.fold.metrics import Metrics
from nbstream.fold.series import CurrentRate, Gaps, Series
from nbstream.logs.recording import read_recording
from nbstream.runs import pricing

TAPES = Path(__file__).parent / "tapes"
DOCS = Path(__file__).parents[1] / "docs" / "metrics.md"


def fold(*timed: tuple[float, StreamEvent], **options) -> Metrics:
    metrics = Metrics(**options)
    for seq, (time, event) in enumerate(timed):
        metrics.apply(stamp(event, seq, time))
    return metrics


def every(
    seconds: float, first: float, count: int, text: str = "x"
) -> list[tuple[float, StreamEvent]]:
    return [(first + i * seconds, TextDelta(0, text)) for i in range(count)]


# speed ───────────────────────────────────────────────────────────────────────


def test_waiting_never_counts_into_the_rate():
    metrics = fold((0.0, RunStart("r")), *every(0.01, 10.0, 101), (11.5, RunEnd("stop")))
    assert metrics.ttft == metrics.ttfv == metrics.wait_time == 10.0
    assert metrics.tokens_per_second == pytest.approx(100)
    assert metrics.elapsed == 11.5
    assert metrics.token_source == "deltas"
    assert metrics.estimated


def test_thinking_is_the_first_token_but_not_the_first_visible_text():
    metrics = fold((1.0, ThinkingDelta(0, "hm")), (3.0, TextDelta(1, "x")))
    assert (metrics.ttft, metrics.ttfv, metrics.thinking_tokens) == (1.0, 3.0, 1)


def test_tool_time_never_counts_into_the_rate():
    metrics = fold(
        (1.0, TextDelta(0, "a")),
        (1.5, ToolCallStart("c", 1, "look")),
        (2.0, ToolCallDelta("c", "{}")),
        (2.0, ToolCallEnd("c", {})),
        (10.0, ToolResult("c", duration=8.0)),
        (11.0, TextDelta(2, "b")),
        (12.0, TextDelta(2, "c")),
    )
    assert metrics.decode_time == pytest.approx(2.0)  # 1.0 to 2.0 and 11.0 to 12.0
    assert metrics.tokens_per_second == pytest.approx(1.0)  # the second and the fourth
    assert metrics.tool_time == 8.0
    assert metrics.gaps.longest == 1.0


def test_each_iteration_waits_anew():
    metrics = fold(
        (0.0, RunStart("r")),
        (0.1, IterationStart(1)),
        (1.1, TextDelta(0, "a")),
        (1.2, TextDelta(0, "a")),
        (1.3, IterationEnd(1, Usage(3, 11))),
        (5.0, IterationStart(2)),
        (7.0, TextDelta(1, "b")),
        (7.4, TextDelta(1, "b")),
        (7.5, Usage(5, 21)),
        (7.5, IterationEnd(2)),
        (7.5, RunEnd("stop")),
    )
    first, second = metrics.iterations
    assert (first.ttft, second.ttft) == (pytest.approx(1.0), pytest.approx(2.0))
    assert (first.tokens_per_second, second.tokens_per_second) == (
        pytest.approx(100),
        pytest.approx(50),
    )
    assert metrics.output_tokens == 32 and metrics.input_tokens == 8
    assert metrics.tokens_per_second == pytest.approx(30 / 0.5)
    assert metrics.wait_time == pytest.approx(3.0)


def test_steps_side_by_side_have_their_own_gaps():
    timed: list[tuple[float, StreamEvent]] = [
        (0.0, RunStart("r")),
        (0.0, StepStart("a")),
        (0.5, StepStart("b")),
    ]
    for i in range(11):
        timed += [
            (1 + i / 10, TextDelta(0, "x", step="a")),
            (1.05 + i / 10, TextDelta(1, "x", step="b")),
        ]
    metrics = fold(*timed)
    assert [round(q or 0, 6) for q in metrics.gaps.quantiles(0.01, 0.99)] == [0.1, 0.1]
    steps = metrics.steps()
    assert steps["a"]["ttft"] == 1.0 and steps["b"]["ttft"] == pytest.approx(0.55)
    assert steps["b"]["tokens_per_second"] == pytest.approx(10)


def test_one_delta_has_no_rate():
    assert fold((1.0, TextDelta(0, "x"))).tokens_per_second is None


def test_the_current_rate_follows_and_fades_in_a_stall():
    metrics = fold(*every(0.01, 2.0, 300))
    assert metrics.current_rate(2.0) is None
    assert metrics.current_rate(4.99) == pytest.approx(100, rel=0.02)
    assert metrics.current_rate(7.99) == pytest.approx(5, rel=0.1)  # e**-3 of it


def test_the_current_rate_is_not_low_at_the_start():
    rate = CurrentRate()
    for i in range(11):
        rate.add(5 + i / 100, 1)
    assert rate.at(5.1) == pytest.approx(100, rel=0.06)


def test_stalls_and_gaps_have_their_place():
    metrics = fold(*every(0.01, 1.0, 100), *every(0.01, 4.0, 100))
    assert metrics.stalls == [[pytest.approx(1.99), pytest.approx(2.01)]]
    assert metrics.gaps.longest == pytest.approx(2.01)
    assert metrics.gaps.quantiles(0.5) == [pytest.approx(0.01)]


def test_merged_deltas_count_as_what_they_were():
    one_by_one = fold(*((i / 10, TextDelta(0, "x")) for i in range(5))).to_dict()
    metrics = Metrics()
    metrics.apply(TextDelta(0, "xxxxx", count=5, time=0.0, until=0.4))
    for name, value in metrics.to_dict().items():
        assert value == (pytest.approx(one_by_one[name]) if value else one_by_one[name])


# samples ─────────────────────────────────────────────────────────────────────


def test_a_long_run_keeps_its_total_in_bounded_memory():
    series = Series()
    for i in range(60_000):
        series.add(i / 100, 1)
    assert len(series.counts) <= Series.MOST
    assert sum(series.counts) == 60_000
    assert series.width == 800
    assert set(series.counts[1:-1]) == {80}


def test_samples_say_what_is_new_or_everything_at_a_new_width():
    series = Series()
    series.add(0.01, 2)
    series.add(0.12, 1)
    assert series.since(0, 0) == [50, 0, 2, 0, 1]
    assert series.since(50, 2) == [50, 2, 1]
    series.add(59.9, 1)
    series.add(60.0, 5)
    assert series.width == 100
    assert series.since(50, 2)[:4] == [100, 0, 2, 1]


def test_gaps_are_exact_and_then_thinned():
    gaps, values = Gaps(), [((i * 7919) % 1000) / 1000 for i in range(40_000)]
    for value in values[:1000]:
        gaps.add(value)
    exact = statistics.quantiles(values[:1000], n=100, method="inclusive")
    assert gaps.quantiles(0.5, 0.95, 0.99) == pytest.approx([exact[49], exact[94], exact[98]])
    for value in values[1000:]:
        gaps.add(value)
    assert gaps.count == 40_000 and gaps.total == pytest.approx(sum(values))
    assert gaps.quantiles(0.5, 0.99) == pytest.approx([0.5, 0.99], abs=0.01)
    assert sum(count for _, count in gaps.histogram()) == 40_000


# tokens ──────────────────────────────────────────────────────────────────────


def test_the_providers_figure_replaces_the_estimate():
    metrics = fold((1.0, TextDelta(0, "a b c")), (2.0, TextDelta(0, "d")), (2.0, Usage(5, 11)))
    assert (metrics.output_tokens, metrics.token_source) == (11, "provider")
    assert metrics.tokens_per_second == pytest.approx(10)
    assert metrics.tokens_per_delta == 5.5


def test_hidden_thinking_is_billed_but_was_not_decoded_in_front_of_us():
    usage = Usage(5, 1011, reasoning_tokens=1000)
    hidden = fold((9.0, TextDelta(0, "a")), (10.0, TextDelta(0, "b")), (10.0, usage))
    assert hidden.output_tokens == 1011 and hidden.thinking_tokens == 1000
    assert hidden.tokens_per_second == pytest.approx(10)
    seen = fold((0.0, ThinkingDelta(0, "a")), (10.0, TextDelta(1, "b")), (10.0, usage))
    assert seen.tokens_per_second == pytest.approx(101)


@pytest.mark.parametrize(
    ("details", "rate"),
    [
        ({"timings": {"predicted_n": 40, "predicted_per_second": 123.0}}, 123.0),
        ({"eval_duration": 2_000_000_000}, 20.0),
    ],
)
def test_the_servers_own_timings(details, rate):
    metrics = fold(*every(0.1, 1.0, 2), (2.0, Usage(3, 40, details=details)))
    assert metrics.token_source == "server" and not metrics.estimated
    assert metrics.server_tokens_per_second == pytest.approx(rate)


def test_big_pieces_are_not_tokens():
    words = "a sentence of some length, "
    metrics = fold(*every(0.1, 1.0, 8, words))
    assert (metrics.token_source, metrics.output_tokens) == ("characters", 8 * len(words) // 4)
    metrics = fold(*every(0.1, 1.0, 8, words), tokenizer=lambda text: len(text.split()))
    assert (metrics.token_source, metrics.output_tokens) == ("tokenizer", 40)


# cost ────────────────────────────────────────────────────────────────────────


@pytest.fixture
def prices():
    nb.configure(prices={"priced": (2.0, 10.0)})
    yield
    nb.configure(prices=None)


def run_of(model: str, usage: Usage, provider: str = "") -> Metrics:
    start = RunStart("r", model, provider)
    timed = [(0.0, start), (1.0, TextDelta(0, "a")), (2.0, usage), (2.0, RunEnd("stop"))]
    return fold(*timed, price=pricing.cost_of)  # type: ignore[arg-type]


def test_a_price_nobody_knows_is_not_zero(prices):
    assert run_of("unheard-of", Usage(1000, 100)).cost is None
    assert run_of("gpt-4o", Usage(1000, 100), "openai-compatible").cost is None
    assert run_of("priced", Usage(1000, 100)).cost == pytest.approx(0.003)


def test_the_providers_own_cost_comes_first(prices):
    assert run_of("priced", Usage(1000, 100, cost=0.5)).cost == 0.5


def test_no_usage_no_cost_but_an_estimate_with_a_prompt(prices):
    timed = [(0.0, RunStart("r", "priced")), *every(0.1, 1.0, 100)]
    metrics = fold(*timed, price=pricing.cost_of)  # type: ignore[arg-type]
    assert metrics.cost is None
    assert metrics.cost_with(500) == pytest.approx(0.002)


def test_known_prices_with_the_cache_apart():
    pytest.importorskip("genai_prices")
    usage = Usage(1000, 50, cache_read_tokens=900)
    assert run_of("gpt-4o", usage, "openai").cost == pytest.approx(0.001875)


# recordings ──────────────────────────────────────────────────────────────────


def figures(name: str) -> Metrics:
    metrics = Metrics()
    for event in read_recording(TAPES / name):
        metrics.apply(event)
    return metrics


def test_a_recorded_run_with_a_stall_gives_exactly_these_figures():
    metrics = figures(
        "stall.jsonl"
    )  # 0.4 s to the first, then 50 a second, 2 s of nothing after 50
    assert {
        k: round(v, 4) if isinstance(v, float) else v for k, v in metrics.to_dict().items()
    } == {
        "ttft": 0.4,
        "ttfv": 0.4,
        "elapsed": 4.4,
        "input_tokens": 12,
        "cached_tokens": 4,
        "thinking_tokens": None,
        "output_tokens": 100,
        "token_source": "provider",
        "tokens_per_second": round(99 / (98 * 0.02 + 2.0), 4),
        "server_tokens_per_second": None,
        "cost": None,
        "decode_time": 3.96,
        "wait_time": 0.4,
        "tool_time": 0.0,
        "gap_p50": 0.02,
        "gap_p95": 0.02,
        "gap_p99": 0.0596,
        "gap_max": 2.0,
        "stalls": 1,
        "iterations": 1,
        "deltas": 100,
    }


def test_a_recorded_agent_gives_exactly_these_figures():
    metrics = figures("agent.jsonl")
    assert [each.to_dict() for each in metrics.iterations] == [
        {
            "iteration": 1,
            "step": "",
            "start": 0.0,
            "ttft": 0.5,
            "tokens_per_second": pytest.approx(20),
            "output_tokens": 21,
            "token_source": "provider",
            "input_tokens": 30,
            "cached_tokens": None,
            "thinking_tokens": 6,
            "decode_time": pytest.approx(1.0),
            "tool_time": 3.0,
            "finish_reason": "tool_calls",
        },
        {
            "iteration": 2,
            "step": "",
            "start": 5.0,
            "ttft": pytest.approx(0.25),
            "tokens_per_second": pytest.approx(40),
            "output_tokens": 41,
            "token_source": "provider",
            "input_tokens": 60,
            "cached_tokens": 30,
            "thinking_tokens": None,
            "decode_time": pytest.approx(1.0),
            "tool_time": 0.0,
            "finish_reason": "stop",
        },
    ]
    assert metrics.tokens_per_second == pytest.approx(30)
    assert (metrics.wait_time, metrics.tool_time) == (pytest.approx(0.75), 3.0)


def test_data_frames():
    pandas = pytest.importorskip("pandas")
    metrics = figures("agent.jsonl")
    frame = metrics.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame["output_tokens"]) == [21, 41]


async def test_the_events_of_a_stream_as_a_data_frame():
    pytest.importorskip("pandas")
    stream = nb.replay(TAPES / "agent.jsonl", speed=None)
    await stream
    frame = stream.events.to_pandas()
    assert len(frame) == len(stream.events)
    assert frame["type"].iloc[0] == "run_start" and frame["seq"].iloc[-1] == len(frame) - 1


@pytest.mark.parametrize(("gap", "rate"), [(0.0001, None), (0.004, None), (0.02, 50)])
def test_what_comes_at_once_has_no_rate(gap, rate):
    events = [RunStart("r"), *(TextDelta(0, "w ") for _ in range(10)), RunEnd("stop")]
    metrics = Metrics()
    for n, event in enumerate(events):
        metrics.apply(stamp(event, n, n * gap))
    assert metrics.tokens_per_second == (None if rate is None else pytest.approx(rate))
    assert (metrics.current_rate(11 * gap) is None) == (rate is None)
    assert metrics.output_tokens == 10


def documented() -> list[str]:
    """The names in the first column of the docs' table of what is measured."""
    text = DOCS.read_text("utf-8").split("## What is measured")[1].split("\n## ")[0]
    columns = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return re.findall(r"`(\w+)", " ".join(columns))


def test_every_documented_name_is_an_attribute():
    metrics = figures("agent.jsonl")
    names = documented()
    assert {"ttft", "gap_max", "current_rate", "steps"} <= set(names)
    assert not [name for name in names if not hasattr(metrics, name)]


def test_the_waits_are_the_same_in_either_form():
    metrics, empty = figures("agent.jsonl"), Metrics()
    for name in ("gap_p50", "gap_p95", "gap_p99", "gap_max"):
        assert getattr(metrics, name) == metrics.to_dict()[name] is not None
        assert getattr(empty, name) is None
