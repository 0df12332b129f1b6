"""`nb.show`: what people hold becomes the same events, and it is closed when they leave."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace as Thing
from typing import Any

import pytest

import nbstream as nb
from nbstream.events import (
    Citation,
    Error,
    IterationEnd,
    Reset,
    RunEnd,
    StepEnd,
    StepStart,
    TextDelta,
    ToolApproval,
)
from tests.adapters.test_transcripts import TAPES, load, said
from tests.servers import Request, chat_event, sse


async def show(source: Any, **options: Any) -> nb.Stream:
    stream = nb.show(source, **options)
    await asyncio.wait_for(stream._wait(), 20)
    assert not any("out of order" in w.message for w in stream.transcript.warnings)
    return stream


def later(*items: Any) -> AsyncIterator[Any]:
    async def generate() -> AsyncIterator[Any]:
        for item in items:
            await asyncio.sleep(0)
            yield item

    return generate()


# Plain iterators ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "form", ["list", "generator", "async", "function", "async function", "coroutine"]
)
async def test_iterators_of_strings(form: str) -> None:
    words = ["Hello ", "there, ", "wörld"]

    async def make() -> AsyncIterator[str]:
        return later(*words)

    forms: dict[str, Any] = {
        "list": lambda: words,
        "generator": lambda: (w for w in words),
        "async": lambda: later(*words),
        "function": lambda: lambda: iter(words),
        "async function": lambda: lambda: later(*words),
        "coroutine": make,
    }
    source = forms[form]()
    stream = await show(source)
    assert (stream.text, stream.finish_reason, stream.status) == (
        "Hello there, wörld",
        "stop",
        "done",
    )


async def test_empty_and_odd_pieces() -> None:
    stream = await show(later("", "a", "", None, "b\ud83d", "\ude00"))
    assert stream.text == "ab😀"
    assert (await show([])).text == ""


async def test_bytes_are_text_or_an_event_stream() -> None:
    assert (await show(later(b"caf\xc3", b"\xa9"))).text == "café"
    raw = chat_event({"content": "Hi"}) + chat_event({}, "stop")
    assert (await show(later(raw[:9], raw[9:]))).text == "Hi"
    lines = raw.decode().split("\n")
    assert (await show(lines)).text == "Hi"
    ndjson = (TAPES / "ollama" / "chat.ndjson").read_bytes()
    assert (await show([ndjson[:50], ndjson[50:]])).text == "Héllo 👋"


async def test_events_pass_through() -> None:
    events = [TextDelta(0, "a"), TextDelta(0, "b"), RunEnd("length")]
    for _ in range(2):
        stream = await show(events)
        assert (stream.text, stream.finish_reason) == ("ab", "length")


async def test_a_recording_plays(tmp_path: Path) -> None:
    first = await show(["a", "b"])
    first.save(tmp_path / "run.jsonl")
    assert (await show(tmp_path / "run.jsonl")).text == "ab"
    assert (await show(str(tmp_path / "run.jsonl"))).text == "ab"
    lines = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
    own = [line for line in lines if line.get("type") == "text_delta"]
    assert (await show(own)).text == "ab"


async def test_a_saved_event_stream_is_read(tmp_path: Path) -> None:
    assert (await show(TAPES / "anthropic" / "everything.sse")).text.startswith("Let me check")
    assert (await show(TAPES / "ollama" / "chat.ndjson")).text == "Héllo 👋"


async def test_a_sync_source_runs_in_a_thread_with_back_pressure_and_is_closed() -> None:
    made: list[int] = []
    closed = threading.Event()
    threads: set[str] = set()

    def numbers() -> Iterator[str]:
        try:
            for n in range(10_000):
                threads.add(threading.current_thread().name)
                made.append(n)
                yield f"{n} "
        finally:
            closed.set()

    stream = nb.show(numbers())
    async for _ in stream.text_deltas():
        break
    stream.stop()
    assert await asyncio.to_thread(closed.wait, 5)
    assert len(made) < 10_000
    assert threads == {"nbstream-source"}


async def test_a_blocking_source_does_not_block_the_loop() -> None:
    def slow() -> Iterator[str]:
        for _ in range(3):
            time.sleep(0.1)
            yield "x"

    stream = nb.show(slow()).start()
    ticks = 0
    while not stream.ended:
        await asyncio.sleep(0.01)
        ticks += 1
    assert ticks > 5


async def test_an_async_source_is_closed() -> None:
    class Held:
        closed = 0

        def __aiter__(self) -> Held:
            return self

        async def __anext__(self) -> str:
            await asyncio.sleep(0.005)
            return "x"

        async def close(self) -> None:
            self.closed += 1

    held = Held()
    stream = nb.show(held)
    async for _ in stream.text_deltas():
        break
    stream.stop()
    await asyncio.sleep(0.05)
    assert held.closed == 1


async def test_a_failing_source_keeps_its_text() -> None:
    def failing() -> Iterator[str]:
        yield "kept"
        raise ValueError("boom")

    stream = nb.show(failing())
    with pytest.raises(nb.NbstreamError, match="boom"):
        await stream
    assert stream.text == "kept"


@pytest.mark.parametrize("thing", [3, object(), None, {"a": 1}, int])
def test_an_unknown_object_is_told_what_is_accepted(thing: Any) -> None:
    with pytest.raises(nb.UsageError) as caught:
        nb.show(thing)
    assert "async for chunk in source" in str(caught.value)
    assert "LangChain" in str(caught.value)


async def test_unknown_chunks_too() -> None:
    with pytest.raises(nb.UsageError, match="object"):
        await nb.show([object()])


# Payloads of providers, as dicts ──────────────────────────────────────────────


@pytest.mark.parametrize(
    "path",
    sorted(p for p in TAPES.rglob("*") if p.parent != TAPES and p.is_file()),
    ids=lambda p: f"{p.parent.name}-{p.name}",
)
async def test_payloads_of_every_wire(path: Path) -> None:
    wire, _, payloads = load(path)
    expected = said(wire, payloads)
    stream = await show(later(*payloads))
    text = "".join(e.text for e in stream.events if isinstance(e, TextDelta) and not e.choice)
    assert (text, stream.thinking) == (expected["text"], expected["thinking"])
    assert (stream.transcript.provider_reason or None) == (expected["finish"] or None)
    assert stream.transcript.raw_count == 0


async def test_boto3_gives_its_stream_in_a_dict() -> None:
    _, _, payloads = load(TAPES / "bedrock" / "converse.bin")
    stream = await show({"ResponseMetadata": {}, "stream": iter(payloads)})
    assert stream.text == "Hello there 🚀"


# Protocols between agents and interfaces ──────────────────────────────────────

AGUI = [
    {"type": "RUN_STARTED", "threadId": "t", "runId": "r"},
    {"type": "STEP_STARTED", "stepName": "plan"},
    {"type": "REASONING_MESSAGE_CONTENT", "messageId": "m0", "delta": "Hm"},
    {"type": "TEXT_MESSAGE_START", "messageId": "m1", "role": "assistant"},
    {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m1", "delta": "Hel"},
    {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m1", "delta": "lo"},
    {"type": "TEXT_MESSAGE_END", "messageId": "m1"},
    {"type": "TOOL_CALL_START", "toolCallId": "c1", "toolCallName": "add"},
    {"type": "TOOL_CALL_ARGS", "toolCallId": "c1", "delta": '{"a":'},
    {"type": "TOOL_CALL_ARGS", "toolCallId": "c1", "delta": "1}"},
    {"type": "TOOL_CALL_END", "toolCallId": "c1"},
    {"type": "TOOL_CALL_RESULT", "messageId": "m2", "toolCallId": "c1", "content": "2"},
    {"type": "STATE_DELTA", "delta": []},
    {"type": "STEP_FINISHED", "stepName": "plan"},
    {"type": "RUN_FINISHED", "threadId": "t", "runId": "r", "usage": [{"inputTokens": 3, "outputTokens": 4}]},
]  # fmt: skip


def check_agui(stream: nb.Stream) -> None:
    assert (stream.text, stream.thinking) == ("Hello", "Hm")
    (call,) = stream.tool_calls
    assert (call.name, call.arguments, call.result) == ("add", {"a": 1}, "2")
    assert stream.finish_reason == "stop"
    assert stream.usage is not None
    assert stream.usage.output_tokens == 4
    assert [e.name for e in stream.events if isinstance(e, (StepStart, StepEnd))] == [
        "plan",
        "plan",
    ]
    assert stream.transcript.raw_count == 1  # the application's own state


async def test_agui_objects_and_urls(serve: Any) -> None:
    check_agui(await show(later(*AGUI)))

    async def agent(request: Request) -> None:
        request.start()
        for event in AGUI:
            await request.send(sse(event))
        await request.end()

    server = serve(agent)
    check_agui(
        await show(server.url + "/agent", prompt="hi", headers={"authorization": "Bearer abcdefgh"})
    )
    asked = server.requests[-1]
    assert asked.method == "POST"
    assert asked.json["messages"][0]["content"] == "hi"
    check_agui(await show(server.url + "/feed"))
    assert server.requests[-1].method == "GET"


async def test_agui_error() -> None:
    stream = nb.show(later(AGUI[4], {"type": "RUN_ERROR", "message": "boom", "code": "X"}))
    with pytest.raises(nb.ProviderError, match="boom"):
        await stream
    assert stream.text == "Hel"


async def test_vercel_ui_messages() -> None:
    chunks = [
        {"type": "start", "messageId": "m"},
        {"type": "start-step"},
        {"type": "reasoning-start", "id": "0"},
        {"type": "reasoning-delta", "id": "0", "delta": "Hm"},
        {"type": "text-start", "id": "1"},
        {"type": "text-delta", "id": "1", "delta": "wrong"},
        {"type": "reset-step"},
        {"type": "text-delta", "id": "1", "delta": "Hello"},
        {"type": "tool-input-start", "toolCallId": "c", "toolName": "f"},
        {"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": '{"a":1}'},
        {"type": "tool-input-available", "toolCallId": "c", "toolName": "f", "input": {"a": 1}},
        {"type": "tool-approval-request", "approvalId": "x", "toolCallId": "c"},
        {"type": "tool-output-available", "toolCallId": "c", "output": {"ok": True}},
        {"type": "source-url", "sourceId": "s", "url": "https://a.org", "title": "A"},
        {"type": "finish-step"},
        {"type": "finish", "finishReason": "stop", "messageMetadata": {"usage": {"inputTokens": 1, "outputTokens": 2}}},
    ]  # fmt: skip
    stream = await show(chunks)
    assert stream.text == "Hello"
    (call,) = stream.tool_calls
    assert (call.arguments, call.result) == ({"a": 1}, {"ok": True})
    assert any(isinstance(e, Reset) for e in stream.events)
    assert any(isinstance(e, ToolApproval) for e in stream.events)
    assert any(isinstance(e, Citation) for e in stream.events)
    assert stream.usage is not None
    assert stream.finish_reason == "stop"
    body = b"".join(sse(chunk) for chunk in chunks) + b"data: [DONE]\n\n"
    assert (await show([body])).text == "Hello"


async def test_vercel_abort_and_error() -> None:
    assert (
        await show([{"type": "text-delta", "id": "1", "delta": "a"}, {"type": "abort"}])
    ).finish_reason == "stopped"
    stream = nb.show(
        [{"type": "text-delta", "id": "1", "delta": "a"}, {"type": "error", "errorText": "boom"}]
    )
    with pytest.raises(nb.ProviderError, match="boom"):
        await stream
    assert stream.text == "a"
    assert any(isinstance(e, Error) for e in stream.events)


# Chunks and events of the agent libraries ─────────────────────────────────────
# By their documented shape: no package on PyPI has these classes (mcp-agent is there, without its StreamEvent).


@dataclasses.dataclass
class AgentiCraftChunk:
    content: str
    token: str | None = None
    metadata: dict[str, Any] = dataclasses.field(default_factory=dict)
    is_final: bool = False
    timestamp: float = 0.0


@dataclasses.dataclass
class CogentChunk:
    content: str
    delta: str = ""
    is_final: bool = False
    finish_reason: str | None = None
    metadata: dict[str, Any] | None = None


@dataclasses.dataclass
class AdenChunk:
    content: str
    is_complete: bool = False
    stop_reason: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0


async def test_agenticraft_chunks() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    chunks = [
        AgentiCraftChunk("Hel", "Hel"),
        AgentiCraftChunk("lo", "lo"),
        AgentiCraftChunk("", metadata={"finish_reason": "length", "usage": usage}, is_final=True),
    ]
    stream = await show(later(*chunks))
    assert (stream.text, stream.finish_reason) == ("Hello", "length")
    assert stream.usage is not None
    assert stream.usage.output_tokens == 2


async def test_cogent_chunks() -> None:
    chunks = [
        CogentChunk("Hel", "Hel"),
        CogentChunk("lo", "lo"),
        CogentChunk("", "", True, "stop", {"model": "gpt-4o", "tokens": 25}),
    ]
    stream = await show(later(*chunks))
    assert (stream.text, stream.finish_reason) == ("Hello", "stop")
    assert stream.usage is not None
    assert (stream.usage.output_tokens, stream.usage.details) == (None, {"total_tokens": 25})
    code = [Thing(content="Hi", finish_reason=None, model="m", index=0, token_count=1, raw=None)]
    assert (await show(code)).text == "Hi"


async def test_aden_chunks() -> None:
    chunks = [AdenChunk("Hel"), AdenChunk("lo"), AdenChunk("", True, "end_turn", 5, 7)]
    stream = await show(later(*chunks))
    assert (stream.text, stream.finish_reason) == ("Hello", "stop")
    assert stream.usage is not None
    assert (stream.usage.input_tokens, stream.usage.output_tokens) == (5, 7)


async def test_a_last_chunk_with_the_whole_text_says_nothing_twice() -> None:
    chunks = [AdenChunk("Hel"), AdenChunk("lo"), AdenChunk("Hello", True)]
    assert (await show(chunks)).text == "Hello"


async def test_a_chunk_stream_that_never_ends_is_incomplete() -> None:
    stream = await show([AdenChunk("Hel")])
    assert (stream.finish_reason, stream.response.partial) == ("unknown", True)


class EventType(str, enum.Enum):  # noqa: UP042 - as its authors write it
    ITERATION_START = "iteration_start"
    TEXT_DELTA = "text_delta"
    THINKING = "thinking"
    TOOL_USE_START = "tool_use_start"
    TOOL_RESULT = "tool_result"
    TOOL_USE_END = "tool_use_end"
    ITERATION_END = "iteration_end"
    COMPLETE = "complete"
    ERROR = "error"


def mcp_event(kind: EventType, content: Any = None, iteration: int = 0, **fields: Any) -> Any:
    values = {"metadata": {}, "timestamp": 0.0, "model": None, "stop_reason": None, "usage": None}
    return Thing(type=kind, content=content, iteration=iteration, **{**values, **fields})


async def test_mcp_agent_events() -> None:
    usage = {"input_tokens": 10, "output_tokens": 5}
    events = [
        mcp_event(EventType.ITERATION_START),
        mcp_event(EventType.THINKING, "Hm"),
        mcp_event(EventType.TEXT_DELTA, "Let me look. "),
        mcp_event(EventType.TOOL_USE_START, {"name": "find", "input": {"q": "x"}}, metadata={"tool_id": "t1"}),
        mcp_event(EventType.TOOL_RESULT, {"content": "found", "is_error": False}, metadata={"tool_id": "t1"}),
        mcp_event(EventType.TOOL_USE_END, metadata={"tool_id": "t1"}),
        mcp_event(EventType.ITERATION_END, usage=usage, stop_reason="tool_use"),
        mcp_event(EventType.ITERATION_START, iteration=1),
        mcp_event(EventType.TEXT_DELTA, "Here.", 1),
        mcp_event(EventType.ITERATION_END, None, 1, usage=usage, stop_reason="end_turn"),
        mcp_event(EventType.COMPLETE, usage={"input_tokens": 20, "output_tokens": 10}, stop_reason="end_turn"),
    ]  # fmt: skip
    stream = await show(later(*events))
    assert (stream.text, stream.thinking) == ("Let me look. Here.", "Hm")
    (call,) = stream.tool_calls
    assert (call.name, call.arguments, call.result) == ("find", {"q": "x"}, "found")
    assert stream.usage is not None
    assert (stream.usage.input_tokens, stream.usage.output_tokens) == (20, 10)
    assert [e.finish_reason for e in stream.events if isinstance(e, IterationEnd)] == [
        "tool_calls",
        "stop",
    ]
    assert stream.finish_reason == "stop"
    dumped = [
        {
            "type": e.type.value,
            "content": e.content,
            "iteration": e.iteration,
            "metadata": e.metadata,
            "timestamp": 0.0,
        }
        for e in events
    ]
    assert (await show(dumped)).text == "Let me look. Here."


async def test_mcp_agent_error() -> None:
    stream = nb.show(
        [mcp_event(EventType.TEXT_DELTA, "a"), mcp_event(EventType.ERROR, {"error": "boom"})]
    )
    with pytest.raises(nb.ProviderError, match="boom"):
        await stream
    assert stream.text == "a"


async def test_aden_stream_events() -> None:
    events = [
        Thing(type="reasoning_delta", content="Hm"),
        Thing(type="text_delta", content="Hel", snapshot="Hel"),
        Thing(type="text_delta", content="lo", snapshot="Hello"),
        Thing(type="text_end", full_text="Hello"),
        Thing(type="tool_call", tool_use_id="t", tool_name="f", tool_input={"a": 1}),
        Thing(type="finish", stop_reason="tool_use", input_tokens=3, output_tokens=4),
    ]
    stream = await show(later(*events))
    assert (stream.text, stream.thinking, stream.finish_reason) == ("Hello", "Hm", "tool_calls")
    assert stream.tool_calls[0].arguments == {"a": 1}


async def test_the_rust_clients_raw_event_stream(serve: Any) -> None:
    lines = [
        b'data: {"choices":[{"delta":{"content":"Hello"}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":" there"}}]}\n\n',
        b"data: [DONE]\n\n",
    ]
    stream = await show(later(*lines))
    assert (stream.text, stream.finish_reason) == ("Hello there", "unknown")
