"""What it costs the page to watch four models at once, beside one plain stream.

    python -m bench.compare [SECONDS]       (default 8 seconds of 200 tokens a second each)

A real JupyterLab in Chromium. Main-thread time and its scripting and layout shares come from the browser's
own counters. `worst frame` is the longest time between two frames, whoever kept the machine busy; `in it`
is the longest that scripts and layout took of one.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright

from tests.e2e.lab import REPO, LabServer, Notebook, new_page
from tests.servers import Server, chat

RATE = 200

FRAMES = """() => {
  globalThis.worst = globalThis.worked = 0;
  new PerformanceObserver((list) => {
    for (const { startTime, duration, renderStart, scripts } of list.getEntries()) {
      const rendering = renderStart ? startTime + duration - renderStart : 0;
      const earlier = scripts.filter((script) => script.startTime < (renderStart || Infinity));
      const spent = rendering + earlier.reduce((sum, script) => sum + script.duration, 0);
      globalThis.worked = Math.max(worked, spent);
    }
  }).observe({ type: "long-animation-frame" });
  let then = performance.now();
  const step = (now) => { globalThis.worst = Math.max(worst, now - then); then = now; requestAnimationFrame(step); };
  requestAnimationFrame(step);
}"""


async def watch(
    browser: Browser, lab: LabServer, source: str, streams: int, seconds: float
) -> dict[str, float]:
    page = await new_page(browser)
    warm = "import nbstream as nb\nnb.stream('hello', model=nb.Demo(speed=0))"
    notebook = await Notebook.open(lab, page, [warm, source], name=f"bench{streams}.ipynb")
    await notebook.execute(0)
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable")
    await notebook.run(1)
    await notebook.output(1).locator("[data-part=answer]").nth(streams - 1).wait_for()
    before = await counters(session)
    await page.evaluate(FRAMES)
    await asyncio.sleep(seconds - 2)
    after = await counters(session)
    worst, worked = await page.evaluate("[worst, worked]")
    await page.context.close()
    lab.shut_down_kernels()
    spent = after["Timestamp"] - before["Timestamp"]
    share = {name: (after[name] - before[name]) / spent for name in SHARES}
    return {**share, "worst": worst, "worked": worked}


SHARES = ("TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration")


async def counters(session: Any) -> dict[str, float]:
    return {
        m["name"]: m["value"] for m in (await session.send("Performance.getMetrics"))["metrics"]
    }


async def main(seconds: float, chromium: str) -> None:
    words = [f"word{n} " for n in range(int(RATE * seconds))]
    flags = ["--no-sandbox", "--disable-gpu"]
    with Server(chat(words, delay=1 / RATE)) as server, tempfile.TemporaryDirectory() as home:
        model = f'nb.OpenAICompatible("{server.url}/v1", "m")'
        sources = {
            "one stream": (f"nb.stream('x', model={model})", 1),
            "one stream, chart open": (
                f"nb.configure(chart='open')\nnb.stream('x', model={model})",
                1,
            ),
            "nb.compare, 4 models": (f"nb.compare('x', models=[{model}] * 4)", 4),
        }
        print(f"{RATE} tokens a second each; milliseconds of the main thread a second\n")
        print(
            f"{'':24} {'all':>7} {'script':>7} {'layout':>7} {'style':>7} {'worst frame':>12} {'in it':>8} {'x':>6}"
        )
        with LabServer.running(Path(home)) as lab:
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=chromium, args=flags)
                first = 0.0
                for name, (source, streams) in sources.items():
                    found = await watch(browser, lab, source, streams, seconds)
                    first = first or found["TaskDuration"]
                    times = " ".join(f"{1000 * found[share]:7.0f}" for share in SHARES)
                    ratio = found["TaskDuration"] / first
                    print(
                        f"{name:24} {times} {found['worst']:9.0f} ms {found['worked']:5.0f} ms {ratio:5.1f}x"
                    )
                await browser.close()


if __name__ == "__main__":
    found = subprocess.run([REPO / "scripts/chromium"], check=True, capture_output=True, text=True)
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 8.0, found.stdout.strip()))
