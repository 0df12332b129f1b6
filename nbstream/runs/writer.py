"""Drives a source to its end: start, retries, time limits, stop; its output is legal events.

waiting ──content──▶ running ──run_end──▶ ended
   │  ▲                 │
   └──┘ retry           └── stop / timeout / failure: what is open is closed, then error, then run_end
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
import uuid
from collections import deque
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
    IterationEnd,
    IterationStart,
    Raw,
    Retry,
    RunEnd,
    RunStart,
    Stall,
    StreamEvent,
    WarningEvent,
    decode,
    encode,
    stamp,
)
from nbstream.events.errors import NbstreamError, StreamTimeoutError
from nbstream.events.order import Order
from nbstream.logs.file import FileLog
from nbstream.logs.log import Approve, Log, Request, Stop, Watch

from .loops import current_task, running_loop
from .retry import attempts

#: Seconds between two looks at what readers in other processes ask for.
POLL = 0.1

#: Seconds that the next request of a run waits for callbacks to have heard of the last.
PATIENCE = 0.1

#: Seconds without content after which a run says that it is waiting.
STALL_AFTER = 5.0


class Writer:
    """The task of one run, and the only one that writes its log: numbers, times and what readers ask for."""

    def __init__(
        self, source: Source, log: Log, *, timeouts: Timeouts, retries: int, title: str
    ) -> None:
        self._source = source
        self._log = log
        self._timeouts = timeouts
        self._retries = retries
        self._title = title
        self._order = Order()
        self._ended = False
        self._got_content = False
        self._error: NbstreamError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._began = self._active = 0.0
        self._recorded = 0.0
        self._seq = 0
        self._writing = False
        self._next_actions: deque[Callable[[], None]] = deque()
        self._stalled = False
        self._timer: asyncio.TimerHandle | None = None
        self.taps: list[Tap] = []
        log.handle(self._handle)

    @property
    def error(self) -> NbstreamError | None:
        """What the source raised or a time limit made, once the run has failed."""
        return self._error

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """Where it runs; None before the start."""
        return self._loop

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run the source on `loop`, from any thread, with the context of the caller."""
        self._loop = loop
        if running_loop() is loop:
            # The loop holds its tasks weakly; this one is held here.
            self._task = loop.create_task(self._run())
        else:
            context = contextvars.copy_context()

            def begin() -> None:
                self._task = loop.create_task(self._run(), context=context)

            loop.call_soon_threadsafe(begin)

    async def _run(self) -> None:
        """Run the source to its end. Raises nothing but `CancelledError`, whatever the source raises."""
        self._task = asyncio.current_task()
        if self._ended:  # stopped before it began
            return
        listen(*self.taps)
        self._begin()
        self._watch()
        if isinstance(self._log, FileLog):
            self._poll(self._log)
        try:
            await self._follow()
            self._end(RunEnd("unknown", incomplete=True))
        except asyncio.CancelledError:
            self._finish("stopped")
            raise
        except (KeyboardInterrupt, GeneratorExit):
            self._finish("stopped")
        except BaseException as error:  # SystemExit too: what user code raises is this run's affair
            self._fail(error)

    def stop(self) -> None:
        """End now with what has arrived, then close the source. From any thread, at any time."""
        loop = self._loop
        if loop is None or loop.is_closed():
            # Never begun, or its loop was closed under it: nobody else can write.
            self._begin()
            self._finish("stopped")
            return
        stopped = threading.Event()

        def finish() -> None:
            self._finish("stopped")
            stopped.set()

        self._on_loop(loop, finish)
        if running_loop() is not loop:
            # So that who stops a run finds it stopped; a loop that is busy stops it later.
            stopped.wait(0.2)

    def drop(self) -> None:
        """Stop soon: nobody holds the run any more. Called by the garbage collector, in the midst of anything."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._finish, "stopped")

    def warn(self, message: str, detail: str = "") -> None:
        """Say something odd in the run, from any thread; in vain once it has ended."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            self._on_loop(loop, lambda: self._emit(WarningEvent(message, detail)))

    def _on_loop(self, loop: asyncio.AbstractEventLoop, action: Callable[[], None]) -> None:
        """Do it on the run's loop, but not in the midst of an event: each reader hears them in order."""
        if running_loop() is not loop:
            loop.call_soon_threadsafe(action)
        elif self._writing:
            self._next_actions.append(action)
        else:
            action()

    def _handle(self, request: Request) -> bool:
        turn = self._source.turn
        match request:
            case Stop():
                self.stop()
                return True
            case Approve(call_id, approved):
                return turn is not None and turn.decide(call_id, approved)
            case Watch():
                if turn is not None:
                    turn.watched()
                return turn is not None

    def _poll(self, log: FileLog) -> None:
        """Hear what readers in other processes ask for, some times a second."""
        if not self._ended:
            log.poll()
            asyncio.get_running_loop().call_later(POLL, self._poll, log)

    def _elapsed(self) -> float:
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
                if type(event) is IterationEnd:
                    await self._heard()
                if self._ended:
                    return

    async def _heard(self) -> None:
        """Before the model is asked again: a callback that stops the run is heard, unless its loop is busy."""
        deadline = time.monotonic() + PATIENCE
        while self._log.pending and not self._ended and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        await asyncio.sleep(0)  # what it asked for from its thread stands in this loop's queue

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

    def _fail(self, error: BaseException) -> None:
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
        self._begin()
        self._end(RunEnd(reason, incomplete=True), error)
        if self._task is not None and self._task is not current_task():
            self._task.cancel()

    def _end(self, event: RunEnd, error: Error | None = None) -> None:
        """The last events of the run. Whatever fails here, `run_end` is said."""
        if self._ended:
            return
        try:
            if self._source.turn is not None:
                for last in self._source.turn.closing_events():
                    self._emit(last)
            for closing in self._order.closing():
                self._emit(closing)
        except Exception as odd:
            self._emit(WarningEvent(f"the end of the run was not tidy: {type(odd).__name__}"))
        if error is not None:
            self._emit(error)
        self._ended = True
        # Past the order: a run that could not close what it had opened ends all the same.
        self._write(event)
        if self._timer:
            self._timer.cancel()

    def _emit(self, event: StreamEvent) -> None:
        if self._ended:
            return
        if isinstance(event, (Error, WarningEvent, Raw)):
            event = decode(self._masked(encode(event).decode()))
        if rule := self._order.violation(event):
            event = WarningEvent(
                f"out of order: {rule}", encode(event)[:500].decode("utf-8", "ignore")
            )
            if self._order.violation(event):
                return
        self._write(event)

    def _write(self, event: StreamEvent) -> None:
        seq, self._seq = self._seq, self._seq + 1
        self._writing = True
        try:
            self._log.append(stamp(event, seq, self._elapsed()))
        finally:
            self._writing = False
        while self._next_actions:
            self._next_actions.popleft()()

    def _masked(self, text: str) -> str:
        return mask(text, self._source.secrets)
