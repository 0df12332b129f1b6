"""marimo: what it shows for a stream. This is the one room that imports marimo."""

from __future__ import annotations

import sys

from . import run
from .cell import options_for
from .run import Stream


def running() -> bool:
    """Whether a marimo notebook runs this code."""
    if "marimo" not in sys.modules:
        return False
    import marimo

    return marimo.running_in_notebook()


def view(stream: Stream) -> object:
    """The live view of `stream`, which starts; its answer, once complete, where no page asked for it."""
    import marimo

    from .marimo_view import MarimoView

    if marimo.app_meta().request is not None:
        view = MarimoView(stream, **options_for(stream, {}))
        stream.start(background=True)
        return view
    stream.start(background=True)
    while not stream.ended:
        stream.wait_for(len(stream.events))
    return stream.response


run.marimo_viewer = view
