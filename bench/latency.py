"""From the server's write to paint, in a real JupyterLab in Chromium.

    python -m bench.latency [--against PATH] [--rounds N] [--seconds S]

Milliseconds from just before the server writes a chunk to the end of the frame that shows it, over all chunks
of all rounds; `x` is the median beside nbstream's. `unseen`: chunks that were not painted within 8 seconds of the
last write, or never came: the server drops what is over its 1,000 messages a second. `kernel` and `page` are milliseconds of CPU per 1,000 chunks, of the kernel's process and of the page's
main thread, less what the page takes when nothing happens. The peers read the same server with httpx and do the
least they can.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from bench import peers
from bench.checkout import Checkout, arguments, checkouts
from bench.lab import Bench, Cost, bench
from bench.stamps import NAMES, Stamps, Switch, delays, painted, quantile, watch
from tests.e2e.lab import Notebook, eventually
from tests.servers import Server

#: Seconds after the last write until a chunk counts as unseen.
GRACE = 8.0

OURS = """
import nbstream as nb, os
model = nb.OpenAICompatible("{url}/v1", "m")
async def shown(names):
    streams = [nb.stream(name, model=model) for name in names]
    for stream in streams:
        display(stream)
    for stream in streams:
        await stream
await shown("b")
print(os.getpid())
"""


class Load(NamedTuple):
    streams: int
    rate: int

    def __str__(self) -> str:
        return f"{self.streams} x {self.rate} chunks/s"

    @property
    def names(self) -> str:
        return NAMES[: self.streams]


LOADS = [Load(1, 50), Load(1, 200), Load(1, 1000), Load(8, 200)]


class Way(NamedTuple):
    """One way to show a stream: a row of the table."""

    name: str
    checkout: Checkout
    setup: str
    cell: str

    def can(self, load: Load) -> bool:
        return load.streams == 1 or not self.name.startswith("print")


@dataclass
class Found:
    delays: list[float] = field(default_factory=list)
    unseen: int = 0
    kernel: list[float] = field(default_factory=list)
    page: list[float] = field(default_factory=list)


def ways(found: list[Checkout], url: str) -> Iterator[Way]:
    for checkout in found:
        yield Way(checkout.name, checkout, OURS.replace("{url}", url), "await shown({names!r})")
    for name, show in peers.SHOWS.items():
        cell = f"_ = await asyncio.gather(*map({show}, {{names!r}}))"
        yield Way(name, found[0], peers.setup(url), cell)


async def measure(
    bench: Bench, way: Way, switch: Switch, loads: list[Load], seconds: float, found: dict
) -> None:
    left = loads
    while left:
        done = 0
        sources = [way.setup, *(way.cell.format(names=load.names) for load in left)]
        async with bench.notebook(way.checkout, sources) as notebook:
            switch.stamps = Stamps(100, 1)
            pid = (await notebook.execute(0)).split()[-1]
            cost = await Cost.of(notebook, int(pid))
            for load in left:
                done += 1
                switch.stamps = Stamps(load.rate, int(load.rate * seconds))
                caught_up = await one(
                    notebook, done, load, switch.stamps, cost, found[way.name, load]
                )
                if not caught_up:
                    break
            left = left[done:]


async def one(
    notebook: Notebook, n: int, load: Load, stamps: Stamps, cost: Cost, found: Found
) -> bool:
    """Runs cell `n` under the load; False where the page did not catch up."""
    await watch(notebook, n, load.names)
    idle = await cost.page()
    await asyncio.sleep(1)
    page, kernel = await cost.page(), cost.kernel()
    idle, began = page - idle, time.monotonic()
    await notebook.run(n)
    await eventually(lambda: stamps.over(load.names), timeout=60, step=0.05)
    deadline, seen = time.monotonic() + GRACE, {}
    total = load.streams * stamps.count
    while time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        seen = await painted(notebook)
        if sum(map(len, seen.values())) >= total:
            break
    lasted = time.monotonic() - began
    thousands = total / 1000
    found.kernel.append((cost.kernel() - kernel) / thousands)
    found.page.append((await cost.page() - page - lasted * idle) / thousands)
    took = [each for name in load.names for each in delays(stamps.written[name], seen[name])]
    found.delays += took
    found.unseen += total - len(took)
    if len(took) < total:
        return False
    await notebook.page.evaluate(
        "() => jupyterapp.commands.execute('notebook:clear-all-cell-outputs')"
    )
    return True


async def main(found: list[Checkout], rounds: int, seconds: float) -> None:
    switch, results = Switch(), defaultdict(Found)
    with Server(switch) as server:
        every = list(ways(found, server.url))
        async with bench(found) as opened:
            for _ in range(rounds):
                for way in every:
                    loads = [load for load in LOADS if way.can(load)]
                    await measure(opened, way, switch, loads, seconds, results)
    head = f"{'p50':>8}{'p95':>8}{'x':>7}{'unseen':>8}{'kernel':>8}{'page':>8}"
    for load in LOADS:
        print(f"{f'{load}, ms':26}{head}")
        ours = quantile(results[every[0].name, load].delays, 0.5)
        for way in every:
            if not way.can(load):
                continue
            row = results[way.name, load]
            p50, p95 = quantile(row.delays, 0.5), quantile(row.delays, 0.95)
            print(
                f"  {way.name:24}{1000 * p50:8.0f}{1000 * p95:8.0f}{p50 / ours:6.1f}x{row.unseen:8,}"
                f"{1000 * median(row.kernel):8.0f}{1000 * median(row.page):8.0f}"
            )
        print(flush=True)


if __name__ == "__main__":
    parser = arguments(__doc__ or "", rounds=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each load lasts")
    options = parser.parse_args()
    asyncio.run(main(checkouts(options.against), options.rounds, options.seconds))
