# pyright: reportMissingImports=false
"""LangChain and LangGraph."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import openai
import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, MessagesState, StateGraph

from tests.servers import Server

from .serving import KEY, TEXT, Serve, show, tape


async def chat_openai(server: Server, closing: AsyncExitStack) -> Any:
    settings: Any = {"model": "m", "base_url": server.url, "api_key": KEY, "max_retries": 0}
    return ChatOpenAI(
        **settings,
        stream_usage=True,
        http_client=closing.enter_context(openai.DefaultHttpxClient()),
        http_async_client=await closing.enter_async_context(openai.DefaultAsyncHttpxClient()),
    )


@pytest.mark.parametrize("form", ["astream", "stream", "events"])
async def test_langchain(serve: Serve, closing: AsyncExitStack, form: str) -> None:
    model = await chat_openai(serve(tape("chat/text.sse")), closing)
    source = {
        "astream": lambda: model.astream("hi"),
        "stream": lambda: model.stream("hi"),
        "events": lambda: model.astream_events("hi", version="v2"),
    }[form]()
    stream = await show(source)
    assert (stream.text, stream.finish_reason) == (TEXT, "stop")
    assert stream.usage is not None
    assert (stream.usage.input_tokens, stream.usage.output_tokens) == (12, 9)


async def test_tools(serve: Serve, closing: AsyncExitStack) -> None:
    model = await chat_openai(serve(tape("chat/tools-interleaved.sse")), closing)
    stream = await show(model.astream("hi"))
    assert [c.arguments for c in stream.tool_calls] == [
        {"city": "Reykjavík"},
        {"zone": "Atlantic/Reykjavik"},
    ]
    assert stream.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    "mode", ["messages", "updates", "values", "events", ["messages", "updates"]]
)
@pytest.mark.parametrize("handed_on", [True, False])
async def test_langgraph(mode: Any, handed_on: bool) -> None:
    model = GenericFakeChatModel(messages=iter([AIMessage("The answer is four.", id="a1")]))

    def call(state: Any) -> Any:
        asked = AIMessage("", id="a0", tool_calls=[{"name": "add", "args": {"a": 2}, "id": "c1"}])
        return {"messages": [asked, ToolMessage("4", tool_call_id="c1", id="t0")]}

    async def say(state: Any, config: RunnableConfig) -> Any:
        said = await model.ainvoke(state["messages"], config if handed_on else None)
        return {"messages": [said]}

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
