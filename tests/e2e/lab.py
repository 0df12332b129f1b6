"""A real JupyterLab and Notebook 7 in a real browser: the server process and the page objects."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import nbformat
from playwright.async_api import Browser, Locator, Page, expect

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REPO = Path(__file__).parents[2]
SCREENSHOTS = REPO / "test-results"
EXTENSION = REPO / "build/labextension"
IPYKERNEL6 = Path(sys.prefix) / "ipykernel6"
KEY_NAME, KEY = "NBSTREAM_TEST_KEY", "sk-e2e-3f9a61c07d52"
KERNELS = {"ipykernel7": "python3", "ipykernel6": "ipykernel6"}

expect.set_options(timeout=30_000)


class LabServer:
    """`jupyter lab` on a free loopback port, with directories of its own. It serves Notebook 7 as well."""

    def __init__(self, url: str, home: Path) -> None:
        self.url, self.root, self.log = url, home / "notebooks", home / "server.log"
        self.settings = home / "settings"
        self.api = httpx.Client(base_url=url, timeout=60, trust_env=False)

    @classmethod
    @contextmanager
    def running(cls, home: Path) -> Iterator[LabServer]:
        root, runtime, log = home / "notebooks", home / "runtime", home / "server.log"
        root.mkdir()
        _write_kernelspec6(home / "data/kernels/ipykernel6")
        _install_extension(home / "data/labextensions/nbstream")
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", "--port=0"]
        settings = {
            "ServerApp.root_dir": root,
            "ServerApp.disable_check_xsrf": True,
            "IdentityProvider.token": "",
            "LabApp.expose_app_in_browser": True,
            "JupyterNotebookApp.expose_app_in_browser": True,
        }
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, *(f"--{name}={value}" for name, value in settings.items())],
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={
                    **os.environ,
                    "JUPYTER_CONFIG_PATH": str(REPO / "scripts/lab"),
                    "JUPYTER_CONFIG_DIR": str(home / "config"),
                    "JUPYTER_DATA_DIR": str(home / "data"),
                    "JUPYTER_PREFER_ENV_PATH": "0",
                    "JUPYTER_RUNTIME_DIR": str(runtime),
                    "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
                    "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
                    "IPYTHONDIR": str(home / "ipython"),
                    KEY_NAME: KEY,
                },
            )
        server = None
        try:
            server = cls(_wait_for_url(process, runtime, log), home)
            yield server
        finally:
            if server:
                server.api.close()
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def forget(self) -> None:
        """Back to no kernels and default settings."""
        self.shut_down_kernels()
        shutil.rmtree(self.settings, ignore_errors=True)

    def shut_down_kernels(self) -> None:
        for session in self.api.get("/api/sessions").json():
            self.api.delete(f"/api/sessions/{session['id']}")


def _write_kernelspec6(folder: Path) -> None:
    if not (IPYKERNEL6 / "ipykernel").exists():
        raise RuntimeError(f"ipykernel 6 is missing: run `make {IPYKERNEL6.relative_to(REPO)}`")
    folder.mkdir(parents=True)
    path = os.pathsep.join([str(IPYKERNEL6), os.environ.get("PYTHONPATH", "")])
    spec = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Python 3 (ipykernel 6)",
        "language": "python",
        "env": {"PYTHONPATH": path},
    }
    (folder / "kernel.json").write_text(json.dumps(spec))


def _install_extension(folder: Path) -> None:
    """As a wheel does it. All but what repairs an output after a reload works without."""
    if EXTENSION.exists():
        shutil.copytree(EXTENSION, folder)


def _wait_for_url(process: subprocess.Popen, runtime: Path, log: Path) -> str:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        for info in runtime.glob("jpserver-*.json"):
            try:
                url = json.loads(info.read_text())["url"].rstrip("/")
                if httpx.get(f"{url}/api/status", trust_env=False).is_success:
                    return url
            except (ValueError, httpx.HTTPError):
                pass
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()}")


class Notebook:
    """A notebook open in JupyterLab. Cells count from 0."""

    PAGE = "lab/tree/{}?reset"

    def __init__(self, server: LabServer, page: Page, name: str) -> None:
        self.server, self.page, self.name = server, page, name
        self.path = server.root / name

    @classmethod
    async def open(
        cls,
        server: LabServer,
        page: Page,
        cells: Sequence[str],
        kernel: str = "python3",
        name: str = "test.ipynb",
    ) -> Notebook:
        document = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in cells],
            metadata={"kernelspec": {"name": kernel, "display_name": kernel, "language": "python"}},
        )
        nbformat.write(document, server.root / name)
        return await cls.open_file(server, page, name)

    @classmethod
    async def open_file(cls, server: LabServer, page: Page, name: str) -> Notebook:
        notebook = cls(server, page, name)
        await page.goto(f"{server.url}/{cls.PAGE.format(name)}")
        await notebook._ready()
        return notebook

    async def _ready(self, busy: bool = False) -> None:
        await self.page.wait_for_function(
            "() => globalThis.jupyterapp?.shell.currentWidget?.context"
        )
        await self.page.evaluate(
            """async (busy) => {
              await jupyterapp.restored;
              jupyterapp.shell.collapseLeft();
              const { context, revealed } = jupyterapp.shell.currentWidget;
              await Promise.all([context.ready, revealed]);
              if (busy) return;
              await context.sessionContext.ready;
              await context.sessionContext.session.kernel.info;
            }""",
            busy,
        )

    def cell(self, n: int) -> Locator:
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(n)

    def output(self, n: int) -> Locator:
        return self.cell(n).locator(".jp-OutputArea.jp-Cell-outputArea")

    async def run(self, n: int) -> None:
        """Starts cell `n` and returns at once."""
        await self.page.evaluate(
            """n => {
              jupyterapp.shell.currentWidget.content.activeCellIndex = n;
              void jupyterapp.commands.execute("notebook:run-cell");
            }""",
            n,
        )

    async def run_all(self) -> None:
        """Queues every cell and returns at once."""
        await self.page.evaluate("() => void jupyterapp.commands.execute('notebook:run-all-cells')")

    async def prompt(self, n: int) -> str:
        """`*` while the cell runs or waits, its number after, `` before."""
        text = await self.cell(n).locator(".jp-InputPrompt").inner_text()
        return text.strip("[]: \n\xa0")

    async def wait_busy(self, n: int) -> None:
        await expect(self.cell(n).locator(".jp-InputPrompt")).to_have_text("[*]:")

    async def wait_done(self, n: int, timeout: float = 60) -> None:
        prompt = self.cell(n).locator(".jp-InputPrompt")
        await expect(prompt).to_have_text(re.compile(r"\[\d+\]"), timeout=timeout * 1000)

    async def execute(self, n: int, timeout: float = 60) -> str:
        """Runs cell `n` to its end and returns its output as text."""
        await self.run(n)
        await self.wait_busy_or_done(n)
        await self.wait_done(n, timeout)
        return await self.output(n).inner_text()

    async def wait_busy_or_done(self, n: int) -> None:
        await expect(self.cell(n).locator(".jp-InputPrompt")).to_have_text(re.compile(r"[*\d]"))

    async def interrupt(self) -> None:
        """Clicks ■ in the toolbar."""
        await self.page.locator("[data-jp-item-name=interrupt] jp-button").first.click()

    async def restart(self) -> None:
        await self.page.evaluate(
            "() => jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.restart()"
        )
        await self._ready()

    async def save(self) -> nbformat.NotebookNode:
        """Saves and returns what is in the file."""
        await self.page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
        return nbformat.read(self.path, as_version=4)

    async def reload(self, busy: bool = False) -> None:
        """Reloads the page; the kernel lives on. A `busy` one answers the page only when it is done."""
        await self.page.reload()
        await self._ready(busy)

    async def theme(self, name: str) -> None:
        """`light` or `dark`."""
        await self.page.evaluate(
            "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})",
            f"JupyterLab {name.capitalize()}",
        )
        light = "true" if name == "light" else "false"
        await expect(self.page.locator("body")).to_have_attribute("data-jp-theme-light", light)

    async def screenshot(self, name: str) -> Path:
        SCREENSHOTS.mkdir(exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        await self.page.screenshot(path=path)
        return path


class Notebook7(Notebook):
    """The same, open in Notebook 7."""

    PAGE = "notebooks/{}"


async def eventually(condition: Any, timeout: float = 30, step: float = 0.01) -> Any:
    """Waits until `condition()` is true and returns its value."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(step)
    return value


async def new_page(browser: Browser) -> Page:
    context = await browser.new_context(viewport={"width": 1200, "height": 900})
    return await context.new_page()
