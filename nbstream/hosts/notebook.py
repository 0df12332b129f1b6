"""The notebook: shows streams, groups, batches and responses in the cell that runs."""

from __future__ import annotations

import weakref
from typing import Any

from nbstream.batches.batch import StreamBatch
from nbstream.batches.group import StreamGroup
from nbstream.fold.transcript import Transcript
from nbstream.render.response import Response
from nbstream.runs.stream import Stream
from nbstream.widgets.options import options_for

from .headless import prepare
from .shell import execution_count, request, shell, show_data

#: What each cell (its id in the document) shows, and in which of its runs.
_views: dict[str, tuple[int | None, list[Any]]] = {}

#: In which cell (its execution count) a transcript was shown last.
_shown: weakref.WeakKeyDictionary[Transcript, int | None] = weakref.WeakKeyDictionary()


class Notebook:
    """A cell of a notebook: the output is live, and at the end the static forms, which need no kernel."""

    def __init__(self) -> None:
        prepare()

    def is_here(self) -> bool:
        return hasattr(shell(), "kernel")

    def present(self, shown: Any, **options: Any) -> None:
        match shown:
            case Stream():
                _stream(shown, options)
            case StreamGroup():
                _group(shown, options)
            case StreamBatch():
                _batch(shown)

    def display(self, shown: Any) -> None:
        count = execution_count()
        match shown:
            case Stream():
                if _shown.get(shown.transcript) != count:
                    _stream(shown, {})
            case Response():
                if _shown.get(shown.transcript) != count:
                    show_data(shown._repr_mimebundle_())
            case _:
                self.present(shown)

    def holds(self, stream: Stream) -> bool:
        from .held import is_held

        return is_held(stream, shell().user_ns)


def _stream(stream: Stream, options: dict[str, Any]) -> None:
    """Options: format ("markdown", "text", "code", "json"), thinking ("auto", "hidden"), chart (False,
    "open"), note (a line above the answer), background (the cell waits for it in no case)."""
    # First of all: while the view is built, the request is on its way.
    stream.start()
    from nbstream.widgets.stream import StreamView

    from .output import Output

    background = options.pop("background", False)
    options = options_for(stream, options)
    view = StreamView(stream, **options)
    output = Output(view)
    output.show(background=background)
    _mark(stream)
    _replace_views(view, stream)
    stream.follow(output.grow)
    view.when_ended(output.freeze)


def _group(group: StreamGroup, options: dict[str, Any]) -> None:
    if _shown.get(group.streams[0].transcript) == execution_count():
        return
    group.start()
    from nbstream.widgets.group import GroupView

    from .output import Output

    view = GroupView(group)
    output = Output(view)
    output.show(background=options.get("background", False))
    for stream in group.streams:
        _mark(stream)
    _replace_views(view)
    view.when_ended(output.freeze)


def _batch(batch: StreamBatch) -> None:
    if batch.shown_in == execution_count():
        return
    batch.shown_in = execution_count()
    from nbstream.widgets.batch import BatchView

    from .output import Output

    view = BatchView(batch)
    output = Output(view)
    output.show()
    _replace_views(view)
    view.when_ended(output.freeze)
    batch.start()


def _mark(stream: Stream) -> None:
    _shown[stream.transcript] = execution_count()


def _replace_views(view: Any, stream: Stream | None = None) -> None:
    """A cell that runs again lets go of what it showed before: a stream that still runs is stopped."""
    cell_id, count = _cell_id(), execution_count()
    if cell_id is None:
        return
    ran, views = _views.get(cell_id, (None, []))
    if ran != count:
        for old in views:
            if stream is not None and old.shows(stream):
                old.close()  # the same one, shown again
            else:
                old.release()
        views = []
    _views[cell_id] = (count, [*views, view])


def _cell_id() -> str | None:
    return (request().get("metadata") or {}).get("cellId")
