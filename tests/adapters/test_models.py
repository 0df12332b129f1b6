"""Names of models, the demo, the scripted model, requests, and keys that stay where they are."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import nbstream as nb
from nbstream.adapters.models import demo_texts
from nbstream.adapters.models.anthropic import convert as to_anthropic
from nbstream.adapters.models.base import ChatRequest
from nbstream.adapters.models.demo import tokens_of
from nbstream.adapters.models.gemini import convert as to_gemini
from nbstream.adapters.models.openai_responses import convert as to_responses
from nbstream.adapters.transport.failures import retry_after
from nbstream.adapters.transport.masking import mask
from nbstream.events import TextDelta, ToolCallEnd, ToolCallStart
from tests.adapters.reading import check_order
from tests.servers import Request, chat

# Names ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "kind", "provider", "model"),
    [
        ("demo", nb.Demo, "demo", "demo"),
        ("gpt-4o-mini", nb.OpenAICompatible, "openai", "gpt-4o-mini"),
        ("o3", nb.OpenAICompatible, "openai", "o3"),
        ("openai/gpt-4o", nb.OpenAICompatible, "openai", "gpt-4o"),
        ("openai:gpt-4o", nb.OpenAICompatible, "openai", "gpt-4o"),
        ("claude-sonnet-4-5", nb.Anthropic, "anthropic", "claude-sonnet-4-5"),
        ("anthropic/claude-x", nb.Anthropic, "anthropic", "claude-x"),
        ("gemini-2.5-pro", nb.Gemini, "gemini", "gemini-2.5-pro"),
        ("google/gemini-2.5-pro", nb.Gemini, "gemini", "gemini-2.5-pro"),
        ("ollama/llama3.2:3b", nb.Ollama, "ollama", "llama3.2:3b"),
        ("ollama:llama3.2:3b", nb.Ollama, "ollama", "llama3.2:3b"),
        ("groq/llama-3.3-70b", nb.OpenAICompatible, "groq", "llama-3.3-70b"),
        ("openrouter/meta/llama-3", nb.OpenAICompatible, "openrouter", "meta/llama-3"),
        ("lmstudio/qwen", nb.OpenAICompatible, "lmstudio", "qwen"),
        ("bedrock/anthropic.claude-v2:1", nb.LiteLLM, "bedrock", "anthropic.claude-v2:1"),
    ],
)
def test_names(name: str, kind: type, provider: str, model: str) -> None:
    made = nb.model(name)
    assert (type(made), made.provider, made.name) == (kind, provider, model)
    assert nb.model(made) is made


@pytest.mark.parametrize(
    ("name", "near"),
    [("gpt4o", "gpt-4o"), ("opnai/gpt-4o", "openai"), ("olama/llama", "ollama"), ("dmo", "demo"), ("openai", "openai/")],
)  # fmt: skip
def test_an_unknown_name_gets_the_nearest(name: str, near: str) -> None:
    with pytest.raises(nb.UsageError, match=near):
        nb.model(name)


def test_aliases() -> None:
    local = nb.OpenAICompatible("localhost:8080/v1", "llama")
    assert local.base_url == "http://localhost:8080/v1"
    nb.register_model("local", local)
    nb.register_model("mine", "local")
    try:
        assert nb.model("mine") is local
        assert {"local", "mine", "demo"} <= {entry.name for entry in nb.models()}
        with pytest.raises(nb.UsageError, match="local"):
            nb.model("locl")
    finally:
        nb.unregister_model("mine")
        nb.unregister_model("local")
    with pytest.raises(nb.UsageError):
        nb.unregister_model("local")
    with pytest.raises(nb.UsageError):
        nb.register_model("x", 3)  # type: ignore[arg-type]


def test_a_base_url_goes_with_any_name() -> None:
    made: Any = nb.model("qwen", base_url="http://127.0.0.1:1/v1", api_key="k")
    assert (made.name, made.base_url) == ("qwen", "http://127.0.0.1:1/v1")
    made = nb.model(
        "azure/gpt-4o", base_url="http://127.0.0.1:1", api_key_name="MY_KEY", headers=None
    )
    assert isinstance(made, nb.LiteLLM)
    assert made.options == {"api_base": "http://127.0.0.1:1"}
    made = nb.model("anthropic/claude", base_url="http://127.0.0.1:1/v1")
    assert isinstance(made, nb.Anthropic)


def test_the_ollama_host(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, url in {
        "": "http://127.0.0.1:11434",
        "box": "http://box:11434",
        "http://box:1": "http://box:1",
        "0.0.0.0": "http://127.0.0.1:11434",
    }.items():
        monkeypatch.setenv("OLLAMA_HOST", value)
        assert nb.Ollama("m").base_url == url


def test_importing_loads_nothing_heavy() -> None:
    code = "import sys, nbstream as nb; nb.model('gpt-4o'); nb.model('bedrock/x'); nb.models(); nb.show(['a'])\n"
    code += "print([m for m in ('httpx', 'litellm', 'pydantic', 'openai') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Demo and scripted ────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "prompt", ["hello", "think", "weather", "a long story", "a table", "how does it work", "{x}"]
)
async def test_demo(prompt: str) -> None:
    events = [event async for event in nb.Demo(speed=0).stream(prompt)]
    check_order(events)
    response = await nb.Demo(speed=0).complete(prompt)
    assert "demo model" in response.text
    assert "nb.configure(model=" in response.text
    assert response.finish_reason == "stop"
    assert response.usage is not None
    assert bool(response.thinking) == (prompt == "think")
    assert bool(response.tool_calls) == (prompt == "weather")


async def test_demo_fails_on_demand_and_stops_at_the_limit() -> None:
    with pytest.raises(nb.ServerError, match="on purpose"):
        await nb.Demo(speed=0).complete("please fail")
    response = await nb.Demo(speed=0).complete("hello", max_tokens=5)
    assert (response.finish_reason, response.usage and response.usage.output_tokens) == (
        "length",
        5,
    )


async def test_demo_calls_the_users_tools() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}
    tools = [{"type": "function", "function": {"name": "add", "parameters": schema}}]
    response = await nb.Demo(speed=0).complete("add 3 and 4", tools=tools)
    assert (response.tool_calls[0].arguments, response.finish_reason) == (
        {"a": 3, "b": 4},
        "tool_calls",
    )
    messages = [{"role": "user", "content": "add"}, {"role": "tool", "content": "7"}]
    assert "`7`" in (await nb.Demo(speed=0).complete(messages, tools=tools)).text


def test_demo_tokens_lose_nothing() -> None:
    for text in (demo_texts.PAGE, demo_texts.LONG, demo_texts.THOUGHTS, "", "  a\n\n b—c"):
        assert "".join(tokens_of(text)) == text


async def test_scripted() -> None:
    model = nb.Scripted("Hello there,  world\n", ["Hel", "lo"], delay=0)
    assert (await model.complete("a")).text == "Hello there,  world\n"
    for _ in range(2):
        assert (await model.complete("b")).text == "Hello"
    assert [r.messages[0]["content"] for r in model.requests] == ["a", "b", "b"]
    calling = nb.Scripted(
        [TextDelta(0, "x"), ToolCallStart("c", 1, "f"), ToolCallEnd("c", {})], delay=0
    )
    for _ in range(2):
        assert (await calling.complete("a")).finish_reason == "tool_calls"
    with pytest.raises(nb.ServerError):
        await nb.Scripted(["a", nb.ServerError("x")], delay=0).complete("a")
    with pytest.raises(nb.UsageError):
        nb.Scripted(["a", 3])  # type: ignore[list-item]


# Requests ─────────────────────────────────────────────────────────────────────

TURN: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}}]},
    {"role": "assistant", "content": "", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}]},
    {"role": "tool", "tool_call_id": "c1", "content": "done"},
]  # fmt: skip


def test_messages_in_every_form() -> None:
    system, messages = to_anthropic(TURN)
    assert system == "Be brief."
    assert messages[0]["content"][1]["source"]["data"] == "QQ=="
    assert messages[1]["content"] == [
        {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}}
    ]
    assert messages[2]["content"][0]["tool_use_id"] == "c1"
    system, contents = to_gemini(TURN)
    assert system == "Be brief."
    assert contents[1]["parts"] == [{"functionCall": {"name": "f", "args": {"a": 1}}}]
    assert contents[2]["parts"][0]["functionResponse"]["name"] == "f"
    items = to_responses(TURN)
    assert [item.get("type", item.get("role")) for item in items] == [
        "system",
        "user",
        "function_call",
        "function_call_output",
    ]


async def test_what_is_sent(serve: Any) -> None:
    server = serve(chat(["ok"]))
    model = nb.OpenAICompatible(server.url, "m", "key-0123456789", headers={"x-a": "b"}, seed=7)
    tool = {"name": "f", "description": "does", "parameters": {"type": "object", "properties": {}}}
    await model.complete(
        "hi", system="s", temperature=0.5, max_tokens=9, stop="x", tools=[tool], min_p=0.1
    )
    request: Request = server.requests[-1]
    assert request.headers["authorization"] == "Bearer key-0123456789"
    assert request.headers["x-a"] == "b"
    sent = request.json
    assert sent["messages"] == [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "hi"},
    ]
    assert (sent["temperature"], sent["max_tokens"], sent["stop"], sent["seed"], sent["min_p"]) == (
        0.5,
        9,
        "x",
        7,
        0.1,
    )
    assert sent["tools"] == [{"type": "function", "function": tool}]
    assert sent["stream_options"] == {"include_usage": True}

    async def anywhere(request: Request) -> None:
        await request.respond(200, {"choices": [{"message": {"content": "ok"}}]})

    server = serve(anywhere)
    path = "/deployments/d/chat/completions?api-version=1"
    await nb.OpenAICompatible(server.url + path, "m").complete("hi")
    assert server.requests[-1].path == path
    assert "authorization" not in server.requests[-1].headers


@pytest.mark.parametrize("make", [nb.Anthropic, nb.Gemini, nb.Ollama, nb.OpenAIResponses])
def test_every_request_has_its_parts(make: Any) -> None:
    request = ChatRequest.of(
        "hi", system="s", temperature=0.5, max_tokens=9, stop="x", output_schema={"title": "T"}
    )
    body = str(make("m", "k").body(request, stream=True))
    for part in ("hi", "0.5", "9", "'T'" if make is not nb.Anthropic else '"T"'):
        assert part in body


PDF = {
    "type": "file",
    "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,UEQ="},
}
WAV = {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}}


def test_files_and_sounds_in_every_form() -> None:
    messages = [{"role": "user", "content": [PDF, WAV]}]
    document = {"type": "base64", "media_type": "application/pdf", "data": "UEQ="}
    (message,) = to_anthropic(messages)[1]
    assert message["content"][0] == {"type": "document", "source": document, "title": "a.pdf"}
    (content,) = to_gemini(messages)[1]
    assert [part["inlineData"]["mimeType"] for part in content["parts"]] == [
        "application/pdf",
        "audio/wav",
    ]
    (item,) = to_responses(messages)
    assert item["content"][0] == {"type": "input_file", **PDF["file"]}
    body = nb.OpenAICompatible("http://h/v1", "m").body(ChatRequest(messages=messages), stream=True)
    assert body["messages"] == messages


@pytest.mark.parametrize(
    "part", [PDF, {"type": "image_url", "image_url": {"url": "https://a.org/b.png"}}]
)
def test_ollama_says_what_it_cannot_take(part: dict[str, Any]) -> None:
    request = ChatRequest(messages=[{"role": "user", "content": [part]}])
    with pytest.raises(nb.UsageError, match="Ollama takes"):
        nb.Ollama("m").body(request, stream=True)


@pytest.mark.parametrize(
    ("make", "own"),
    [
        (nb.Anthropic, {"type": "web_search_20250305", "name": "web_search"}),
        (nb.OpenAIResponses, {"type": "web_search"}),
        (nb.Gemini, {"googleSearch": {}}),
    ],
)
def test_a_providers_own_tools_go_as_they_are(make: Any, own: dict[str, Any]) -> None:
    function = {"name": "f", "description": "does", "parameters": {"type": "object"}}
    for model, tools in ((make("m"), [function, own]), (make("m", tools=[own]), [function])):
        sent = model.body(ChatRequest.of("hi", tools=tools), stream=True)["tools"]
        assert len(sent) == 2
        assert "f" in str(sent[0])
        assert sent[1] == own
    assert make("m").body(ChatRequest.of("hi", tools=[own]), stream=True)["tools"] == [own]


# Keys ─────────────────────────────────────────────────────────────────────────


def test_masking() -> None:
    key = "my+secret/key=="
    assert key not in mask(f"a {key} b my%2Bsecret%2Fkey%3D%3D", [key])
    assert "%2B" not in mask("my%2Bsecret%2Fkey%3D%3D", [key])
    for text in (
        "sk-proj-abcdefghijk",
        "Bearer abcdefghijkl",
        "AIzaSyA-0123456789abcdefghij",
        "gsk_abcdefghijkl",
    ):
        assert text not in mask(f"key: {text}.")
    assert (
        mask("a task-oriented risk-averse disk-based talk")
        == "a task-oriented risk-averse disk-based talk"
    )


def test_no_key_in_a_models_face() -> None:
    model = nb.OpenAICompatible(
        "http://h/v1", "m", "sk-secret-0123456789", headers={"x-api-key": "other-secret"}
    )
    assert "secret" not in repr(model)
    assert set(model.secrets()) == {"sk-secret-0123456789", "other-secret"}


def test_retry_after_in_every_form() -> None:
    assert retry_after({"retry-after": "1.5"}) == 1.5
    assert retry_after({"retry-after-ms": "250"}) == 0.25
    assert retry_after({"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}, now=50.0) == 10.0
    assert retry_after({"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}, now=90.0) == 0.0
    assert retry_after({"retry-after": "soon"}) is None
    assert retry_after({}) is None
