"""Names for what everybody has go to each provider under its own, and --dry-run shows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import nbstream as nb
from nbstream.adapters.models.base import ChatRequest
from nbstream.api import preview
from nbstream.events import Warning
from tests.servers import Server, chat

Serve = Callable[..., Server]

TOOL = {"name": "f", "description": "", "parameters": {"type": "object", "properties": {}}}


def compatible(provider: str = "") -> Any:
    return lambda name: nb.OpenAICompatible("http://h/v1", name, "k", provider=provider)


def body(make: Any, name: str = "m", **params: Any) -> dict[str, Any]:
    return preview("hi", make(name), tools=[TOOL], **params).body


@pytest.mark.parametrize(
    ("make", "name", "reasoning", "sent"),
    [
        (compatible(), "m", "low", {"reasoning_effort": "low"}),
        (compatible("openai"), "o3", 9000, {"reasoning_effort": "high"}),
        (compatible("openai"), "gpt-5", False, {"reasoning_effort": "none"}),
        (compatible("openrouter"), "x", 2000, {"reasoning": {"max_tokens": 2000}}),
        (compatible("openrouter"), "x", "high", {"reasoning": {"effort": "high"}}),
        (compatible("deepseek"), "x", False, {"thinking": {"type": "disabled"}}),
        (compatible("vllm"), "x", False, {"chat_template_kwargs": {"enable_thinking": False}}),
        (nb.OpenAIResponses, "gpt-5", "medium", {"reasoning": {"effort": "medium", "summary": "auto"}}),
        (nb.Anthropic, "c", "low", {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
        (nb.Anthropic, "c", 5000, {"thinking": {"type": "enabled", "budget_tokens": 5000}, "max_tokens": 13192}),
        (nb.Anthropic, "c", "none", {"thinking": {"type": "disabled"}}),
        (nb.Gemini, "gemini-2.5-pro", "low", {"generationConfig": {"thinkingConfig": {"thinkingBudget": 2048, "includeThoughts": True}}}),
        (nb.Gemini, "gemini-3-pro", "high", {"generationConfig": {"thinkingConfig": {"thinkingLevel": "high", "includeThoughts": True}}}),
        (nb.Ollama, "q", "high", {"think": "high"}),
        (nb.Ollama, "q", False, {"think": False}),
    ],
)  # fmt: skip
def test_reasoning(make: Any, name: str, reasoning: Any, sent: dict[str, Any]) -> None:
    made = body(make, name, reasoning=reasoning)
    assert {key: made.get(key) for key in sent} == sent


@pytest.mark.parametrize(
    ("make", "choice", "sent"),
    [
        (compatible(), "required", {"tool_choice": "required"}),
        (compatible(), "f", {"tool_choice": {"type": "function", "function": {"name": "f"}}}),
        (nb.OpenAIResponses, "f", {"tool_choice": {"type": "function", "name": "f"}}),
        (nb.Anthropic, "required", {"tool_choice": {"type": "any"}}),
        (nb.Anthropic, "f", {"tool_choice": {"type": "tool", "name": "f"}}),
        (nb.Anthropic, {"type": "any", "disable_parallel_tool_use": True}, {"tool_choice": {"type": "any", "disable_parallel_tool_use": True}}),
        (nb.Gemini, "f", {"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}}}),
    ],
)  # fmt: skip
def test_tool_choice(make: Any, choice: Any, sent: dict[str, Any]) -> None:
    made = body(make, tool_choice=choice)
    assert {key: made[key] for key in sent} == sent


def test_seed_and_user() -> None:
    def sent(make: Any) -> dict[str, Any]:
        return body(make, seed=7, user="ann")

    assert (sent(compatible())["seed"], sent(compatible())["user"]) == (7, "ann")
    assert sent(compatible("mistral"))["random_seed"] == 7
    assert "user" not in sent(compatible("mistral"))
    assert sent(nb.Anthropic)["metadata"] == {"user_id": "ann"}
    assert "seed" not in sent(nb.Anthropic)
    assert sent(nb.Gemini)["generationConfig"] == {"seed": 7}
    assert sent(nb.Ollama)["options"] == {"seed": 7}


def test_caching_marks_what_is_the_same_each_time() -> None:
    mark = {"type": "ephemeral"}
    made = body(nb.Anthropic, cache=True, system="S")
    assert made["tools"][-1]["cache_control"] == mark
    assert made["system"] == [{"type": "text", "text": "S", "cache_control": mark}]
    assert made["messages"][-1]["content"][-1]["cache_control"] == mark
    assert body(nb.Anthropic, cache="1h", system="S")["system"][0]["cache_control"]["ttl"] == "1h"
    assert "cache_control" not in str(body(compatible("openai"), cache=True))
    assert "cache_control" in str(body(compatible("openrouter"), cache=True))


def test_a_model_has_its_own_defaults() -> None:
    model = nb.Anthropic("c", reasoning="low", user="ann")
    assert model.preview(ChatRequest.of("hi")).body["thinking"]["budget_tokens"] == 2048
    assert preview("hi", model, reasoning=3000).body["thinking"]["budget_tokens"] == 3000
    own = nb.OpenAIResponses("gpt-5", reasoning={"summary": "detailed"})
    assert preview("hi", own).body["reasoning"] == {"summary": "detailed"}


async def test_what_a_provider_has_not_is_said(serve: Serve) -> None:
    server = serve(chat(["ok"]))
    model = nb.OpenAICompatible(server.url, "m", "k", provider="mistral")
    stream = nb.stream("hi", model=model, user="ann", seed=1)
    await stream
    assert [e.message[:4] for e in stream.events if isinstance(e, Warning)] == ["user"]
    assert server.requests[0].json["random_seed"] == 1


async def test_more_headers_and_fields(serve: Serve) -> None:
    server = serve(chat(["ok"]))
    model = nb.OpenAICompatible(server.url, "m")
    await nb.stream("hi", model=model, extra_headers={"x-a": "b"}, extra_body={"min_p": 0.1})
    request = server.requests[0]
    assert (request.headers["x-a"], request.json["min_p"]) == ("b", 0.1)
    assert "extra_headers" not in request.json


@pytest.mark.parametrize("wrong", [{"reasoning": ""}, {"reasoning": 1.5}, {"tool_choice": 3}])
def test_what_is_not_understood(wrong: dict[str, Any]) -> None:
    with pytest.raises(nb.UsageError):
        body(nb.Anthropic, **wrong)


def test_a_preview_shows_where_it_goes_and_no_key() -> None:
    model = nb.OpenAICompatible("https://u:pw-9999@h/v1?key=qk-12345", "m", "sk-12345678")
    seen = preview("hi", model)
    assert seen.url == "https://h/v1/chat/completions"
    with pytest.raises(nb.UsageError):
        preview("hi", "opnai/gpt")
