"""A conversation that changes models: ids, names and the order of roles fit each provider."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import nbstream as nb
from nbstream.adapters.models.fitting import NINE, WORD, fit_ids, shortened, wire_name
from tests.model_server import Say, conversations
from tests.servers import Request, Server, chat, chat_event, sse

Serve = Callable[..., Server]
LONG = "call_1__thought__" + "Cq8BAXLI2nz+/=" * 20


def history(*ids: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "go"}]
    for call_id in ids:
        function = {"name": "functions.add:0", "arguments": "{}"}
        call = {"id": call_id, "type": "function", "function": function}
        messages.append({"role": "assistant", "content": "", "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": call_id, "content": "2"})
    return [*messages, {"role": "assistant", "content": "2"}, {"role": "user", "content": "more"}]


@pytest.mark.parametrize("rule", [NINE, WORD, shortened(40), shortened(64)])
@pytest.mark.parametrize("ids", [("a", "b"), (LONG, LONG + "2"), ("same", "same"), ("", "x")])
def test_ids_fit_and_differ(rule: Any, ids: tuple[str, str]) -> None:
    given = history(*ids)
    made = fit_ids(given, rule)
    calls = [m["tool_calls"][0]["id"] for m in made if m.get("tool_calls")]
    assert [m["tool_call_id"] for m in made if m["role"] == "tool"] == calls
    assert len(set(calls)) == len(calls)
    assert all(rule.takes(call_id) for call_id in calls)
    assert fit_ids(given, rule) == made, "a cache would miss"
    assert fit_ids(made, rule) == made
    assert given == history(*ids)


async def test_on_the_wire(serve: Serve) -> None:
    server = serve(chat(["ok"]))
    for provider, form in {
        "openai": r".{1,40}",
        "mistral": r"[a-zA-Z0-9]{9}",
        "groq": re.escape(LONG),
    }.items():
        model = nb.OpenAICompatible(server.url, "m", "k", provider=provider)
        await nb.stream(history(LONG), model=model)
        _, said, result, *_ = server.requests[-1].json["messages"]
        (call,) = said["tool_calls"]
        assert re.fullmatch(form, call["id"])
        assert result["tool_call_id"] == call["id"]
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", call["function"]["name"])


async def test_claude_gets_ids_it_takes(serve: Serve) -> None:
    good = sse({"type": "message_delta", "delta": {"stop_reason": "end_turn"}})

    async def handler(request: Request) -> None:
        request.start()
        await request.send(good)
        await request.end()

    server = serve(handler)
    await nb.stream(history("functions.add:0"), model=nb.Anthropic("c", base_url=server.url))
    _, said, result, *_ = server.requests[-1].json["messages"]
    assert re.fullmatch(r"[a-zA-Z0-9_-]+", said["content"][0]["id"])
    assert result["content"][0]["tool_use_id"] == said["content"][0]["id"]


async def test_a_server_that_says_which_ids_it_takes(serve: Serve) -> None:
    async def handler(request: Request) -> None:
        calls = [c for m in request.json["messages"] for c in m.get("tool_calls") or ()]
        if any(len(call["id"]) != 9 for call in calls):
            said = "Tool call id was x but must be a-z, A-Z, 0-9, with a length of 9."
            await request.respond(400, {"object": "error", "message": said, "code": "3280"})
        else:
            await chat(["ok"])(request)

    server = serve(handler)
    model = nb.OpenAICompatible(server.url, "m")
    assert (await nb.stream(history("call_1"), model=model)).text == "ok"


@pytest.mark.parametrize("provider", ["mistral", ""])
async def test_no_user_right_after_a_tool(serve: Serve, provider: str) -> None:
    async def handler(request: Request) -> None:
        roles = [m["role"] for m in request.json["messages"]]
        if any(pair == ("tool", "user") for pair in zip(roles, roles[1:], strict=False)):
            said = "Unexpected role 'user' after role 'tool'"
            await request.respond(400, {"object": "error", "message": said, "code": "3230"})
        elif len(roles) < 3:
            call = {"index": 0, "id": "aaaaaaaaa", "function": {"name": "look", "arguments": "{}"}}
            request.start()
            await request.send(chat_event({"tool_calls": [call]}) + chat_event({}, "tool_calls"))
            await request.end()
        else:
            await chat(["ok"])(request)

    def look() -> str:
        """Looks."""
        return "seen"

    server = serve(handler)
    model = nb.OpenAICompatible(server.url, "m", "k", provider=provider)
    agent = nb.Agent(model, [look], max_iterations=2)
    assert (await agent.stream("hi")).text == "ok"


async def test_names_of_tools_and_schemas(serve: Serve) -> None:
    @nb.tool(name="my tool: ä!")
    def mine(a: int) -> int:
        """Adds one."""
        return a + 1

    name = mine.wire_name
    assert re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}", name)
    server = serve(conversations({"go": [Say("", [(name, {"a": 1})]), Say("done")]}))
    stream = nb.Agent(nb.OpenAICompatible(f"{server.url}/v1", "m"), [mine]).stream("go")
    response = await stream
    assert (response.text, response.tool_calls[0].result) == ("done", 2)
    with pytest.raises(nb.UsageError, match="my_tool"):
        nb.Agent(None, [nb.tool(name="my_tool")(lambda a: a), nb.tool(name="my tool")(lambda a: a)])

    typed = serve(chat(['{"value": [1]}']))
    stream = nb.stream("x", model=nb.OpenAICompatible(typed.url, "m"), output_type=list[int])
    assert (await stream).output == [1]
    sent = typed.requests[-1].json["response_format"]["json_schema"]["name"]
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", sent)


@pytest.mark.parametrize("name", ["a b", "1", "", "工具", "x" * 100, "a.b", "-", "é" * 70])
def test_clean_names(name: str) -> None:
    assert re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}", wire_name(name))


async def test_a_forced_tool_is_forced_once(serve: Serve) -> None:
    def add(a: int) -> int:
        """Adds one."""
        return a + 1

    server = serve(conversations({"go": [Say("", [("add", {"a": 1})]), Say("2")]}))
    model = nb.OpenAICompatible(f"{server.url}/v1", "m")
    assert (await nb.Agent(model, [add], tool_choice="add").stream("go")).text == "2"
    first, second = (request.json for request in server.requests)
    assert first["tool_choice"] == {"type": "function", "function": {"name": "add"}}
    assert "tool_choice" not in second
