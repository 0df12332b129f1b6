# pyright: reportMissingImports=false
"""The real libraries, talking to a loopback server; each is skipped where it is not installed.

`uv pip install openai anthropic langchain-openai langgraph 'pydantic-ai-slim[openai]' openai-agents ollama
google-genai llama-index-core ag-ui-protocol` brings them all.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nbstream as nb
from tests.adapters.test_transcripts import TAPES
from tests.servers import Handler, Request, Server, chat_event

pytestmark = pytest.mark.filterwarnings("ignore")

Serve = Callable[..., Server]


def tape(name: str, content_type: str = "text/event-stream") -> Handler:
    data = (TAPES / name).read_bytes()

    async def handler(request: Request) -> None:
        request.start(headers={"content-type": content_type})
        for i in range(0, len(data), 700):
            await request.send(data[i : i + 700])
        await request.end()

    return handler


def endless(request: Request) -> Any:
    async def run() -> None:
        request.start()
        while True:
            await request.send(chat_event({"content": "x"}))
            await asyncio.sleep(0.01)

    return run()


async def show(source: Any) -> nb.Stream:
    stream = nb.show(source)
    await asyncio.wait_for(stream._wait(), 30)
    assert not any("out of order" in w.message for w in stream.transcript.warnings)
    return stream


async def until_closed(server: Server) -> None:
    for _ in range(300):
        if server.requests[-1].closed_at is not None:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the server never saw the connection close")


MESSAGES: Any = [{"role": "user", "content": "hi"}]
TEXT = "Grüße, 世界 👋🏽\u2028and\u0085more"


# openai ───────────────────────────────────────────────────────────────────────


def openai_clients(server: Server) -> tuple[Any, Any]:
    openai = pytest.importorskip("openai")
    settings = {"base_url": server.url, "api_key": "sk-0123456789abcdef", "max_retries": 0}
    return openai.AsyncOpenAI(**settings), openai.OpenAI(**settings)


@pytest.mark.parametrize("form", ["coroutine", "awaited", "sync", "helper", "raw"])
async def test_openai_chat(serve: Serve, form: str) -> None:
    client, sync_client = openai_clients(serve(tape("chat/text.sse")))
    asking = {"model": "m", "messages": MESSAGES}
    if form == "coroutine":
        source = client.chat.completions.create(**asking, stream=True)
    elif form == "awaited":
        source = await client.chat.completions.create(**asking, stream=True)
    elif form == "sync":
        source = await asyncio.to_thread(sync_client.chat.completions.create, **asking, stream=True)
    elif form == "helper":
        source = client.chat.completions.stream(**asking)
    else:
        source = client.chat.completions.with_streaming_response.create(**asking, stream=True)
    stream = await show(source)
    assert (stream.text, stream.finish_reason) == (TEXT, "stop")
    assert stream.usage is not None
    assert (stream.usage.input_tokens, stream.usage.cache_read_tokens) == (12, 4)


async def test_openai_tools_and_reasoning(serve: Serve) -> None:
    client, _ = openai_clients(serve(tape("chat/tools-interleaved.sse")))
    stream = await show(client.chat.completions.create(model="m", messages=MESSAGES, stream=True))
    assert [c.arguments for c in stream.tool_calls] == [
        {"city": "Reykjavík"},
        {"zone": "Atlantic/Reykjavik"},
    ]
    client, _ = openai_clients(serve(tape("chat/deepseek-reasoning.sse")))
    stream = await show(client.chat.completions.create(model="m", messages=MESSAGES, stream=True))
    assert (stream.thinking, stream.text) == ("Let me think.", "Four.")


@pytest.mark.parametrize("form", ["create", "helper"])
async def test_openai_responses(serve: Serve, form: str) -> None:
    client, _ = openai_clients(serve(tape("responses/reasoning-and-tool.sse")))
    asking = {"model": "m", "input": "hi"}
    source = (
        client.responses.create(**asking, stream=True)
        if form == "create"
        else client.responses.stream(**asking)
    )
    stream = await show(source)
    assert (stream.text, stream.thinking, stream.finish_reason) == (
        "Five 🖐.",
        "**Adding**",
        "tool_calls",
    )
    assert stream.tool_calls[0].arguments == {"a": 2, "b": 3}


@pytest.mark.parametrize("form", ["async", "sync"])
async def test_openai_stop_reaches_the_server(serve: Serve, form: str) -> None:
    server = serve(endless)
    client, sync_client = openai_clients(server)
    asking = {"model": "m", "messages": MESSAGES, "stream": True}
    if form == "async":
        source = await client.chat.completions.create(**asking)
    else:
        source = await asyncio.to_thread(sync_client.chat.completions.create, **asking)
    stream = nb.show(source)
    async for _ in stream.text_deltas():
        break
    stream.stop()
    await until_closed(server)


async def test_openai_errors_are_ours(serve: Serve) -> None:
    async def refuse(request: Request) -> None:
        body = {
            "error": {
                "message": "Incorrect API key provided: sk-0123456789abcdef",
                "code": "invalid_api_key",
            }
        }
        await request.respond(401, body)

    client, _ = openai_clients(serve(refuse))
    stream = nb.show(client.chat.completions.create(model="m", messages=MESSAGES, stream=True))
    with pytest.raises(nb.AuthenticationError) as caught:
        await stream
    assert "sk-0123456789abcdef" not in f"{caught.value} {stream.events}"


async def test_openai_broken_connection_keeps_the_text(serve: Serve) -> None:
    async def breaking(request: Request) -> None:
        request.start()
        await request.send(chat_event({"content": "kept"}))
        request.writer.close()

    client, _ = openai_clients(serve(breaking))
    stream = nb.show(client.chat.completions.create(model="m", messages=MESSAGES, stream=True))
    with pytest.raises(nb.StreamInterruptedError) as caught:
        await stream
    assert caught.value.partial == "kept"


# anthropic ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("form", ["create", "helper", "sync helper", "text_stream"])
async def test_anthropic(serve: Serve, form: str) -> None:
    anthropic = pytest.importorskip("anthropic")
    server = serve(tape("anthropic/everything.sse"))
    settings = {"base_url": server.url, "api_key": "sk-ant-0123456789", "max_retries": 0}
    asking: Any = {"model": "claude", "max_tokens": 10, "messages": MESSAGES}
    client = anthropic.AsyncAnthropic(**settings)
    if form == "create":
        source = client.messages.create(**asking, stream=True)
    elif form == "helper":
        source = client.messages.stream(**asking)
    elif form == "sync helper":
        source = anthropic.Anthropic(**settings).messages.stream(**asking)
    else:
        async with client.messages.stream(**asking) as held:
            assert (await show(held.text_stream)).text == "Let me check — naïve 🤔.Twice a day."
        return
    stream = await show(source)
    assert stream.text == "Let me check — naïve 🤔.Twice a day."
    assert stream.thinking == "I should look it up."
    assert [c.name for c in stream.tool_calls] == ["web_search", "now"]
    assert stream.finish_reason == "tool_calls"
    assert stream.transcript.citations[0].url == "https://example.org/tide"
    assert stream.usage is not None
    assert (stream.usage.input_tokens, stream.usage.output_tokens) == (32, 41)


# litellm ──────────────────────────────────────────────────────────────────────


async def test_litellm(serve: Serve) -> None:
    litellm = pytest.importorskip("litellm")
    server = serve(tape("chat/text.sse"))
    asking = {"model": "openai/m", "api_base": server.url, "api_key": "sk-0123456789abcdef"}
    stream = await show(
        litellm.acompletion(
            **asking, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
    )
    assert (stream.text, stream.finish_reason) == (TEXT, "stop")
    chosen = nb.LiteLLM("openai/m", api_base=server.url, api_key="sk-0123456789abcdef")
    response = await chosen.complete("hi")
    assert (response.text, response.finish_reason) == (TEXT, "stop")


async def test_litellm_does_not_invent_a_stop(serve: Serve) -> None:
    pytest.importorskip("litellm")

    async def truncated(request: Request) -> None:
        request.writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
        )
        request.writer.write(chat_event({"content": "half"}))
        await request.writer.drain()
        request.writer.close()

    server = serve(truncated)
    chosen = nb.LiteLLM("openai/m", api_base=server.url, api_key="sk-0123456789abcdef")
    response = await chosen.complete("hi")
    assert (response.text, response.finish_reason, response.partial) == ("half", "unknown", True)


async def test_litellm_stop_and_errors(serve: Serve) -> None:
    pytest.importorskip("litellm")
    server = serve(endless)
    chosen = nb.LiteLLM("openai/m", api_base=server.url, api_key="sk-0123456789abcdef")
    stream = nb.stream("hi", model=chosen)
    async for _ in stream.text_deltas():
        break
    stream.stop()
    await until_closed(server)

    async def refuse(request: Request) -> None:
        await request.respond(401, {"error": {"message": "bad key sk-0123456789abcdef"}})

    chosen = nb.LiteLLM("openai/m", api_base=serve(refuse).url, api_key="sk-0123456789abcdef")
    stream = nb.stream("hi", model=chosen, retries=0)
    with pytest.raises(nb.AuthenticationError) as caught:
        await stream
    assert "sk-0123456789abcdef" not in f"{caught.value} {stream.events}"


# LangChain and LangGraph ──────────────────────────────────────────────────────


def chat_openai(server: Server) -> Any:
    langchain_openai = pytest.importorskip("langchain_openai")
    return langchain_openai.ChatOpenAI(
        model="m",
        base_url=server.url,
        api_key="sk-0123456789abcdef",
        max_retries=0,
        stream_usage=True,
    )


@pytest.mark.parametrize("form", ["astream", "stream", "events"])
async def test_langchain(serve: Serve, form: str) -> None:
    model = chat_openai(serve(tape("chat/text.sse")))
    source = {
        "astream": lambda: model.astream("hi"),
        "stream": lambda: model.stream("hi"),
        "events": lambda: model.astream_events("hi", version="v2"),
    }[form]()
    stream = await show(source)
    assert (stream.text, stream.finish_reason) == (TEXT, "stop")
    assert stream.usage is not None
    assert (stream.usage.input_tokens, stream.usage.output_tokens) == (12, 9)


async def test_langchain_tools(serve: Serve) -> None:
    model = chat_openai(serve(tape("chat/tools-interleaved.sse")))
    stream = await show(model.astream("hi"))
    assert [c.arguments for c in stream.tool_calls] == [
        {"city": "Reykjavík"},
        {"zone": "Atlantic/Reykjavik"},
    ]
    assert stream.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    "mode", ["messages", "updates", "values", "events", ["messages", "updates"]]
)
async def test_langgraph(mode: Any) -> None:
    pytest.importorskip("langgraph")
    from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage, ToolMessage
    from langgraph.graph import END, START, MessagesState, StateGraph

    model = GenericFakeChatModel(messages=iter([AIMessage("The answer is four.", id="a1")]))

    def call(state: Any) -> Any:
        asked = AIMessage("", id="a0", tool_calls=[{"name": "add", "args": {"a": 2}, "id": "c1"}])
        return {"messages": [asked, ToolMessage("4", tool_call_id="c1", id="t0")]}

    async def say(state: Any) -> Any:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("call", call)
    graph.add_node("say", say)
    graph.add_edge(START, "call")
    graph.add_edge("call", "say")
    graph.add_edge("say", END)
    app = graph.compile()
    given: Any = {"messages": [("user", "hi")]}
    source = (
        app.astream_events(given, version="v2")
        if mode == "events"
        else app.astream(given, stream_mode=mode)
    )
    stream = await show(source)
    assert stream.text == "The answer is four."
    if mode != "events":
        assert [(c.name, c.arguments, c.result) for c in stream.tool_calls] == [
            ("add", {"a": 2}, "4")
        ]


# pydantic-ai, agents, LlamaIndex ──────────────────────────────────────────────


def two_turns(tmp: list[int]) -> Handler:
    async def handler(request: Request) -> None:
        tmp.append(1)
        name = "chat/text.sse" if len(tmp) > 1 else "chat/tools-interleaved.sse"
        await tape(name)(request)

    return handler


@pytest.mark.parametrize("form", ["events", "text"])
async def test_pydantic_ai(serve: Serve, form: str) -> None:
    pydantic_ai = pytest.importorskip("pydantic_ai")
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    server = serve(two_turns([]) if form == "events" else tape("chat/text.sse"))
    provider = OpenAIProvider(base_url=server.url, api_key="sk-0123456789abcdef")
    agent = pydantic_ai.Agent(OpenAIChatModel("m", provider=provider))

    if form == "events":

        @agent.tool_plain
        def weather(city: str) -> str:
            return f"rain in {city}"

        @agent.tool_plain
        def time(zone: str) -> str:
            return "noon"

        stream = await show(agent.run_stream_events("hi"))
        assert [(c.name, c.result) for c in stream.tool_calls] == [
            ("weather", "rain in Reykjavík"),
            ("time", "noon"),
        ]
        assert stream.usage is not None
        assert stream.usage.input_tokens == 24
    else:
        stream = await show(agent.run_stream("hi"))
    assert (stream.text, stream.finish_reason) == (TEXT, "stop")


async def test_openai_agents(serve: Serve) -> None:
    agents = pytest.importorskip("agents")
    agents.set_tracing_disabled(True)
    client, _ = openai_clients(serve(two_turns([])))

    @agents.function_tool
    def weather(city: str) -> str:
        """The weather."""
        return f"rain in {city}"

    @agents.function_tool
    def time(zone: str) -> str:
        """The time."""
        return "noon"

    model = agents.OpenAIChatCompletionsModel("m", client)
    agent = agents.Agent("helper", model=model, tools=[weather, time])
    stream = await show(agents.Runner.run_streamed(agent, "hi"))
    assert (stream.text, stream.finish_reason) == (TEXT, "stop")
    assert [(c.name, c.result) for c in stream.tool_calls] == [
        ("weather", "rain in Reykjavík"),
        ("time", "noon"),
    ]
    assert [step.name for step in stream.transcript.steps] == ["helper"]


async def test_llama_index() -> None:
    pytest.importorskip("llama_index.core")
    from llama_index.core.base.llms.types import ChatMessage
    from llama_index.core.llms.mock import MockLLM

    llm = MockLLM(max_tokens=4)
    chat = await llm.astream_chat([ChatMessage(content="one two three")])
    assert (await show(chat)).text == "text text text text"
    assert (await show(llm.stream_complete("one two three"))).text == "text text text text"


# ollama, google-genai, ag-ui ──────────────────────────────────────────────────


@pytest.mark.parametrize("form", ["chat", "generate", "sync"])
async def test_ollama(serve: Serve, form: str) -> None:
    ollama = pytest.importorskip("ollama")
    name = "generate" if form == "generate" else "chat"
    server = serve(tape(f"ollama/{name}.ndjson", "application/x-ndjson"))
    client = ollama.AsyncClient(server.url)
    if form == "chat":
        source = client.chat(model="m", messages=MESSAGES, stream=True)
    elif form == "generate":
        source = client.generate(model="m", prompt="hi", stream=True)
    else:
        source = ollama.Client(server.url).chat(model="m", messages=MESSAGES, stream=True)
    stream = await show(source)
    if name == "chat":
        assert (stream.text, stream.thinking, stream.finish_reason) == (
            "Héllo 👋",
            "Hmm",
            "tool_calls",
        )
        assert [(c.name, c.arguments) for c in stream.tool_calls] == [
            ("a", {"x": 1}),
            ("b", {"y": "z"}),
        ]
    else:
        assert (stream.text, stream.finish_reason) == ("The sky is 蓝", "length")
    assert stream.usage is not None
    assert stream.usage.details


async def test_google_genai(serve: Serve) -> None:
    pytest.importorskip("google.genai")
    from google import genai

    server = serve(tape("gemini/thought-tool-grounding.sse"))
    client = genai.Client(api_key="0123456789abcdef", http_options={"base_url": server.url})
    source = client.aio.models.generate_content_stream(model="m", contents="hi")
    stream = await show(source)
    assert (stream.text, stream.thinking, stream.finish_reason) == (
        "The sea is blue. 🌊",
        "Considering it",
        "tool_calls",
    )
    assert stream.tool_calls[0].arguments == {"at": "the sea"}
    assert stream.transcript.citations[0].url == "https://example.org/sea"
    assert stream.usage is not None
    assert (stream.usage.output_tokens, stream.usage.reasoning_tokens) == (25, 5)


async def test_ag_ui_objects() -> None:
    core = pytest.importorskip("ag_ui.core")
    events = [
        core.RunStartedEvent(thread_id="t", run_id="r"),
        core.TextMessageStartEvent(message_id="m", role="assistant"),
        core.TextMessageContentEvent(message_id="m", delta="Hello"),
        core.ToolCallStartEvent(tool_call_id="c", tool_call_name="f"),
        core.ToolCallArgsEvent(tool_call_id="c", delta="{}"),
        core.ToolCallEndEvent(tool_call_id="c"),
        core.ToolCallResultEvent(message_id="x", tool_call_id="c", content="done"),
        core.RunFinishedEvent(thread_id="t", run_id="r"),
    ]
    stream = await show(events)
    assert (stream.text, stream.finish_reason) == ("Hello", "stop")
    assert stream.tool_calls[0].result == "done"


# The seeds' own packages, where they can be had ───────────────────────────────


async def test_agenticraft_package() -> None:
    streaming = pytest.importorskip("agenticraft.core.streaming")
    stream = await show(streaming.create_mock_stream("Hello there", chunk_size=3, delay=0))
    assert stream.text == "Hello there"


async def test_mcp_agent_package() -> None:
    events = pytest.importorskip("mcp_agent.workflows.llm.streaming_events")
    kinds = events.StreamEventType
    made = [
        events.StreamEvent(type=kinds.TEXT_DELTA, content="Hello", iteration=0),
        events.StreamEvent(type=kinds.COMPLETE, iteration=0, stop_reason="end_turn"),
    ]
    stream = await show(made)
    assert (stream.text, stream.finish_reason) == ("Hello", "stop")


def test_the_tapes_are_where_they_should_be() -> None:
    assert Path(TAPES, "chat", "text.sse").is_file()
    assert json.loads((TAPES / "ollama" / "chat.ndjson").read_text().splitlines()[0])
