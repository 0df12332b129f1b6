"""The golden cases: what Python folds is what the browser folds (js/test/run/golden.test.ts reads them too)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from nbstream import events
from nbstream.fold.transcript import Transcript
from nbstream.wire.frames import FrameLog

FOLDER = Path(__file__).parent / "golden"
CASES = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}


def decoded(wire_events: Iterable[dict[str, Any]]) -> list[events.StreamEvent]:
    return [events.decode(json.dumps(event)) for event in wire_events]


def folded(stream: Iterable[events.StreamEvent]) -> dict[str, Any]:
    transcript = Transcript()
    for event in stream:
        transcript.apply(event)
    return transcript.to_dict()


@pytest.mark.parametrize("name", CASES)
def test_events_fold_to_the_transcript(name: str) -> None:
    case = CASES[name]
    assert folded(decoded(case["events"])) == case["transcript"]


@pytest.mark.parametrize("name", CASES)
def test_frames_fold_to_the_same_transcript(name: str) -> None:
    case = CASES[name]
    frames = case["frames"]
    assert [frame["n"] for frame in frames] == list(range(1, len(frames) + 1))
    assert (
        folded(decoded(event for frame in frames for event in frame["events"]))
        == case["transcript"]
    )


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("size", [1, 2, 1000])
def test_frames_made_here_fold_to_the_same_transcript(name: str, size: int) -> None:
    case = CASES[name]
    log = FrameLog()
    sent: list[dict[str, Any]] = []
    stream = decoded(case["events"])
    for start in range(0, len(stream), size):
        for event in stream[start : start + size]:
            log.add(event)
        frame = log.take()
        assert frame is not None
        sent += frame["events"]
    assert folded(decoded(sent)) == case["transcript"]
    assert folded(decoded(log.since(0).get("events", []))) == case["transcript"]


def test_every_event_type_is_in_a_case() -> None:
    seen = {event["type"] for case in CASES.values() for event in case["events"]}
    assert {str(cls.__struct_config__.tag) for cls in events.EVENT_TYPES} <= seen
