"""Makes the pictures of the documentation: JupyterLab in Chromium, running the quickstart notebook.

    python scripts/pictures.py        (from the root of the repository, after `make build`)

Writes docs/pictures/stream.gif (a cell while it answers), light.png and dark.png, agent.png (tools, one of
which asks) and workflow.png.
"""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).parents[1]
sys.path.insert(0, str(REPO))

from PIL import Image  # noqa: E402
from playwright.async_api import Browser, Locator, Page, async_playwright  # noqa: E402

from tests.e2e.lab import LabServer, Notebook  # noqa: E402

PICTURES = REPO / "docs/pictures"
SETUP = "%load_ext nbstream\nimport nbstream as nb"
THINK = "%%stream demo\nThink about it: what does the ball cost?"
SORT = "%%stream demo\nShow me quicksort with a table, code and a little math."
TOOL = "%%stream demo\nWhat is the weather in Reykjavík?"
TOOLS = """
import asyncio, json
from nbstream.events import ThinkingDelta, ToolCallDelta, ToolCallEnd, ToolCallStart, Usage

def call(block, name, **arguments):
    text = json.dumps(arguments)
    yield from [ToolCallStart(name, block, name), ToolCallDelta(name, text), ToolCallEnd(name, arguments)]

async def weather(city: str):
    await asyncio.sleep(0.8)
    return {"city": city, "sky": "sunny", "celsius": 21}

async def timetable(to: str):
    await asyncio.sleep(0.3)
    raise ConnectionError("the timetable does not answer")

@nb.tool(approve=True)
def book(hotel: str, nights: int): ...
"""
AGENT = """
model = nb.Scripted(
    [ThinkingDelta(0, "Weather and trains first."), "I look at the weather and the trains.",
     *call(2, "weather", city="Köln"), *call(3, "timetable", to="Köln"), Usage(312, 58)],
    ["No trains, but sunshine. Shall I book?", *call(2, "book", hotel="Domblick", nights=2)])
nb.Agent(model, [weather, timetable, book], name="planner").stream("A weekend in Köln, please.")
"""
WORKFLOW = """
nb.Workflow([
    nb.Step("greeter", nb.Agent(nb.Scripted(
        ["Well hello there! My name is Kai, ", "and I am delighted to meet you.", Usage(40, 21)],
        delay=1), name="Kai")),
    [nb.Step("analyst", nb.Agent(nb.Scripted(
        ["A warm introduction:\\n\\n", "1. it greets,\\n", "2. it gives a name.", Usage(90, 24)],
        delay=0.6), name="Ana")),
     nb.Step("critic", nb.Agent(nb.Scripted(
        ["Friendly, ", "and rather short.", Usage(84, 9)], delay=0.9), name="Chris"))],
    nb.Step("words", handler=lambda context: f"{len(context['greeter'].split())} words"),
]).stream("Hello! I'm interested in learning about AI agents.")
"""


async def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    chromium = subprocess.run(
        [REPO / "scripts/chromium"], check=True, capture_output=True, text=True
    ).stdout.strip()
    with tempfile.TemporaryDirectory() as home, LabServer.running(Path(home)) as server:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
            )
            await moving(server, browser)
            for theme in ("light", "dark"):
                await still(server, browser, theme)
            await agents(server, browser)
            await browser.close()


async def moving(server: LabServer, browser: Browser) -> None:
    """One cell from the click to the end."""
    page = await browser.new_page(viewport={"width": 1000, "height": 640})
    notebook = await opened(server, page, [SETUP, TOOL])
    await notebook.execute(0)
    frames: list[Image.Image] = []
    times: list[float] = []
    await notebook.run(1)
    while not times or times[-1] - times[0] < 30:
        frames.append(await picture(page))
        times.append(time.monotonic())
        if await notebook.prompt(1) not in ("", "*"):
            break
        await asyncio.sleep(0.05)
    palette = frames[-1].quantize(64, dither=Image.Dither.NONE)
    shown = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    durations = [round((b - a) * 1000) for a, b in zip(times, times[1:], strict=False)] + [2500]
    shown[0].save(
        PICTURES / "stream.gif",
        save_all=True,
        append_images=shown[1:],
        duration=durations,
        loop=0,
        optimize=True,
    )
    await page.close()


async def still(server: LabServer, browser: Browser, theme: str) -> None:
    """Three finished cells."""
    page = await browser.new_page(viewport={"width": 1100, "height": 1750}, device_scale_factor=1)
    notebook = await opened(server, page, [SETUP, THINK, SORT, TOOL])
    await notebook.theme(theme)
    for cell in range(4):
        await notebook.execute(cell)
    await page.locator(".jp-WindowedPanel-outer").first.evaluate("panel => panel.scrollTo(0, 0)")
    await asyncio.sleep(1)
    (await picture(page)).save(PICTURES / f"{theme}.png", optimize=True)
    await page.close()


async def agents(server: LabServer, browser: Browser) -> None:
    """An agent while it asks, and a workflow that has ended."""
    page = await browser.new_page(viewport={"width": 940, "height": 1200}, device_scale_factor=2)
    notebook = await opened(server, page, [SETUP + TOOLS, AGENT, WORKFLOW])
    await notebook.execute(0)
    await notebook.run(1)
    await notebook.output(1).locator("[data-action=approve]:visible").wait_for()
    await asyncio.sleep(1)
    await shown(notebook, 1).screenshot(path=PICTURES / "agent.png")
    await notebook.run(2)
    await notebook.output(2).locator("[data-part=summary]").wait_for()
    await asyncio.sleep(1)
    await shown(notebook, 2).screenshot(path=PICTURES / "workflow.png")
    await page.close()


def shown(notebook: Notebook, cell: int) -> Locator:
    return notebook.output(cell).locator(".nbstream")


async def opened(server: LabServer, page: Page, cells: list[str]) -> Notebook:
    server.shut_down_kernels()
    notebook = await Notebook.open(server, page, cells)
    await page.evaluate("() => jupyterapp.shell.collapseRight()")
    return notebook


async def picture(page: Page) -> Image.Image:
    """The notebook without the panels around it."""
    data = await page.locator(".jp-NotebookPanel-notebook").screenshot()
    return Image.open(io.BytesIO(data)).convert("RGB")


if __name__ == "__main__":
    asyncio.run(main())
