# pyright: reportMissingImports=false
from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import anthropic
import pytest

from .serving import MESSAGES, Serve, show, tape

KEY = "sk-ant-0123456789"
ASKING: Any = {"model": "claude", "max_tokens": 10, "messages": MESSAGES}


@pytest.mark.parametrize("form", ["create", "helper", "sync helper", "text_stream"])
async def test_messages(serve: Serve, closing: AsyncExitStack, form: str) -> None:
    server = serve(tape("anthropic/everything.sse"))
    settings: Any = {"base_url": server.url, "api_key": KEY, "max_retries": 0}
    client = await closing.enter_async_context(anthropic.AsyncAnthropic(**settings))
    sync_client = closing.enter_context(anthropic.Anthropic(**settings))
    if form == "create":
        source = client.messages.create(**ASKING, stream=True)
    elif form == "helper":
        source = client.messages.stream(**ASKING)
    elif form == "sync helper":
        source = sync_client.messages.stream(**ASKING)
    else:
        async with client.messages.stream(**ASKING) as held:
            assert (await show(held.text_stream)).text == "Let me check — naïve 🤔.Twice a day."
        return
    stream = await show(source)
    assert stream.text == "Let me check — naïve 🤔.\n\nTwice a day."
    assert stream.thinking == "I should look it up."
    assert [c.name for c in stream.tool_calls] == ["web_search", "now"]
    assert stream.finish_reason == "tool_calls"
    assert stream.transcript.citations[0].url == "https://example.org/tide"
    assert stream.usage is not None
    assert (stream.usage.input_tokens, stream.usage.output_tokens) == (32, 41)
