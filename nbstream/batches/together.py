"""What several streams have in common: one wait for all, their answers in order, a table, who is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any, Self

from nbstream.fold.tables import to_pandas
from nbstream.render.response import Response
from nbstream.runs.stream import Stream


class Together:
    """Streams that belong together: awaitable, displayable, stoppable."""

    streams: list[Stream]

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    @property
    def responses(self) -> list[Response]:
        """The answers so far, in order; a failed one has `status` "error" and its partial text."""
        return [stream.response for stream in self.streams]

    def start(self) -> Self:
        raise NotImplementedError

    def stop(self) -> None:
        """Stop what runs; what has arrived is kept."""
        raise NotImplementedError

    def table(self) -> list[dict[str, Any]]:
        """A row for each stream."""
        raise NotImplementedError

    def to_pandas(self) -> Any:
        """The table as a `pandas.DataFrame`. Raises `UsageError` without pandas."""
        return to_pandas(self.table())

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call `callback()` when a stream begins, ends or is replaced, or a winner is picked."""
        self._listeners.append(callback)

    def __await__(self) -> Generator[Any, None, list[Response]]:
        return self._wait().__await__()

    async def _wait(self) -> list[Response]:
        self.start()
        try:
            await self._end()
        except asyncio.CancelledError:
            self.stop()
            raise
        return self.responses

    async def _end(self) -> None:
        """Wait until all have ended."""
        raise NotImplementedError

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()
