"""Notebooks that a program runs: papermill, `jupyter execute`, `marimo export`. No browser anywhere."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent

import nbformat
import pytest

from tests.servers import Server, chat

WORDS = [f"word{n} " for n in range(200)]
ANSWER = "".join(WORDS).strip()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(chat(WORDS, delay=0.005)) as server:
        yield server


class Run:
    """A program at work, which writes `path`."""

    def __init__(self, path: Path, *command: str | Path) -> None:
        self.path = path
        self.process = subprocess.Popen(
            [sys.executable, "-m", *map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def printed(self) -> str:
        """What it printed, once it is done."""
        text, _ = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, text
        return text


@pytest.fixture(scope="module")
def runs(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Run]]:
    """All programs, at work at the same time."""
    home = tmp_path_factory.mktemp("headless")
    ask = f'nb.stream("Go on.", nb.OpenAICompatible("{server.url}/v1", "test-model"))'
    notebook = write_notebook(home / "notebook.ipynb", server, ask)
    marimo = write_marimo(home / "notebook.py", ask)
    papermill, execute, page = home / "papermill.ipynb", home / "execute.ipynb", home / "page.html"
    runs = {
        "papermill": Run(papermill, "papermill", notebook, papermill, "--log-output"),
        "execute": Run(execute, "jupyter", "execute", notebook, f"--output={execute}"),
        "marimo": Run(page, "marimo", "export", "html", marimo, "-o", page),
    }
    yield runs
    for run in runs.values():
        run.process.kill()
        run.process.communicate()


def write_notebook(path: Path, server: Server, ask: str) -> Path:
    cells = [
        "%load_ext nbstream\nimport nbstream as nb",
        f"%%stream test-model --api-base {server.url}/v1\nGo on.",
        f"await {ask}",
        f"s = {ask}\ns",
        "s.result().status",
    ]
    cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path


def write_marimo(path: Path, ask: str) -> Path:
    cells = ["import nbstream as nb", f"s = {ask}\ns", "print('status:', (await s).status)"]
    functions = [f"@app.cell\nasync def _():\n{indent(cell, '    ')}\n    return" for cell in cells]
    path.write_text("\n\n\n".join(["import marimo\n\napp = marimo.App()", *functions]))
    return path


def check(path: Path) -> None:
    """Each of its cells holds the whole answer, once, in forms that need no kernel."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells[1:4]:
        (output,) = cell.outputs
        assert set(output.data) == {"text/html", "text/markdown", "text/plain"}
        assert output.data["text/plain"].strip() == ANSWER
        assert ANSWER in output.data["text/html"]
    assert notebook.cells[4].outputs[0].data["text/plain"] == "'done'"
    assert len(nbformat.writes(notebook)) < 60_000


def test_papermill(runs):
    printed = runs["papermill"].printed()
    check(runs["papermill"].path)
    # Its log has what a cell shows first: two views as they start, the awaited answer.
    assert printed.count("<Stream ") == 2
    assert printed.count("word199") == 1


def test_jupyter_execute(runs):
    printed = runs["execute"].printed()
    check(runs["execute"].path)
    assert "word" not in printed


def test_marimo_export(runs):
    runs["marimo"].printed()
    saved = runs["marimo"].path.read_text()
    assert ANSWER in saved
    assert "status: done" in saved
    assert len(saved) < 100_000
