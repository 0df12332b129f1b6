"""A long answer is rendered in pieces: the same html as in one."""

from __future__ import annotations

import pytest

from nbstream.render import pieces
from nbstream.render.saved import _markdown, _rendered

BLOCKS = [
    "A paragraph with a [link][far] and **bold** words.",
    "# A heading",
    "- a list\n\n- a loose list\n\n  with a paragraph\n\n1. one\n\n2. two",
    "```python\ndef f():\n\n    return 1\n\nx = f()\n```",
    "~~~~\n```\n\nnot the end\n~~~~",
    "> a quote\n>\n> goes on",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "    indented code\n\n    goes on",
    "Words after it.",
]


@pytest.mark.parametrize("size", [1, 50, 400])
def test_pieces_read_as_the_whole(size, monkeypatch):
    text = "\n\n".join(BLOCKS * 3) + "\n\n[far]: https://example.org/\n"
    whole = _markdown().render(text)
    monkeypatch.setattr(pieces, "SIZE", size)
    monkeypatch.setattr(pieces, "LONG", 0)
    assert "".join(pieces.pieces_of(text)) == text
    assert str(_rendered(text)) == whole


def test_a_long_text_is_cut():
    text = "A paragraph.\n\n" * 20_000
    assert len(list(pieces.pieces_of(text))) > 3
