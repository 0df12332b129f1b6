from __future__ import annotations

import asyncio
import time

import pytest

import nbstream as nb
from nbstream.adapters.base import Source
from nbstream.events import RunEnd, TextDelta
from nbstream.run import Stream


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
