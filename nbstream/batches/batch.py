"""Many prompts, a few at a time: one view of the progress, the answers in order."""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from collections.abc import Sequence
from typing import Any, Self

from nbstream import host
from nbstream.events.errors import NbstreamError, StreamTimeoutError
from nbstream.fold.transcript import Status
from nbstream.render.response import Response
from nbstream.runs.portal import portal
from nbstream.runs.stream import Stream
from nbstream.wire.protocol import BatchState

from .together import Together


class StreamBatch(Together):
    """Streams that run a few at a time, in the background: awaitable, displayable, stoppable.

    `streams` are the runs in the order of the prompts; each can be displayed by itself.
    """

    def __init__(self, streams: Sequence[Stream], concurrency: int, labels: Sequence[str]) -> None:
        super().__init__()
        self.streams: list[Stream] = list(streams)
        self.labels: list[str] = list(labels)
        self.concurrency = concurrency
        self.ended: bool = False
        #: The cell (its execution count) that shows it.
        self.shown_in: int | None = None
        self._running: concurrent.futures.Future[None] | None = None
        self._began: float | None = None
        self._elapsed = 0.0
        self._stopped = False

    @property
    def errors(self) -> dict[int, NbstreamError]:
        """What went wrong, by the place of the prompt."""
        found = ((place, stream.error) for place, stream in enumerate(self.streams))
        return {place: error for place, error in found if error is not None}

    @property
    def elapsed(self) -> float:
        """Seconds since the start, or that it took."""
        if self.ended or self._began is None:
            return self._elapsed
        return time.monotonic() - self._began

    def start(self) -> Self:
        if self._running is None:
            self._began = time.monotonic()
            self._running = asyncio.run_coroutine_threadsafe(self._run(), portal())
        return self

    def stop(self) -> None:
        """Stop what runs and begin nothing more; what has arrived is kept."""
        self._stopped = True
        if self._running is None:
            self.ended = True
        for stream in self.streams:
            if stream.status == "running":
                stream.stop()

    def _show(self) -> None:
        # Somebody waits. Called before the start, since a batch may be over at once.
        if self.shown_in is None and not self.ended:
            host.present(self)

    async def _wait(self) -> list[Response]:
        self._show()
        return await super()._wait()

    async def _end(self) -> None:
        assert self._running is not None
        await asyncio.shield(asyncio.wrap_future(self._running))

    def result(self, timeout: float | None = None) -> list[Response]:
        """The answers, waiting for them here.

        After `timeout` seconds it raises `StreamTimeoutError`, and the batch goes on. An interrupt stops it.
        """
        self._show()
        running = self.start()._running
        assert running is not None
        try:
            running.result(timeout)
        except TimeoutError:
            raise StreamTimeoutError(
                f"No result within {timeout:g} s; the batch goes on.",
                hint="Wait longer, or call stop().",
            ) from None
        except KeyboardInterrupt:
            self.stop()
            raise
        return self.responses

    def states(self) -> str:
        """One letter a prompt: `.` waits, `r` runs, `d` done, `e` failed, `s` stopped."""
        return "".join(_LETTERS[stream.status] for stream in self.streams)

    def table(self) -> list[dict[str, Any]]:
        """A row for each prompt: its label, status, text, error and figures; None where unknown."""
        return [
            {
                "prompt": label,
                "status": stream.status,
                "text": stream.text,
                "error": None if stream.error is None else stream.error.message,
                "ttft": stream.metrics.ttft,
                "tokens_per_second": stream.metrics.tokens_per_second,
                "output_tokens": stream.metrics.output_tokens,
                "cost": stream.metrics.cost,
                "elapsed": stream.metrics.elapsed,
            }
            for label, stream in zip(self.labels, self.streams, strict=True)
        ]

    async def _run(self) -> None:
        waiting = iter(self.streams)

        async def worker() -> None:
            for stream in waiting:
                if self._stopped:
                    return
                stream.start()
                self._changed()
                await stream.until_ended()
                self._changed()

        async with asyncio.TaskGroup() as workers:
            for _ in range(min(self.concurrency, len(self.streams))):
                workers.create_task(worker())
        self._elapsed = self.elapsed
        self.ended = True
        self._changed()

    def _ipython_display_(self) -> None:
        host.display(self)

    def _display_(self) -> object:
        return host.display(self)

    def __repr__(self) -> str:
        states = self.states()
        return (
            f"<StreamBatch {len(states) - states.count('.') - states.count('r')} of {len(states)}>"
        )


_LETTERS: dict[Status, BatchState] = {
    "pending": ".",
    "running": "r",
    "done": "d",
    "error": "e",
    "stopped": "s",
}
