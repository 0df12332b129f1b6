# pyright: reportMissingImports=false
from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import openai
import pytest

import nbstream as nb
from tests.servers import Server

from .serving import (
    KEY,
    MESSAGES,
    TEXT,
    Serve,
    breaking,
    endless,
    refusing,
    show,
    tape,
    until_closed,
)

ASKING: Any = {"model": "m", "messages": MESSAGES}


Connect = Callable[[Server], tuple[openai.AsyncOpenAI, openai.OpenAI]]


@pytest.fixture
def connect(closing: AsyncExitStack) -> Connect:
    """An async and a sync client of a server."""

    def clients(server: Server) -> tuple[openai.AsyncOpenAI, openai.OpenAI]:
        settings: Any = {"base_url": server.url, "api_key": KEY, "max_retries": 0}
        made = openai.AsyncOpenAI(**settings), openai.OpenAI(**settings)
        closing.push_async_callback(made[0].close)
        closing.callback(made[1].close)
        return made

    return clients


@pytest.mark.parametrize("form", ["coroutine", "awaited", "sync", "helper", "raw"])
async def test_chat(serve: Serve, connect: Connect, form: str) -> None:
    server = serve(tape("chat/text.sse"))
    client, sync_client = connect(server)
    completions = client.chat.completions
    source: Any
    if form == "coroutine":
        source = completions.create(**ASKING, stream=True)
    elif form == "awaited":
        source = await completions.create(**ASKING, stream=True)
    elif form == "sync":
        create = sync_client.chat.completions.create
        source = await asyncio.to_thread(create, **ASKING, stream=True)
    elif form == "helper":
        source = completions.stream(**ASKING)
    else:
        source = completions.with_streaming_response.create(**ASKING, stream=True)
    stream = await show(source)
    assert (stream.text, stream.finish_reason) == (TEXT, "stop")
    assert stream.usage is not None
    assert (stream.usage.input_tokens, stream.usage.cache_read_tokens) == (12, 4)


async def test_tools_and_reasoning(serve: Serve, connect: Connect) -> None:
    client, _ = connect(serve(tape("chat/tools-interleaved.sse")))
    stream = await show(client.chat.completions.create(**ASKING, stream=True))
    assert [c.arguments for c in stream.tool_calls] == [
        {"city": "Reykjavík"},
        {"zone": "Atlantic/Reykjavik"},
    ]
    client, _ = connect(serve(tape("chat/deepseek-reasoning.sse")))
    stream = await show(client.chat.completions.create(**ASKING, stream=True))
    assert (stream.thinking, stream.text) == ("Let me think.", "Four.")


@pytest.mark.parametrize("form", ["create", "helper"])
async def test_responses(serve: Serve, connect: Connect, form: str) -> None:
    client, _ = connect(serve(tape("responses/reasoning-and-tool.sse")))
    asking: Any = {"model": "m", "input": "hi"}
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
async def test_stop_reaches_the_server(serve: Serve, connect: Connect, form: str) -> None:
    server = serve(endless)
    client, sync_client = connect(server)
    source: Any
    if form == "async":
        source = await client.chat.completions.create(**ASKING, stream=True)
    else:
        create = sync_client.chat.completions.create
        source = await asyncio.to_thread(create, **ASKING, stream=True)
    stream = nb.show(source)
    async for _ in stream.text_deltas():
        break
    stream.stop()
    await until_closed(server)


async def test_errors_are_ours(serve: Serve, connect: Connect) -> None:
    client, _ = connect(serve(refusing))
    stream = nb.show(client.chat.completions.create(**ASKING, stream=True))
    with pytest.raises(nb.AuthenticationError) as caught:
        await stream
    assert KEY not in f"{caught.value} {stream.events}"


async def test_a_broken_connection_keeps_the_text(serve: Serve, connect: Connect) -> None:
    client, _ = connect(serve(breaking))
    stream = nb.show(client.chat.completions.create(**ASKING, stream=True))
    with pytest.raises(nb.StreamInterruptedError) as caught:
        await stream
    assert caught.value.partial == "kept"
