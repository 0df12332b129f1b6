"""Several streams side by side: the same prompt for several models, or any streams at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Self

from nbstream import host
from nbstream.events.errors import UsageError
from nbstream.fold.tables import names_of, row_of
from nbstream.render.response import Response
from nbstream.runs.stream import Stream

from .together import Together


class StreamGroup(Together):
    """Streams that run at once: awaitable, displayable, stoppable.

    `streams` are the runs in order, `names` what they are called. `winner` is the stream that was picked,
    with a click or `pick()`, or None.
    """

    def __init__(
        self, makers: Sequence[Callable[[], Stream]], streams: Sequence[Stream] | None = None
    ) -> None:
        super().__init__()
        self._makers = list(makers)
        self.streams: list[Stream] = (
            list(streams) if streams is not None else [make() for make in makers]
        )
        self.names: list[str] = names_of(self.streams)
        self.winner: Stream | None = None

    # ── run ───────────────────────────────────────────────────────────────────

    @property
    def ended(self) -> bool:
        # By what they have said: who hears the last event of the last one finds that all have ended.
        return all(stream.finish_reason is not None for stream in self.streams)

    def start(self) -> Self:
        for stream in self.streams:
            stream.start()
        return self

    def stop(self, index: int | None = None) -> None:
        """Stop one stream, or all; what has arrived is kept."""
        for stream in self.streams if index is None else [self.streams[index]]:
            stream.stop()

    def rerun(self, index: int) -> Stream:
        """Ask again in the place of one stream; the others stay. Raises `UsageError` where one cannot."""
        old = self.streams[index]
        new = self._makers[index]()
        old.stop()
        self.streams[index] = new
        if self.winner is old:
            self.winner = None
        new.start()
        self._changed()
        return new

    def pick(self, index: int | None) -> None:
        """Name the winner; None takes it back."""
        self.winner = None if index is None else self.streams[index]
        self._changed()

    async def _end(self) -> None:
        async with asyncio.TaskGroup() as waiting:
            for stream in self.streams:
                waiting.create_task(stream.until_ended())

    def result(self, timeout: float | None = None) -> list[Response]:
        """The answers, waiting for them here. A stream that fails is an answer with `status` "error".

        After `timeout` seconds for one of them it raises `StreamTimeoutError`, and the streams go on.
        """
        for stream in self.streams:
            stream.wait_for(len(stream.events), 0)  # all begin before the first is waited for
        for stream in self.streams:
            try:
                stream.result(timeout)
            except Exception:
                if not stream.ended:
                    raise
        return self.responses

    # ── what it says ──────────────────────────────────────────────────────────

    def table(self) -> list[dict[str, Any]]:
        """A row for each stream: name, status, ttft, tokens_per_second, output_tokens, cost, elapsed, …

        Times in seconds, cost in US dollars; None where unknown.
        """
        return [
            {**row_of(name, stream), "winner": stream is self.winner, "text": stream.text}
            for name, stream in zip(self.names, self.streams, strict=True)
        ]

    def _ipython_display_(self) -> None:
        host.display(self)

    def _display_(self) -> object:
        return host.display(self)

    def __repr__(self) -> str:
        states = ", ".join(
            f"{name} {stream.status}" for name, stream in zip(self.names, self.streams, strict=True)
        )
        return f"<StreamGroup {states}>"


def again(stream: Stream) -> Callable[[], Stream]:
    def make() -> Stream:
        if not stream.source.restartable:
            raise UsageError("This stream cannot be asked again: its source is read once.")
        return Stream(stream.source, title=stream.title)

    return make
