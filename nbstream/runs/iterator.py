"""Iterates over a stream, from the first event on, in async or sync code. Leaving it stops the stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, Self, TypeVar

from nbstream.events import StepStart, StreamEvent, TextDelta, ToolCallStart, ToolResult
from nbstream.fold.transcript import paragraph_break
from nbstream.logs.log import Log

T = TypeVar("T")

#: Events that are taken from the log at once.
_MANY = 512


class Followed(Protocol):
    """The stream, as far as this room needs it."""

    log: Log

    def start(self) -> object: ...
    def leave(self) -> None: ...
    def raise_error(self) -> None: ...
    def more(self, seen: int) -> Awaitable[None]: ...
    def wait_for(self, seen: int) -> bool: ...


class StreamIterator(Generic[T]):
    """An iterator over what `pick` makes of each event (None is skipped).

    Several may follow one stream, each from its beginning. One that is left before the end (`break`, an
    exception, an interrupt while it waits, `close()`) stops the stream and so closes its connection.
    """

    def __init__(self, stream: Followed, pick: Callable[[StreamEvent], T | None]) -> None:
        self._stream = stream
        self._pick = pick
        self._next = 0
        self._taken: deque[StreamEvent] = deque()
        self._exhausted = False

    def __aiter__(self) -> Self:
        self._stream.start()
        return self

    async def __anext__(self) -> T:
        try:
            while (value := self._take()) is None:
                if self._exhausted:
                    self._stream.raise_error()
                    raise StopAsyncIteration
                await self._stream.more(self._next)
        except BaseException:
            # A traceback keeps this frame, and so the iterator: waiting for its end would be for ever.
            self.close()
            raise
        return value

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        try:
            while (value := self._take()) is None:
                if self._exhausted:
                    self._stream.raise_error()
                    raise StopIteration
                self._stream.wait_for(self._next)
        except BaseException:
            self.close()
            raise
        return value

    def _take(self) -> T | None:
        log = self._stream.log
        while True:
            while self._taken:
                if (value := self._pick(self._taken.popleft())) is not None:
                    return value
            # Looked at in this order: the end is marked after the last event is there.
            ended = log.ended
            self._taken.extend(log.events[self._next : self._next + _MANY])
            self._next += len(self._taken)
            if not self._taken:
                self._exhausted = ended
                return None

    def close(self) -> None:
        """Leave: stops the stream unless it has been read to its end."""
        if not self._exhausted:
            self._exhausted = True
            self._taken.clear()
            self._stream.leave()

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
