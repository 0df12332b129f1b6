"""Notebooks that a program runs: papermill, `jupyter execute`, `marimo export`. No browser anywhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import indent

import nbformat
import pytest

from tests.servers import Server, chat

WORDS = [f"word{n} " for n in range(200)]
ANSWER = "".join(WORDS).strip()


@pytest.fixture
def server(serve) -> Server:
    return serve(chat(WORDS, delay=0.01))


@pytest.fixture
def notebook(server: Server, tmp_path: Path) -> Path:
    ask = f'nb.stream("Go on.", nb.OpenAICompatible("{server.url}/v1", "test-model"))'
    cells = [
        "%load_ext nbstream\nimport nbstream as nb",
        f"%%stream test-model --api-base {server.url}/v1\nGo on.",
        f"await {ask}",
        f"s = {ask}\ns",
        "s.result().status",
    ]
    path = tmp_path / "notebook.ipynb"
    cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path


def run(*command: str | Path) -> str:
    """What it printed."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


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


def test_papermill(notebook, tmp_path):
    printed = run("papermill", notebook, tmp_path / "out.ipynb", "--log-output", "--cwd", tmp_path)
    check(tmp_path / "out.ipynb")
    # Its log has what a cell shows first: two views as they start, the awaited answer.
    assert printed.count("<Stream ") == 2
    assert printed.count("word199") == 1


def test_jupyter_execute(notebook, tmp_path):
    printed = run("jupyter", "execute", notebook, f"--output={tmp_path}/out.ipynb")
    check(tmp_path / "out.ipynb")
    assert "word" not in printed


def test_marimo_export(server, tmp_path):
    notebook, page = tmp_path / "notebook.py", tmp_path / "page.html"
    ask = f's = nb.stream("Go on.", nb.OpenAICompatible("{server.url}/v1", "test-model"))\ns'
    cells = ["import nbstream as nb", ask, "print('status:', (await s).status)"]
    functions = [f"@app.cell\nasync def _():\n{indent(cell, '    ')}\n    return" for cell in cells]
    notebook.write_text("\n\n\n".join(["import marimo\n\napp = marimo.App()", *functions]))
    run("marimo", "export", "html", notebook, "-o", page)
    saved = page.read_text()
    assert ANSWER in saved
    assert "status: done" in saved
    assert len(saved) < 100_000
