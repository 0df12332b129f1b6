# pyright: reportMissingImports=false
from __future__ import annotations

import pytest
from google import genai

from .serving import KEY, Serve, show, tape


@pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")  # of aiohttp, its own
async def test_generate_content(serve: Serve) -> None:
    server = serve(tape("gemini/thought-tool-grounding.sse"))
    client = genai.Client(api_key=KEY, http_options={"base_url": server.url})
    async with client.aio as asynchronous:
        source = asynchronous.models.generate_content_stream(model="m", contents="hi")
        stream = await show(source)
    client.close()
    assert (stream.text, stream.thinking, stream.finish_reason) == (
        "The sea is blue. 🌊",
        "Considering it",
        "tool_calls",
    )
    assert stream.tool_calls[0].arguments == {"at": "the sea"}
    assert stream.transcript.citations[0].url == "https://example.org/sea"
    assert stream.usage is not None
    assert (stream.usage.output_tokens, stream.usage.reasoning_tokens) == (25, 5)
