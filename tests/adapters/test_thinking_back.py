"""What a model thought before it called a tool goes back to those who want it, and to nobody else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import nbstream as nb
from tests.servers import Handler, Request, Server, chat_event, sse

Serve = Callable[..., Server]

CALL = {"index": 0, "id": "c1", "function": {"name": "add", "arguments": '{"a": 1}'}}
THOUGHT = "One more than one."


@nb.tool
def add(a: int) -> int:
    """Adds one."""
    return a + 1


def server_that(
    check: Callable[[dict[str, Any]], str], thinks: str = "reasoning_content"
) -> Handler:
    """Calls a tool, then says 2; `check` gives the reason why it refuses the message with the call."""

    async def handler(request: Request) -> None:
        said = [m for m in request.json["messages"] if m.get("tool_calls")]
        if said and (refusal := check(said[0])):
            await request.respond(400, {"error": {"message": refusal}})
            return
        request.start()
        if said:
            await request.send(chat_event({"content": "2"}) + chat_event({}, "stop"))
        else:
            if thinks:
                await request.send(chat_event({thinks: THOUGHT}))
            await request.send(chat_event({"tool_calls": [CALL]}) + chat_event({}, "tool_calls"))
        await request.end()

    return handler


def missing(message: dict[str, Any]) -> str:
    if "reasoning_content" in message:
        return ""
    return "The reasoning_content in the thinking mode must be passed back to the API."


def strict(message: dict[str, Any]) -> str:
    if "reasoning_content" not in message:
        return ""
    return "'messages.1' : property 'reasoning_content' is unsupported"


def anything(message: dict[str, Any]) -> str:
    return ""


PRIVATE = ("reasoning_content", "reasoning", "thinking", "thinking_blocks")


async def sent_back(server: Server, model: nb.ChatModel) -> dict[str, Any]:
    """What came back of a thought with the message that called the tool, in the request that was taken."""
    stream = nb.Agent(model, [add]).stream("go")
    assert (await stream).text == "2"
    (message,) = [m for m in server.requests[-1].json["messages"] if m.get("tool_calls")]
    assert "thought_signature" not in json.dumps(message)
    return {name: message[name] for name in PRIVATE if name in message}


@pytest.mark.parametrize(
    ("provider", "thinks", "check", "fields"),
    [
        ("deepseek", "reasoning_content", missing, ["reasoning_content"]),
        ("moonshot", "reasoning_content", missing, ["reasoning_content"]),
        ("llamacpp", "reasoning_content", anything, ["reasoning_content"]),
        ("", "reasoning_content", anything, ["reasoning_content"]),
        ("vllm", "reasoning", anything, ["reasoning_content", "reasoning"]),
        ("openrouter", "reasoning", anything, ["reasoning"]),
        ("groq", "reasoning", strict, ["reasoning"]),
        ("openai", "", strict, []),
        ("mistral", "", strict, []),
        ("", "reasoning_content", strict, []),
    ],
)
async def test_by_provider(
    serve: Serve, provider: str, thinks: str, check: Any, fields: list[str]
) -> None:
    server = serve(server_that(check, thinks))
    model = nb.OpenAICompatible(server.url, "m", provider=provider)
    assert await sent_back(server, model) == dict.fromkeys(fields, THOUGHT)


async def test_a_server_that_wants_it_even_where_nothing_was_thought(serve: Serve) -> None:
    server = serve(server_that(missing, ""))
    assert await sent_back(server, nb.OpenAICompatible(server.url, "m")) == {
        "reasoning_content": ""
    }
    assert len(server.requests) == 3


async def test_a_server_that_refuses_is_asked_without_from_then_on(serve: Serve) -> None:
    server = serve(server_that(strict))
    model = nb.OpenAICompatible(server.url, "m")
    for requests in (3, 5):
        assert await sent_back(server, model) == {}
        assert len(server.requests) == requests


async def test_signatures_of_others_are_not_sent_on(serve: Serve) -> None:
    server = serve(server_that(anything))
    call = {"id": "c", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    history = [
        {"role": "user", "content": "go"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{**call, "thought_signature": "c2ln"}],
            "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "2"},
    ]
    await nb.stream(history, model=nb.OpenAICompatible(server.url, "m"))
    message = server.requests[0].json["messages"][1]
    assert message == {"role": "assistant", "content": "", "tool_calls": [call]}
    assert "thought_signature" in json.dumps(history)


async def test_ollama_gets_its_thoughts_back(serve: Serve) -> None:
    async def handler(request: Request) -> None:
        lines: list[Any] = [{"message": {"content": "2"}, "done": True, "done_reason": "stop"}]
        if len(server.requests) == 1:
            function = {"name": "add", "arguments": {"a": 1}}
            said = {"thinking": THOUGHT, "content": "", "tool_calls": [{"function": function}]}
            lines[0]["message"] = said
        request.start(headers={"content-type": "application/x-ndjson"})
        await request.send(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        await request.end()

    server = serve(handler)
    fields = await sent_back(server, nb.Ollama("m", base_url=server.url))
    assert fields == {"thinking": THOUGHT}


async def test_claude_gets_what_it_signed_and_nothing_else(serve: Serve) -> None:
    def message(*blocks: tuple[dict[str, Any], dict[str, Any]], stop: str) -> bytes:
        payloads: list[Any] = [{"type": "message_start", "message": {"id": "m"}}]
        for n, (block, delta) in enumerate(blocks):
            payloads.append({"type": "content_block_start", "index": n, "content_block": block})
            payloads.append({"type": "content_block_delta", "index": n, "delta": delta})
            payloads.append({"type": "content_block_stop", "index": n})
        payloads.append({"type": "message_delta", "delta": {"stop_reason": stop}})
        payloads.append({"type": "message_stop"})
        return b"".join(sse(payload) for payload in payloads)

    thinking = {"type": "thinking", "thinking": THOUGHT, "signature": "sig"}
    first = message(
        (thinking, {"type": "signature_delta", "signature": ""}),
        ({"type": "tool_use", "id": "c1", "name": "add"}, {"type": "input_json_delta", "partial_json": '{"a": 1}'}),
        stop="tool_use",
    )  # fmt: skip
    last = message(({"type": "text", "text": ""}, {"type": "text_delta", "text": "2"}), stop="end_turn")  # fmt: skip

    async def handler(request: Request) -> None:
        request.start()
        await request.send(first if len(server.requests) == 1 else last)
        await request.end()

    server = serve(handler)
    stream = nb.Agent(nb.Anthropic("m", base_url=server.url), [add]).stream("go")
    assert (await stream).text == "2"
    content = server.requests[1].json["messages"][1]["content"]
    assert content == [
        thinking,
        {"type": "tool_use", "id": "c1", "name": "add", "input": {"a": 1}},
    ]


def refusing(said: str, good: bytes) -> Handler:
    """Refuses the first request with the words of the provider."""
    asked = 0

    async def handler(request: Request) -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            await request.respond(400, {"error": {"message": said}})
        else:
            request.start()
            await request.send(good)
            await request.end()

    return handler


OTHERS: list[dict[str, Any]] = [
    {"role": "user", "content": "go"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "add", "arguments": "{}"}}
        ],
        "thinking_blocks": [{"type": "redacted_thinking", "data": "of another"}],
    },
    {"role": "tool", "tool_call_id": "c", "content": "2"},
]


@pytest.mark.parametrize(
    "said",
    [
        "messages.1.content.0: Invalid `signature` in `thinking` block",
        "messages.1.content.0: Invalid `data` in `redacted_thinking` block",
    ],
)
async def test_claude_is_asked_without_the_thoughts_of_another(serve: Serve, said: str) -> None:
    good = sse({"type": "message_delta", "delta": {"stop_reason": "end_turn"}})
    server = serve(refusing(said, good))
    await nb.stream(OTHERS, model=nb.Anthropic("m", base_url=server.url))
    assert "of another" in server.requests[0].body.decode()
    content = server.requests[1].json["messages"][1]["content"]
    assert [block["type"] for block in content] == ["tool_use"]


@pytest.mark.parametrize(
    "said",
    [
        "Function call is missing a thought_signature in functionCall parts.",
        "Corrupted thought signature.",
    ],
)
async def test_gemini_takes_the_calls_of_another(serve: Serve, said: str) -> None:
    server = serve(refusing(said, sse({"candidates": [{"finishReason": "STOP"}]})))
    await nb.stream(OTHERS, model=nb.Gemini("m", base_url=server.url))
    (part,) = server.requests[1].json["contents"][1]["parts"]
    assert part["thoughtSignature"] == "skip_thought_signature_validator"
    assert len(server.requests) == 2
