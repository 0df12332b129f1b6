"""An executed notebook, without a browser: saved, exported, read by a person."""

from __future__ import annotations

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter, MarkdownExporter

CELLS = [
    "%load_ext nbstream\nimport nbstream as nb\nnb.register_model('quick', nb.Demo(speed=0))",
    "%%stream quick\nShow me a table",
    "%%stream quick\nthink about it",
    "%%stream quick\nthe weather",
    "s = nb.stream('hello', model='quick')\ns",
    "await s",
]


@pytest.fixture(scope="module")
def notebook() -> nbformat.NotebookNode:
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    return NotebookClient(notebook, timeout=120).execute()


def test_every_answer_is_in_the_file_and_no_widget_is(notebook):
    for cell in notebook.cells[1:]:
        (output,) = cell.outputs
        assert set(output.data) == {"text/html", "text/markdown", "text/plain"}
    for cell in notebook.cells[1:4]:
        (output,) = cell.outputs
        assert "This was the **demo model**" in output.data["text/markdown"]


def test_the_file_grows_by_the_answer(notebook):
    for cell in notebook.cells[1:3]:
        (output,) = cell.outputs
        size = sum(len(text) for text in output.data.values())
        assert size < 4 * len(output.data["text/plain"]) + 3000  # the picture of its speed


def test_html_export(notebook):
    html, _ = HTMLExporter().from_notebook_node(notebook)
    assert "<h2>Sorting, in one page</h2>" in html
    assert "Quicksort</td>" in html
    assert "Thought for" in html
    assert "get_weather" in html
    assert "Hello! 👋" in html
    assert "model not found" not in html


def test_the_front_end_is_not_saved(notebook):
    assert len(nbformat.writes(notebook)) < 60_000


def test_markdown_export(notebook):
    markdown, _ = MarkdownExporter().from_notebook_node(notebook)
    assert "Sorting, in one page" in markdown
    assert "Reykjavík" in markdown
