"""The shapes of chunks that people hold, recognised without importing the library they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from nbstream.events import Event, RunEnd, RunStart, StreamEvent

from .blocks import Blocks
from .decoding import PayloadDecoder


class Shaper:
    """Chunks in, events out; one for each stream."""

    done = False

    def feed(self, item: Any) -> Iterable[StreamEvent]:
        raise NotImplementedError

    def finish(self) -> Iterable[StreamEvent]:
        raise NotImplementedError


class TextShaper(Shaper):
    """Strings (or bytes of UTF-8): plain text, which ends when it ends."""

    def __init__(self) -> None:
        self.blocks = Blocks()
        self.blocks.fragile = True

    def feed(self, item: Any) -> Iterable[StreamEvent]:
        return self.blocks.text(item) if item else ()

    def finish(self) -> Iterable[StreamEvent]:
        return [*self.blocks.close(), RunEnd("stop")]


class EventShaper(Shaper):
    """Our own events, as they are; a missing `run_end` is added."""

    def __init__(self) -> None:
        self.ended = False

    def feed(self, item: Any) -> Iterable[StreamEvent]:
        import copy

        if isinstance(item, RunStart):
            return ()
        if isinstance(item, RunEnd):
            self.ended = self.done = True
        return (copy.copy(item),)

    def finish(self) -> Iterable[StreamEvent]:
        return () if self.ended else (RunEnd("stop"),)


class PayloadShaper(Shaper):
    """Payloads of a provider's wire format, as plain values or as objects of its SDK."""

    def __init__(self, decoder: PayloadDecoder, to_payload: Callable[[Any], Any]) -> None:
        self.decoder = decoder
        self.decoder.blocks.fragile = True
        self.to_payload = to_payload

    def feed(self, item: Any) -> Iterable[StreamEvent]:
        events = self.decoder.payload(self.to_payload(item))
        self.done = self.decoder.done
        return events

    def finish(self) -> Iterable[StreamEvent]:
        return [*self.decoder.close(), *self.decoder.end()]


def shaper_for(item: Any, source: Any) -> Shaper | None:
    """The shaper for a stream whose first chunk is `item`, None for a shape nobody knows."""
    if isinstance(item, str):
        return TextShaper()
    if isinstance(item, Event):
        return EventShaper()
    return None


def describe_source(source: Any) -> tuple[str, str]:
    """Provider and model of a source, as far as they can be seen from outside."""
    return "", ""
