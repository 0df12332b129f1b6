"""A bad connection between the kernel and JupyterLab's page."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from playwright.async_api import WebSocketRoute, expect

from tests.e2e.test_stream import answer, root
from tests.servers import chat

WORDS = [f"word{n}" + ("\n\n" if n % 40 == 39 else " ") for n in range(600)]


def content(message: str | bytes) -> dict[str, Any]:
    """The content of a message of Jupyter's binary websocket protocol, v1."""
    if isinstance(message, str):
        return json.loads(message).get("content", {})
    count = int.from_bytes(message[:8], "little")
    offsets = [int.from_bytes(message[8 * n : 8 * n + 8], "little") for n in range(1, count + 1)]
    return json.loads(message[offsets[4] : offsets[5]])


class BadConnection:
    """Drops, doubles and delays (and so reorders) what streams and their views say to each other."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.done: Counter[str] = Counter()

    def route(self, page: WebSocketRoute) -> None:
        server = page.connect_to_server()
        page.on_message(lambda message: self.carry(message, server.send))
        server.on_message(lambda message: self.carry(message, page.send))

    def carry(self, message: str | bytes, send: Callable[[Any], None]) -> None:
        data = content(message).get("data", {})
        said = data.get("content") if isinstance(data, dict) else None
        kind = said.get("kind") if isinstance(said, dict) else None
        if kind not in ("frame", "grow", "frames", "posts", "beat", "hello"):
            send(message)
            return
        fate = self.random.choices(["sent", "dropped", "doubled", "late"], [50, 20, 10, 20])[0]
        self.done[fate] += 1
        if fate == "dropped":
            return
        if fate == "late":
            delay = self.random.uniform(0.01, 0.5)
            asyncio.get_running_loop().call_later(delay, send, message)
            return
        for _ in range(2 if fate == "doubled" else 1):
            send(message)


async def test_every_answer_arrives_whole(open_notebook, serve):
    server = serve(chat(WORDS, delay=0.005))
    source = f"""
import nbstream as nb
model = nb.OpenAICompatible("{server.url}/v1", "test-model")
streams = [nb.stream("Go on.", model=model) for _ in range(4)]
for stream in streams:
    display(stream)
for stream in streams:
    await stream
"""
    bad = BadConnection(seed=1)
    notebook = await open_notebook(
        [source], before=lambda page: page.route_web_socket("**/channels*", bad.route)
    )
    await notebook.run(0)
    await notebook.wait_done(0)
    for n in range(4):
        await expect(root(notebook, 0).nth(n)).to_have_attribute("data-status", "done")
        shown = await answer(notebook, 0).nth(n).text_content() or ""
        assert "".join(shown.split()) == "".join("".join(WORDS).split())
    print(f"\n{dict(bad.done)}")
    assert min(bad.done[fate] for fate in ("dropped", "doubled", "late")) > 10
