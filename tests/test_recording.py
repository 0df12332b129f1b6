from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nbstream as nb
from nbstream.adapters.sources.source import Source
from nbstream.events import (
    Citation,
    Error,
    Raw,
    RunEnd,
    RunStart,
    Stall,
    TextDelta,
    ThinkingDelta,
    ToolProgress,
    Usage,
    Warning,
    stamp,
)
from nbstream.logs.recording import read_recording, write_recording
from nbstream.runs.stream import Stream


def recorded(path, delay=0.0):
    async def events():
        for word in ("one ", "two ", "three"):
            yield TextDelta(0, word)
            await asyncio.sleep(delay)
        yield RunEnd("stop")

    stream = Stream(Source(events=events, model="m", provider="p"))
    stream.result()
    stream.save(path)
    return stream


def test_a_replay_gives_the_same_events(tmp_path):
    stream = recorded(tmp_path / "run.jsonl")
    replayed = nb.replay(tmp_path / "run.jsonl", speed=None)
    assert replayed.result().text == stream.text
    assert [type(event) for event in replayed.events] == [type(event) for event in stream.events]
    assert replayed.transcript.model == "m"


def test_a_replay_keeps_the_pace(tmp_path):
    recorded(tmp_path / "run.jsonl", delay=0.1)
    began = time.monotonic()
    nb.replay(tmp_path / "run.jsonl", speed=2).result()
    assert time.monotonic() - began >= 0.1


def test_a_torn_last_line_is_read_past(tmp_path):
    path = tmp_path / "run.jsonl"
    recorded(path)
    path.write_bytes(path.read_bytes()[:-20])
    response = nb.replay(path, speed=None).result()
    assert response.text == "one two three"
    assert response.partial


@pytest.mark.parametrize("text", ["", "hello", '{"format": "other"}\n'])
def test_what_is_no_recording_is_said_so(tmp_path, text):
    path = tmp_path / "run.jsonl"
    path.write_text(text)
    with pytest.raises(nb.UsageError, match="is not a recording"):
        nb.replay(path)


@given(st.lists(st.one_of(st.text(), st.integers()), max_size=30))
def test_the_round_trip_is_exact(items):
    events = [
        RunStart("r"),
        *(TextDelta(0, i) if isinstance(i, str) else ToolProgress("c", i) for i in items),
        RunEnd("stop"),
    ]
    stamped = [stamp(event, seq, seq / 7) for seq, event in enumerate(events)]
    with tempfile.TemporaryDirectory() as folder:
        write_recording(f"{folder}/run.jsonl", stamped)
        assert list(read_recording(f"{folder}/run.jsonl")) == stamped


whatever = st.one_of(
    st.builds(TextDelta, st.integers(0, 1), st.text(min_size=1)),
    st.builds(ThinkingDelta, st.just(2), st.text(min_size=1)),
    st.builds(Citation, st.just(0), st.text(), st.just("https://example.org/")),
    st.builds(Usage, st.integers(0, 9), st.integers(0, 9)),
    st.builds(Warning, st.text(min_size=1)),
    st.builds(Raw, st.dictionaries(st.text(), st.integers(), max_size=2)),
)


@settings(deadline=None, max_examples=50)
@given(st.lists(whatever, max_size=20), st.sampled_from(["stop", "length", "error", "stopped"]))
def test_a_replay_is_exact(items, reason):
    events = [RunStart("r"), *items, *([Error("server", "it broke")] if reason == "error" else [])]
    events.append(RunEnd(reason))
    stamped = [stamp(event, seq, seq / 7) for seq, event in enumerate(events)]
    with tempfile.TemporaryDirectory() as folder:
        write_recording(f"{folder}/run.jsonl", stamped)
        stream = nb.replay(f"{folder}/run.jsonl", speed=None)
        with contextlib.suppress(nb.NbstreamError):
            stream.result()
    assert stream.events[1:] == stamped[1:]
    assert stream.status == ("done" if reason in ("stop", "length") else reason)


def test_a_killed_process_loses_nothing_but_a_torn_line(tmp_path):
    path = tmp_path / "run.jsonl"
    code = f"""
import os, signal
from nbstream.events import RunStart, TextDelta
from nbstream.logs.recording import Recorder
record = Recorder({str(path)!r})
record(RunStart("r"))
for n in range(1000):
    record(TextDelta(0, str(n)))
os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))  # either kills at once
"""
    subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert len(list(read_recording(path))) == 1001
    path.write_bytes(path.read_bytes()[:-5])
    assert len(list(read_recording(path))) == 1000


def test_a_long_recording_is_read_as_it_plays(tmp_path):
    path = tmp_path / "run.jsonl"
    write_recording(path, (TextDelta(0, "word ") for _ in range(200_000)))
    reader = read_recording(path)
    tracemalloc.start()
    count = sum(1 for _ in reader)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 200_000
    assert peak < 1_000_000


def test_a_replay_of_a_long_recording_takes_little_memory(tmp_path):
    path = tmp_path / "run.jsonl"
    words = (TextDelta(0, f"word {n} ") for n in range(50_000))
    write_recording(path, [RunStart("r"), *words, RunEnd("stop")])
    tracemalloc.start()
    stream = nb.replay(path, speed=None)
    stream.result()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(stream.events) == 50_002
    assert peak < 5_000_000


@pytest.fixture
def configured():
    yield nb.configure
    nb.configure(record_to=None, replay=None, replay_mode=None, replay_speed=None)


class Counted(nb.Scripted):
    calls = 0

    def events(self, request):
        self.calls += 1
        return super().events(request)


def test_a_recorded_request_is_answered_without_the_model(tmp_path, configured):
    configured(replay=tmp_path)
    model = Counted("one two three", delay=0)
    ask = lambda prompt, **options: nb.stream(prompt, model=model, **options).result()  # noqa: E731
    first = ask("hello")
    assert ask("hello").text == first.text
    assert model.calls == 1
    ask("hello", temperature=0.5)
    ask("bye")
    assert model.calls == 3
    configured(replay_mode="off")
    ask("hello")
    assert model.calls == 4
    configured(replay_mode="record")
    ask("hello")
    assert model.calls == 5
    assert len(list(tmp_path.iterdir())) == 3


def test_only_recordings_may_answer(tmp_path, configured, monkeypatch):
    configured(replay=tmp_path)
    monkeypatch.setenv("NBSTREAM_REPLAY_MODE", "replay")
    with pytest.raises(nb.UsageError, match="was never recorded"):
        nb.stream("hello", model=nb.Scripted("x"))


def test_half_an_answer_is_no_tape(tmp_path, configured):
    configured(replay=tmp_path)
    model = Counted("one two three four", delay=1.0)
    for _ in nb.stream("hello", model=model).text_deltas():
        break
    deadline = time.monotonic() + 5
    while list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.01)
    model.delay = 0
    assert nb.stream("hello", model=model).result().text.strip() == "one two three four"
    assert model.calls == 2


def test_every_run_is_recorded(tmp_path, configured):
    nb.record_to(tmp_path / "runs")
    for prompt in ("a", "b"):
        nb.stream(prompt, model=nb.Scripted("text", delay=0)).result()
    nb.record_to(None)
    nb.stream("c", model=nb.Scripted("text", delay=0)).result()
    recordings = list((tmp_path / "runs").iterdir())
    assert len(recordings) == 2
    assert nb.replay(recordings[0], speed=None).result().text.strip() == "text"


@pytest.mark.parametrize("speed", [None, 1.0, 4.0])
def test_a_replay_measures_what_was_recorded(tmp_path, speed):
    path = tmp_path / "run.jsonl"
    recorded(path, delay=0.1)
    events = list(read_recording(path))
    replayed = nb.replay(path, speed=speed)
    replayed.result()
    assert [event.time for event in replayed.events[1:]] == [
        event.time / (speed or 1) for event in events[1:]
    ]
    rate = nb.replay(path, speed=None).result().metrics.tokens_per_second
    assert replayed.metrics.tokens_per_second == pytest.approx((rate or 0) * (speed or 1))


def test_a_recorded_stall_is_not_told_twice(tmp_path, monkeypatch):
    monkeypatch.setattr("nbstream.runs.writer.STALL_AFTER", 0.2)

    async def events():
        yield TextDelta(0, "one ")
        await asyncio.sleep(0.5)
        yield TextDelta(0, "two")
        yield RunEnd("stop")

    stream = Stream(Source(events=events))
    stream.result()
    stream.save(tmp_path / "run.jsonl")
    replayed = nb.replay(tmp_path / "run.jsonl")
    replayed.result()
    for each in (stream, replayed):
        assert sum(isinstance(event, Stall) for event in each.events) == 1
