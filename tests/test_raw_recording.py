"""Recordings that keep the provider's bytes, and their way through the adapter again."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

import nbstream as nb
from nbstream.adapters.models.base import ChatModel
from nbstream.events import Retry, RunStart, StreamEvent, TextDelta, stamp
from nbstream.logs.recording import (
    ResponseBytes,
    ResponseEnd,
    ResponseHead,
    read_lines,
    read_recording,
)
from tests.servers import Request, chat, chat_event

TAPES = Path(__file__).parent / "tapes"
KEY = "sk-raw-0c51f0a977ab"


def said(events: list[StreamEvent]) -> list[StreamEvent]:
    """Events without their time, the run's own id and the ids that were made up for tool calls."""
    plain: list[StreamEvent] = []
    calls: dict[str, str] = {}
    for event in events:
        if not isinstance(event, RunStart):
            plain.append(stamp(msgspec.structs.replace(event), event.seq, 0.0))
        call = getattr(event, "call_id", None)
        if call is not None and re.fullmatch("call_[0-9a-f]{12}", call):
            number = calls.setdefault(call, f"call {len(calls)}")
            msgspec.structs.force_setattr(plain[-1], "call_id", number)
    return plain


def bytes_of(tape: str, cut: int = 40):
    data = (TAPES / tape).read_bytes()

    async def handler(request: Request) -> None:
        request.start()
        for at in range(0, len(data), cut):
            await request.send(data[at : at + cut])
        await request.end()

    return handler


def openai(url: str) -> ChatModel:
    return nb.OpenAICompatible(f"{url}/v1", "m", api_key=KEY)


MODELS = {
    "chat/tools-interleaved.sse": openai,
    "chat/llamacpp.sse": openai,
    "chat/deepseek-reasoning.sse": openai,
    "responses/reasoning-and-tool.sse": lambda url: nb.OpenAIResponses(
        "m", KEY, base_url=f"{url}/v1"
    ),
    "anthropic/everything.sse": lambda url: nb.Anthropic("m", KEY, base_url=url),
    "gemini/thought-tool-grounding.sse": lambda url: nb.Gemini("m", KEY, base_url=url),
    "ollama/chat.ndjson": lambda url: nb.Ollama("m", base_url=url),
}


@pytest.mark.parametrize("tape", MODELS)
def test_the_bytes_give_the_same_events(tape, serve, tmp_path):
    path = tmp_path / "raw.jsonl"
    model = MODELS[tape](serve(bytes_of(tape)).url)
    stream = nb.stream("hello", model=model).record(path, raw=True)
    stream.result()
    kept = b"".join(line.data for line in read_lines(path) if isinstance(line, ResponseBytes))
    assert kept == (TAPES / tape).read_bytes()
    assert list(read_recording(path)) == stream.events
    replayed = nb.replay(path, speed=None)
    replayed.result()
    assert said(replayed.events) == said(stream.events)


def without_its_events(path: Path) -> None:
    """Leaves nothing but the bytes, and how the run began."""
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(line for n, line in enumerate(lines) if n < 2 or b'"answer' in line))


def test_it_is_the_bytes_that_are_replayed(serve, tmp_path):
    path = tmp_path / "raw.jsonl"
    stream = nb.stream("hello", model=openai(serve(chat(["one ", "two"])).url))
    text = stream.record(path, raw=True).result().text
    without_its_events(path)
    assert nb.replay(path, speed=None).result().text == text == "one two"


def test_the_bytes_keep_their_pace(serve, tmp_path):
    path = tmp_path / "raw.jsonl"
    model = openai(serve(chat(["one ", "two ", "three"], delay=0.2)).url)
    nb.stream("hello", model=model).record(path, raw=True).result()
    began = time.monotonic()
    replayed = nb.replay(path, speed=2)
    replayed.result()
    assert time.monotonic() - began >= 0.2
    times = [event.time for event in replayed.events if isinstance(event, TextDelta)]
    assert times[2] - times[0] >= 0.15


def test_no_key_is_in_the_file_wherever_it_is_cut(serve, tmp_path):
    async def echo(request: Request) -> None:
        event = {
            "choices": [{"delta": {"content": "x"}}],
            "debug": request.headers["authorization"],
        }
        data = b"data: %b\n\n" % json.dumps(event).encode()
        request.start(headers={"content-type": "text/event-stream", "set-cookie": f"a={KEY}"})
        for at in range(len(data)):
            await request.send(data[at : at + 1])
            await asyncio.sleep(0.001)
        await request.send(chat_event({}, "stop"))
        await request.end()

    path = tmp_path / "raw.jsonl"
    nb.stream("hello", model=openai(serve(echo).url)).record(path, raw=True).result()
    kept = b"".join(line.data for line in read_lines(path) if isinstance(line, ResponseBytes))
    assert "Bearer •••".encode() in kept
    assert KEY.encode() not in path.read_bytes() + kept
    assert KEY[:8].encode() not in kept
    assert nb.replay(path, speed=None).result().text == "x"


async def breaks(request: Request) -> None:
    request.start()
    await request.send(chat_event({"content": "half an answer"}))
    await asyncio.sleep(0.05)
    request.reset()


async def reports(request: Request) -> None:
    request.start()
    await request.send(chat_event({"content": "half"}))
    await request.send(b'data: {"error": {"message": "overloaded", "code": 503}}\n\n')
    await request.end()


async def refuses(request: Request) -> None:
    await request.respond(401, {"error": {"message": f"no such key: {KEY}"}})


@pytest.mark.parametrize("handler", [breaks, reports, refuses])
def test_a_failure_is_replayed(handler, serve, tmp_path):
    path = tmp_path / "raw.jsonl"
    stream = nb.stream("hello", model=openai(serve(handler).url), retries=0)
    with pytest.raises(nb.NbstreamError) as failure:
        stream.record(path, raw=True).result()
    replayed = nb.replay(path, speed=None)
    with pytest.raises(type(failure.value)):
        replayed.result()
    assert said(replayed.events) == said(stream.events)
    assert KEY.encode() not in path.read_bytes()


def test_a_retry_is_replayed(serve, tmp_path):
    async def second_time(request: Request) -> None:
        if len(server.requests) == 1:
            request.start()
            await request.end()
        else:
            await chat(["at ", "last"])(request)

    server = serve(second_time)
    path = tmp_path / "raw.jsonl"
    stream = nb.stream("hello", model=openai(server.url)).record(path, raw=True)
    stream.result()
    assert any(isinstance(event, Retry) for event in stream.events)
    replayed = nb.replay(path, speed=None)
    assert replayed.result().text == "at last"
    assert said(replayed.events) == said(stream.events)


def test_a_stop_is_replayed(serve, tmp_path):
    path = tmp_path / "raw.jsonl"
    model = openai(serve(chat(["one ", "two ", "three"], delay=0.3)).url)
    stream = nb.stream("hello", model=model).record(path, raw=True)
    for _ in stream.text_deltas():
        break
    stream.stop()
    stream.result()
    assert not any(isinstance(line, ResponseEnd) for line in read_lines(path))
    replayed = nb.replay(path, speed=None)
    assert replayed.result().status == "stopped"
    assert said(replayed.events) == said(stream.events)


def test_a_torn_recording_plays_as_far_as_it_goes(serve, tmp_path):
    path = tmp_path / "raw.jsonl"
    model = openai(serve(chat(["one ", "two ", "three"], delay=0.02)).url)
    nb.stream("hello", model=model).record(path, raw=True).result()
    whole = path.read_bytes()
    for size in range(len(whole) // 3, len(whole), 97):
        path.write_bytes(whole[:size])
        response = nb.replay(path, speed=None).response
        assert "one two three".startswith(response.text)


def test_a_killed_process_has_written_what_arrived(serve, tmp_path):
    server = serve(chat([f"w{n} " for n in range(10_000)], delay=0.005))
    path = tmp_path / "raw.jsonl"
    code = f"""
import nbstream as nb
model = nb.OpenAICompatible({server.url + "/v1"!r}, "m", api_key={KEY!r})
nb.stream("hello", model=model).record({str(path)!r}, raw=True).result()
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 60
    while not path.exists() or path.stat().st_size < 20_000:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    words = sum(isinstance(line, TextDelta) for line in read_lines(path))
    assert words > 50
    replayed = nb.replay(path, speed=None).result()
    assert replayed.text.split()[:words] == [f"w{n}" for n in range(words)]
    assert replayed.partial


def test_an_agents_requests_are_tapes_of_their_own(serve, tmp_path):
    async def answer(request: Request) -> None:
        if request.json["messages"][-1]["role"] == "tool":
            return await chat(["it is ", "six"])(request)
        call = {"index": 0, "id": "c", "function": {"name": "add", "arguments": '{"a": 2, "b": 4}'}}
        request.start()
        await request.send(chat_event({"tool_calls": [call]}))
        await request.send(chat_event({}, "tool_calls"))
        return await request.end()

    def add(a: int, b: int) -> int:
        """Adds."""
        return a + b

    path, tapes = tmp_path / "run.jsonl", tmp_path / "tapes"
    nb.record_to(tapes, raw=True)
    try:
        stream = nb.stream("2 + 4?", model=openai(serve(answer).url), tools=[add])
        stream.record(path, raw=True).result()
    finally:
        nb.record_to(None)
    replayed = nb.replay(path, speed=None)
    assert replayed.result().text == "it is six"
    assert said(replayed.events) == said(stream.events)
    assert sum(isinstance(line, ResponseHead) for line in read_lines(path)) == 2
    first, second = sorted(tapes.iterdir(), key=lambda tape: tape.stat().st_mtime_ns)
    for tape in (first, second):
        without_its_events(tape)
    assert nb.replay(first, speed=None).result().tool_calls[0].arguments == {"a": 2, "b": 4}
    assert nb.replay(second, speed=None).result().text == "it is six"


def test_what_has_begun_has_lost_its_bytes(tmp_path):
    stream = nb.stream("hello", model=nb.Scripted(["one ", "two"], delay=0))
    stream.result()
    with pytest.raises(nb.UsageError, match="not started"):
        stream.record(tmp_path / "raw.jsonl", raw=True)
    stream.record(tmp_path / "late.jsonl")
    assert list(read_recording(tmp_path / "late.jsonl")) == stream.events
