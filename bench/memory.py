"""What finished streams keep of the kernel's memory, and how long the end of an answer blocks its loop.

    python -m bench.memory [--against PATH] [--rounds N]

The first table: streams of 1,000 tokens that were shown each in a cell of its own, ended, deleted and collected.
kB of each by tracemalloc, and by the kernel's resident memory in a kernel without tracemalloc; `alive` are the
objects of 50 that are still there: streams, and widgets. The peer is an ipywidgets.HTML with the same text.

The second: a task on the kernel's loop sleeps 5 ms again and again, and its longest delay is the longest that the
loop was blocked: `while` the text arrives, and at the `end`, from the server's last write until a second after the
cell. Milliseconds; `x` beside nbstream's end. The peer is one `display(Markdown(text))` of the whole text at the end.
Real kernels that believe to be shown in JupyterLab; medians of the rounds.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from statistics import median
from typing import NamedTuple

from bench import peers
from bench.checkout import Checkout, arguments, checkouts
from bench.text import markdown
from tests.kernel import TestKernel, kernel
from tests.servers import Request, Server, chat_event

TOKENS, STREAMS, WARM = 1000, 50, 5

#: As JupyterLab says of itself: it mounts live views into saved html.
OURS = """
import gc, ipywidgets, nbstream as nb
model = nb.OpenAICompatible("{url}/v1", "m")
s = nb.stream("warm", model=model)
display(s)
_ = await s
for each in gc.get_objects():
    if issubclass(type(each), ipywidgets.Widget) and each.has_trait("hydrates"):
        each.hydrates = True
del s, each"""

SHOW = """
s = nb.stream("tokens", model=model)
display(s)
_ = await s
assert len(s.text.split()) == {tokens}
del s, _"""

SHOW_HTML = """
await ipywidgets_html("tokens")"""

MEASURE = """
import gc, json, psutil, tracemalloc, ipywidgets
def measure():
    for _ in range(3):
        gc.collect()
    kinds = [type(each) for each in gc.get_objects()]
    streams = sum(kind.__name__ == "Stream" for kind in kinds)
    widgets = sum(issubclass(kind, ipywidgets.Widget) for kind in kinds)
    traced = tracemalloc.get_traced_memory()[0] if tracemalloc.is_tracing() else 0
    resident = psutil.Process().memory_info().rss
    print(json.dumps([traced, resident, streams, widgets]))
"""

BEAT = """
import asyncio, json, time
beats = []
async def beat():
    while True:
        before = time.time()
        await asyncio.sleep(0.005)
        now = time.time()
        if now - before > 0.008:
            beats.append((now, now - before - 0.005))
def longest(cut):
    during = [delay for at, delay in beats if at - delay < cut]
    end = [delay for at, delay in beats if at > cut]
    print(json.dumps([max(during, default=0.0), max(end, default=0.0)]))
beating = asyncio.create_task(beat())
"""

ANSWER = (
    "s = nb.stream({name!r}, model=model)\ndisplay(s)\n_ = await s\nassert len(s.text) == {size}"
)
PEER = """
whole = []
async for text in deltas({name!r}):
    whole.append(text)
display(Markdown("".join(whole)))"""


class Answers:
    """A handler that answers each prompt with the text of its name, and notes when it wrote the end.

    Before the end it waits a second: what came before is over then.
    """

    def __init__(self) -> None:
        table = "".join(f"| {n} | row {n} | {n * n} |\n" for n in range(10_000))
        self.texts = {
            "warm": "warm",
            "tokens": " ".join(["word"] * TOKENS),
            "100,000 characters": markdown(100_000),
            "1,000,000 characters": markdown(1_000_000),
            "5,000,000 characters": markdown(5_000_000),
            "a table of 10,000 rows": "| n | name | square |\n| --- | --- | --- |\n" + table,
        }
        self.ended: dict[str, float] = {}

    @property
    def long(self) -> list[str]:
        return [*self.texts][2:]

    async def __call__(self, request: Request) -> None:
        name = request.json["messages"][-1]["content"]
        text = self.texts[name]
        size = 5 if name in ("warm", "tokens") else 1000
        request.start()
        for at in range(0, len(text), size):
            await request.send(chat_event({"content": text[at : at + size]}))
        if name in self.long:
            await asyncio.sleep(1)
        self.ended[name] = time.time()
        await request.send(chat_event({}, "stop"))
        await request.send(b"data: [DONE]\n\n")
        await request.end()


def run(running: TestKernel, code: str) -> str:
    """What the code printed."""
    cell = running.run(code, 300)
    if cell.status != "ok":
        raise SystemExit(cell.error)
    return cell.printed


class Way(NamedTuple):
    """One way to show an answer: a row of the table."""

    name: str
    checkout: Checkout
    setup: str
    cell: str


# ── What stays ────────────────────────────────────────────────────────────────


class Kept(NamedTuple):
    traced: float
    resident: float
    streams: float
    widgets: float


def kept(way: Way) -> Kept:
    """Of each of the streams, on average; how many objects of all."""
    grown = []
    for start in ("import tracemalloc; tracemalloc.start()", ""):
        with kernel(way.checkout.env) as running:
            for code in (start, MEASURE, way.setup, *([way.cell] * WARM)):
                run(running, code)
            before = json.loads(run(running, "measure()"))
            for _ in range(STREAMS):
                run(running, way.cell)
            after = json.loads(run(running, "measure()"))
            grown.append([later - earlier for earlier, later in zip(before, after, strict=True)])
    with_trace, without = grown
    return Kept(with_trace[0] / STREAMS / 1000, without[1] / STREAMS / 1000, *without[2:])


# ── How long the loop is blocked ──────────────────────────────────────────────


def blocked(way: Way, answers: Answers) -> dict[str, tuple[float, float]]:
    """While the text arrives and at its end, in seconds, for each of the long answers."""
    found = {}
    with kernel(way.checkout.env) as running:
        for code in (way.setup, BEAT):
            run(running, code)
        for name in answers.long:
            run(running, "beats.clear()")
            run(running, way.cell.format(name=name, size=len(answers.texts[name])))
            run(running, "await asyncio.sleep(1)")
            found[name] = json.loads(run(running, f"longest({answers.ended[name]})"))
    return found


def main(found: list[Checkout], rounds: int) -> None:
    answers = Answers()
    keeps, blocks = defaultdict(list), defaultdict(list)
    with Server(answers) as server:
        ours, theirs = OURS.replace("{url}", server.url), peers.setup(server.url)
        keepers = [Way(each.name, each, ours, SHOW.format(tokens=TOKENS)) for each in found]
        keepers.append(Way("ipywidgets.HTML", found[0], theirs, SHOW_HTML))
        blockers = [Way(each.name, each, ours, ANSWER) for each in found]
        blockers.append(Way("display(Markdown) at the end", found[0], theirs, PEER))
        for _ in range(rounds):
            for way in keepers:
                keeps[way.name].append(kept(way))
            for way in blockers:
                for name, delays in blocked(way, answers).items():
                    blocks[way.name, name].append(delays)

    print(f"{'a finished stream keeps':32}{'tracemalloc':>12}{'x':>7}{'resident':>11}{'alive':>23}")
    first = 0.0
    for way in keepers:
        row = Kept(*map(median, zip(*keeps[way.name], strict=True)))
        first = first or row.traced
        alive = f"{row.streams:.0f} streams, {row.widgets:.0f} widgets"
        print(
            f"  {way.name:30}{row.traced:9.1f} kB{row.traced / first:6.1f}x{row.resident:8.1f} kB{alive:>23}"
        )
    for name in answers.long:
        print(f"\n{f'the loop blocked, {name}':44}{'while':>8}{'end':>10}{'x':>9}")
        first = 0.0
        for way in blockers:
            during, end = (
                1000 * median(each) for each in zip(*blocks[way.name, name], strict=True)
            )
            first = first or end
            print(f"  {way.name:42}{during:8.0f}{end:10.0f} ms{end / first:6.2f}x")


if __name__ == "__main__":
    options = arguments(__doc__ or "", rounds=3).parse_args()
    main(checkouts(options.against), options.rounds)
