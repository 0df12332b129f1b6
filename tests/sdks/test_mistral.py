# pyright: reportMissingImports=false
from __future__ import annotations

from typing import Any

import pytest
from mistralai.client import Mistral

from .serving import KEY, MESSAGES, Serve, show, tape


@pytest.mark.parametrize("form", ["async", "sync"])
async def test_chat(serve: Serve, form: str) -> None:
    server = serve(tape("chat/mistral-list-content.sse"))
    asking: Any = {"model": "m", "messages": MESSAGES}
    async with Mistral(api_key=KEY, server_url=server.url) as client:
        with client:
            stream = await show(
                client.chat.stream_async(**asking)
                if form == "async"
                else lambda: client.chat.stream(**asking)
            )
    assert stream.text.startswith("It is four.")
    assert stream.thinking
    assert stream.finish_reason == "stop"
    assert stream.usage is not None
