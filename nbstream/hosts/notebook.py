"""The notebook cell: shows streams and responses in it. This is the one room that imports IPython."""

from __future__ import annotations

import sys
import time
import uuid
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from nbstream.config import setting
from nbstream.events import TextDelta
from nbstream.events.errors import NbstreamError
from nbstream.fold.transcript import Transcript
from nbstream.render import response
from nbstream.render.response import Response
from nbstream.render.saved import to_html, to_markdown, to_text
from nbstream.runs import stream as run
from nbstream.runs.stream import Stream

if TYPE_CHECKING:
    from nbstream.batches.batch import StreamBatch
    from nbstream.batches.group import StreamGroup
    from nbstream.widgets.stream import PageWidget, StreamView


#: Seconds between two updates of what a notebook would save of an answer that is being written.
SAVE_INTERVAL = 10.0


def show(stream: Stream, **options: Any) -> StreamView:
    """Display the live view of `stream` in this cell and start it.

    At the end the cell's output becomes the static form, which needs no kernel and is what is saved; a page
    that has the live model goes on showing that. Options: format ("markdown", "text", "code", "json"),
    thinking ("auto", "hidden"), chart (False, "open"), note (a line above the answer).
    """
    from nbstream.widgets.stream import StreamView

    options = options_for(stream, options)
    view = StreamView(stream, **options)

    def forms() -> dict[str, Any]:
        transcript = stream.transcript
        return {
            "text/html": to_html(
                transcript,
                stream.metrics,
                uid=view.uid,
                format=options.get("format", "markdown"),
                thinking=options.get("thinking") != "hidden",
                note=options.get("note", ""),
                chart=options.get("chart") is not False,
            ),
            "text/markdown": to_markdown(transcript),
            "text/plain": to_text(transcript) or repr(stream),
        }

    output = Output(view, forms)
    output.show()
    _shown[stream.transcript] = _execution_count()
    _replace_views(view)
    stream.on(output.grow, "text_delta")
    view.when_ended(output.freeze)
    stream.start()
    return view


def options_for(stream: Stream, options: dict[str, Any]) -> dict[str, Any]:
    """The options of its view: those given, and what the session and the stream say."""
    if (chart := setting("chart", options.get("chart"))) is not None:
        options["chart"] = chart
    turn = stream.source.turn
    if turn is not None and turn.structured:
        options.setdefault("format", "json")
    options["note"] = options.get("note") or _note(stream)
    return options


def _note(stream: Stream) -> str:
    """What stands beside its title."""
    if stream.source.recorded:
        return "From a recording"
    turn = stream.source.turn
    return turn.note if turn else ""


def show_group(group: StreamGroup) -> None:
    """Display streams side by side in this cell and start them, unless this cell shows them already."""
    if not in_notebook():
        for name, stream in zip(group.names, group.streams, strict=True):
            print_live(stream, note=f"── {name}")
            with suppress(NbstreamError):
                stream.result()
        return
    if _shown.get(group.streams[0].transcript) == _execution_count():
        return
    from nbstream.widgets.group import GroupView

    view = GroupView(group)
    output = Output(view, view.forms)
    output.show()
    for stream in group.streams:
        _shown[stream.transcript] = _execution_count()
    _replace_views(view)
    view.when_ended(output.freeze)
    group.start()


def show_batch(batch: StreamBatch) -> None:
    """Display the progress of many streams in this cell and start them."""
    if not in_notebook():
        batch.result()
        print(batch)
        return
    if batch.shown_in == _execution_count():
        return
    batch.shown_in = _execution_count()
    from nbstream.widgets.batch import BatchView

    view = BatchView(batch)
    output = Output(view, view.forms)
    output.show()
    _replace_views(view)
    view.when_ended(output.freeze)
    batch.start()


class Output:
    """One output of a cell: the forms that can be saved, and the live view of `view` in their place.

    Where the page mounts live views into marked html, it is given no widget: a notebook that is opened
    without its kernel then shows what had arrived instead of an error. Elsewhere the widget stands beside
    the forms until the end.
    """

    def __init__(self, view: PageWidget, forms: Callable[[], dict[str, Any]]) -> None:
        from nbstream.widgets.stream import Runtime

        self._view = view
        self._forms = forms
        self._id = uuid.uuid4().hex
        self._runtime = Runtime.shared()
        self._cell_is_over = False
        self._frozen = False
        self._size = self._saved_size = 0
        self._saved_at = time.monotonic()

    def show(self) -> None:
        self._display()
        _after_this_cell(self._cell_ends)
        if not self._runtime.hydrates:
            self._runtime.observe(self._page_hydrates, "hydrates")

    def grow(self, event: TextDelta) -> None:
        """Save what has arrived now and then, each time twice as much: a kernel may die."""
        self._size += len(event.text)
        if (
            self._runtime.hydrates
            and self._size > max(2 * self._saved_size, 2000)
            and time.monotonic() - self._saved_at > SAVE_INTERVAL
        ):
            self._saved_size, self._saved_at = self._size, time.monotonic()
            self._display(update=True)

    def freeze(self) -> None:
        """The run has ended: from here on the output is the saved forms."""
        self._frozen = True
        self._forget()
        self._display(update=True)
        if self._cell_is_over and not self._runtime.hydrates:
            # A program that runs the notebook hears only what belongs to the cell it is running.
            _after_this_cell(lambda: self._display(update=True))

    def _cell_ends(self) -> None:
        self._cell_is_over = True

    def _page_hydrates(self, _: Any) -> None:
        self._forget()
        if not self._frozen:
            self._display(update=True)

    def _forget(self) -> None:
        with suppress(ValueError):
            self._runtime.unobserve(self._page_hydrates, "hydrates")

    def _display(self, update: bool = False) -> None:
        from IPython.display import display

        data = self._forms()
        if not self._frozen and not self._runtime.hydrates:
            data["application/vnd.jupyter.widget-view+json"] = {
                "version_major": 2,
                "version_minor": 0,
                "model_id": self._view.model_id,
            }
        display(data, raw=True, display_id=self._id, update=update)


def print_live(stream: Stream, **options: Any) -> None:
    """Print `stream` in this terminal as it arrives. Options: thinking, note."""
    from .terminal import TerminalView

    if note := options.get("note") or _note(stream):
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


def _replace_views(view: PageWidget) -> None:
    """A cell that runs again lets go of what it showed before: a stream that still runs is stopped."""
    cell_id, count = _cell_id(), _execution_count()
    if cell_id is None:
        return
    ran, views = _views.get(cell_id, (None, []))
    if ran != count:
        for old in views:
            old.release()
        views = []
    _views[cell_id] = (count, [*views, view])


def _cell_id() -> str | None:
    shell = _shell()
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    return (parent.get("metadata") or {}).get("cellId")


def _after_this_cell(action: Callable[[], None]) -> None:
    """Do it once, at the end of the cell that runs now or, between two cells, of the next."""
    events = _shell().events

    def once(_: Any) -> None:
        events.unregister("post_run_cell", once)
        action()

    events.register("post_run_cell", once)


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
_views: dict[str, tuple[int | None, list[PageWidget]]] = {}

#: In which cell (its execution count) a transcript was shown last.
_shown: weakref.WeakKeyDictionary[Transcript, int | None] = weakref.WeakKeyDictionary()

run.displayer = show_once
response.displayer = show_response
