"""The same agents against two model servers in four ways: the transcripts are the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import nbstream as nb
from nbstream.events.order import Order
from tests.model_server import Say, conversations

pytestmark = [  # litellm's own
    pytest.mark.usefixtures("litellm_clients"),
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
SCRIPTS = {
    "plan a trip": [
        Say("I look it up.", [("weather", {"city": "Köln"}), ("trains", {})]),
        Say("", [("book", {"seats": 2, "note": "by the window"})]),
        Say("Sunny, but no trains, and nothing was booked."),
    ],
    "around and around": [Say("", [("weather", {"city": "Köln"})]), Say("That is all I know.")],
    "for ever": [Say("", [("weather", {"city": "Köln"})])],
}


@pytest.fixture(params=["aimock", "scripted"])
def server(request, aimock, serve) -> str:
    """aimock says what aimock.json says, the scripted server the same."""
    return aimock if request.param == "aimock" else serve(conversations(SCRIPTS)).url


def weather(city: str):
    """The weather in a city."""
    yield f"asking {city}"
    return {"city": city, "sky": "sunny"}


async def trains():
    raise ConnectionError("the time table is down")


def book(seats: int, note: str = ""):
    return "booked"


def said(stream: nb.Stream) -> list[Any]:
    """What was said and done, without what only this provider and this moment know."""
    order = Order()
    assert not any(order.violation(event) for event in stream.events)
    assert not order.closing()
    return [
        (part.name, part.arguments, part.status, part.progress, part.result)
        if part.kind == "tool"
        else part.text
        for part in stream.transcript.parts
    ]


def deny(stream: nb.Stream) -> nb.Stream:
    def answer(event: Any) -> None:
        if event.decision == "requested":
            stream.approve(event.call_id, False)

    return stream.on(answer, "tool_approval")


@pytest.mark.parametrize("path", PATHS)
async def test_parallel_failing_denied_and_streaming_tools(server, path):
    agent = nb.Agent(PATHS[path](server), [weather, trains, book], approve=["book"])
    stream = deny(agent.stream("plan a trip"))
    await stream
    assert said(stream) == [
        "I look it up.",
        ("weather", {"city": "Köln"}, "done", ["asking Köln"], {"city": "Köln", "sky": "sunny"}),
        ("trains", {}, "error", [], "ConnectionError: the time table is down"),
        (
            "book",
            {"seats": 2, "note": "by the window"},
            "denied",
            [],
            "The user did not allow this call.",
        ),
        "Sunny, but no trains, and nothing was booked.",
    ]
    assert (stream.transcript.iteration, stream.finish_reason) == (3, "stop")


@pytest.mark.parametrize("path", PATHS)
async def test_max_iterations_ends_gracefully(server, path):
    agent = nb.Agent(PATHS[path](server), [weather], max_iterations=2)
    stream = agent.stream("around and around")
    await stream
    call = ("weather", {"city": "Köln"}, "done", ["asking Köln"], {"city": "Köln", "sky": "sunny"})
    assert said(stream) == [call, "That is all I know."]
    assert (stream.transcript.iteration, stream.finish_reason) == (2, "stop")


@pytest.mark.parametrize("path", PATHS)
async def test_a_model_that_calls_for_ever_is_ended(serve, path):
    server = serve(conversations(SCRIPTS)).url
    stream = nb.Agent(PATHS[path](server), [weather], max_iterations=3).stream("for ever")
    await stream
    call = ("weather", {"city": "Köln"}, "done", ["asking Köln"], {"city": "Köln", "sky": "sunny"})
    unrun = ("weather", {"city": "Köln"}, "error", [], "not run: no iteration left")
    assert said(stream) == [call, call, unrun]
    (warning,) = stream.transcript.warnings
    assert warning.message == "No answer within max_iterations=3."
    assert stream.finish_reason == "tool_calls"


async def test_the_next_turn_goes_on_after_calls_that_did_not_run(serve):
    server = serve(conversations({"for ever": [*SCRIPTS["for ever"], Say("Well then.")]})).url
    agent = nb.Agent(PATHS["openai"](server), [weather], max_iterations=1)
    await agent.run("for ever")
    assert (await agent.run("And now?")).text == "Well then."
