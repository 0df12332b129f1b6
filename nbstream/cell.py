"""The notebook cell: shows streams and responses in it. This is the one room that imports IPython."""

from __future__ import annotations

import sys
import uuid
import weakref
from typing import TYPE_CHECKING, Any

from . import response, run
from .frozen import to_html, to_markdown, to_text
from .response import Response
from .run import Stream
from .transcript import Transcript

if TYPE_CHECKING:
    from .widget import StreamView


def show(stream: Stream, **options: Any) -> StreamView:
    """Display the live view of `stream` in this cell and start it.

    At the end the cell's output becomes the static form, which needs no kernel and is what is saved; a page
    that has the live model goes on showing that. Options: format ("markdown", "text", "code", "json"),
    thinking ("auto", "hidden"), note (a line above the answer).
    """
    from IPython.display import display

    from .widget import StreamView

    view = StreamView(stream, **options)
    shown_as = uuid.uuid4().hex

    def bundle() -> dict[str, Any]:
        transcript = stream.transcript
        return {
            "text/html": to_html(
                transcript,
                stream.metrics,
                uid=view.uid,
                format=options.get("format", "markdown"),
                thinking=options.get("thinking") != "hidden",
                note=options.get("note", ""),
            ),
            "text/markdown": to_markdown(transcript),
            "text/plain": to_text(transcript) or repr(stream),
        }

    def freeze() -> None:
        display(bundle(), raw=True, display_id=shown_as, update=True)

    live = {"version_major": 2, "version_minor": 0, "model_id": view.model_id}
    display(
        {**bundle(), "application/vnd.jupyter.widget-view+json": live},
        raw=True,
        display_id=shown_as,
    )
    _shown[stream.transcript] = _execution_count()
    _replace_views(view)
    view.when_ended(freeze)
    stream.start()
    return view


def print_live(stream: Stream, **options: Any) -> None:
    """Print `stream` in this terminal as it arrives. Options: thinking, note."""
    from .terminal import TerminalView

    if note := options.get("note"):
        print(note)
    stream.on(TerminalView(stream, thinking=options.get("thinking") != "hidden"))
    _shown[stream.transcript] = _execution_count()


def present(stream: Stream, **options: Any) -> None:
    """Show `stream` where this code runs: live in a notebook's cell, printed in a terminal."""
    (show if in_notebook() else print_live)(stream, **options)


def show_once(stream: Stream) -> None:
    """What IPython calls for a stream at the end of a cell: shows it unless this cell does already."""
    if in_notebook():
        if _shown.get(stream.transcript) != _execution_count():
            show(stream)
        return
    if stream.transcript not in _shown:
        print_live(stream)
    stream.result()


def show_response(response: Response) -> None:
    """The same for a response: silent in the cell that shows its stream."""
    if _shown.get(response.transcript) == _execution_count():
        return
    if in_notebook():
        from IPython.display import display

        display(response._repr_mimebundle_(), raw=True)
    else:
        print(to_text(response.transcript))


def _replace_views(view: StreamView) -> None:
    """A cell that runs again lets go of what it showed before: a stream that still runs is stopped."""
    cell_id, count = _cell_id(), _execution_count()
    if cell_id is None:
        return
    ran, views = _views.get(cell_id, (None, []))
    if ran != count:
        for old in views:
            old.stream.stop()
            old.close()
        views = []
    _views[cell_id] = (count, [*views, view])


def _cell_id() -> str | None:
    shell = _shell()
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    return (parent.get("metadata") or {}).get("cellId")


def in_notebook() -> bool:
    """Whether a kernel runs this code, so that there is a cell to show something in."""
    return "ipykernel" in sys.modules and hasattr(_shell(), "kernel")


def _execution_count() -> int | None:
    return getattr(_shell(), "execution_count", None)


def _shell() -> Any:
    if "IPython" not in sys.modules:
        return None
    from IPython.core.getipython import get_ipython

    return get_ipython()


#: What each cell (its id in the document) shows, and in which of its runs.
_views: dict[str, tuple[int | None, list[StreamView]]] = {}

#: In which cell (its execution count) a transcript was shown last.
_shown: weakref.WeakKeyDictionary[Transcript, int | None] = weakref.WeakKeyDictionary()

run.displayer = show_once
response.displayer = show_response
