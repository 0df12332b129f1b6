"""A real JupyterLab in Chromium for the benchmarks: its pages, what they cost, what their kernels cost."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
from playwright.async_api import Browser, CDPSession, async_playwright

from bench.checkout import Checkout
from tests.e2e.lab import REPO, LabServer, Notebook, new_page

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


class Bench:
    """One server and one browser; every notebook gets a page and a kernel of its own."""

    def __init__(self, server: LabServer, browser: Browser) -> None:
        self.server, self.browser = server, browser
        self._opened = 0

    @asynccontextmanager
    async def notebook(self, checkout: Checkout, cells: Sequence[str]) -> AsyncIterator[Notebook]:
        page = await new_page(self.browser)
        self._opened += 1
        try:
            yield await Notebook.open(
                self.server, page, cells, checkout.kernel, f"bench{self._opened}.ipynb"
            )
        finally:
            await page.context.close()
            self.server.shut_down_kernels()


@asynccontextmanager
async def bench(checkouts: Sequence[Checkout]) -> AsyncIterator[Bench]:
    with tempfile.TemporaryDirectory() as home, LabServer.running(Path(home)) as server:
        for checkout in checkouts:
            checkout.write_kernelspec(Path(home, "data/kernels"))
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
            yield Bench(server, browser)
            await browser.close()


def chromium() -> str:
    found = subprocess.run([REPO / "scripts/chromium"], check=True, capture_output=True, text=True)
    return found.stdout.strip()


class Cost:
    """CPU seconds of a page's main thread and of its kernel."""

    def __init__(self, cdp: CDPSession, kernel: psutil.Process) -> None:
        self._cdp, self._kernel = cdp, kernel

    @classmethod
    async def of(cls, notebook: Notebook, kernel: int) -> Cost:
        cdp = await notebook.page.context.new_cdp_session(notebook.page)
        await cdp.send("Performance.enable", {"timeDomain": "threadTicks"})
        return cls(cdp, psutil.Process(kernel))

    async def page(self) -> float:
        return (await metrics(self._cdp))["TaskDuration"]

    def kernel(self) -> float:
        times = self._kernel.cpu_times()
        return times.user + times.system


async def metrics(cdp: CDPSession) -> dict[str, Any]:
    return {m["name"]: m["value"] for m in (await cdp.send("Performance.getMetrics"))["metrics"]}
