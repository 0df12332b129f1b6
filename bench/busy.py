"""A stream that goes on beside a cell that computes, in a real JupyterLab in Chromium.

    python -m bench.busy [--against PATH] [--rounds N]

The stream's cell runs, and at once or 2 seconds later another that is busy for 4. The server waits a second, then
writes 20 chunks a second. `asked`: when the request reached the server, from the start of the cell. `TTFT`,
`gap_max` and `stalls` are what `stream.metrics` has recorded; the server's own are in the head line. `moving`: the
part of the chunks written while the cell was busy that was also painted meanwhile. `pause`: the longest wait between
two chunks in the page. Seconds, medians of the rounds. The peer is an anywidget fed with each delta, once by a task
on the kernel's loop, once by a thread of its own.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from itertools import pairwise, zip_longest
from statistics import median
from typing import NamedTuple

from bench import peers
from bench.checkout import Checkout, arguments, checkouts
from bench.lab import Bench, bench
from bench.stamps import Stamps, Switch, painted, watch
from tests.e2e.lab import eventually
from tests.servers import Server

SECONDS, FIRST, RATE, COUNT = 4.0, 1.0, 20, 100


class Beside(NamedTuple):
    """What the cell beside the stream does, and how long after the stream's cell it runs."""

    name: str
    code: str
    after: float = 0.0


LOOP = "while time.time() < until: sum(range(1000))"
NUMPY = "import numpy; a = numpy.random.rand(600, 600)\nwhile time.time() < until: a @ a"
BESIDE = [
    Beside("a Python loop, at once", LOOP),
    Beside("a Python loop, 2 s later", LOOP, 2.0),
    Beside("numpy, 2 s later", NUMPY, 2.0),
    Beside("time.sleep, 2 s later", "time.sleep(until - time.time())", 2.0),
]
BUSY = "import time\nbegan = time.time(); until = began + {seconds}\n{work}\nended = time.time()"

OURS = 'import nbstream as nb\nmodel = nb.OpenAICompatible("{url}/v1", "m")\n_ = await nb.stream("b", model=model)'
FIGURES = "m = s.metrics.to_dict(); own = [m['ttft'], m['gap_max'], m['stalls']]"
NO_FIGURES = "own = [float('nan')] * 3"
ASK = "{figures}\nimport json; print(json.dumps([began, ended, *own]))"

PEER = """
widget = Text()
display(widget)
async def feed(client=client):
    async for text in deltas("a", client):
        widget.send(text)
"""
TASK = "task = asyncio.create_task(feed())"
THREAD = """
import threading
def aside():
    asyncio.run(feed(httpx.AsyncClient(timeout=60)))
threading.Thread(target=aside).start()"""


class Way(NamedTuple):
    """One way to start a stream that goes on: a row of the table."""

    name: str
    checkout: Checkout
    setup: str
    cell: str
    figures: str = NO_FIGURES


def ways(found: list[Checkout], url: str) -> list[Way]:
    ours, theirs = OURS.replace("{url}", url), peers.setup(url)
    rows = []
    for each in found:
        shown = 's = nb.stream("a", model=model)\ns'
        rows.append(Way(each.name, each, ours, shown, FIGURES))
        shown = 's = nb.stream("a", model=model).start(background=True)\ns'
        rows.append(Way(f"{each.name}, start(background)", each, ours, shown, FIGURES))
    rows.append(Way("anywidget, a task", found[0], theirs, PEER + TASK))
    rows.append(Way("anywidget, a thread", found[0], theirs, PEER + THREAD))
    return rows


class Seen(NamedTuple):
    asked: float
    ttft: float
    gap: float
    stalls: float
    moving: float
    pause: float


async def measure(bench: Bench, way: Way, beside: Beside, switch: Switch) -> Seen:
    switch.stamps = Stamps(1000, 1)
    busy = BUSY.format(seconds=SECONDS, work=beside.code)
    ask = ASK.format(figures=way.figures)
    async with bench.notebook(way.checkout, [way.setup, way.cell, busy, ask]) as notebook:
        await notebook.execute(0)
        stamps = switch.stamps = Stamps(RATE, COUNT, first=FIRST)
        await watch(notebook, 1)
        started = time.time()
        await notebook.run(1)
        await asyncio.sleep(beside.after)
        await notebook.run(2)
        await eventually(lambda: stamps.over("a"), timeout=60)
        await notebook.wait_done(2)
        await asyncio.sleep(1)
        own = json.loads(await notebook.execute(3))
        seen, written = (await painted(notebook))["a"], stamps.written["a"]
    began, ended, ttft, gap, stalls = own
    asked = stamps.asked["a"] - started
    sent = [shown for at, shown in zip_longest(written, seen) if began <= at <= ended]
    moved = sum(shown is not None and shown <= ended for shown in sent)
    pause = max((later - earlier for earlier, later in pairwise(seen)), default=float("nan"))
    return Seen(asked, ttft, gap, stalls, moved / max(len(sent), 1), pause)


async def main(found: list[Checkout], rounds: int) -> None:
    switch, results = Switch(), defaultdict(list)
    with Server(switch) as server:
        rows = ways(found, server.url)
        async with bench(found) as opened:
            for _ in range(rounds):
                for beside in BESIDE:
                    for way in rows:
                        seen = await measure(opened, way, beside, switch)
                        results[beside.name, way.name].append(seen)
    print(f"the server: TTFT {FIRST:.2f}, gap_max {1 / RATE:.2f}, no stall\n")
    for beside in BESIDE:
        head = f"{'asked':>7}{'TTFT':>7}{'gap_max':>9}{'stalls':>8}{'moving':>8}{'pause':>7}"
        print(f"{f'beside {beside.name}':38}{head}")
        for way in rows:
            one = Seen(*map(median, zip(*results[beside.name, way.name], strict=True)))
            own = f"{one.ttft:7.2f}{one.gap:9.2f}{one.stalls:8.0f}".replace("nan", "  –")
            print(f"  {way.name:36}{one.asked:7.2f}{own}{one.moving:8.0%}{one.pause:7.2f}")
        print(flush=True)


if __name__ == "__main__":
    options = arguments(__doc__ or "", rounds=3).parse_args()
    asyncio.run(main(checkouts(options.against), options.rounds))
