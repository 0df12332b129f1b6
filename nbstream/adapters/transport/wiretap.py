"""Listens in on the bytes of responses as they arrive, for recordings that keep them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextvars import ContextVar
from typing import Protocol

from nbstream.events import Error
from nbstream.events.errors import NbstreamError
from nbstream.logs.recording import ResponseHead

from .failures import Endpoint
from .masking import Blot


class Tap(Protocol):
    """What hears responses: each begins, has bytes and ends; several may be under way at once."""

    def begin(self, head: ResponseHead) -> int:
        """A response begins. Gives its number."""
        ...

    def bytes(self, number: int, data: bytes) -> None: ...

    def end(self, number: int, error: Error | None) -> None:
        """All of a response has been read, or its connection broke."""
        ...


_taps: ContextVar[tuple[Tap, ...]] = ContextVar("nbstream_taps", default=())


def listen(*taps: Tap) -> None:
    """From now on `taps` hear every response that this task, and the tasks it starts, read over HTTP."""
    _taps.set((*_taps.get(), *taps))


class Wiretap:
    """Passes the bytes of one response on, and tells whoever listens, with secrets blotted out."""

    def __init__(self, endpoint: Endpoint, head: ResponseHead) -> None:
        self._blot = Blot(endpoint.secrets)
        self._heard = [(tap, tap.begin(head)) for tap in _taps.get()]

    async def chunks(self, source: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        try:
            async for chunk in source:
                self._tell(self._blot.feed(chunk))
                yield chunk
        finally:
            await source.aclose()

    def end(self, error: NbstreamError | None) -> None:
        self._tell(self._blot.finish())
        for tap, number in self._heard:
            tap.end(number, error.to_event() if error else None)

    def _tell(self, data: bytes) -> None:
        if data:
            for tap, number in self._heard:
                tap.bytes(number, data)


def wiretap(endpoint: Endpoint, head: ResponseHead) -> Wiretap | None:
    """What overhears a response; None where nobody listens."""
    return Wiretap(endpoint, head) if _taps.get() else None
