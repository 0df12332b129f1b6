"""A view in JupyterLab is left, doubled or loses its kernel while the answer is being written."""

from __future__ import annotations

import asyncio
import json
import os
import signal

from playwright.async_api import expect

from tests.e2e.lab import Notebook, eventually
from tests.e2e.test_stream import LOAD, answer, cell, grows, root
from tests.servers import Request, chat_event

WORDS = [f"word{n} " for n in range(600)]


class Gate:
    """A model that answers with `WORDS`: some, and the rest when it is let go."""

    def __init__(self, first: int, delay: float = 0.01) -> None:
        self.first, self.delay, self.open = first, delay, asyncio.Event()

    async def __call__(self, request: Request) -> None:
        request.start()
        for n, word in enumerate(WORDS):
            if n == self.first:
                await self.open.wait()
            await request.send(chat_event({"content": word}))
            await asyncio.sleep(self.delay)
        await request.send(chat_event({}, "stop") + b"data: [DONE]\n\n")
        await request.end()


async def test_out_of_a_windowed_notebook_and_back(open_notebook, serve, lab):
    settings = lab.settings / "@jupyterlab/notebook-extension/tracker.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"windowingMode": "full"}))
    gate = Gate(100)
    server = serve(gate)
    notebook = await open_notebook([LOAD, cell(server), *["\n" * 20] * 40])
    await notebook.execute(0)
    await notebook.run(1)
    await expect(answer(notebook, 1)).to_contain_text("word99")
    top = notebook.page.locator(".jp-WindowedPanel-outer").first
    await top.evaluate("el => el.scrollTop = el.scrollHeight")
    await expect(answer(notebook, 1)).not_to_be_in_viewport()
    server.call_soon(gate.open.set)
    await asyncio.sleep(2)
    await top.evaluate("el => el.scrollTop = 0")
    await grows(answer(notebook, 1))
    await expect(root(notebook, 1)).to_have_attribute("data-status", "done")
    await expect(answer(notebook, 1)).to_have_text("".join(WORDS).strip())


async def test_a_new_view_for_output_and_a_second_tab(open_notebook, serve, lab):
    gate = Gate(100)
    server = serve(gate)
    notebook = await open_notebook([LOAD, cell(server)])
    await notebook.execute(0)
    await notebook.run(1)
    await expect(answer(notebook, 1)).to_contain_text("word99")
    await notebook.save()
    await notebook.page.evaluate("() => jupyterapp.commands.execute('notebook:create-output-view')")
    view = notebook.page.locator(".jp-LinkedOutputView .nbstream")
    tab = await notebook.page.context.new_page()
    second = Notebook(lab, tab, notebook.name)
    await tab.goto(f"{lab.url}/{Notebook.PAGE.format(notebook.name)}")
    await second._ready(busy=True)
    for each in (view, root(second, 1)):
        await expect(each.locator("[data-part=answer]")).to_contain_text("word99")
    server.call_soon(gate.open.set)
    for each in (view, root(notebook, 1), root(second, 1)):
        await expect(each).to_have_attribute("data-status", "done")
        await expect(each.locator("[data-part=answer]")).to_have_text("".join(WORDS).strip())


async def test_a_kernel_that_dies_leaves_what_had_arrived(open_notebook, serve, lab):
    gate = Gate(500)
    server = serve(gate)
    setup = "import os, nbstream.hosts.notebook; nbstream.hosts.notebook.SAVE_INTERVAL = 1; print(os.getpid())"
    notebook = await open_notebook([setup, LOAD, cell(server)])
    pid = int(await notebook.execute(0))
    await notebook.execute(1)
    await notebook.run(2)
    await expect(answer(notebook, 2)).to_contain_text("word499")
    os.kill(pid, signal.SIGKILL)
    await expect(notebook.output(2)).to_contain_text("The kernel went away")
    await expect(answer(notebook, 2)).to_contain_text("word499")
    await notebook.save()
    # The server starts the kernel again; left alone in that, it would be slow to end.
    await eventually(lambda: lab.api.get("/api/kernels").json()[0]["execution_state"] == "idle")
    lab.shut_down_kernels()
    await notebook.page.reload()
    await expect(notebook.output(2)).to_contain_text("word200")
    await expect(notebook.output(2)).to_contain_text("unfinished when this was saved")
