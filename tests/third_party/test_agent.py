"""The same agent against one server in three wire formats: the transcripts are the same."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

import nbstream as nb
from nbstream.events import ToolApproval, ToolProgress

pytestmark = [  # litellm's own
    pytest.mark.filterwarnings("ignore:Item .* on TypedDict class"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

KEY = "sk-unit-test"
PATHS: dict[str, Callable[[str], nb.ChatModel]] = {
    "openai": lambda url: nb.OpenAICompatible(f"{url}/v1", "m", api_key=KEY),
    "anthropic": lambda url: nb.Anthropic("claude-m", api_key=KEY, base_url=f"{url}/v1"),
    "litellm-openai": lambda url: nb.LiteLLM("openai/m", api_base=f"{url}/v1", api_key=KEY),
    "litellm-anthropic": lambda url: nb.LiteLLM("anthropic/claude-m", api_base=url, api_key=KEY),
}


@pytest.fixture(autouse=True)
async def close_clients(monkeypatch):
    """litellm keeps its clients open, and aiohttp's for good."""
    monkeypatch.setenv("DISABLE_AIOHTTP_TRANSPORT", "True")
    yield
    if "litellm" in sys.modules:
        import litellm

        await litellm.close_litellm_async_clients()
        litellm.in_memory_llm_clients_cache.flush_cache()


def weather(city: str):
    """The weather in a city."""
    yield f"asking {city}"
    return {"city": city, "sky": "sunny"}


async def trains():
    raise ConnectionError("the time table is down")


def book(seats: int, note: str = ""):
    return "booked"


def shape(stream: nb.Stream) -> dict[str, Any]:
    """What was said and done, without what only this provider and this moment know."""
    ids: dict[str, str] = {}
    parts = []
    for part in stream.transcript.parts:
        plain = {k: v for k, v in part.to_dict().items() if k not in ("time", "until", "duration")}
        if "call_id" in plain:
            plain["call_id"] = ids.setdefault(plain["call_id"], f"call {len(ids)}")
            del plain["arguments_text"]
        parts.append(plain)
    return {
        "parts": parts,
        "iterations": stream.transcript.iteration,
        "finish_reason": stream.finish_reason,
        "warnings": [w.message for w in stream.transcript.warnings],
    }


def deny(stream: nb.Stream) -> nb.Stream:
    def answer(event: Any) -> None:
        if event.decision == "requested":
            stream.approve(event.call_id, False)

    return stream.on(answer, "tool_approval")


async def run(model: nb.ChatModel) -> dict[str, Any]:
    agent = nb.Agent(model, [weather, trains, book], approve=["book"])
    stream = deny(agent.stream("plan a trip"))
    await stream
    assert [e.content for e in stream.events if isinstance(e, ToolProgress)] == ["asking Köln"]
    assert any(isinstance(e, ToolApproval) for e in stream.events)
    return shape(stream)


@pytest.mark.parametrize("path", PATHS)
async def test_parallel_failing_denied_and_streaming_tools(aimock, path):
    said = await run(PATHS[path](aimock))
    assert [part["kind"] for part in said["parts"]] == ["text", "tool", "tool", "tool", "text"]
    one, two, three = (part for part in said["parts"] if part["kind"] == "tool")
    assert (one["status"], one["result"]) == ("done", {"city": "Köln", "sky": "sunny"})
    assert (two["status"], two["result"]) == (
        "error",
        "ConnectionError: the time table is down",
    )
    assert (three["status"], three["arguments"]) == (
        "denied",
        {"seats": 2, "note": "by the window"},
    )
    assert said["iterations"] == 3
    assert said["parts"][-1]["text"] == "Sunny, but no trains, and nothing was booked."
    if path != "openai":
        assert said == await run(PATHS["openai"](aimock))


@pytest.mark.parametrize("path", PATHS)
async def test_max_iterations_ends_gracefully(aimock, path):
    agent = nb.Agent(PATHS[path](aimock), [weather], max_iterations=2)
    response = await agent.run("around and around")
    assert response.text == "That is all I know."
    assert response.finish_reason == "stop"
    assert len(response.tool_calls) == 1
