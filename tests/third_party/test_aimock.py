"""The OpenAI-compatible adapter against a server written by others."""

from __future__ import annotations

import json

import httpx
import pytest

import nbstream as nb
from nbstream.events import TextDelta, ToolCallDelta


@pytest.fixture
def model(aimock: str) -> nb.OpenAICompatible:
    return nb.OpenAICompatible(f"{aimock}/v1", "m", api_key="sk-unit-test")


def stream(prompt: str, model: nb.ChatModel) -> nb.Stream:
    return nb.stream(prompt, model=model, retries=0)


async def test_text_thinking_and_usage(model):
    response = await stream("greet me", model)
    assert response.text == "Hello! Wörter, 日本語 and **markdown**."
    assert response.thinking == "A greeting is asked for."
    assert response.finish_reason == "stop"
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens) == (2, 9)


async def test_characters_cut_into_surrogates_are_whole_again(model):
    run = stream("wave", model)
    pieces = [text async for text in run.text_deltas()]
    assert "".join(pieces) == run.text == "👋 bye 👩‍🚀"
    for piece in pieces:
        piece.encode()


async def test_tool_call_is_streamed_and_parsed(model):
    response = await stream("weather", model)
    assert response.text == "Let me look."
    (call,) = response.tool_calls
    assert (call.name, call.arguments) == ("get_weather", {"city": "Köln", "days": 2})
    fragments = [e.arguments for e in response.events if isinstance(e, ToolCallDelta)]
    assert len(fragments) > 2
    assert json.loads("".join(fragments)) == call.arguments
    assert response.finish_reason == "tool_calls"


async def test_text_comes_while_the_server_still_writes(model):
    response = await stream("count", model)
    times = [event.time for event in response.events if isinstance(event, TextDelta)]
    assert len(times) == 18
    assert times[-1] - times[0] > 0.2  # the server waits 20 ms before each chunk
    assert response.text.endswith("thirteen")


async def test_a_broken_connection_keeps_the_text(model):
    run = stream("break off", model)
    with pytest.raises(nb.StreamInterruptedError) as caught:
        await run
    assert caught.value.partial == run.text
    assert run.text.startswith("this sentence")
    assert run.status == "error"


async def test_length_is_partial(model):
    response = await stream("too long", model)
    assert (response.text, response.finish_reason, response.partial) == ("cut", "length", True)


@pytest.mark.parametrize(
    ("prompt", "error"),
    [
        ("no quota", nb.RateLimitError),
        ("bad key", nb.AuthenticationError),
        ("no model", nb.ModelNotFoundError),
    ],
)
async def test_errors_have_their_class_and_a_hint(model, prompt, error):
    with pytest.raises(error) as caught:
        await stream(prompt, model)
    assert caught.value.hint
    assert "sk-unit-test" not in str(caught.value)


async def test_stop_is_heard_by_the_server(model, aimock):
    run = stream("count", model)
    run.on(lambda _: run.stop(), "text_delta")
    await run
    response = run.response
    assert (response.status, response.finish_reason) == ("stopped", "stopped")
    assert response.text
    assert not response.text.endswith("thirteen")
    async with httpx.AsyncClient(base_url=aimock) as client:
        assert (await client.get("/health")).is_success
