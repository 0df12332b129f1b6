"""The first `%%stream` cell of a session, and a further one, in a real JupyterLab in Chromium.

    python -m bench.first [--against PATH] [--rounds N]

A fresh kernel and a fresh page each time; `%load_ext nbstream` has run, or the peer's imports. Milliseconds from
Shift-Enter to `asked`, when the request reaches the server, which answers at once, and to `painted`, when its first
chunk is on the screen; `x` is that beside nbstream's. `bytes` is what came over IOPub, as the page receives it, before the
message with the first chunk. Medians of the rounds.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from statistics import median
from typing import NamedTuple

from playwright.async_api import TimeoutError, WebSocket

from bench import peers
from bench.checkout import Checkout, arguments, checkouts
from bench.lab import Bench, bench
from bench.stamps import Stamps, painted, stamp, watch
from tests.e2e.lab import Notebook, eventually
from tests.servers import Server

RATE, COUNT = 20, 10

PRESS = """() => document.addEventListener("keydown", () => {
  globalThis.benchPressed = (performance.timeOrigin + performance.now()) / 1000;
}, { capture: true, once: true })"""


class Way(NamedTuple):
    """One way to show a stream: a row of the table."""

    name: str
    checkout: Checkout
    setup: str
    cell: str


def ways(found: list[Checkout], url: str) -> list[Way]:
    cell = f"%%stream m --api-base {url}/v1\n"
    rows = [Way(each.name, each, "%load_ext nbstream", cell + "{name}") for each in found]
    peer = "await anywidget_per_delta({name!r})"
    return [*rows, Way("anywidget, each delta", found[0], peers.setup(url), peer)]


class Frames:
    """What the page's kernel connection receives over IOPub."""

    def __init__(self, notebook: Notebook) -> None:
        self.messages: list[bytes] = []
        notebook.page.on("websocket", self._opened)

    def _opened(self, socket: WebSocket) -> None:
        if "/channels" in socket.url:
            socket.on("framereceived", self._received)

    def _received(self, payload: str | bytes) -> None:
        if isinstance(payload, bytes) and b"iopub" in payload[:160]:
            self.messages.append(payload)

    def before(self, text: str) -> int:
        """The bytes of the messages before the first that holds `text`."""
        size = 0
        for message in self.messages:
            if text.encode() in message:
                return size
            size += len(message)
        return size


class Seen(NamedTuple):
    asked: float
    painted: float
    bytes: float


async def measure(bench: Bench, way: Way, stamps: Stamps) -> list[Seen]:
    cells = [way.setup, way.cell.format(name="a"), way.cell.format(name="b")]
    async with bench.notebook(way.checkout, cells) as notebook:
        frames = Frames(notebook)
        await notebook.page.evaluate(
            "() => jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.reconnect()"
        )
        await notebook.execute(0)
        await asyncio.sleep(1)
        return [
            await one(notebook, frames, way, stamps, n, name) for n, name in ((1, "a"), (2, "b"))
        ]


async def one(
    notebook: Notebook, frames: Frames, way: Way, stamps: Stamps, n: int, name: str
) -> Seen:
    await notebook.cell(n).locator(".jp-InputArea-editor").click()
    await watch(notebook, n, name)
    await notebook.page.evaluate(PRESS)
    frames.messages.clear()
    await notebook.page.keyboard.press("Shift+Enter")
    await eventually(lambda: stamps.over(name))
    await notebook.wait_done(n)
    try:
        await notebook.page.wait_for_function("name => benchSeen[name].length", arg=name)
    except TimeoutError as error:
        raise SystemExit(f"cell {n} of {way.name} showed nothing") from error
    pressed = await notebook.page.evaluate("benchPressed")
    seen = (await painted(notebook))[name]
    return Seen(
        1000 * (stamps.asked[name] - pressed),
        1000 * (seen[0] - pressed),
        frames.before(stamp(name, 0).strip()),
    )


async def main(found: list[Checkout], rounds: int) -> None:
    stamps, results = Stamps(RATE, COUNT), defaultdict(list)
    with Server(stamps) as server:
        rows = ways(found, server.url)
        async with bench(found) as opened:
            for _ in range(rounds):
                for way in rows:
                    stamps.written.clear()
                    results[way.name].append(await measure(opened, way, stamps))
    for place, title in enumerate(("the first cell", "a further cell")):
        print(f"{title:26}{'asked':>8}{'painted':>9}{'x':>7}{'bytes':>10}")
        ours = median(each[place].painted for each in results[rows[0].name])
        for way in rows:
            asked, shown, size = map(
                median, zip(*(each[place] for each in results[way.name]), strict=True)
            )
            print(f"  {way.name:24}{asked:8.0f}{shown:9.0f}{shown / ours:6.1f}x{size:10,.0f}")
        print(flush=True)


if __name__ == "__main__":
    options = arguments(__doc__ or "", rounds=7).parse_args()
    asyncio.run(main(checkouts(options.against), options.rounds))
