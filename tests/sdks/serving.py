"""What the libraries are served, and what is shown of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import nbstream as nb
from tests.adapters.test_transcripts import TAPES
from tests.servers import Handler, Request, Server, chat_event

Serve = Callable[..., Server]

KEY = "sk-0123456789abcdef"
MESSAGES: Any = [{"role": "user", "content": "hi"}]
#: What chat/text.sse says.
TEXT = "Grüße, 世界 👋🏽\u2028and\u0085more"


def tape(name: str, content_type: str = "text/event-stream") -> Handler:
    """Sends a recorded stream, cut where it does not fit."""
    data = (TAPES / name).read_bytes()

    async def handler(request: Request) -> None:
        request.start(headers={"content-type": content_type})
        for i in range(0, len(data), 700):
            await request.send(data[i : i + 700])
        await request.end()

    return handler


def two_turns() -> Handler:
    """Tool calls in answer to the first request, text to the second."""
    asked = 0

    async def handler(request: Request) -> None:
        nonlocal asked
        asked += 1
        name = "chat/text.sse" if asked > 1 else "chat/tools-interleaved.sse"
        await tape(name)(request)

    return handler


async def endless(request: Request) -> None:
    request.start()
    while True:
        await request.send(chat_event({"content": "x"}))
        await asyncio.sleep(0.01)


async def breaking(request: Request) -> None:
    request.start()
    await request.send(chat_event({"content": "kept"}))
    request.writer.close()


async def refusing(request: Request) -> None:
    said = f"Incorrect API key provided: {KEY}"
    await request.respond(401, {"error": {"message": said, "code": "invalid_api_key"}})


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
