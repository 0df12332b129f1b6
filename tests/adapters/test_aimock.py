"""Every wire format as aimock, a server that is not ours, sends it; its failures too."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

import nbstream as nb
from nbstream.adapters.sources.objects import adapt
from nbstream.adapters.wires.bedrock import BedrockDecoder, EventStreamFramer
from nbstream.adapters.wires.body import Body
from tests.adapters.reading import response_of

KEY = "sk-0123456789abcdef"

MODELS: dict[str, Callable[[str], nb.ChatModel]] = {
    "chat": lambda url: nb.OpenAICompatible(f"{url}/v1", "gpt-4o", KEY),
    "responses": lambda url: nb.OpenAIResponses("gpt-4o", KEY, base_url=f"{url}/v1"),
    "anthropic": lambda url: nb.Anthropic("claude-sonnet-4-5", KEY, base_url=f"{url}/v1"),
    "gemini": lambda url: nb.Gemini("gemini-2.5-flash", KEY, base_url=f"{url}/v1beta"),
    "ollama": lambda url: nb.Ollama("llama3.2", base_url=url),
}


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest, aimock: str) -> nb.ChatModel:
    return MODELS[request.param](aimock)


async def test_text_and_thinking(model: nb.ChatModel) -> None:
    response = await model.complete("greet me")
    assert response.text == "Hello! Wörter, 日本語 and **markdown**."
    assert response.thinking in ("A greeting is asked for.", "")
    assert response.finish_reason == "stop"
    assert response.transcript.raw_count == 0


async def test_an_emoji_cut_in_two(model: nb.ChatModel) -> None:
    assert (await model.complete("wave")).text == "👋 bye 👩‍🚀"


async def test_a_tool_call(model: nb.ChatModel) -> None:
    response = await model.complete("weather")
    assert response.text == "Let me look."
    (call,) = response.tool_calls
    assert (call.name, call.arguments) == ("get_weather", {"city": "Köln", "days": 2})
    assert response.finish_reason == "tool_calls"


async def test_cut_for_length(model: nb.ChatModel) -> None:
    response = await model.complete("too long")
    assert response.text == "cut"
    if not isinstance(model, (nb.Ollama, nb.OpenAIResponses)):  # aimock keeps the reason to itself
        assert response.finish_reason == "length"


async def test_broken_off(model: nb.ChatModel) -> None:
    with pytest.raises((nb.StreamInterruptedError, nb.ConnectError)):
        await nb.stream("break off", model=model, retries=0)


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        ("no quota", nb.RateLimitError),
        ("bad key", nb.AuthenticationError),
        ("no model", nb.ModelNotFoundError),
    ],
)
async def test_refusals(model: nb.ChatModel, prompt: str, kind: type[nb.ProviderError]) -> None:
    with pytest.raises(kind):
        await nb.stream(prompt, model=model, retries=0)


@pytest.mark.parametrize("header", ["drop", "malformed", "disconnect", "ratelimit"])
async def test_chaos_is_one_of_our_errors(aimock: str, header: str) -> None:
    chaotic = nb.OpenAICompatible(
        f"{aimock}/v1", "gpt-4o", KEY, headers={f"x-aimock-chaos-{header}": "1"}
    )
    with pytest.raises(nb.NbstreamError) as caught:
        await nb.stream("greet me", model=chaotic, retries=0)
    assert KEY not in str(caught.value)


async def test_bedrock(aimock: str) -> None:
    body = Body(BedrockDecoder(), framer=EventStreamFramer())
    events = []
    url = f"{aimock}/model/anthropic.claude-3-5-sonnet/converse-stream"
    asked = {"messages": [{"role": "user", "content": [{"text": "weather"}]}]}
    async with httpx.AsyncClient() as client, client.stream("POST", url, json=asked) as response:
        async for chunk in response.aiter_bytes():
            events += body.feed(chunk)
    events += body.finish()
    response = response_of(events)
    assert response.text == "Let me look."
    assert response.tool_calls[0].arguments == {"city": "Köln", "days": 2}


async def test_cohere(aimock: str) -> None:
    source = adapt(
        f"{aimock}/v2/chat",
        json={
            "model": "command-r",
            "stream": True,
            "messages": [{"role": "user", "content": "greet me"}],
        },
        headers={"authorization": f"Bearer {KEY}"},
    )
    response = response_of([event async for event in source.events()])
    assert response.text.endswith("Hello! Wörter, 日本語 and **markdown**.")
