"""Follows a stream's events from the first, from async or sync code. Leaving it stops the stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from nbstream.events import StepStart, StreamEvent, TextDelta, ToolCallStart, ToolResult
from nbstream.fold.transcript import paragraph_break

if TYPE_CHECKING:
    from .stream import Stream

T = TypeVar("T")


class Reader(Generic[T]):
    """An iterator over what `pick` makes of each event (None is skipped).

    Several readers may follow one stream, each from its beginning. One that is left before the end
    (`break`, an exception, `close()`, garbage collection) stops the stream and so closes its connection.
    """

    def __init__(self, stream: Stream, pick: Callable[[StreamEvent], T | None]) -> None:
        self._stream = stream
        self._pick = pick
        self._next = 0
        self._exhausted = False

    def __aiter__(self) -> Reader[T]:
        self._stream.start()
        return self

    async def __anext__(self) -> T:
        while (value := self._take()) is None:
            if self._exhausted:
                self._stream.raise_error()
                raise StopAsyncIteration
            await self._stream.more(self._next)
        return value

    def __iter__(self) -> Reader[T]:
        return self

    def __next__(self) -> T:
        while (value := self._take()) is None:
            if self._exhausted:
                self._stream.raise_error()
                raise StopIteration
            self._stream.wait_for(self._next)
        return value

    def _take(self) -> T | None:
        events = self._stream.events
        while self._next < len(events):
            event = events[self._next]
            self._next += 1
            if (value := self._pick(event)) is not None:
                return value
        # Looked at in this order: the end is marked after the last event is there.
        if self._stream.ended and self._next == len(self._stream.events):
            self._exhausted = True
        return None

    def close(self) -> None:
        """Leave: stops the stream unless it has been read to its end."""
        if not self._exhausted:
            self._exhausted = True
            self._stream.stop()

    async def aclose(self) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


def every_event(event: StreamEvent) -> StreamEvent:
    return event


class AnswerText:
    """Picks the pieces of the answer; after a tool, and in the next step, it goes on in a new paragraph."""

    def __init__(self) -> None:
        self._last = ""
        self._gap = False
        self._called: set[str] = set()  # tools that are not the provider's own

    def __call__(self, event: StreamEvent) -> str | None:
        if event.run:  # an agent that a tool asks
            return None
        if isinstance(event, ToolCallStart) and not event.server_side:
            self._called.add(event.call_id)
        if isinstance(event, StepStart) or (
            isinstance(event, ToolResult) and event.call_id in self._called
        ):
            self._gap = True
        if not isinstance(event, TextDelta) or event.choice:
            return None
        text = event.text
        if text and self._gap:
            self._gap = False
            text = paragraph_break(self._last, text) + text
        self._last = text or self._last
        return text
