"""What the notebook's file holds, and what goes on running, when the page or the kernel is lost midway."""

from __future__ import annotations

import asyncio

import nbformat
import pytest
from playwright.async_api import expect

from tests.e2e.lab import Notebook, eventually
from tests.e2e.test_lasting import WORDS, Gate
from tests.e2e.test_stream import LOAD, PROGRAMS, answer, cell, root
from tests.servers import Server, chat

WHOLE = "".join(WORDS).strip()

#: Samples of an output, taken whenever the page is painted: what it shows, and since when.
WATCH = """area => {
  const seen = (globalThis.seen = []);
  const look = () => {
    const children = [...area.querySelectorAll(".jp-OutputArea-output")];
    const blank = children.some((each) => each.innerText.trim() === "");
    seen.push([performance.now(), children.length === 0 ? "cleared" : blank ? "blank" : "full"]);
    requestAnimationFrame(look);
  };
  look();
}"""


def html(document: nbformat.NotebookNode, n: int) -> str:
    """The only form of a run in the file's cell `n`."""
    (output,) = [each for each in document.cells[n].outputs if "data" in each]
    assert set(output.data) == {"text/html", "text/markdown", "text/plain"}
    return output.data["text/html"]


async def longest(notebook: Notebook, what: str) -> float:
    """For how many seconds at a stretch the watched output was `what`."""
    seen = await notebook.page.evaluate("seen")
    most = since = 0.0
    for at, state in seen:
        since = since or at if state == what else 0.0
        most = max(most, at - since) if since else most
    return most / 1000


def source(server: Server, ending: str = "s") -> str:
    return f"""
import nbstream as nb
model = nb.OpenAICompatible("{server.url}/v1", "test-model")
s = nb.stream("Go on.", model=model)
{ending}
"""


@PROGRAMS
@pytest.mark.parametrize("away", [False, True])
async def test_reload_midway(open_notebook, serve, lab, program, away):
    """The run ends in the reloaded page, or while there is none."""
    gate = Gate(100)
    server = serve(gate)
    notebook = await open_notebook([LOAD, cell(server)], program=program)
    await notebook.execute(0)
    await notebook.run(1)
    await expect(answer(notebook, 1)).to_contain_text("word99")
    await notebook.save()
    if away:
        url = notebook.page.url
        await notebook.page.goto("about:blank")
        server.call_soon(gate.open.set)
        await eventually(lambda: server.requests[0].finished_at)
        await asyncio.sleep(1)
        await notebook.page.goto(url)
        await notebook._ready()
    else:
        await notebook.reload(busy=True)
        await expect(answer(notebook, 1)).to_contain_text("word99")
        server.call_soon(gate.open.set)
    await expect(root(notebook, 1)).to_have_attribute("data-status", "done")
    await expect(answer(notebook, 1)).to_have_text(WHOLE)
    await asyncio.sleep(1)
    saved = html(await notebook.save(), 1)
    assert WORDS[-1].strip() in saved
    assert "unfinished" not in saved
    lab.shut_down_kernels()
    await notebook.page.reload()
    await expect(notebook.output(1)).to_contain_text(WHOLE)
    await expect(root(notebook, 1)).to_have_count(0)


async def test_the_copy_grows_after_a_reload(open_notebook, serve):
    gate = Gate(100)
    server = serve(gate)
    notebook = await open_notebook([LOAD, cell(server)])
    await notebook.execute(0)
    await notebook.run(1)
    await expect(answer(notebook, 1)).to_contain_text("word99")
    await notebook.save()
    await notebook.reload(busy=True)
    await expect(answer(notebook, 1)).to_contain_text("word99")
    gate.first = 550
    server.call_soon(gate.open.set)
    await eventually(lambda: server.requests[0].sent > 110)
    server.call_soon(gate.open.clear)
    await expect(answer(notebook, 1)).to_contain_text("word549")
    await asyncio.sleep(1.5)
    saved = html(await notebook.save(), 1)
    assert "word250" in saved
    assert "unfinished" in saved


async def test_a_restarted_kernel_leaves_half_of_it_at_least(open_notebook, serve):
    server = serve(chat(WORDS, delay=0.03))
    notebook = await open_notebook([LOAD, cell(server)])
    await notebook.execute(0)
    await notebook.run(1)
    await expect(answer(notebook, 1)).to_contain_text("word0")
    await asyncio.sleep(1)
    assert "word1" in html(await notebook.save(), 1)
    await asyncio.sleep(3)
    arrived = server.requests[0].sent
    await notebook.restart()
    saved = html(await notebook.save(), 1)
    words = [word for word in WORDS if word.strip() + " " in saved]
    print(f"\n{len(words)} of {arrived} words are in the file")
    assert len(words) > 0.45 * arrived > 40
    # A kernel that is given the time says at its end that the run was stopped.
    assert "unfinished when this was saved" in saved or "· stopped" in saved


async def test_a_cell_that_runs_again_stops_what_it_showed(open_notebook, serve):
    server = serve(chat(WORDS, delay=0.03))
    notebook = await open_notebook([source(server)])
    await notebook.execute(0)
    await expect(answer(notebook, 0)).to_contain_text("word9")
    await notebook.output(0).evaluate(WATCH)
    await notebook.run(0)
    await eventually(lambda: len(server.requests) == 2)
    first, second = server.requests
    await eventually(lambda: first.closed_at)
    assert second.closed_at is None
    await expect(root(notebook, 0)).to_have_count(1)
    await expect(answer(notebook, 0)).to_contain_text("word9")
    assert await longest(notebook, "blank") < 0.1
    assert await longest(notebook, "cleared") < 2


async def test_what_has_not_begun_is_no_empty_space(open_notebook):
    lines = """
import asyncio, nbstream as nb
async def late():
    await asyncio.sleep(3)
    yield "Here."
s = nb.show(late())
s
"""
    notebook = await open_notebook([lines.replace("3", "0"), lines])
    await notebook.execute(0)
    await expect(answer(notebook, 0)).to_have_text("Here.")
    await notebook.output(1).evaluate(WATCH)
    await notebook.execute(1)
    saved = await notebook.save()
    assert "unfinished when this was saved" in html(saved, 1)
    await expect(answer(notebook, 1)).to_have_text("Here.")
    assert await longest(notebook, "blank") < 0.1


async def test_a_deleted_cell_closes_its_connection(open_notebook, serve):
    server = serve(chat(WORDS, delay=0.03))
    notebook = await open_notebook([source(server, "display(s); del s"), "1"])
    await notebook.execute(0)
    await expect(answer(notebook, 0)).to_contain_text("word9")
    await notebook.page.evaluate(
        """() => {
          jupyterapp.shell.currentWidget.content.activeCellIndex = 0;
          return jupyterapp.commands.execute("notebook:delete-cell");
        }"""
    )
    await eventually(lambda: server.requests[0].closed_at, timeout=10)


async def test_each_move_of_interact_leaves_one_run(open_notebook, serve):
    server = serve(chat(WORDS, delay=0.03))
    moves = (
        source(server, "del s")
        + """
from ipywidgets import interact
@interact(n=(0, 10))
def ask(n=0):
    display(nb.stream(f"{n}", model=model))
"""
    )
    notebook = await open_notebook([moves])
    await notebook.execute(0)
    await expect(answer(notebook, 0)).to_contain_text("word9")
    handle = notebook.output(0).locator(".noUi-handle").first
    for n in range(1, 5):
        await handle.press("ArrowRight")
        await eventually(lambda n=n: len(server.requests) == n + 1)
        await expect(answer(notebook, 0)).to_contain_text("word9")
    *earlier, last = server.requests
    await eventually(lambda: all(request.closed_at for request in earlier), timeout=10)
    assert last.closed_at is None
    await expect(root(notebook, 0)).to_have_count(1)
