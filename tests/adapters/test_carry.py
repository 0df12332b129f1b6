"""The next request carries what the provider gave: nothing its own SDK would send back is missing.

Left out on purpose: text of white space alone (Anthropic refuses it), a thought at the very end that led to
nothing (OpenAI refuses it), fields that are null, the id of a spoken answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import nbstream as nb
from nbstream.adapters.models import anthropic, gemini, ollama, openai_responses
from nbstream.adapters.models.chat_messages import chat_messages
from nbstream.agents.history import assistant_message
from nbstream.events.carry import carried
from tests.adapters.reading import body_of, read, response_of
from tests.adapters.test_transcripts import load, said, tapes
from tests.servers import Handler, Request, Server, chat_event, sse

Serve = Callable[..., Server]


#: What begins an answer and what ends it, where a transcript may hold several, one after the other.
BOUNDS = {
    "anthropic": ("message_start", "message_stop"),
    "responses": ("response.created", "response.completed"),
}


def pairs(wire: str) -> list[Any]:
    """Each answer of each transcript: a conversation in one file is one answer after the other."""
    found = [(path, *load(path)) for path in tapes() if "localhost_8081" not in path.name]
    return [
        pytest.param(path, part, inner, id=f"{path.name}-{n}" if n else path.name)
        for path, w, data, payloads in found
        if w == wire
        for n, (part, inner) in enumerate(answers(wire, data, payloads))
    ]


def answers(wire: str, data: bytes, payloads: list[Any]) -> list[tuple[bytes, list[Any]]]:
    start, end = BOUNDS.get(wire, ("", ""))
    kinds = [p.get("type") for p in payloads]
    if kinds.count(start) < 2:
        return [(data, payloads)]
    starts = [n for n, kind in enumerate(kinds) if kind == start] + [len(kinds)]
    parts = [payloads[a:b] for a, b in pairwise(starts)]
    whole = [part for part in parts if any(p.get("type") == end for p in part)]
    return [(b"".join(sse(p) for p in part), part) for part in whole]


def message_of(wire: str, data: bytes) -> dict[str, Any]:
    """The assistant's message that a body amounts to."""
    response = response_of(read(body_of(wire), [data]))
    calls = [call for call in response.tool_calls if not call.server_side]
    return assistant_message(response.transcript, calls)


def without_nulls(value: dict[str, Any]) -> dict[str, Any]:
    return {name: inner for name, inner in value.items() if inner is not None}


# Anthropic ────────────────────────────────────────────────────────────────────


def anthropic_blocks(payloads: list[Any]) -> list[dict[str, Any]]:
    """The last message's blocks, put together in the plainest way."""
    blocks: dict[int, dict[str, Any]] = {}
    texts: dict[int, str] = {}
    for p in payloads:
        if p.get("type") == "message_start":
            blocks, texts = {}, {}
        elif p.get("type") == "content_block_start":
            blocks[p["index"]], texts[p["index"]] = dict(p["content_block"]), ""
        elif p.get("type") == "content_block_delta":
            block, delta = blocks[p["index"]], p["delta"]
            for name in ("text", "thinking", "partial_json", "content"):
                texts[p["index"]] += delta.get(name) or ""
            if "signature" in delta:
                block["signature"] = delta["signature"]
            if "citation" in delta:
                block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
    for index, text in texts.items():
        block = blocks[index]
        kind = block["type"]
        if kind.endswith("tool_use"):
            block["input"] = json.loads(text) if text else block["input"]
        elif kind in ("text", "thinking", "compaction"):
            name = "content" if kind == "compaction" else kind
            block[name] = (block.get(name) or "") + text
    return [without_nulls(b) for b in blocks.values() if b["type"] != "text" or b["text"].strip()]


@pytest.mark.parametrize(("path", "data", "payloads"), pairs("anthropic"))
def test_anthropic(path: Path, data: bytes, payloads: list[Any]) -> None:
    if "error" in [p.get("type") for p in payloads]:
        return  # no answer
    _, messages = anthropic.convert([message_of("anthropic", data)], "test")
    sent = messages[0]["content"] if messages else []
    blocks = anthropic_blocks(payloads)
    if not blocks:
        return
    if sent and sent[-1]["type"] == "text" and blocks[-1]["type"] == "text":
        blocks[-1]["text"] = blocks[-1]["text"].rstrip()  # where it is the last of a request
    if all(block["type"] == "text" and not block.get("citations") for block in blocks):
        assert "".join(b["text"] for b in sent) == "".join(b["text"] for b in blocks)
    else:
        assert sent == blocks


def paused(*, again: bool) -> list[bytes]:
    call = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}}
    found = {
        "type": "web_search_tool_result",
        "tool_use_id": "s1",
        "content": [{"url": "http://a"}],
    }
    if not again:
        blocks, reason, ident = [{"type": "text", "text": "I look."}, call], "pause_turn", "m1"
    else:
        blocks, reason, ident = [found, {"type": "text", "text": "Found."}], "end_turn", "m2"
    usage = {"input_tokens": 5, "output_tokens": 1}
    payloads: list[Any] = [{"type": "message_start", "message": {"id": ident, "usage": usage}}]
    for index, block in enumerate(blocks):
        payloads.append({"type": "content_block_start", "index": index, "content_block": block})
        payloads.append({"type": "content_block_stop", "index": index})
    payloads.append(
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 4}}
    )
    payloads.append({"type": "message_stop"})
    return [sse(payload) for payload in payloads]


def sending(answers: Callable[[int], list[bytes]]) -> Handler:
    count = 0

    async def handler(request: Request) -> None:
        nonlocal count
        count += 1
        request.start()
        for piece in answers(count):
            await request.send(piece)
        await request.end()

    return handler


async def test_a_paused_answer_goes_on(serve: Serve) -> None:
    server = serve(sending(lambda n: paused(again=n > 1)))
    agent = nb.Agent(nb.Anthropic("c", "k", base_url=server.url))
    stream = agent.stream("hi")
    response = await stream
    assert response.text == "I look.\n\nFound."
    assert response.finish_reason == "stop"
    assert (response.usage.input_tokens, response.usage.output_tokens) == (10, 8)
    (call,) = response.tool_calls
    assert (call.name, call.arguments, call.result) == (
        "web_search",
        {"query": "x"},
        [{"url": "http://a"}],
    )
    await agent.stream("more")
    assert [b["type"] for b in server.requests[2].json["messages"][1]["content"]] == [
        "text",
        "server_tool_use",
        "web_search_tool_result",
        "text",
    ]


async def test_the_sandbox_goes_along(serve: Serve) -> None:
    def answer(n: int) -> list[bytes]:
        delta = {"stop_reason": "end_turn", "container": {"id": "box", "expires_at": "never"}}
        return [
            sse({"type": "message_start", "message": {"id": f"m{n}"}}),
            sse(
                {
                    "type": "content_block_start",
                    "index": 0,
                    "content_block": {"type": "text", "text": "ok"},
                }
            ),
            sse({"type": "message_delta", "delta": delta}),
            sse({"type": "message_stop"}),
        ]

    server = serve(sending(answer))
    agent = nb.Agent(nb.Anthropic("c", "k", base_url=server.url))
    await agent.stream("a")
    await agent.stream("b")
    assert "container" not in server.requests[0].json
    assert server.requests[1].json["container"] == "box"


# Responses ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("path", "data", "payloads"), pairs("responses"))
def test_responses(path: Path, data: bytes, payloads: list[Any]) -> None:
    done = [p["item"] for p in payloads if p["type"] == "response.output_item.done"]
    if not done or not any(p["type"] == "response.completed" for p in payloads):
        return
    while done and done[-1]["type"] == "reasoning":
        done.pop()
    sent = openai_responses.convert([message_of("responses", data)], "test")
    if all(item["type"] == "message" and "phase" not in item for item in done):
        assert [item["role"] for item in sent] == ["assistant"] * len(sent)
    else:
        assert sent == [without_nulls(item) for item in done]


def test_each_call_is_answered_in_its_own_kind() -> None:
    calls = [
        {"type": "function_call", "id": "f", "call_id": "1", "name": "f", "arguments": "{}"},
        {"type": "custom_tool_call", "id": "c", "call_id": "2", "name": "c", "input": "x"},
        {
            "type": "apply_patch_call",
            "id": "p",
            "call_id": "3",
            "operation": {"type": "delete_file"},
        },
        {"type": "mcp_approval_request", "id": "4", "name": "m", "arguments": "{}"},
        {"type": "shell_call", "id": "s", "call_id": "5", "action": {"commands": ["ls"]}},
    ]
    carry = {"wire": "responses", "provider": "openai", "items": calls}
    message = {"role": "assistant", "content": "", "carry": {**carry, "of": said_of("")}}
    results = [
        {"role": "tool", "tool_call_id": str(n), "content": text}
        for n, text in enumerate(("one", "two", "Error: no", "approved", "a.txt"), 1)
    ]
    items = openai_responses.convert([message, *results], "openai")[len(calls) :]
    assert [item["type"] for item in items] == [
        "function_call_output",
        "custom_tool_call_output",
        "apply_patch_call_output",
        "mcp_approval_response",
        "shell_call_output",
    ]
    assert items[2]["status"] == "failed"
    assert items[3] == {
        "type": "mcp_approval_response",
        "approval_request_id": "4",
        "approve": True,
    }
    assert items[4]["output"][0]["stdout"] == "a.txt"


def said_of(content: Any) -> int:
    from nbstream.events.carry import fingerprint

    return fingerprint(content)


@pytest.mark.parametrize("allowed", [True, False])
async def test_consent_to_the_providers_own_call(serve: Serve, allowed: bool) -> None:
    ask = {
        "type": "mcp_approval_request",
        "id": "m1",
        "name": "delete",
        "server_label": "s",
        "arguments": '{"a":1}',
    }

    def answer(n: int) -> list[bytes]:
        output: list[Any] = (
            [ask]
            if n == 1
            else [
                {
                    "type": "message",
                    "id": "m",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "ok"}],
                }
            ]
        )
        response = {"id": f"r{n}", "status": "completed", "output": output}
        return [
            sse({"type": "response.created", "response": {"id": f"r{n}"}}),
            sse({"type": "response.output_item.done", "output_index": 0, "item": output[0]}),
            sse({"type": "response.completed", "response": response}),
        ]

    server = serve(sending(answer))
    model = nb.OpenAIResponses("m", "k", base_url=server.url)
    agent = nb.Agent(model, approval_timeout=5, approval_default=allowed)
    assert (await agent.stream("go")).text == "ok"
    sent = server.requests[1].json["input"]
    assert sent[1] == ask
    assert (sent[2]["type"], sent[2]["approve"]) == ("mcp_approval_response", allowed)


# Gemini ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("path", "data", "payloads"), pairs("gemini"))
def test_gemini(path: Path, data: bytes, payloads: list[Any]) -> None:
    parts = [
        part
        for p in payloads
        for candidate in p.get("candidates") or ()
        for part in (candidate.get("content") or {}).get("parts") or ()
    ]
    if not parts:
        return
    _, contents = gemini.convert([message_of("gemini", data)], "test")
    sent = contents[0]["parts"] if contents else []

    def signed(given: list[Any]) -> list[Any]:
        return [part["thoughtSignature"] for part in given if part.get("thoughtSignature")]

    def calls(given: list[Any]) -> list[Any]:
        made = [part["functionCall"] for part in given if part.get("functionCall")]
        return [(call["name"], call.get("id")) for call in made if call.get("name")]

    assert signed(sent) == signed(parts)
    assert calls(sent) == calls(parts)
    for thought in (True, False):
        texts = [
            [p.get("text") or "" for p in g if bool(p.get("thought")) is thought]
            for g in (sent, parts)
        ]
        if signed(parts) or calls(parts) or not thought:
            assert "".join(texts[0]) == "".join(texts[1])
    for kind in ("executableCode", "codeExecutionResult", "toolCall", "toolResponse"):
        assert [p[kind] for p in sent if kind in p] == [p[kind] for p in parts if kind in p]


async def test_geminis_ids_go_back(serve: Serve) -> None:
    def answer(n: int) -> list[bytes]:
        call = {
            "functionCall": {"id": "g1", "name": "add", "args": {"a": 1}},
            "thoughtSignature": "s",
        }
        parts = [call] if n == 1 else [{"text": "2"}]
        return [sse({"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]})]

    @nb.tool
    def add(a: int) -> int:
        """Adds one."""
        return a + 1

    server = serve(sending(answer))
    await nb.Agent(nb.Gemini("g", "k", base_url=server.url), [add]).stream("go")
    contents = server.requests[1].json["contents"]
    assert contents[1]["parts"][0]["functionCall"]["id"] == "g1"
    assert contents[2]["parts"][0]["functionResponse"]["id"] == "g1"


# Chat completions ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("path", "data", "payloads"), pairs("chat"))
def test_chat(path: Path, data: bytes, payloads: list[Any]) -> None:
    deltas = [
        choice.get("delta") or {}
        for p in payloads
        for choice in p.get("choices") or ()
        if not choice.get("index")
    ]
    plain = said("chat", payloads)
    if not plain["text"] and not plain["calls"]:
        return
    message = message_of("chat", data)
    (sent,) = chat_messages([message], ("reasoning_content",), provider="test")
    assert sent["role"] == "assistant"
    assert (sent["content"] or "") == plain["text"]
    made = [call for delta in deltas for call in delta.get("tool_calls") or ()]
    got = sent.get("tool_calls") or []
    assert {c["id"] for c in made if c.get("id")} <= {c["id"] for c in got}
    assert [json.loads(call["function"]["arguments"]) for call in got] == [
        json.loads(text or "{}") for text in plain["calls"]
    ]
    names = [call["function"]["name"] for call in made if call["function"].get("name")]
    assert [call["function"]["name"] for call in got] == names
    extra = [call["extra_content"] for call in made if call.get("extra_content")]
    assert [call["extra_content"] for call in got if "extra_content" in call] == extra
    named = {n for d in deltas for n in ("reasoning_content", "reasoning") if d.get(n)}
    if got and named:  # under the name that it came by
        assert any(sent.get(name) == plain["thinking"] for name in named)
    details = [detail for delta in deltas for detail in delta.get("reasoning_details") or ()]
    back = sent.get("reasoning_details") or []
    for name in ("text", "data", "signature", "summary"):
        assert "".join(d.get(name) or "" for d in back) == "".join(
            d.get(name) or "" for d in details
        )


@pytest.mark.parametrize(("path", "data", "payloads"), pairs("ollama"))
def test_ollama(path: Path, data: bytes, payloads: list[Any]) -> None:
    plain = said("ollama", payloads)
    message = message_of("ollama", data)
    sent = ollama._message(message)
    assert sent["content"] == plain["text"]
    calls = [call["function"]["arguments"] for call in sent.get("tool_calls") or ()]
    assert calls == [json.loads(text) for text in plain["calls"]]


async def test_chat_fields_go_back_to_whom_they_came_from(serve: Serve) -> None:
    signature = {"google": {"thought_signature": "s"}}
    details = [
        {"type": "reasoning.text", "index": 0, "text": "One "},
        {"type": "reasoning.text", "index": 0, "text": "more.", "signature": "z"},
        {"type": "reasoning.encrypted", "index": 1, "data": "e"},
    ]
    call = {
        "index": 0,
        "id": "c1",
        "function": {"name": "add", "arguments": '{"a": 1}'},
        "extra_content": signature,
    }

    def answer(n: int) -> list[bytes]:
        if n % 2 == 0:
            return [chat_event({"content": "2"}), chat_event({}, "stop")]
        return [
            chat_event({"reasoning": "One ", "reasoning_details": [details[0]]}),
            chat_event({"reasoning": "more.", "reasoning_details": details[1:]}),
            chat_event({"tool_calls": [call]}),
            chat_event({}, "tool_calls"),
        ]

    @nb.tool
    def add(a: int) -> int:
        """Adds one."""
        return a + 1

    server = serve(sending(answer))
    agent = nb.Agent(nb.OpenAICompatible(server.url, "m"), [add])
    await agent.stream("go")
    message = server.requests[1].json["messages"][1]
    assert message["reasoning_details"] == [
        {"type": "reasoning.text", "index": 0, "text": "One more.", "signature": "z"},
        details[2],
    ]
    assert message["tool_calls"][0]["extra_content"] == signature
    assert message["reasoning"] == "One more."
    assert "reasoning_content" not in message
    agent.model = nb.OpenAICompatible(server.url, "m", provider="mistral")
    await agent.stream("more")
    message = server.requests[2].json["messages"][1]
    assert message.keys() == {"role", "content", "tool_calls"}
    assert "extra_content" not in message["tool_calls"][0]


def test_what_was_changed_since_is_not_carried() -> None:
    carry = {"wire": "chat", "provider": "p", "of": said_of("mine"), "fields": {"x": 1}}
    message = {"role": "assistant", "content": "mine", "carry": carry}
    assert carried(message, "chat", "p")["fields"] == {"x": 1}
    assert carried({**message, "content": "yours"}, "chat", "p") == {}
    assert carried(message, "chat", "q") == carried(message, "gemini", "p") == {}
