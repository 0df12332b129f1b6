from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbstream.events import (
    RunEnd,
    RunStart,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    decode,
    stamp,
)
from nbstream.render.response import fold
from nbstream.wire.frames import (
    KERNEL_RATE,
    PART,
    VIEW_RATE,
    FrameLog,
    Shortener,
    frame_interval,
    history,
)

deltas = st.one_of(
    st.builds(TextDelta, st.integers(0, 2), st.text(), st.integers(0, 1)),
    st.builds(ThinkingDelta, st.integers(0, 2), st.text(), st.sampled_from(["", "sig"])),
    st.builds(ToolCallDelta, st.sampled_from(["a", "b"]), st.text()),
    st.builds(Usage, st.integers(0, 9), st.integers(0, 9)),
)


def run_of(events: list[StreamEvent]) -> list[StreamEvent]:
    whole = [RunStart("r"), ToolCallStart("a", 7, "f"), ToolCallStart("b", 8, "g"), *events]
    return [stamp(event, seq, seq / 10) for seq, event in enumerate([*whole, RunEnd("stop")])]


def received(messages: list[dict]) -> list[StreamEvent]:
    return [decode(json.dumps(event)) for message in messages for event in message["events"]]


def same(a: list[StreamEvent], b: list[StreamEvent]) -> bool:
    left, right = fold(a), fold(b)
    return (
        left.transcript.to_dict() == right.transcript.to_dict()
        and left.metrics.to_dict() == pytest.approx(right.metrics.to_dict())
    )


@given(st.lists(deltas, max_size=40), st.data())
def test_frames_fold_to_the_same_transcript_wherever_they_are_cut(events, data):
    events = run_of(events)
    log, frames = FrameLog(), []
    for event in events:
        log.add(event)
        if data.draw(st.booleans()) and (frame := log.take()):
            frames.append(frame)
    if frame := log.take():
        frames.append(frame)
    assert [frame["n"] for frame in frames] == list(range(1, len(frames) + 1))
    assert same(received(frames), events)

    have = data.draw(st.integers(0, log.n))
    rest = log.since(have)
    assert rest["n"] == log.n
    assert same(received(frames[:have]) + received([rest] if "events" in rest else []), events)
    assert same(received([log.snapshot()]), events)


def test_a_frame_holds_the_new_text_once():
    log = FrameLog()
    for _ in range(100):
        log.add(TextDelta(0, "word "))
    frame = log.take()
    assert frame is not None
    assert [event["text"] for event in frame["events"]] == ["word " * 100]
    assert frame["events"][0]["count"] == 100
    assert log.take() is None
    log.add(TextDelta(0, "more"))
    assert [event["text"] for event in log.take()["events"]] == ["more"]  # type: ignore[index]


def test_who_has_everything_hears_a_beat_and_who_has_nonsense_hears_all():
    log = FrameLog()
    log.add(TextDelta(0, "a"))
    log.take()
    assert log.since(1) == {"kind": "beat", "n": 1}
    for have in (0, -1, 99):
        assert log.since(have).get("after") == 0


def test_half_a_surrogate_pair_does_not_cost_the_message():
    log = FrameLog()
    log.add(TextDelta(0, "ok \ud83d"))
    frame = log.take()
    assert frame is not None
    json.dumps(frame, ensure_ascii=False).encode()
    assert frame["events"][0]["text"].startswith("ok ")


def test_many_views_share_the_kernels_budget():
    assert frame_interval(1) == frame_interval(4) == 1 / VIEW_RATE
    assert 16 / frame_interval(16) <= KERNEL_RATE + 1e-4


def test_history_keeps_the_text_and_the_moments_and_stays_small():
    events = [stamp(TextDelta(0, f"w{n} "), n, n / 100) for n in range(2000)]
    played = history(events)
    assert "".join(event["text"] for event in played) == "".join(e.text for e in events)
    assert 350 <= len(played) <= 450
    assert all(event.get("until", 0) - event["time"] <= 0.05 for event in played)
    long = [stamp(TextDelta(0, "x"), n, n / 100) for n in range(60_000)]
    assert len(history(long)) <= 2001
    assert history([]) == []


def test_the_pieces_of_a_long_answer_join_without_gaps_and_say_how_far_they_reach():
    log = FrameLog()
    for n in range(3):
        for _ in range(PART - 1):
            log.add(Usage(n, n))
        log.take()
    pieces = list(log.parts_since(0))
    assert [(piece.get("after"), piece["n"]) for piece in pieces] == [(0, 1), (1, 2), (2, 3)]
    assert [piece.get("until") for piece in pieces] == [3, 3, None]
    assert log.snapshot().get("n") == 0
    assert list(log.parts_since(3)) == [{"kind": "beat", "n": 3}]


def longer(messages: list[dict]) -> list[dict]:
    """What a page makes of short frames: each goes on with the delta that the one before ended with."""
    last: dict = {}
    frames = []
    for message in messages:
        if message["kind"] == "grow":
            text, count, time, until = message["delta"]
            name = "arguments" if last["type"] == "tool_call_delta" else "text"
            event = {**last, name: text, "count": count, "time": time, "until": until}
            message = {"kind": "frame", "n": message["n"], "events": [event]}
        last = message["events"][-1]
        frames.append(message)
    return frames


@given(st.lists(deltas, max_size=40), st.data())
def test_short_frames_say_the_same(events, data):
    events = run_of(events)
    log, shorter, sent = FrameLog(), Shortener(), []
    for event in events:
        log.add(event)
        if data.draw(st.booleans()) and (frame := log.take()):
            sent.append(json.loads(json.dumps(shorter(frame))))
    if frame := log.take():
        sent.append(json.loads(json.dumps(shorter(frame))))
    assert same(received(longer(sent)), events)


def test_a_frame_that_goes_on_says_little_more_than_its_text():
    log, shorter = FrameLog(), Shortener()
    sizes = []
    for n in range(3):
        log.add(stamp(TextDelta(0, "word "), 1000 + n, 12.3456))
        frame = log.take()
        assert frame is not None
        sizes.append(len(json.dumps(shorter(frame))))
    assert sizes[1] == sizes[2] < sizes[0] / 1.5
