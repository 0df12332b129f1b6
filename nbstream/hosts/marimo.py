"""marimo: what it shows for a stream. This is the one room that imports marimo."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from nbstream.batches.batch import StreamBatch
from nbstream.batches.group import StreamGroup
from nbstream.render.response import Response
from nbstream.runs.stream import Stream
from nbstream.widgets.options import options_for


class Marimo:
    """A marimo notebook: what stands at the end of a cell is shown, nothing before that."""

    def is_here(self) -> bool:
        if "marimo" not in sys.modules:
            return False
        import marimo

        return marimo.running_in_notebook()

    def present(self, shown: Any, **options: Any) -> None:
        """Nothing: marimo asks for what it shows."""

    def display(self, shown: Any) -> object:
        """The live view, which starts; the answer, once complete, where no page asked for it."""
        match shown:
            case Stream():
                return _stream(shown)
            case StreamGroup():
                return _group(shown)
            case StreamBatch():
                return _batch(shown)
            case Response():
                return _html(shown._repr_mimebundle_())
        return repr(shown)

    def holds(self, stream: Stream) -> bool:
        return True


def _stream(stream: Stream) -> object:
    from nbstream.widgets.marimo import MarimoView

    if not _watched():
        _wait_for([stream])
        return stream.response
    stream.start()
    return _until_rerun(MarimoView(stream, **options_for(stream, {})), stream.stop)


def _group(group: StreamGroup) -> object:
    from nbstream.widgets.marimo import MarimoGroup

    group.start()
    view = _until_rerun(MarimoGroup(group), group.stop)
    if _watched():
        return view
    _wait_for(group.streams)
    return _html(view.forms())


def _batch(batch: StreamBatch) -> object:
    from nbstream.widgets.marimo import MarimoBatch

    view = _until_rerun(MarimoBatch(batch), batch.stop)
    batch.start()
    if _watched():
        return view
    batch.result()
    return _html(view.forms())


def _watched() -> bool:
    """Whether a page asked for this cell to run; an export has none."""
    import marimo

    return marimo.app_meta().request is not None


def _html(forms: dict[str, Any]) -> object:
    import marimo

    return marimo.Html(forms["text/html"])


def _wait_for(streams: list[Stream]) -> None:
    for stream in streams:
        stream.start()
    for stream in streams:
        stream.wait_until_ended()


def _until_rerun(view: Any, stop: Callable[[], None]) -> Any:
    """Stop when the cell runs again: it closes the comms that it opened."""
    comm = view.comm
    if comm is not None:
        close = comm.close

        def closing(*args: Any, **options: Any) -> None:
            stop()
            close(*args, **options)

        comm.close = closing
    return view
