"""The notebook cell: shows streams and responses in it. This is the one room that imports IPython."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from .frozen import to_html, to_markdown, to_text
from .response import Response
from .run import Stream

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
    view.when_ended(freeze)
    stream.start()
    return view


class ShownResponse(Response):
    """A response whose cell shows it already: it does not print itself a second time there."""

    def __init__(self, response: Response, execution_count: int) -> None:
        super().__init__(response.transcript, response.metrics, response.events)
        self.output = response.output
        self._shown_in = execution_count

    def _ipython_display_(self) -> None:
        from IPython.core.getipython import get_ipython
        from IPython.display import display

        shell = get_ipython()
        if shell is None or shell.execution_count != self._shown_in:
            display(self._repr_mimebundle_(), raw=True)
