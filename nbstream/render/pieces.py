"""A long markdown text in pieces that mean the same one by one.

A parser holds the whole of what it parses: pieces keep its memory, and with it the pauses of the garbage
collector, small however long the text is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

#: Characters of a piece, about: what a parser makes of it is gone before the collector looks twice.
SIZE = 4_000
#: Shorter texts are not cut.
LONG = 100_000

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_DEFINITION = re.compile(r"(?m)^ {0,3}\[[^\]\n]+\]:[^\n]*$")
#: A line that belongs to nothing above it, once an empty line is between.
_FRESH = re.compile(r"[^\W\d_]|#{1,6} ")


def pieces_of(markdown: str) -> Iterator[str]:
    """The pieces: cut where a paragraph or a heading begins at the margin, outside code."""
    if len(markdown) <= LONG:
        yield markdown
        return
    piece: list[str] = []
    size, fence, blank = 0, "", False
    for line in _lines(markdown):
        if size >= SIZE and blank and not fence and _FRESH.match(line):
            yield "".join(piece)
            piece, size = [], 0
        piece.append(line)
        size += len(line)
        blank = line.isspace()
        if (mark := _FENCE.match(line)) is None:
            continue
        if not fence:
            fence = mark[1]
        elif mark[1].startswith(fence) and line.strip() == mark[1]:
            fence = ""
    yield "".join(piece)


def definitions_of(markdown: str) -> str:
    """The lines that define links, which may stand after what refers to them; "" for a short text."""
    if len(markdown) <= LONG:
        return ""
    return "\n".join(_DEFINITION.findall(markdown))


def _lines(text: str) -> Iterator[str]:
    # Not splitlines: a list of all lines of a long text is as large as the text.
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end
