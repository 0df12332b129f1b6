"""Recorded streams of real providers: every character and every argument arrives, however it is cut."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from nbstream.adapters.wires.bedrock import EventStreamFramer
from nbstream.events import Citation, Raw, RunEnd, StreamEvent, TextDelta, Usage
from tests.adapters.reading import body_of, cuts, one_by_one, read, response_of

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("NBSTREAM_TRANSCRIPTS", ROOT.parent / "shared" / "transcripts"))
TAPES = ROOT / "tests" / "tapes"

#: What has no home among the events: kinds of payload, with the reason.
MAY_BE_RAW = {
    "jsonrpc": "not a language model's stream at all",
}


def tapes() -> list[Path]:
    found = [p for p in sorted(TAPES.rglob("*")) if p.suffix in (".sse", ".txt", ".ndjson", ".bin")]
    if FOLDER.is_dir():
        found += [p for p in sorted(FOLDER.rglob("*")) if p.suffix in (".sse", ".txt", ".bin")]
    return [path for path in found if path.stat().st_size]


def is_stream(path: Path) -> bool:
    return path.parent.name != "transcripts" and "localhost_8081" not in path.name


def wire_of(path: Path, payloads: list[Any]) -> str:
    first = next((p for p in payloads if isinstance(p, dict)), {})
    if "event_type" in first or "candidates" in first:
        return "gemini"
    if {"contentBlockStart", "contentBlockDelta", "messageStart", "chunk"} & first.keys():
        return "bedrock"
    kind = str(first.get("type", ""))
    if kind == "message_start":
        return "anthropic"
    if kind == "message-start":
        return "cohere"
    if kind.startswith(("response.", "session.")):
        return "responses"
    if "done" in first:
        return "ollama"
    return "chat"


def load(path: Path) -> tuple[str, bytes, list[Any]]:
    """The wire format, the body as it would be sent, and its payloads."""
    data = path.read_bytes()
    if path.suffix == ".bin":
        payloads = [json.loads(m) for m in EventStreamFramer().feed(data)]
        return "bedrock", data, payloads
    if path.suffix == ".sse":
        lines = data.decode().replace("\r\n", "\n").split("\n")
        texts = [line[5:].strip() for line in lines if line.startswith("data:")]
    else:
        texts = [line.strip() for line in data.decode().split("\n") if line.strip()]
    payloads = [value for text in texts if (value := parsed(text)) is not None]
    wire = wire_of(path, payloads)
    if path.suffix == ".txt":
        data = b"".join(b"data: %b\n\n" % text.encode() for text in texts)
        if wire == "bedrock":
            wire = "bedrock-sse"
    return wire, data, payloads


def parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


# What the payloads say, read in the plainest way ─────────────────────────────


def said(wire: str, payloads: list[Any]) -> dict[str, Any]:
    text, thinking, calls = "", "", {}
    finish = None
    if wire.startswith("bedrock") and any("chunk" in p for p in payloads):
        payloads = [json.loads(base64.b64decode(p["chunk"]["bytes"])) for p in payloads]
        wire = "anthropic"
    for p in payloads:
        if wire == "chat":
            for choice in p.get("choices") or ():
                if choice.get("index", 0):
                    continue
                delta = choice.get("delta") or {}
                content = delta.get("content", choice.get("text"))
                if isinstance(content, list):
                    for part in content:
                        if part["type"] == "text":
                            text += part["text"]
                        elif part["type"] == "thinking":
                            thinking += "".join(t["text"] for t in part["thinking"])
                        elif part["type"] == "reasoning":
                            thinking += "".join(t["text"] for t in part["summary"])
                else:
                    text += content or ""
                thinking += delta.get("reasoning_content") or delta.get("reasoning") or ""
                for n, call in enumerate(delta.get("tool_calls") or ()):
                    key = call.get("index", call.get("id") or n)
                    calls.setdefault(key, "")
                    calls[key] += call["function"].get("arguments") or ""
                finish = choice.get("finish_reason") or finish
        elif wire == "anthropic":
            delta = p.get("delta") or {}
            text += delta.get("text") or ""
            thinking += delta.get("thinking") or ""
            block = p.get("content_block") or {}
            if block.get("type", "").endswith("tool_use"):
                calls[len(calls)] = ""
                if block.get("input"):
                    calls[len(calls) - 1] = json.dumps(block["input"])
            if delta.get("partial_json"):
                last = len(calls) - 1
                calls[last] = calls[last] + delta["partial_json"]
            if block.get("type") == "text":
                text += block.get("text") or ""
            finish = delta.get("stop_reason") or finish
        elif wire == "responses":
            kind = p["type"]
            if kind in ("response.output_text.delta", "session.output_transcript.delta"):
                text += p["delta"]
            elif "reasoning" in kind and kind.endswith(".delta"):
                thinking += p["delta"]
            elif kind == "response.output_item.done":
                item = p["item"]
                if item["type"] in ("function_call", "mcp_call", "mcp_approval_request"):
                    calls[p["output_index"]] = item["arguments"]
                elif item["type"] == "custom_tool_call":
                    calls[p["output_index"]] = item["input"]
                elif item["type"] == "code_interpreter_call":
                    calls[p["output_index"]] = item["code"]
            elif kind in ("response.completed", "response.incomplete"):
                finish = p["response"]["status"]
            elif kind == "session.closed":
                finish = "completed"
        elif wire == "gemini":
            for candidate in p.get("candidates") or ():
                for part in (candidate.get("content") or {}).get("parts") or ():
                    if part.get("thought"):
                        thinking += part.get("text") or ""
                    else:
                        text += part.get("text") or ""
                    call = part.get("functionCall") or {}
                    if call.get("name"):
                        calls[len(calls)] = json.dumps(call.get("args") or {})
                finish = candidate.get("finishReason") or finish
            if p.get("event_type") == "step.delta" and p["delta"].get("type") == "text":
                text += p["delta"]["text"]
            if p.get("event_type") == "interaction.completed":
                finish = p["interaction"]["status"]
        elif wire.startswith("bedrock"):
            delta = (p.get("contentBlockDelta") or p).get("delta") or {}
            text += delta.get("text") or ""
            thinking += (delta.get("reasoningContent") or {}).get("text") or ""
            if (p.get("contentBlockStart") or {}).get("start", {}).get("toolUse"):
                calls[len(calls)] = ""
            if "toolUse" in delta:
                calls[len(calls) - 1] += delta["toolUse"]["input"]
            finish = (p.get("messageStop") or {}).get("stopReason") or finish
        elif wire == "cohere":
            delta = p.get("delta") or {}
            message = delta.get("message") or {}
            content = message.get("content") or {}
            if isinstance(content, dict):
                text += content.get("text") or ""
                thinking += content.get("thinking") or ""
            thinking += message.get("tool_plan") or ""
            call = message.get("tool_calls")
            if isinstance(call, dict):
                calls.setdefault(p["index"], "")
                calls[p["index"]] += call["function"].get("arguments") or ""
            finish = delta.get("finish_reason") or finish
        elif wire == "ollama":
            message = p.get("message") or {}
            text += message.get("content") or p.get("response") or ""
            thinking += message.get("thinking") or ""
            for call in message.get("tool_calls") or ():
                calls[len(calls)] = json.dumps(call["function"]["arguments"])
            finish = p.get("done_reason") or finish
    return {"text": text, "thinking": thinking, "calls": list(calls.values()), "finish": finish}


def value_of(arguments: str) -> Any:
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments


def unreadable(payload: Any) -> bool:
    return isinstance(payload, str) and parsed(payload) is None


def raw_kind(payload: Any) -> str:
    if not isinstance(payload, dict):
        return str(payload)
    item = payload.get("item") or payload.get("content_block") or payload.get("delta") or {}
    inner = item.get("type") if isinstance(item, dict) else ""
    return f"{payload.get('type', '')} {inner} {' '.join(payload)}"


def comparable(events: list[StreamEvent]) -> tuple[Any, ...]:
    """What has to be the same however the bytes were cut."""
    response = response_of(events)
    calls = [(c.name, c.arguments_text, c.status) for c in response.tool_calls]
    parts = [part.kind for part in response.transcript.parts]
    kinds = [type(event).__name__ for event in events]
    return response.text, response.thinking, calls, parts, kinds


@pytest.mark.parametrize("path", [p for p in tapes() if is_stream(p)], ids=lambda p: p.name)
def test_transcript(path: Path) -> None:
    wire, data, payloads = load(path)
    body = body_of(wire) if wire != "bedrock-sse" else sse_bedrock()
    events = read(body, [data])
    expected = said(wire, payloads)
    response = response_of(events)
    if body.failure is None:
        assert isinstance(events[-1], RunEnd)
    texts = [event for event in events if isinstance(event, TextDelta) and not event.choice]
    assert "".join(event.text for event in texts) == expected["text"]
    # what is said after a tool or in another message is a paragraph of its own; nothing else is added
    assert response.text.replace("\n\n", "") == expected["text"].replace("\n\n", "")
    assert response.thinking == expected["thinking"]
    arguments = [value_of(text) for text in expected["calls"]]
    own = [c for c in response.tool_calls if not c.server_side]
    if wire == "gemini":
        got = [c.arguments for c in own]
        assert len(got) == len(arguments)
        for a, b in zip(got, arguments, strict=True):
            assert b in ({}, a)  # {} where the arguments came as assignments
    elif wire == "responses":
        got_all = [value_of(c.arguments_text) for c in response.tool_calls]
        for value in arguments:
            assert value in got_all
    else:
        assert [value_of(c.arguments_text) for c in response.tool_calls] == arguments
        assert all(not c.error for c in response.tool_calls)
    word = _responses_word(payloads) if wire == "responses" else expected["finish"]
    assert (response.transcript.provider_reason or None) == word
    for event in events:
        if isinstance(event, Raw) and not unreadable(event.payload):
            kind = raw_kind(event.payload)
            assert any(word in kind for word in MAY_BE_RAW), f"raw: {kind}"
    check_usage(wire, payloads, response.usage)
    whole = comparable(events)
    for seed in range(3):
        again = body_of(wire) if wire != "bedrock-sse" else sse_bedrock()
        assert comparable(read(again, cuts(data, seed))) == whole
    if len(data) < 300_000:
        again = body_of(wire) if wire != "bedrock-sse" else sse_bedrock()
        assert comparable(read(again, one_by_one(data))) == whole


def sse_bedrock() -> Any:
    from nbstream.adapters.wires.bedrock import BedrockDecoder
    from nbstream.adapters.wires.body import Body
    from tests.adapters.reading import ENDPOINT

    return Body(BedrockDecoder(ENDPOINT))


def _responses_word(payloads: list[Any]) -> str | None:
    for p in reversed(payloads):
        if p["type"] in ("response.completed", "response.incomplete"):
            details = p["response"].get("incomplete_details") or {}
            return details.get("reason") or p["response"]["status"]
        if p["type"] == "session.closed":
            return "completed"
    return None


def check_usage(wire: str, payloads: list[Any], usage: Usage | None) -> None:
    last: dict[str, Any] = {}
    for p in payloads:
        if wire == "anthropic":
            figures = (p.get("message") or {}).get("usage") or p.get("usage") or {}
            last |= {k: v for k, v in figures.items() if v is not None}
        elif wire == "responses":
            last = (p.get("response") or {}).get("usage") or last
        elif wire == "chat":
            last = p.get("usage") or (p.get("x_groq") or {}).get("usage") or last
        elif wire == "gemini":
            last = p.get("usageMetadata") or last
    if not last:
        return
    if wire == "gemini":
        if last.get("promptTokenCount") is None:
            return
        assert usage is not None
        tool = last.get("toolUsePromptTokenCount", 0)
        assert usage.input_tokens == last["promptTokenCount"] + tool
        return
    assert usage is not None
    if wire == "anthropic":
        cached = last.get("cache_read_input_tokens", 0) + last.get("cache_creation_input_tokens", 0)
        assert usage.input_tokens == last["input_tokens"] + cached
        assert usage.output_tokens == last["output_tokens"]
    else:
        assert usage.input_tokens == last.get("prompt_tokens", last.get("input_tokens"))
        assert usage.output_tokens == last.get("completion_tokens", last.get("output_tokens"))


def test_there_are_tapes_of_every_wire() -> None:
    wires = {load(path)[0].removesuffix("-sse") for path in tapes() if TAPES in path.parents}
    assert wires == {"chat", "responses", "anthropic", "gemini", "ollama", "bedrock", "cohere"}


def test_citations_arrive() -> None:
    cited = 0
    for path in tapes():
        if is_stream(path):
            wire, data, _ = load(path)
            if wire != "bedrock-sse":
                cited += sum(isinstance(e, Citation) for e in read(body_of(wire), [data]))
    assert cited
