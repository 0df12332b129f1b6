"""`nb.show` of raw bytes, of agents that run elsewhere, and of models that run in this process."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from nbstream.adapters.sources.objects import adapt
from nbstream.runs.stream import Stream
from tests.adapters.reading import cuts
from tests.adapters.test_transcripts import TAPES


async def show(items: Any) -> Stream:
    stream = Stream(adapt(iter(items)), retries=0)
    await stream
    return stream


# Raw bytes ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seed", range(5))
async def test_a_gemini_array(seed: int) -> None:
    chunks: list[Any] = [
        {"candidates": [{"content": {"parts": [{"text": t}]}}]} for t in ("Hel", "lo [}")
    ]
    chunks.append(
        {
            "candidates": [{"finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2},
        }
    )
    data = json.dumps(chunks, indent=1).encode()
    stream = await show(cuts(data, seed) if seed else [data])
    assert (stream.text, stream.finish_reason, stream.usage.output_tokens) == (
        "Hello [}",
        "stop",
        2,
    )


@pytest.mark.parametrize("seed", range(5))
async def test_an_aws_event_stream(seed: int) -> None:
    data = (TAPES / "bedrock" / "converse.bin").read_bytes()
    stream = await show(cuts(data, seed) if seed else [data])
    assert stream.text == "Hello there 🚀"
    assert stream.transcript.raw_count == 0


async def test_other_bytes_are_text() -> None:
    assert (await show([b"[1] plain", b" text"])).text == "[1] plain text"


# Agent Client Protocol ────────────────────────────────────────────────────────


def update(named: str, **fields: Any) -> dict[str, Any]:
    return {"sessionId": "s", "update": {"sessionUpdate": named, **fields}}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


ACP = [
    update("plan", entries=[]),
    update("agent_thought_chunk", content=text("Hm.")),
    update("agent_message_chunk", content=text("I "), messageId="1"),
    update("agent_message_chunk", content=text("look."), messageId="1"),
    update(
        "tool_call",
        toolCallId="c",
        title="Read a.py",
        kind="read",
        status="pending",
        rawInput={"path": "a.py"},
    ),
    update("tool_call_update", toolCallId="c", status="in_progress"),
    update(
        "tool_call_update",
        toolCallId="c",
        status="completed",
        content=[{"type": "content", "content": text("x = 1")}],
    ),
    update("agent_message_chunk", content=text("It is 1."), messageId="2"),
]


@pytest.mark.parametrize("form", ["params", "notifications", "updates"])
async def test_agent_client_protocol(form: str) -> None:
    items: list[Any] = ACP
    if form == "notifications":
        items = [{"jsonrpc": "2.0", "method": "session/update", "params": params} for params in ACP]
        items.append({"jsonrpc": "2.0", "id": 1, "result": {"stopReason": "end_turn"}})
    elif form == "updates":
        items = [params["update"] for params in ACP]
    stream = await show(items)
    assert stream.text == "I look.\n\nIt is 1."
    assert stream.thinking == "Hm."
    (call,) = stream.tool_calls
    assert (call.name, call.arguments, call.result) == ("Read a.py", {"path": "a.py"}, "x = 1")
    assert stream.finish_reason == ("stop" if form == "notifications" else "unknown")
    assert stream.transcript.raw_count == 0 and not stream.transcript.warnings


# Agent2Agent ──────────────────────────────────────────────────────────────────


def artifact(ident: str, said: str, append: bool = True) -> dict[str, Any]:
    inner = {"artifactId": ident, "parts": [{"kind": "text", "text": said}]}
    return {"kind": "artifact-update", "taskId": "t", "artifact": inner, "append": append}


def state(name: str, words: str = "", final: bool = False) -> dict[str, Any]:
    message = {"role": "agent", "messageId": words, "parts": [{"kind": "text", "text": words}]}
    status = {"state": name, **({"message": message} if words else {})}
    return {"kind": "status-update", "taskId": "t", "status": status, "final": final}


A2A = [
    {"kind": "task", "id": "t", "status": {"state": "submitted"}},
    state("working", "Searching"),
    artifact("a", "Hel", append=False),
    artifact("a", "lo."),
    artifact("b", "Bye.", append=False),
    state("completed", final=True),
]
A2A_1 = [
    {"task": {"id": "t", "status": {"state": "TASK_STATE_SUBMITTED"}}},
    {
        "statusUpdate": {
            "status": {
                "state": "TASK_STATE_WORKING",
                "message": {
                    "role": "ROLE_AGENT",
                    "messageId": "w",
                    "parts": [{"text": "Searching"}],
                },
            }
        }
    },
    {"artifactUpdate": {"artifact": {"artifactId": "a", "parts": [{"text": "Hel"}]}}},
    {
        "artifactUpdate": {
            "artifact": {"artifactId": "a", "parts": [{"text": "lo."}]},
            "append": True,
        }
    },
    {"artifactUpdate": {"artifact": {"artifactId": "b", "parts": [{"text": "Bye."}]}}},
    {"statusUpdate": {"status": {"state": "TASK_STATE_COMPLETED"}}},
]


@pytest.mark.parametrize(
    "items",
    [
        A2A,
        [{"jsonrpc": "2.0", "id": 1, "result": r} for r in A2A],
        [{"jsonrpc": "2.0", "id": 1, "result": r} for r in A2A_1],
    ],
)
async def test_agent_to_agent(items: list[Any]) -> None:
    stream = await show(items)
    assert (stream.text, stream.thinking, stream.finish_reason) == (
        "Hello.\n\nBye.",
        "Searching",
        "stop",
    )
    assert stream.transcript.raw_count == 0


async def test_a_task_that_fails() -> None:
    with pytest.raises(Exception, match="no money"):
        await show([A2A[0], state("failed", "no money", final=True)])


# claude-agent-sdk ─────────────────────────────────────────────────────────────


@dataclass
class TextBlock:
    text: str


@dataclass
class ToolUseBlock:
    id: str
    name: str
    input: dict[str, Any]


@dataclass
class ToolResultBlock:
    tool_use_id: str
    content: Any = None
    is_error: bool | None = None


@dataclass
class AssistantMessage:
    content: list[Any]
    model: str = "claude"


@dataclass
class UserMessage:
    content: Any


@dataclass
class ResultMessage:
    subtype: str = "success"
    is_error: bool = False
    total_cost_usd: float | None = 0.01
    usage: dict[str, Any] = field(default_factory=lambda: {"input_tokens": 3, "output_tokens": 4})
    result: str | None = None


async def test_claude_agent_messages() -> None:
    stream = await show(
        [
            AssistantMessage([TextBlock("I look."), ToolUseBlock("c", "Read", {"path": "a"})]),
            UserMessage([ToolResultBlock("c", "x = 1")]),
            AssistantMessage([TextBlock("It is 1.")]),
            ResultMessage(),
        ]
    )
    assert stream.text == "I look.\n\nIt is 1."
    (call,) = stream.tool_calls
    assert (call.name, call.arguments, call.result) == ("Read", {"path": "a"}, "x = 1")
    assert (stream.finish_reason, stream.usage.cost, stream.usage.output_tokens) == (
        "stop",
        0.01,
        4,
    )


# Models in this process ───────────────────────────────────────────────────────


def output(text: str, finish: str | None = None, tokens: int = 1) -> Any:
    made = SimpleNamespace(index=0, text=text, token_ids=list(range(tokens)), finish_reason=finish)
    return SimpleNamespace(
        request_id="r", prompt_token_ids=[1, 2], outputs=[made], finished=finish is not None
    )


@pytest.mark.parametrize(
    "items",
    [
        [
            output("<think>a", tokens=2),
            output("<think>ab</think>", tokens=4),
            output("<think>ab</think>Hi", "stop", 5),
        ],
        [output("<think>a", tokens=2), output("b</think>", tokens=2), output("Hi", "stop")],
    ],
    ids=["the text so far", "what is new"],
)
async def test_vllm(items: list[Any]) -> None:
    stream = await show(items)
    assert (stream.text, stream.thinking, stream.finish_reason) == ("Hi", "ab", "stop")
    assert (stream.usage.input_tokens, stream.usage.output_tokens) == (2, 5)


async def test_mlx() -> None:
    def piece(text: str, finish: str | None = None) -> Any:
        return SimpleNamespace(
            text=text,
            token=1,
            prompt_tokens=2,
            prompt_tps=9.0,
            generation_tokens=3,
            generation_tps=7.0,
            finish_reason=finish,
        )

    stream = await show([piece("Hel"), piece("lo"), piece("", "length")])
    assert (stream.text, stream.finish_reason, stream.usage.output_tokens) == ("Hello", "length", 3)


async def test_a_streamer_of_transformers_gives_text() -> None:
    stream = await show(["", "<think>\n", "a", "</think>", "\n\nHi", ""])
    assert (stream.text, stream.thinking) == ("Hi", "a")


async def test_llama_cpp_python() -> None:
    def chunk(text: str, finish: str | None = None) -> Any:
        choice = {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}
        return {
            "id": "cmpl-1",
            "object": "text_completion",
            "created": 1,
            "model": "m",
            "choices": [choice],
        }

    stream = await show([chunk("Hel"), chunk("lo"), chunk("", "stop")])
    assert (stream.text, stream.finish_reason) == ("Hello", "stop")


async def test_bedrock_chunks_as_text() -> None:
    piece = base64.b64encode(
        json.dumps({"generation": "Hi", "stop_reason": "stop"}).encode()
    ).decode()
    assert (await show([{"chunk": {"bytes": piece}}])).text == "Hi"
