"""Opening a notebook of finished answers, beside the same text as plain Markdown outputs, in a real JupyterLab.

    python -m bench.reopen [--against PATH] [--rounds N] [--cells N]

500 cells of 2 kB each, as a kernel saved them, in a trusted notebook. `file` is the notebook's size. `ready` is the time until JupyterLab says
that the notebook is there, `all` until every output is in the document; `busy` is the main thread's CPU until then,
`scrolled` what it takes to go through the whole notebook after. `heap` is the page's JavaScript heap at the end, `nodes`
its DOM nodes, both less those of an empty notebook. Medians of the rounds, beside the plain outputs.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import nbformat

from bench.checkout import Checkout, arguments, checkouts
from bench.lab import Bench, bench, metrics
from bench.memory import OURS, run
from bench.text import markdown
from tests.kernel import kernel
from tests.servers import Request, Server, chat_event

SIZE = 2000

OPEN = """async (path) => {
  const began = performance.now();
  await jupyterapp.commands.execute("docmanager:open", { path, factory: "Notebook" });
  const { context, revealed } = jupyterapp.shell.currentWidget;
  await Promise.all([context.ready, revealed]);
  return performance.now() - began;
}"""
#: When all outputs of the notebook are in the document: JupyterLab renders those out of sight when it has time.
ALL = """(cells) => new Promise((resolve) => {
  const limit = performance.now() + 120_000;
  const look = () => {
    const outputs = document.querySelectorAll(".jp-Notebook .jp-OutputArea-output").length;
    if (outputs >= cells) resolve((performance.timeOrigin + performance.now()) / 1000);
    else if (performance.now() > limit) resolve(Number.NaN);
    else setTimeout(look, 100);
  };
  look();
})"""
SCROLL = """async () => {
  const box = document.querySelector(".jp-WindowedPanel-outer");
  for (let at = 0; at < box.scrollHeight; at += 800) {
    box.scrollTop = at;
    await new Promise(requestAnimationFrame);
  }
}"""


class Saved(NamedTuple):
    """A notebook of finished answers: a row of the table."""

    name: str
    outputs: list[dict[str, Any]]

    def write(self, path: Path) -> int:
        """Its size in bytes."""
        cells = []
        for n, output in enumerate(self.outputs, start=1):
            node = nbformat.from_dict({"metadata": {}, **output})
            cells.append(
                nbformat.v4.new_code_cell(f"answer({n})", execution_count=n, outputs=[node])
            )
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
        return path.stat().st_size


def text(n: int) -> str:
    return markdown(SIZE, seed=n)


async def answer(request: Request) -> None:
    request.start()
    whole = text(int(request.json["messages"][-1]["content"]))
    for at in range(0, SIZE, 20):
        await request.send(chat_event({"content": whole[at : at + 20]}))
    await request.send(chat_event({}, "stop") + b"data: [DONE]\n\n")
    await request.end()


def saved(checkout: Checkout, cells: int) -> Saved:
    """What a kernel would have saved of so many answers."""
    with Server(answer) as server, kernel(checkout.env) as running:
        run(running, OURS.replace('"warm"', '"0"').replace("{url}", server.url))
        running.shown.clear()
        for n in range(cells):
            run(running, f'display(s := nb.stream("{n}", model=model)); _ = await s')
        outputs = [
            {key: output[key] for key in ("output_type", "data")}
            for output in running.shown.values()
        ]
    assert len(outputs) == cells, f"{len(outputs)} outputs of {cells} cells"
    return Saved(checkout.name, outputs)


def plain(cells: int) -> Saved:
    outputs = [
        {
            "output_type": "display_data",
            "data": {
                "text/markdown": text(n),
                "text/plain": "<IPython.core.display.Markdown object>",
            },
        }
        for n in range(cells)
    ]
    return Saved("Markdown outputs", outputs)


class Seen(NamedTuple):
    ready: float
    every: float
    busy: float
    scrolled: float
    heap: float
    nodes: float


async def measure(bench: Bench, checkout: Checkout, name: str, cells: int) -> Seen:
    async with bench.notebook(checkout, [""]) as notebook:
        page = notebook.page
        cdp = await page.context.new_cdp_session(page)
        await cdp.send("Performance.enable", {"timeDomain": "threadTicks"})
        empty = await collected(cdp)
        began = time.time()
        ready = await page.evaluate(OPEN, name)
        every = await page.evaluate(ALL, cells) - began
        opened = await metrics(cdp)
        await page.evaluate(SCROLL)
        await asyncio.sleep(2)
        scrolled = await collected(cdp)
    return Seen(
        ready / 1000,
        every,
        opened["TaskDuration"] - empty["TaskDuration"],
        scrolled["TaskDuration"] - opened["TaskDuration"],
        (scrolled["JSHeapUsedSize"] - empty["JSHeapUsedSize"]) / 1e6,
        scrolled["Nodes"] - empty["Nodes"],
    )


async def collected(cdp: Any) -> dict[str, Any]:
    """The page's counters after a garbage collection."""
    await cdp.send("HeapProfiler.collectGarbage")
    return await metrics(cdp)


async def main(found: list[Checkout], rounds: int, cells: int) -> None:
    notebooks = [plain(cells), *(saved(each, cells) for each in found)]
    results, sizes = defaultdict(list), {}
    async with bench(found) as opened:
        for n, each in enumerate(notebooks):
            sizes[each.name] = each.write(opened.server.root / f"saved{n}.ipynb")
            opened.server.api.post(f"/api/contents/saved{n}.ipynb/trust").raise_for_status()
        await measure(opened, found[0], "saved0.ipynb", cells)  # the browser's caches
        for _ in range(rounds):
            for n, each in enumerate(notebooks):
                seen = await measure(opened, found[0], f"saved{n}.ipynb", cells)
                results[each.name].append(seen)
    print(
        f"{f'{cells} answers of {SIZE // 1000} kB':24}{'file':>12}{'ready':>9}{'all':>9}{'busy':>9}{'scrolled':>10}{'heap':>14}{'nodes':>10}"
    )
    base = None
    for each in notebooks:
        one = Seen(*map(median, zip(*results[each.name], strict=True)))
        base = base or (one, sizes[each.name])
        print(
            f"  {each.name:22}{sizes[each.name] / 1e6:9.2f} MB{one.ready:7.2f} s{one.every:7.2f} s"
            f"{one.busy:7.2f} s{one.scrolled:8.2f} s{one.heap:11.1f} MB{one.nodes:10,.0f}"
        )
        ratios = [mine / theirs for mine, theirs in zip(one, base[0], strict=True)]
        widths = (9, 9, 9, 10, 14, 10)
        print(
            f"{'':24}{sizes[each.name] / base[1]:11.2f}x"
            + "".join(
                f"{ratio:{width - 1}.2f}x" for ratio, width in zip(ratios, widths, strict=True)
            ),
            flush=True,
        )


if __name__ == "__main__":
    parser = arguments(__doc__ or "", rounds=5)
    parser.add_argument("--cells", type=int, default=500)
    options = parser.parse_args()
    asyncio.run(main(checkouts(options.against), options.rounds, options.cells))
