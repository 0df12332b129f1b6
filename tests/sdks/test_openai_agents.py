# pyright: reportMissingImports=false
from __future__ import annotations

from contextlib import AsyncExitStack

import agents
import openai

from .serving import KEY, TEXT, Serve, show, two_turns


async def test_run(serve: Serve, closing: AsyncExitStack) -> None:
    agents.set_tracing_disabled(True)
    client = openai.AsyncOpenAI(base_url=serve(two_turns()).url, api_key=KEY, max_retries=0)
    await closing.enter_async_context(client)

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
