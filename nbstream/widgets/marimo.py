"""The live views in marimo."""

from __future__ import annotations

import time
from typing import Any

from nbstream.runs.stream import Stream
from nbstream.wire.bundle import bundle_id, bundled
from nbstream.wire.protocol import Frame

from .base import PageWidget
from .batch import BatchView
from .group import GroupView
from .stream import StreamView


class Pane(StreamView):
    """A stream within another view, whose code starts it.

    marimo drops messages that come before the first view, and hears the page only between two cells. It
    keeps a widget's state, so the run so far goes there as well, whenever it has gone on for a quarter longer.
    """

    def __init__(self, stream: Stream, **options: Any) -> None:
        self._began = self._due = time.monotonic()
        super().__init__(stream, **options)

    def _code(self) -> dict[str, str]:
        # marimo takes code only while a cell runs.
        self._esm = ""
        return {"bundle": bundle_id()}

    def next_frame(self) -> Frame | None:
        if (frame := super().next_frame()) is None:
            return None
        now = time.monotonic()
        if now >= self._due or frame["events"][-1]["type"] == "run_end":
            self._due = now + max((now - self._began) / 4, 0.1)
            self.snapshot = self._snapshot(whole=True)
        return frame


class Whole(PageWidget):
    """A widget that needs no other: marimo serves its code from a URL, once for all of its kind."""

    def _code(self) -> dict[str, str]:
        self._esm, self._css = bundled("whole.js"), bundled("nbstream.css")
        return {"bundle": bundle_id()}


class MarimoView(Whole, Pane):
    pass


class MarimoGroup(Whole, GroupView):
    pane = Pane


class MarimoBatch(Whole, BatchView):
    pane = Pane
