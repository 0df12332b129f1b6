"""Streams that are odd but can be read, each from a real socket: what is kept, and what is said about it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

import nbstream as nb
from nbstream.adapters.wires.decoding import MAX_GARBAGE
from nbstream.events import Raw, RunEnd, Warning
from tests.servers import Request, Server, chat_event, sse

Serve = Callable[..., Server]

KEPT = chat_event({"content": "kept"})
STOP = chat_event({}, "stop")
DONE = b"data: [DONE]\n\n"
END = STOP + DONE
TEXT = "a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg\x1dh\x1ei"


class Case(msgspec.Struct):
    """A body and what becomes of it; `warns` are parts of the warnings, in order, and there are no others."""

    body: bytes
    text: str = "kept"
    finish: str = "stop"
    warns: tuple[str, ...] = ()
    wire: str = "openai"
    thinking: str = ""
    refusal: str = ""
    calls: list[Any] = []
    usage: tuple[int, int] | None = None
    raw: int = 0
    word: str | None = None
    texts: dict[int, str] | None = None  # by choice
    cut: int = 0  # bytes a piece; 0: all at once


def calls(*deltas: Any) -> bytes:
    """Chunks whose delta is one tool call or several."""
    return b"".join(
        chat_event({"tool_calls": delta if isinstance(delta, list) else [delta]})
        for delta in deltas
    )


def call(arguments: Any = "", *, name: str | None = None, **fields: Any) -> dict[str, Any]:
    function = {"arguments": arguments} if name is None else {"name": name, "arguments": arguments}
    return {**fields, "function": function}


def usage(given: int, made: int, **fields: Any) -> bytes:
    return sse({**fields, "usage": {"prompt_tokens": given, "completion_tokens": made}})


def raw_text(text: str) -> bytes:
    """A chunk whose text is in the JSON as it is, not escaped."""
    chunk = {"choices": [{"index": 0, "delta": {"content": text}}]}
    return b"data: %b\n\n" % json.dumps(chunk, ensure_ascii=False).encode()


def messages(*payloads: Any, named: bool = True) -> bytes:
    return b"".join(
        (b"event: %b\n" % p["type"].encode() if named else b"")
        + b"data: %b\n\n" % json.dumps(p, ensure_ascii=False).encode()
        for p in payloads
    )


M_START = {
    "type": "message_start",
    "message": {"id": "msg_1", "type": "message", "usage": {"input_tokens": 3, "output_tokens": 1}},
}
M_BLOCK = {
    "type": "content_block_start",
    "index": 0,
    "content_block": {"type": "text", "text": ""},
}
M_END = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn"},
    "usage": {"output_tokens": 2},
}
M_STOP = {"type": "message_stop"}


def m_text(text: str = "kept", index: int = 0) -> dict[str, Any]:
    delta = {"type": "text_delta", "text": text}
    return {"type": "content_block_delta", "index": index, "delta": delta}


def lines(*values: Any) -> bytes:
    return b"".join(json.dumps(v, ensure_ascii=False).encode() + b"\n" for v in values)


CLAUDE: Any = {"wire": "anthropic", "usage": (3, 2)}
F, G = {"name": "f"}, {"name": "g"}
ONE, TWO = {"a": 1}, {"b": 2}

CASES = {
    # the frame
    "byte order mark": Case(b"\xef\xbb\xbf" + KEPT + END),
    "CRLF": Case((KEPT + END).replace(b"\n", b"\r\n")),
    "CR, byte by byte": Case((KEPT + END).replace(b"\n", b"\r"), cut=1),
    "no [DONE]": Case(KEPT + STOP),
    "two [DONE]": Case(KEPT + END + DONE),
    "data after [DONE]": Case(KEPT + END + KEPT, warns=("went on after its end",)),
    "[DONE] without a finish reason": Case(KEPT + DONE, finish="unknown"),
    "no finish reason at all": Case(KEPT, finish="unknown", warns=("without saying",)),
    "events without data": Case(b"event: ping\n\nid: 7\n\n\n\n" + KEPT + b"data:\n\ndata\n\nretry: 9\n\n" + END),
    "keep-alives": Case(b":\n\n: ping\n\n" + KEPT + b": OPENROUTER PROCESSING\n\n" + END),
    "a message that is null": Case(b"data: null\n\n" + KEPT + b"data: null\n\n" + END, warns=("is null",)),
    "no last blank line": Case(KEPT + STOP[:-1], warns=("lacked its blank line",)),
    "no last newline": Case(KEPT + STOP[:-2], warns=("lacked its blank line",)),
    "usage without the last blank line": Case(KEPT + STOP + usage(3, 5)[:-1], usage=(3, 5), warns=("lacked its blank line",)),
    "[DONE] without its blank line": Case(KEPT + STOP + DONE[:-1]),
    "a last message cut off": Case(KEPT + STOP + KEPT[:-9], raw=1, warns=("could not be read",)),
    "a message on several lines": Case(b'data: {"choices": [{"delta":\ndata: {"content": "kept"}}]}\n\n' + END),
    "a type nobody knows": Case(KEPT + sse({"type": "surprise"}) + END, raw=1),
    "a malformed line": Case(KEPT + b'data: {"choices": [}\n\n' + KEPT + END, "keptkept", raw=1, warns=("could not be read",)),
    # characters
    "U+2028 and its kin": Case(raw_text(TEXT) + END, TEXT),
    "U+2028 and its kin, byte by byte": Case(raw_text(TEXT) + END, TEXT, cut=1),
    "half surrogates": Case(b"".join(b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n' % t for t in (b"a\\ud83d", b"\\ude00b")) + END, "a😀b"),
    "half a surrogate at the end": Case(b'data: {"choices":[{"delta":{"content":"a\\ud83d"}}]}\n\n' + END, "a\ufffd"),
    "bytes that are not UTF-8": Case(KEPT + chat_event({"content": "?"}).replace(b"?", b"\xff") * 2 + END, "kept\ufffd\ufffd", warns=("not UTF-8",)),
    # chunks
    "null and missing deltas": Case(sse({"choices": [{"delta": None}]}) + sse({"choices": [{}]}) + KEPT + END),
    "null and missing choices": Case(sse({"id": "x", "choices": None}) + sse({"id": "x"}) + KEPT + END),
    "usage on every chunk": Case(usage(3, 1, choices=[]) + KEPT + usage(3, 2, choices=[]) + END[: -len(DONE)] + usage(3, 5, choices=[]) + DONE, usage=(3, 5)),
    "usage first": Case(usage(3, 5, choices=[]) + KEPT + END, usage=(3, 5)),
    "usage without choices": Case(KEPT + STOP + usage(3, 5) + DONE, usage=(3, 5)),
    "text after the finish reason": Case(KEPT + STOP + KEPT * 2 + DONE, "kept" * 3, warns=("after the finish reason",)),
    "a finish reason of others": Case(KEPT + chat_event({}, "pause_turn") + DONE, finish="pause", word="pause_turn"),
    "a finish reason nobody knows": Case(KEPT + chat_event({}, "tired") + DONE, finish="unknown", word="tired"),
    "a refusal": Case(chat_event({"refusal": "I can"}) + chat_event({"refusal": "not."}) + END, "", refusal="I cannot."),
    "content as a list": Case(chat_event({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "kept"}]}) + END, thinking="hm"),
    "two choices interleaved": Case(
        b"".join(sse({"choices": [{"index": n, "delta": {"content": t}}]}) for n, t in ((0, "A0"), (1, "B0"), (0, "A1"), (1, "B1")))
        + sse({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        + sse({"choices": [{"index": 1, "delta": {}, "finish_reason": "length"}]}) + DONE,
        "A0A1", texts={0: "A0A1", 1: "B0B1"},
    ),
    # tool calls
    "arguments cut inside an escape": Case(calls(call('{"a": "\\', index=0, id="c", name="f"), call('"\\u00', index=0), call('e9"}', index=0)) + END, "", calls=[("f", {"a": '"é'})]),
    "parallel calls interleaved": Case(calls(call('{"a"', index=0, id="c", **F), call('{"b"', index=1, id="d", **G), call(": 1}", index=0), call(": 2}", index=1)) + END, "", calls=[("f", ONE), ("g", TWO)]),
    "two calls with one number": Case(calls(call('{"a": 1}', index=0, id="c", **F), call('{"b": 2}', index=0, id="d", **G)) + END, "", calls=[("f", ONE), ("g", TWO)]),
    "name and id on every fragment": Case(calls(call('{"a"', index=0, id="c", **F), call(": 1}", index=0, id="c", **F)) + END, "", calls=[("f", ONE)]),
    "a call without id": Case(calls(call('{"a"', index=0, **F), call(": 1}", index=0)) + END, "", calls=[("f", ONE)]),
    "a call without number": Case(calls(call('{"a"', id="c", **F), call(": 1}")) + END, "", calls=[("f", ONE)]),
    "arguments as an object": Case(calls(call({"a": 1}, index=0, id="c", **F)) + END, "", calls=[("f", ONE)]),
    "arguments that are null": Case(calls(call(None, index=0, id="c", **F)) + END, "", calls=[("f", {})]),
    # other formats
    "Claude without event lines": Case(messages(M_START, M_BLOCK, m_text(), M_END, M_STOP, named=False), **CLAUDE),
    "Claude with events nobody knows": Case(messages(M_START, {"type": "news", "a": 1}, {**M_BLOCK, "content_block": {"type": "hologram"}}, m_text(index=1), M_END, M_STOP), raw=2, **CLAUDE),
    "message_start twice": Case(messages(M_START, M_START, M_BLOCK, m_text(), M_END, M_STOP), warns=("before the one before it",), **CLAUDE),
    "no message_stop": Case(messages(M_START, M_BLOCK, m_text(), M_END), warns=("message_stop",), **CLAUDE),
    "Claude just ends": Case(messages(M_START, M_BLOCK, m_text()), wire="anthropic", usage=(3, 1), finish="unknown", warns=("without saying",)),
    "Claude with a malformed line": Case(messages(M_START, M_BLOCK, m_text()) + b"data: {\n\n" + messages(m_text(), M_END, M_STOP), "keptkept", raw=1, warns=("could not be read",), **CLAUDE),
    "Claude with U+2028": Case(messages(M_START, M_BLOCK, m_text(TEXT), M_END, M_STOP), TEXT, **CLAUDE),
    "Ollama with U+2028": Case(lines({"message": {"content": TEXT}, "done": False}, {"message": {"content": ""}, "done": True, "done_reason": "stop"}), TEXT, wire="ollama"),
    "Ollama without the last newline": Case(lines({"message": {"content": "kept"}, "done": False}, {"done": True, "done_reason": "stop"})[:-1], wire="ollama"),
    "Ollama just ends": Case(lines({"message": {"content": "kept"}, "done": False}), wire="ollama", finish="unknown", warns=("without saying",)),
    "Gemini with U+2028": Case(b"data: %b\n\n" % json.dumps({"candidates": [{"content": {"parts": [{"text": TEXT}]}, "finishReason": "STOP"}]}, ensure_ascii=False).encode(), TEXT, wire="gemini"),
    "Gemini as an array that is cut off": Case(b'[{"candidates": [{"content": {"parts": [{"text": "kept"}]}}]},\n{"candidates": [', wire="gemini", finish="unknown", raw=1, warns=("could not be read", "without saying")),
    "Responses just ends": Case(sse({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "kept"}), wire="responses", finish="unknown", warns=("without saying",)),
}  # fmt: skip

MODELS: dict[str, Callable[[str], nb.ChatModel]] = {
    "openai": lambda url: nb.OpenAICompatible(url, "m"),
    "responses": lambda url: nb.model("openai-responses/m", base_url=url, api_key="sk-0123456789"),
    "anthropic": lambda url: nb.Anthropic("m", base_url=url),
    "ollama": lambda url: nb.Ollama("m", base_url=url),
    "gemini": lambda url: nb.Gemini("m", base_url=url),
}


@pytest.mark.parametrize("name", CASES)
async def test_oddity(serve: Serve, name: str) -> None:
    case = CASES[name]
    kind = "application/x-ndjson" if case.wire == "ollama" else "text/event-stream"

    async def handler(request: Request) -> None:
        request.start(headers={"content-type": kind})
        size = case.cut or len(case.body)
        for start in range(0, len(case.body), size):
            await request.send(case.body[start : start + size])
        await request.end()

    stream = nb.stream("hi", model=MODELS[case.wire](serve(handler).url), retries=0)
    response = await asyncio.wait_for(stream._wait(), 20)
    transcript = stream.transcript
    said = [e.message for e in stream.events if isinstance(e, Warning)]
    assert (response.text, response.thinking, transcript.refusal) == (
        case.text,
        case.thinking,
        case.refusal,
    )
    assert [(c.name, c.arguments) for c in response.tool_calls] == case.calls
    assert len(said) == len(case.warns), said
    assert all(part in message for part, message in zip(case.warns, said, strict=True)), said
    assert sum(isinstance(e, Raw) for e in stream.events) == case.raw
    end = stream.events[-1]
    assert isinstance(end, RunEnd)
    assert response.finish_reason == case.finish
    assert end.incomplete is ("without saying" in case.warns)
    assert response.partial or not end.incomplete
    if case.word:
        assert end.provider_reason == case.word
    if case.usage:
        assert (stream.usage.input_tokens, stream.usage.output_tokens) == case.usage
    if case.texts:
        by_choice: dict[int, str] = {}
        for event in stream.events:
            if choice := getattr(event, "text", ""):
                by_choice[event.choice] = by_choice.get(event.choice, "") + choice
        assert by_choice == case.texts


@pytest.mark.parametrize("garbage", [MAX_GARBAGE, MAX_GARBAGE + 1])
async def test_so_much_garbage_is_no_stream(serve: Serve, garbage: int) -> None:
    async def handler(request: Request) -> None:
        request.start()
        await request.send(KEPT + b"data: {\n\n" * garbage + END)
        await request.end()

    stream = nb.stream("hi", model=MODELS["openai"](serve(handler).url), retries=0)
    if garbage <= MAX_GARBAGE:
        assert (await stream).finish_reason == "stop"
    else:
        with pytest.raises(nb.ProtocolError):
            await stream
    assert stream.text == "kept"


async def test_pings_after_the_end_do_not_keep_it_open(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbstream.adapters.wires.body.LINGER", 0.1)

    async def handler(request: Request) -> None:
        request.start()
        await request.send(KEPT + STOP)
        while True:
            await request.send(b": ping\n\n")
            await asyncio.sleep(0.02)

    stream = nb.stream("hi", model=MODELS["openai"](serve(handler).url))
    assert (await asyncio.wait_for(stream._wait(), 10)).finish_reason == "stop"


async def test_an_sdk_that_yields_none(serve: Serve) -> None:
    chunks = [json.loads(piece[6:]) for piece in (KEPT, STOP)]
    stream = nb.show([chunks[0], None, chunks[0], None, chunks[1]])
    assert (await stream).text == "keptkept"
    assert [e.message for e in stream.events if isinstance(e, Warning)] == [
        "a message that is null was passed over"
    ]
