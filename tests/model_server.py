"""A model server on loopback that calls tools, in OpenAI's and in Anthropic's wire format.

    with Server(conversations({"weather": [Say("I look.", [("weather", {"city": "Köln"})]), Say("Sunny.")]})):
        ...                       # url + "/v1" speaks chat completions, url + "/v1/messages" Anthropic's

It is as strict as the real ones: a tool call whose result does not follow is a 400.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tests.servers import Handler, Request, chat_event, sse


class Say(NamedTuple):
    """One answer of the model: text, then tool calls (name, arguments)."""

    text: str = ""
    calls: Sequence[tuple[str, dict[str, Any]]] = ()
    usage: tuple[int, int] = (10, 5)


def conversations(
    scripts: Mapping[str, Sequence[Say]], *, delay: float = 0.0, size: int = 4
) -> Handler:
    """Answers a prompt that contains a key of `scripts` with its answers, one a request.

    Text and arguments come in pieces of `size` characters, `delay` seconds apart.
    """

    async def handler(request: Request) -> None:
        anthropic = request.path.endswith("/messages")
        if not anthropic and not request.path.endswith("/chat/completions"):
            await request.respond(404, {"error": {"message": f"no such path {request.path}"}})
            return
        messages = request.json["messages"]
        if fault := (_anthropic_fault if anthropic else _openai_fault)(messages):
            error = {"type": "invalid_request_error", "message": fault}
            await request.respond(400, {"type": "error", "error": error})
            return
        prompt = json.dumps(messages, ensure_ascii=False)
        script = next(says for key, says in scripts.items() if key in prompt)
        turn = sum(message["role"] == "assistant" for message in messages)
        request.start()
        say = script[min(turn, len(script) - 1)]
        async for data in _paced((_anthropic if anthropic else _openai)(say, turn, size), delay):
            await request.send(data)
        await request.end()

    return handler


async def _paced(pieces: Iterable[bytes], delay: float) -> AsyncIterator[bytes]:
    for data in pieces:
        yield data
        if delay:
            await asyncio.sleep(delay)


def _cut(text: str, size: int) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)]


# ── OpenAI chat completions ───────────────────────────────────────────────────


def _openai(say: Say, turn: int, size: int) -> Iterator[bytes]:
    yield chat_event({"role": "assistant", "content": None})
    for piece in _cut(say.text, size):
        yield chat_event({"content": piece})
    for index, (name, arguments) in enumerate(say.calls):
        function = {"name": name, "arguments": ""}
        head = {"index": index, "id": f"call_{turn}_{index}", "type": "function"}
        yield chat_event({"tool_calls": [{**head, "function": function}]})
        for piece in _cut(json.dumps(arguments, ensure_ascii=False), size):
            yield chat_event({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chat_event({}, "tool_calls" if say.calls else "stop")
    given, made = say.usage
    usage = {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}
    yield sse({"id": "chatcmpl-1", "model": "test-model", "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _openai_fault(messages: list[dict[str, Any]]) -> str:
    """Each call's result follows it, before anything else is said."""
    waiting: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                return f"no tool call {message['tool_call_id']}"
            waiting.remove(message["tool_call_id"])
        elif waiting:
            return f"tool calls without a result: {waiting}"
        else:
            waiting = [call["id"] for call in message.get("tool_calls") or ()]
    return f"tool calls without a result: {waiting}" if waiting else ""


# ── Anthropic messages ────────────────────────────────────────────────────────


def _anthropic(say: Say, turn: int, size: int) -> Iterator[bytes]:
    given, made = say.usage
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-test",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": given, "output_tokens": 1},
    }
    yield _named({"type": "message_start", "message": message})
    blocks: list[tuple[dict[str, Any], str, str, str]] = []
    if say.text:
        blocks.append(({"type": "text", "text": ""}, "text_delta", "text", say.text))
    for index, (name, arguments) in enumerate(say.calls):
        head = {"type": "tool_use", "id": f"toolu_{turn}_{index}", "name": name, "input": {}}
        text = json.dumps(arguments, ensure_ascii=False)
        blocks.append((head, "input_json_delta", "partial_json", text))
    for index, (head, kind, key, text) in enumerate(blocks):
        yield _named({"type": "content_block_start", "index": index, "content_block": head})
        for piece in _cut(text, size):
            delta = {"type": kind, key: piece}
            yield _named({"type": "content_block_delta", "index": index, "delta": delta})
        yield _named({"type": "content_block_stop", "index": index})
    reason = "tool_use" if say.calls else "end_turn"
    delta = {"stop_reason": reason, "stop_sequence": None}
    yield _named({"type": "message_delta", "delta": delta, "usage": {"output_tokens": made}})
    yield _named({"type": "message_stop"})


def _named(payload: dict[str, Any]) -> bytes:
    return b"event: %s\n%s" % (payload["type"].encode(), sse(payload))


def _anthropic_fault(messages: list[dict[str, Any]]) -> str:
    """The message after calls begins with the result of each."""
    waiting: list[str] = []
    for message in messages:
        blocks = [block for block in message["content"] if isinstance(block, dict)]
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if sorted(results) != sorted(waiting):
            return f"results of {results}, calls of {waiting}"
        if any(block["type"] != "tool_result" for block in blocks[: len(results)]):
            return "tool results come first"
        waiting = [block["id"] for block in blocks if block["type"] == "tool_use"]
    return f"tool calls without a result: {waiting}" if waiting else ""
