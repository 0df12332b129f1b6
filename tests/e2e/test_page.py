"""A run as one file, opened from the disk: no kernel, no server, no network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Page, expect

import nbstream as nb
from nbstream.adapters.sources.source import Source
from nbstream.events import RunEnd, TextDelta, ThinkingDelta, Usage
from nbstream.runs.stream import Stream
from tests.e2e.lab import SCREENSHOTS
from tests.servers import chat

WORDS = [f"w{n} " for n in range(60)]
HOSTILE = (
    "\n\n</script><script>document.title = 'owned'</script><!-- <script>\n\n"
    "![x](http://127.0.0.1:9/leak.png) $e^{i\\pi} = -1$\n\n```go\nfunc main() {}\n```\n"
)


async def run_of(*texts: str, pace: float = 0.02, end: bool = True) -> Stream:
    async def events():
        yield ThinkingDelta(0, "hm")
        for text in texts:
            await asyncio.sleep(pace)
            yield TextDelta(1, text)
        yield Usage(input_tokens=5, output_tokens=len(texts))
        yield RunEnd("stop")

    stream = Stream(Source(events=events, model="m"), title="A <run>")
    if end:
        await stream
    return stream


@asynccontextmanager
async def opened(browser: Browser, path: Path, **settings) -> AsyncIterator[tuple[Page, list[str]]]:
    """The page of a file, and everything that went wrong in it or was asked for by it."""
    context = await browser.new_context(viewport={"width": 900, "height": 800}, **settings)
    page = await context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("file:", "blob:", "data:"))
            else faults.append(request.url)
        ),
    )
    await page.goto(path.as_uri())
    yield page, faults
    await context.close()


async def test_the_file_shows_the_run_and_its_slider_moves(browser: Browser, tmp_path: Path):
    stream = await run_of(*WORDS, HOSTILE)
    path = tmp_path / "run.html"
    stream.save(path)
    async with opened(browser, path) as (page, faults):
        view = page.locator(".nbstream[data-status=done]")
        answer = view.locator("[data-part=answer]:visible")
        await expect(answer).to_contain_text("w59")
        await expect(view.locator(".nbstream-static")).to_have_count(0)
        await expect(answer.locator("math")).to_have_count(1)
        await expect(answer.locator("pre span").first).to_be_visible()
        await expect(view.locator("[data-part=chart] canvas")).to_be_visible()
        slider = view.locator("[data-part=scrub] input")
        end = float(await slider.get_attribute("max") or 0)
        for share in (0.25, 0.75):
            at = next(
                e.time for e in stream.events if getattr(e, "text", "") == f"w{60 * share:.0f} "
            )
            await slider.evaluate(
                "(el, value) => { el.value = value; el.dispatchEvent(new Event('input')); }", at
            )
            await expect(answer).to_contain_text(f"w{60 * share - 8:.0f} ")
            await expect(answer).not_to_contain_text(f"w{60 * share + 8:.0f} ")
        await page.screenshot(path=SCREENSHOTS / "page.png")
        await view.locator("[data-action=replay]").click()
        await expect(answer).to_contain_text("w59", timeout=end * 1000 + 5000)
        assert await page.title() == "A <run>"
        assert faults == []


async def test_without_scripts_it_can_be_read(browser: Browser, tmp_path: Path):
    path = tmp_path / "run.html"
    path.write_text((await run_of(*WORDS, HOSTILE, pace=0)).to_html())
    async with opened(browser, path, java_script_enabled=False) as (page, faults):
        await expect(page.locator("main")).to_contain_text("w59")
        await expect(page.locator("main")).to_contain_text("61 tokens")
        assert faults == []


async def test_a_run_that_goes_on_is_saved_as_far_as_it_is(browser: Browser, tmp_path: Path):
    stream = await run_of(*WORDS, pace=0.05, end=False)
    async for text in stream.text_deltas():
        if text == "w5 ":
            break
    html = stream.to_html()
    stream.stop()
    path = tmp_path / "run.html"
    path.write_text(html)
    async with opened(browser, path) as (page, faults):
        await expect(page.locator(".nbstream [data-part=answer]")).to_contain_text("w5")
        await expect(page.locator(".nbstream")).to_have_attribute("data-status", "stopped")
        await expect(page.locator("[data-action=stop]")).to_be_hidden()
        assert faults == []


async def test_the_policy_holds_where_everything_else_fails(browser, serve, tmp_path: Path):
    """A script and a request that are in the file all the same do nothing."""
    server = serve(chat(["never asked"]))
    html = (await run_of("text", pace=0)).to_html()
    attack = f"<script>document.title='owned'</script><img src='{server.url}/x.png'>"
    path = tmp_path / "run.html"
    path.write_text(html.replace("</main>", f"{attack}</main>"))
    async with opened(browser, path) as (page, faults):
        await expect(page.locator(".nbstream [data-part=answer]")).to_contain_text("text")
        assert await page.title() == "A <run>"
        assert sum("Content Security Policy" in fault for fault in faults) == 2
        assert server.requests == []


async def test_a_value_is_shown_as_one(browser: Browser, tmp_path: Path):
    model = nb.Scripted('{"city": "Paris", "sights": ["Louvre"]}', delay=0)
    stream = nb.stream("a city", model=model, output_type=dict)
    response = await stream
    for n, answer in enumerate((stream, response)):
        path = tmp_path / f"{n}.html"
        answer.save(path)
        async with opened(browser, path) as (page, faults):
            await expect(page.locator(".nbstream .nbs-json")).to_contain_text("Louvre")
            assert faults == []


async def test_a_page_stays_small():
    sizes = {text: len((await run_of(text, pace=0)).to_html()) for text in ("plain", "$x$")}
    assert sizes["plain"] < 450_000
    assert sizes["$x$"] - sizes["plain"] > 100_000
