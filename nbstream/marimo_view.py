"""The live view of a stream in marimo."""

from __future__ import annotations

import time
from typing import Any

from .bundle import bundle_id, bundled
from .run import Stream
from .widget import StreamView


class MarimoView(StreamView):
    """A view that needs no other widget: marimo serves its code from a URL, once for all of its kind.

    marimo drops messages that come before the first view, and hears the page only between two cells. It
    keeps a widget's state, so the run so far goes there as well, each time after twice as long.
    """

    def __init__(self, stream: Stream, **options: Any) -> None:
        self._began = self._due = time.monotonic()
        super().__init__(stream, **options)
        if self.comm is not None:
            # A cell that runs again closes the comms that it opened.
            close, self.comm.close = self.comm.close, self._closed
            self._close_comm = close

    def _closed(self, *args: Any, **options: Any) -> None:
        self.stream.stop()
        self._close_comm(*args, **options)

    def _code(self) -> dict[str, str]:
        self._esm, self._css = bundled("whole.js"), bundled("nbstream.css")
        return {"bundle": bundle_id()}

    def flush(self) -> bool:
        if not super().flush():
            return False
        now = time.monotonic()
        if now >= self._due or self.stream.ended:
            self._due = now + max(now - self._began, 0.1)
            self.snapshot = self._snapshot()
        return True
