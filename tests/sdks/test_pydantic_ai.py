# pyright: reportMissingImports=false
from __future__ import annotations

from contextlib import AsyncExitStack

import openai
import pydantic_ai
import pytest
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from .serving import KEY, TEXT, Serve, show, tape, two_turns


@pytest.mark.parametrize("form", ["events", "text"])
async def test_agent(serve: Serve, closing: AsyncExitStack, form: str) -> None:
    server = serve(two_turns() if form == "events" else tape("chat/text.sse"))
    client = openai.AsyncOpenAI(base_url=server.url, api_key=KEY, max_retries=0)
    provider = OpenAIProvider(openai_client=await closing.enter_async_context(client))
    agent = pydantic_ai.Agent(OpenAIChatModel("m", provider=provider))

    if form == "text":
        stream = await show(agent.run_stream("hi"))
    else:

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
    assert (stream.text, stream.finish_reason) == (TEXT, "stop")
