"""Chunks that carry their number, so that one can say when each was written and when it was painted.

The server's chunks are words such as `ka17,`: stream a, chunk 17. It notes the time just before it writes each.
In the page a watcher notes when a number is in the DOM of a cell's output as a frame ends: a change made in a
task counts with the frame after it, one made in that frame's own callbacks with that frame.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence

from tests.e2e.lab import Notebook
from tests.servers import Request, chat_event

NAMES = "abcdefgh"
#: Chunks of a paragraph.
PARAGRAPH = 60

WATCH = """(cell, names) => {
  const seen = Object.fromEntries([...names].map((name) => [name, []]));
  const { port1, port2 } = new MessageChannel();
  let dirty = false;
  const last = (text, name) => {
    for (let at = text.length; (at = text.lastIndexOf("k" + name, at - 1)) >= 0; ) {
      const number = /^k[a-z](\\d+),/.exec(text.slice(at, at + 12));
      if (number) return Number(number[1]);
      if (at === 0) break;
    }
    return -1;
  };
  port1.onmessage = () => {
    if (!dirty) return;
    dirty = false;
    const now = performance.timeOrigin + performance.now();
    const answers = cell.querySelectorAll("[data-part=answer]");
    const text = answers.length
      ? Array.from(answers, (answer) => answer.textContent).join("\\n")
      : cell.querySelector(".jp-Cell-outputWrapper").textContent;
    for (const [name, times] of Object.entries(seen))
      for (let n = last(text, name); times.length <= n; ) times.push(now / 1000);
  };
  new MutationObserver(() => { dirty = true; })
    .observe(cell, { childList: true, characterData: true, subtree: true });
  const frame = () => { port2.postMessage(0); requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
  globalThis.benchSeen = seen;
}"""


class Stamps:
    """A handler of `tests.servers.Server` that answers each prompt, `a` to `h`, with its stamped chunks."""

    def __init__(self, rate: float, count: int, *, first: float = 0.0) -> None:
        self.rate, self.count, self.first = rate, count, first
        self.asked: dict[str, float] = {}
        self.written: dict[str, list[float]] = defaultdict(list)

    async def __call__(self, request: Request) -> None:
        name = request.json["messages"][-1]["content"].strip()
        self.asked[name] = time.time()
        written = self.written[name] = []
        request.start()
        await request.send(chat_event({"role": "assistant", "content": ""}))
        began = time.monotonic() + self.first
        for n in range(self.count):
            await asyncio.sleep(max(0.0, began + n / self.rate - time.monotonic()))
            written.append(time.time())
            await request.send(chat_event({"content": stamp(name, n)}))
        await request.send(chat_event({}, "stop"))
        await request.send(b"data: [DONE]\n\n")
        await request.end()

    def over(self, names: str) -> bool:
        """Whether the last chunk of all of them was written."""
        return all(len(self.written[name]) == self.count for name in names)


class Switch:
    """A handler that answers with the stamps of what is measured now."""

    stamps = Stamps(1000, 1)

    async def __call__(self, request: Request) -> None:
        await self.stamps(request)


def stamp(name: str, n: int) -> str:
    return f"k{name}{n}," + (" " if (n + 1) % PARAGRAPH else "\n\n")


async def watch(notebook: Notebook, n: int, names: str = "a") -> None:
    """Notes from now on when the stamps of `names` are painted in the output of cell `n`."""
    await notebook.cell(n).evaluate(WATCH, names)


async def painted(notebook: Notebook) -> dict[str, list[float]]:
    """When each chunk of each stream was painted, in Unix time, so far."""
    return await notebook.page.evaluate("benchSeen")


def delays(written: Sequence[float], seen: Sequence[float]) -> list[float]:
    """Seconds from write to paint of the chunks that were painted."""
    return [later - earlier for earlier, later in zip(written, seen, strict=False)]


def quantile(values: Sequence[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else float("nan")
