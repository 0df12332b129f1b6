"""A terminal or a script: streams print as they arrive."""

from __future__ import annotations

import weakref
from contextlib import suppress
from typing import Any

from nbstream.batches.batch import StreamBatch
from nbstream.batches.group import StreamGroup
from nbstream.events.errors import NbstreamError
from nbstream.fold.transcript import Transcript
from nbstream.render.response import Response
from nbstream.render.saved import to_text
from nbstream.runs.stream import Stream
from nbstream.widgets.options import note_of

#: What is printed already.
_printed: weakref.WeakSet[Transcript] = weakref.WeakSet()


class Script:
    """Where nothing else is: every Python has a standard output."""

    def is_here(self) -> bool:
        return True

    def present(self, shown: Any, **options: Any) -> None:
        """Print a stream as it arrives, once it starts; streams side by side one after the other."""
        match shown:
            case Stream():
                _print(shown, **options)
            case StreamGroup():
                for name, stream in zip(shown.names, shown.streams, strict=True):
                    _print(stream, note=f"── {name}")
                    with suppress(NbstreamError):
                        stream.result()

    def display(self, shown: Any) -> None:
        match shown:
            case Stream():
                if shown.transcript not in _printed:
                    _print(shown)
                shown.result()
            case Response():
                if shown.transcript not in _printed:
                    print(to_text(shown.transcript))
            case StreamGroup():
                self.present(shown)
            case StreamBatch():
                shown.result()
                print(shown)

    def holds(self, stream: Stream) -> bool:
        return True


def _print(stream: Stream, note: str = "", thinking: str = "auto", **_: Any) -> None:
    from .terminal import TerminalView

    if note := note or note_of(stream):
        print(note)
    stream.follow(TerminalView(stream, thinking=thinking != "hidden"))
    _printed.add(stream.transcript)
