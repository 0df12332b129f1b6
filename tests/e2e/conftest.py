from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from tests.e2e.lab import KERNELS, REPO, LabServer, Notebook, new_page

OpenNotebook = Callable[..., Awaitable[Notebook]]


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if item.path.parent.name == "e2e":
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    with LabServer.running(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    chromium = subprocess.run(
        [REPO / "scripts/chromium"], check=True, capture_output=True, text=True
    ).stdout.strip()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
            ],
        )
        yield browser
        await browser.close()


@pytest.fixture(params=KERNELS)
def kernel(request: pytest.FixtureRequest) -> str:
    """The kernelspec's name; a test that takes it runs on each."""
    return KERNELS[request.param]


@pytest_asyncio.fixture(loop_scope="session")
async def open_notebook(
    lab: LabServer, browser: Browser, request: pytest.FixtureRequest
) -> AsyncIterator[OpenNotebook]:
    """`await open_notebook([source, …], kernel=…)` opens a notebook in JupyterLab, in a fresh page.

    With `program=Notebook7` it is opened there; `before(page)` is awaited first. A failing test leaves a screenshot in test-results/.
    """
    page = await new_page(browser)
    notebook: Notebook | None = None

    async def open(
        cells: Sequence[str],
        kernel: str = "python3",
        program: type[Notebook] = Notebook,
        before: Callable[[Page], Awaitable[None]] | None = None,
    ) -> Notebook:
        nonlocal notebook
        if before:
            await before(page)
        name = f"{request.node.originalname}.ipynb"
        notebook = await program.open(lab, page, cells, kernel, name)
        return notebook

    yield open
    if notebook and request.session.testsfailed:
        await notebook.screenshot(f"failed-{request.node.name}")
    await page.context.close()
    lab.forget()
