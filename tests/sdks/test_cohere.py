# pyright: reportMissingImports=false
from __future__ import annotations

from typing import Any

import cohere
import pytest

from .serving import KEY, MESSAGES, Serve, show, tape


@pytest.mark.parametrize("form", ["async", "sync"])
async def test_chat(serve: Serve, form: str) -> None:
    server = serve(tape("cohere/text.sse"))
    asking: Any = {"model": "m", "messages": MESSAGES}
    if form == "async":
        async with cohere.AsyncClientV2(KEY, base_url=server.url) as client:
            stream = await show(client.chat_stream(**asking))
    else:
        with cohere.ClientV2(KEY, base_url=server.url) as client:
            stream = await show(client.chat_stream(**asking))
    assert (stream.text, stream.finish_reason) == ("Emperor penguins are tall.", "stop")
    assert stream.usage is not None
    assert stream.transcript.citations
