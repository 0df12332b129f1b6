"""marimo: what it shows for a stream. This is the one room that imports marimo."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from nbstream.runs import stream as run
from nbstream.runs.stream import Stream

from .notebook import options_for

if TYPE_CHECKING:
    from nbstream.batches.batch import StreamBatch
    from nbstream.batches.group import StreamGroup
    from nbstream.widgets.stream import PageWidget

View = TypeVar("View", bound="PageWidget")


def running() -> bool:
    """Whether a marimo notebook runs this code."""
    if "marimo" not in sys.modules:
        return False
    import marimo

    return marimo.running_in_notebook()


def show(stream: Stream) -> object:
    """The live view of `stream`, which starts; its answer, once complete, where no page asked for it."""
    from nbstream.widgets.marimo import MarimoView

    if _watched():
        view = _until_rerun(MarimoView(stream, **options_for(stream, {})), stream.stop)
        stream.start(background=True)
        return view
    _wait_for([stream])
    return stream.response


def show_group(group: StreamGroup) -> object:
    """The same for streams side by side."""
    from nbstream.widgets.marimo import MarimoGroup

    view = _until_rerun(MarimoGroup(group), group.stop)
    if not _watched():
        _wait_for(group.streams)
        return _html(view.forms())
    for stream in group.streams:
        stream.start(background=True)
    return view


def show_batch(batch: StreamBatch) -> object:
    """The same for many streams."""
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
        stream.start(background=True)
    for stream in streams:
        stream.wait_until_ended()


def _until_rerun(view: View, stop: Callable[[], None]) -> View:
    """Stop when the cell runs again: it closes the comms that it opened."""
    comm = view.comm
    if comm is not None:
        close = comm.close

        def closing(*args: Any, **options: Any) -> None:
            stop()
            close(*args, **options)

        comm.close = closing
    return view


run.marimo_viewer = show
