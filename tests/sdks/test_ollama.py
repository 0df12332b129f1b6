# pyright: reportMissingImports=false
from __future__ import annotations

from typing import Any

import ollama
import pytest

from .serving import MESSAGES, Serve, show, tape


@pytest.mark.parametrize("form", ["chat", "generate", "sync"])
async def test_ollama(serve: Serve, form: str) -> None:
    name = "generate" if form == "generate" else "chat"
    server = serve(tape(f"ollama/{name}.ndjson", "application/x-ndjson"))
    asking: Any = {"model": "m", "messages": MESSAGES, "stream": True}
    async with ollama.AsyncClient(server.url) as client:
        with ollama.Client(server.url) as sync_client:
            if form == "chat":
                source = client.chat(**asking)
            elif form == "generate":
                source = client.generate(model="m", prompt="hi", stream=True)
            else:
                source = sync_client.chat(**asking)
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
