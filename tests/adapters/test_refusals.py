"""What a server refuses is asked again without it, once, with a word about it, and remembered."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

import nbstream as nb
from nbstream.adapters.models.refusals import apply, refused
from nbstream.adapters.transport.failures import Endpoint, status_error
from nbstream.events import Warning
from tests.servers import Handler, Request, Server, chat, sse

Serve = Callable[..., Server]
Check = Callable[[dict[str, Any]], Any]


def refusing(check: Check, answer: str = "fine", status: int = 400) -> Handler:
    """Refuses what `check` has an error for."""

    async def handler(request: Request) -> None:
        if fault := check(request.json):
            body = fault if isinstance(fault, dict) else {"error": {"message": fault}}
            await request.respond(status, body)
        else:
            await chat([answer])(request)

    return handler


def has(name: str, fault: Any) -> Check:
    return lambda body: fault if name in body else None


def warnings(stream: nb.Stream) -> list[str]:
    return [event.message for event in stream.events if isinstance(event, Warning)]


@pytest.mark.parametrize(
    ("given", "name", "fault"),
    [
        ({"temperature": 0.3}, "temperature", {"error": {"message": "Unsupported value: 'temperature' does not support 0.3 with this model.", "param": "temperature", "code": "unsupported_value"}}),
        ({"seed": 3}, "seed", {"message": {"detail": [{"loc": ["body", "seed"], "type": "extra_forbidden", "msg": "Extra inputs are not permitted"}]}}),
        ({"top_k": 4}, "top_k", "Unrecognized request argument supplied: top_k"),
        ({"parallel_tool_calls": False}, "parallel_tool_calls", "property 'parallel_tool_calls' is unsupported"),
        ({"user": "ann"}, "user", {"message": "invalid request: parameter 'user' is not supported"}),
        ({"reasoning": "low"}, "reasoning_effort", {"code": "Client specified an invalid argument", "error": "Model x does not support parameter reasoningEffort."}),
    ],
)  # fmt: skip
async def test_a_parameter_that_is_refused(
    serve: Serve, given: dict[str, Any], name: str, fault: Any
) -> None:
    server = serve(refusing(has(name, fault), status=422))
    first = nb.stream("hi", model=nb.OpenAICompatible(server.url, "m"), retries=0, **given)
    assert (await first).text == "fine"
    assert any(name in text for text in warnings(first))
    assert [name in r.json for r in server.requests] == [True, False]
    again = nb.stream("hi", model=nb.OpenAICompatible(server.url, "m"), retries=0, **given)
    assert (await again).text == "fine"
    assert len(server.requests) == 3, "it was not remembered"


async def test_another_model_of_the_same_server_is_asked_in_full(serve: Serve) -> None:
    def check(body: dict[str, Any]) -> str | None:
        small = body["model"] == "small"
        return "temperature is not supported" if small and "temperature" in body else None

    server = serve(refusing(check))
    for model in ("small", "large"):
        await nb.stream("hi", model=nb.OpenAICompatible(server.url, model), temperature=0)
    assert "temperature" in server.requests[-1].json
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("provider", "sent", "wanted"),
    [
        ("", "max_tokens", "max_completion_tokens"),
        ("openai", "max_completion_tokens", "max_tokens"),
    ],
)
async def test_both_names_of_the_limit(serve: Serve, provider: str, sent: str, wanted: str) -> None:
    fault = {"error": {"message": f"Unsupported parameter: '{sent}'", "param": sent}}
    server = serve(refusing(has(sent, fault)))
    model = nb.OpenAICompatible(server.url, "m", "k", provider=provider)
    assert (await nb.stream("hi", model=model, max_tokens=9)).text == "fine"
    assert server.requests[-1].json[wanted] == 9
    assert sent not in server.requests[-1].json
    assert len(server.requests) == 2


async def test_a_limit_that_is_too_high_is_lowered(serve: Serve) -> None:
    def check(body: dict[str, Any]) -> Any:
        if body["max_tokens"] > 4096:
            return (
                "max_tokens is too large: 9000. This model supports at most 4096 completion tokens"
            )
        return None

    server = serve(refusing(check))
    stream = nb.stream("hi", model=nb.OpenAICompatible(server.url, "m"), max_tokens=9000)
    assert (await stream).text == "fine"
    assert server.requests[-1].json["max_tokens"] == 4096


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (400, "Unsupported value: 'messages[0].role' does not support 'system' with this model."),
        (500, "Jinja Exception: System role not supported"),
        (400, "Only user and assistant roles are supported!"),
        (400, "Conversation roles must alternate user/assistant/user/assistant/..."),
    ],
)
async def test_a_system_prompt_that_is_refused_is_the_users(
    serve: Serve, status: int, fault: str
) -> None:
    def check(body: dict[str, Any]) -> Any:
        return fault if body["messages"][0]["role"] != "user" else None

    server = serve(refusing(check, status=status))
    stream = nb.stream("hi", model=nb.OpenAICompatible(server.url, "m"), system="Be brief.")
    assert (await stream).text == "fine"
    assert server.requests[-1].json["messages"] == [{"role": "user", "content": "Be brief.\n\nhi"}]
    assert len(server.requests) == 2


async def test_a_developers_words_are_the_systems_where_nobody_knows_developers(
    serve: Serve,
) -> None:
    def check(body: dict[str, Any]) -> Any:
        roles = [m["role"] for m in body["messages"]]
        return "unknown variant `developer`, expected `system`" if "developer" in roles else None

    server = serve(refusing(check, status=422))
    messages = [{"role": "developer", "content": "S"}, {"role": "user", "content": "hi"}]
    await nb.stream(messages, model=nb.OpenAICompatible(server.url, "m"))
    assert [m["role"] for m in server.requests[-1].json["messages"]] == ["system", "user"]


class Person(BaseModel):
    name: str
    age: int


@pytest.mark.parametrize("knows", ["json_object", ""])
async def test_a_form_of_answer_in_words(serve: Serve, knows: str) -> None:
    def check(body: dict[str, Any]) -> Any:
        kind = (body.get("response_format") or {}).get("type", "")
        if kind not in ("", knows):
            return f"response_format.type `{kind}` is unavailable now"
        return None if "age" in json.dumps(body["messages"]) else "nobody told me the schema"

    server = serve(refusing(check, '{"name": "Jo", "age": 3}'))
    for _ in range(2):
        stream = nb.stream("hi", model=nb.OpenAICompatible(server.url, "m"), output_type=Person)
        assert (await stream).output == Person(name="Jo", age=3)
    assert (server.requests[-1].json.get("response_format") or {}).get("type", "") == knows
    assert len(server.requests) == (3 if knows else 4)


async def test_everything_is_refused_one_after_the_other(serve: Serve) -> None:
    """Words in the place of a schema belong to the system prompt, which then is the user's."""

    def check(body: dict[str, Any]) -> Any:
        if "response_format" in body:
            return "'response_format' is not supported"
        if body["messages"][0]["role"] == "system":
            return "System role not supported"
        return "temperature is not supported" if "temperature" in body else None

    server = serve(refusing(check, '{"name": "Jo", "age": 3}'))
    stream = nb.stream(
        "hi",
        model=nb.OpenAICompatible(server.url, "m"),
        system="S",
        temperature=0,
        output_type=Person,
    )
    assert (await stream).output == Person(name="Jo", age=3)
    (message,) = server.requests[-1].json["messages"]
    assert message["role"] == "user"
    assert all(word in message["content"] for word in ("S", "age", "hi"))


async def test_a_value_that_is_wrong_is_an_error(serve: Serve) -> None:
    fault = {"error": {"message": "Invalid 'temperature': expected a value <= 2.", "param": "temperature", "code": "decimal_above_max_value"}}  # fmt: skip
    server = serve(refusing(has("temperature", fault)))
    with pytest.raises(nb.ProviderError, match="temperature"):
        await nb.stream("hi", model=nb.OpenAICompatible(server.url, "m"), temperature=5)
    assert len(server.requests) == 1


async def test_what_a_request_is_about_is_never_left_out(serve: Serve) -> None:
    server = serve(refusing(has("tools", "m does not support tools")))
    tool = {"name": "f", "parameters": {"type": "object", "properties": {}}}
    with pytest.raises(nb.ProviderError, match="tools"):
        await nb.stream("hi", model=nb.OpenAICompatible(server.url, "m"), tools=[tool])
    assert len(server.requests) == 1


async def test_a_server_that_refuses_for_ever_is_not_asked_for_ever(serve: Serve) -> None:
    server = serve(refusing(lambda body: "temperature is not supported"))
    with pytest.raises(nb.ProviderError):
        await nb.stream("hi", model=nb.OpenAICompatible(server.url, "m"), temperature=0)
    assert len(server.requests) == 2


async def test_claude_thinks_within_a_limit_nobody_set(serve: Serve) -> None:
    good = sse({"type": "message_delta", "delta": {"stop_reason": "end_turn"}})

    async def handler(request: Request) -> None:
        body = request.json
        if body["thinking"]["type"] == "enabled" and "fable" in body["model"]:
            said = '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive"'
            await request.respond(400, {"error": {"message": said}})
            return
        request.start()
        await request.send(good)
        await request.end()

    server = serve(handler)
    own = {"type": "enabled", "budget_tokens": 20_000}
    await nb.stream("hi", model=nb.Anthropic("claude", base_url=server.url, thinking=own))
    assert server.requests[-1].json["max_tokens"] > 20_000
    await nb.stream("hi", model=nb.Anthropic("fable", base_url=server.url), reasoning="high")
    assert server.requests[-1].json["thinking"] == {"type": "adaptive"}
    assert server.requests[-1].json["output_config"] == {"effort": "high"}


GEMINI = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


@pytest.mark.parametrize(
    ("body", "said", "after"),
    [
        ({"generationConfig": {"seed": 1, "topP": 1}}, "Unknown name \"seed\" at 'generation_config': Cannot find field.", {"generationConfig": {"topP": 1}}),
        ({"generationConfig": {"frequencyPenalty": 1}}, "Penalty is not enabled for models/x", {}),
        ({"generationConfig": {"thinkingConfig": {}}}, "Thinking budget is not supported for this model.", {}),
        ({"systemInstruction": {"parts": [{"text": "S"}]}}, "Developer instruction is not enabled for models/gemma", {"contents": [{"role": "user", "parts": [{"text": "S"}, {"text": "hi"}]}]}),
    ],
)  # fmt: skip
def test_geminis_words(body: dict[str, Any], said: str, after: dict[str, Any]) -> None:
    error = {"error": {"code": 400, "message": said, "status": "INVALID_ARGUMENT"}}
    found = status_error(Endpoint(), 400, {}, json.dumps(error).encode())
    body = {**GEMINI, **body}
    refusal = refused(found, body, ())
    assert refusal is not None
    assert apply(body, (refusal,))[0] == {**GEMINI, **after}


@pytest.mark.usefixtures("litellm_clients")
async def test_through_litellm(serve: Serve) -> None:
    server = serve(refusing(has("seed", "seed is not supported")))
    model = nb.LiteLLM("hosted_vllm/m", api_base=f"{server.url}/v1", api_key=lambda: "tok-later")
    stream = nb.stream("hi", model=model, seed=1, retries=0)
    assert (await stream).text == "fine"
    assert ["seed" in r.json for r in server.requests] == [True, False]
    assert server.requests[-1].headers["authorization"] == "Bearer tok-later"
