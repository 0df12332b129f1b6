"""The marimo editor in a real browser."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from textwrap import indent

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.e2e.lab import SCREENSHOTS, eventually, new_page
from tests.e2e.test_stream import WORDS, grows
from tests.servers import Request, Server, chat, chat_event
from tests.third_party.servers import ServerProcess

IMPORT = "import nbstream as nb"


def write(path: Path, cells: Sequence[str]) -> None:
    """A marimo notebook is a Python file."""
    functions = [f"@app.cell\nasync def _():\n{indent(cell, '    ')}\n    return" for cell in cells]
    path.write_text("\n\n\n".join(["import marimo\n\napp = marimo.App()", *functions]))


def ask(server: Server) -> str:
    return f's = nb.stream("Go on.", nb.OpenAICompatible("{server.url}/v1", "test-model"))\ns'


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The URL of `marimo edit`, and the folder that it shows."""
    home = tmp_path_factory.mktemp("marimo")
    (home / "notebooks").mkdir()
    command = [sys.executable, "-m", "marimo", "edit", home / "notebooks"]
    server = ServerProcess(
        [*command, "--headless", "--no-token", "--skip-update-check", "--port"],
        ready="/health",
        XDG_CONFIG_HOME=str(home),
        XDG_STATE_HOME=str(home),
        XDG_CACHE_HOME=str(home),
    )
    try:
        yield server.wait(), home / "notebooks"
    finally:
        server.stop()


class Notebook:
    def __init__(self, editor: tuple[str, Path], page: Page, name: str) -> None:
        self.editor, self.page, self.name = editor, page, name
        self.streams = page.locator(".nbstream")

    async def open(self, cells: Sequence[str]) -> None:
        """Opens a notebook of these cells and runs them all."""
        url, folder = self.editor
        write(folder / self.name, cells)
        await self.page.goto(f"{url}/?file={self.name}")
        await expect(self.page.locator(".cm-content")).to_have_count(len(cells))
        await self.page.locator("[data-testid=backend-status]").wait_for()
        await self.page.locator("[data-testid=run-button]").last.click()

    @property
    def answer(self):
        return self.streams.first.locator("[data-part=answer]")

    async def status(self, status: str) -> None:
        await expect(self.streams.first).to_have_attribute("data-status", status)


@pytest_asyncio.fixture(loop_scope="session")
async def notebook(
    editor: tuple[str, Path], browser: Browser, request: pytest.FixtureRequest
) -> AsyncIterator[Notebook]:
    page = await new_page(browser)
    yield Notebook(editor, page, f"{request.node.name}.py")
    if request.session.testsfailed:
        SCREENSHOTS.mkdir(exist_ok=True)
        await page.screenshot(path=SCREENSHOTS / f"failed-{request.node.name}.png")
    await page.context.close()


async def test_it_streams_and_stop_stops(notebook, serve):
    server = serve(chat(["So $x^2$ it is. ", *WORDS], delay=0.02))
    await notebook.open([IMPORT, ask(server)])
    await notebook.status("running")
    await grows(notebook.answer)
    await expect(notebook.answer.locator("math")).to_have_count(1)
    await notebook.streams.locator("button[data-action=stop]").click()
    await notebook.status("stopped")
    kept = (await notebook.answer.text_content() or "").partition("it is. ")[2].strip()
    assert kept
    assert "".join(WORDS).startswith(kept)
    await eventually(lambda: server.requests[0].closed_at)

    for _ in range(2):
        await notebook.page.locator(".cm-content").nth(1).press("Control+Enter")
        await notebook.status("running")
        await grows(notebook.answer)
    await eventually(lambda: server.requests[1].closed_at)  # the cell ran again


async def test_a_view_that_comes_late_is_complete_though_the_kernel_is_busy(notebook, serve):
    """marimo hears no message from the page while a cell runs, and keeps none for a page to come."""
    reloaded = asyncio.Event()

    async def handler(request: Request) -> None:
        request.start()
        for word in WORDS[:100]:
            await request.send(chat_event({"content": word}))
            await asyncio.sleep(0.01)
        await reloaded.wait()
        for word in WORDS[100:300]:
            await request.send(chat_event({"content": word}))
            await asyncio.sleep(0.01)
        await request.send(chat_event({}, "stop") + b"data: [DONE]\n\n")
        await request.end()

    server = serve(handler)
    await notebook.open([IMPORT, ask(server), "print((await s).finish_reason)"])
    await expect(notebook.answer).to_contain_text("word99")
    await notebook.page.reload()
    await notebook.status("running")
    await expect(notebook.answer).to_contain_text("word10 ")
    server.call_soon(reloaded.set)
    await notebook.status("done")
    await expect(notebook.answer).to_have_text("".join(WORDS[:300]).strip())


async def test_a_comparison_and_a_batch(notebook, serve):
    server = serve(chat(["So $x^2$ ", "it is."], delay=0.05))
    model = f'nb.OpenAICompatible("{server.url}/v1", "test-model")'
    group = f"nb.compare('Go on.', [{model}, {model}])"
    batch = f"nb.gather(['one', 'two', 'three'], {model})"
    await notebook.open([IMPORT, group, batch])
    panes = notebook.page.locator(".nbstream-group .nbs-pane .nbstream")
    await expect(panes).to_have_count(2)
    for n in range(2):
        await expect(panes.nth(n)).to_have_attribute("data-status", "done")
        await expect(panes.nth(n).locator("math")).to_have_count(1)
    items = notebook.page.locator("button[data-action=open][data-state=d]")
    await expect(items).to_have_count(3)
    await items.nth(1).click()
    await expect(notebook.streams.nth(2).locator("[data-part=answer]")).to_contain_text("it is.")
