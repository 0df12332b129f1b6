"""Drives a source to its end: start, retries, time limits, stop; its output is legal events.

waiting ──content──▶ running ──run_end──▶ ended
   │  ▲                 │
   └──┘ retry           └── stop / timeout / failure: what is open is closed, then error, then run_end
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from nbstream.adapters.sources.source import Source
from nbstream.adapters.transport.masking import mask
from nbstream.adapters.transport.timeouts import Timeouts
from nbstream.adapters.transport.wiretap import Tap, listen
from nbstream.events import (
    CONTENT_EVENTS,
    Error,
    FinishReason,
    IterationStart,
    Raw,
    Retry,
    RunEnd,
    RunStart,
    Stall,
    StreamEvent,
    Warning,
    decode,
    encode,
)
from nbstream.events.errors import NbstreamError, StreamTimeoutError
from nbstream.events.order import Order

from .retry import attempts

#: Seconds without content after which a run says that it is waiting.
STALL_AFTER = 5.0

Emit = Callable[[StreamEvent], bool]


class Pump:
    """The task of one run. `emit` gets each event and returns False when nobody listens any more."""

    def __init__(
        self, source: Source, emit: Emit, *, timeouts: Timeouts, retries: int, title: str
    ) -> None:
        self._source = source
        self._emit_to = emit
        self._timeouts = timeouts
        self._retries = retries
        self._title = title
        self._order = Order()
        self._ended = False
        self._got_content = False
        self._error: NbstreamError | None = None
        self._task: asyncio.Task[Any] | None = None
        self._began = self._active = 0.0
        self._recorded = 0.0
        self._stalled = False
        self._timer: asyncio.TimerHandle | None = None
        self.taps: list[Tap] = []

    @property
    def error(self) -> NbstreamError | None:
        """What the source raised or a time limit made, once the run has failed."""
        return self._error

    async def run(self) -> None:
        """Run the source to its end. Never raises but `CancelledError`."""
        self._task = asyncio.current_task()
        listen(*self.taps)
        self._begin()
        self._watch()
        try:
            await self._follow()
            self._end(RunEnd("unknown", incomplete=True))
        except asyncio.CancelledError:
            self.stop()
            raise
        except Exception as error:
            self._fail(error)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End now with what has arrived, then close the source. Call it on the run's own loop."""
        self._begin()
        self._finish("stopped")

    def elapsed(self) -> float:
        """Seconds since the run began, to a tenth of a millisecond; as recorded in a replay."""
        if self._source.recorded:
            return self._recorded
        return round(time.monotonic() - self._began, 4)

    def _begin(self) -> None:
        if self._began:
            return
        self._began = self._active = time.monotonic()
        source = self._source
        run_id = uuid.uuid4().hex[:12]
        self._emit(RunStart(run_id, source.model, source.provider, self._title, time.time()))

    # ── the source ────────────────────────────────────────────────────────────

    async def _follow(self) -> None:
        source = self._source
        retries = self._retries if source.restartable else 0
        async with aclosing(attempts(source.events, retries)) as events:
            async for event in events:
                self._take(event)
                if self._ended:
                    return

    def _take(self, event: StreamEvent) -> None:
        self._recorded = event.time
        if isinstance(event, CONTENT_EVENTS):
            self._active = time.monotonic()
            self._got_content = True
            if self._stalled:
                self._stalled = False
                self._watch()
        elif isinstance(event, (Retry, IterationStart)):
            # The model is asked anew: the wait for its first token begins.
            self._active = time.monotonic() + getattr(event, "wait", 0.0)
            self._got_content = False
        if type(event) is RunEnd:
            self._end(event)
        else:
            self._emit(event)

    # ── time limits ───────────────────────────────────────────────────────────

    def _watch(self) -> None:
        """Look again at the next moment at which something could be due."""
        if self._timer:
            self._timer.cancel()
        limits = self._timeouts
        between = limits.between if self._got_content else limits.first
        due = [self._active + between] if between is not None else []
        if limits.total is not None:
            due.append(self._began + limits.total)
        if not (self._stalled or self._source.recorded):
            due.append(self._active + STALL_AFTER)
        if due:
            loop = asyncio.get_running_loop()
            when = min(due)
            self._timer = loop.call_later(max(when - time.monotonic(), 0.001), self._due, when)

    def _due(self, when: float) -> None:
        if self._ended:
            return
        now = time.monotonic()
        if now - when > 1.0:
            # Somebody blocked the loop: what arrived meanwhile has not been read yet.
            self._active = now
        turn = self._source.turn
        if turn is not None and turn.busy:
            self._active = now
        idle = now - self._active
        limits = self._timeouts
        between = limits.between if self._got_content else limits.first
        if limits.total is not None and now - self._began >= limits.total:
            self._time_out(f"the run took longer than {limits.total:g} s", "total")
        elif between is not None and idle >= between:
            waited = "between two chunks" if self._got_content else "for the first token"
            self._time_out(
                f"waited {between:g} s {waited}", "between" if self._got_content else "first"
            )
        else:
            if idle >= STALL_AFTER and not (self._stalled or self._source.recorded):
                self._stalled = True
                self._emit(Stall(round(idle, 1), not self._got_content))
            self._watch()

    def _time_out(self, message: str, limit: str) -> None:
        self._fail(
            StreamTimeoutError(
                f"Timed out: {message}.",
                hint=f"Give it more time with timeout=nbstream.Timeouts({limit}=seconds); "
                "None waits for ever.",
            )
        )

    # ── the end ───────────────────────────────────────────────────────────────

    def _fail(self, error: Exception) -> None:
        if self._ended:
            return
        if not isinstance(error, NbstreamError):
            wrapped = NbstreamError(f"{type(error).__name__}: {error}")
            wrapped.__cause__ = error
            error = wrapped
        for name in ("message", "hint", "body"):
            if text := getattr(error, name, ""):
                setattr(error, name, self._masked(text))
        error.args = (error.message,)
        self._error = error
        self._finish("error", error.to_event())

    def _finish(self, reason: FinishReason, error: Error | None = None) -> None:
        """End first, clean up after: a source that is slow to close keeps nobody waiting."""
        if self._ended:
            return
        self._end(RunEnd(reason, incomplete=True), error)
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()

    def _end(self, event: RunEnd, error: Error | None = None) -> None:
        if self._ended:
            return
        if self._source.turn is not None:
            for last in self._source.turn.farewell():
                self._emit(last)
        for closing in self._order.closing():
            self._emit(closing)
        if error is not None:
            self._emit(error)
        self._emit(event)
        self._ended = True
        if self._timer:
            self._timer.cancel()

    def _emit(self, event: StreamEvent) -> None:
        if self._ended:
            return
        if isinstance(event, (Error, Warning, Raw)):
            event = decode(self._masked(encode(event).decode()))
        if rule := self._order.violation(event):
            event = Warning(f"out of order: {rule}", encode(event)[:500].decode("utf-8", "ignore"))
            if self._order.violation(event):
                return
        if not self._emit_to(event):
            self._ended = True
            if self._task is not None:
                self._task.cancel()

    def _masked(self, text: str) -> str:
        return mask(text, self._source.secrets)
