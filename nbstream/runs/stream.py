"""`Stream`: one run that people hold, watch, wait for and stop."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
import weakref
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any

from nbstream.adapters.sources.source import Source
from nbstream.adapters.transport.timeouts import Timeouts
from nbstream.config import setting
from nbstream.events import Error, RunEnd, StreamEvent, Warning, event_type, stamp
from nbstream.events.errors import NbstreamError, StreamTimeoutError, UsageError, error_from_event
from nbstream.fold.metrics import Metrics
from nbstream.fold.transcript import Transcript
from nbstream.logs.event_list import EventList
from nbstream.logs.recording import Recorder
from nbstream.render.response import Answer, Response

from .budget import Budget
from .portal import portal
from .pricing import cost_of
from .pump import Pump
from .reader import AnswerText, Reader, every_event

Callback = Callable[[Any], object]

#: Shows a stream in a notebook cell. The notebook's room, floors above, puts itself here.
displayer: Callable[[Stream], object] | None = None

#: What marimo shows for a stream. Its room puts itself here.
marimo_viewer: Callable[[Stream], object] | None = None


class Stream(Answer):
    """One run: awaitable, iterable from async and sync code, displayable, stoppable.

    It starts when it is displayed, awaited, iterated, asked for its `result()` or told to `start()`. It
    owns no event loop: where one is running it runs there as a task, from synchronous code on a background
    loop. Whatever happens, the text that arrived is kept (`text`, and `partial` on the error).
    """

    def __init__(
        self,
        source: Source,
        *,
        title: str = "",
        timeouts: Timeouts | None = None,
        retries: int = 2,
        budget: Budget | None = None,
    ) -> None:
        self.source = source
        self.title = title
        self.events = EventList()
        self.transcript = Transcript()
        self.metrics = Metrics(price=cost_of, tokenizer=setting("tokenizer"))
        self.ended = False
        if source.turn is not None and source.turn.structured:
            self.format = "json"
        self._budget = budget
        self._callbacks: list[_Listener] = []
        self._callback_tasks: set[asyncio.Task[Any]] = set()
        self._wakers: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._pump = Pump(
            source,
            _weakly(self),
            timeouts=timeouts or Timeouts(),
            retries=retries,
            title=title,
        )

    # ── what it has said ──────────────────────────────────────────────────────

    @property
    def error(self) -> NbstreamError | None:
        """The error that ended the run, with `partial` set to the text that had arrived; else None."""
        if self.status != "error":
            return None
        error = self._pump.error
        if error is None:
            said = self.transcript.error or Error("internal", "The run failed without saying why.")
            error = error_from_event(said)
        error.partial = self.text
        return error

    @property
    def response(self) -> Response:
        """The answer so far as a `Response`; never raises."""
        response = Response(self.transcript, self.metrics, self.events)
        response.format = self.format
        if self.source.turn is not None:
            response.output = self.source.turn.output
        return response

    # ── start, wait, stop ─────────────────────────────────────────────────────

    def start(self, *, background: bool = False) -> Stream:
        """Begin now, on the running event loop or, where none runs, on a background one.

        `background` keeps it off the running loop, unless it is bound to that.
        """
        if self._loop is None and not self.ended:
            aside = background and self.source.portable
            self._start_on((None if aside else _running_loop()) or portal())
        return self

    def stop(self) -> None:
        """End now with what has arrived and close the connection. From any thread, at any time."""
        loop = self._loop
        if self.ended:
            return
        if loop is None or loop.is_closed():
            self._loop = self._loop or portal()
            self._pump.stop()
        elif _running_loop() is loop:
            self._pump.stop()
        else:
            loop.call_soon_threadsafe(self._stop_now)

    def approve(self, call_id: str, approved: bool = True) -> bool:
        """Answer a tool call that waits for approval. From any thread; False where none of that id waits."""
        turn = self.source.turn
        return turn is not None and turn.decide(call_id, approved)

    def attend(self) -> None:
        """Somebody can see this run and answer: a tool that asks waits for them."""
        if self.source.turn is not None:
            self.source.turn.attend()

    def __await__(self) -> Generator[Any, None, Response]:
        return self._wait().__await__()

    async def _wait(self) -> Response:
        self.start()
        try:
            await self.until_ended()
            if self._callback_tasks:
                await asyncio.wait(self._callback_tasks)
        except asyncio.CancelledError:
            self.stop()
            raise
        self.raise_error()
        return self.response

    def result(self, timeout: float | None = None) -> Response:
        """The response, waiting for it here; also legal inside a running event loop.

        After `timeout` seconds it raises `StreamTimeoutError`, and the stream goes on. Raises the error
        that ended the run, if one did. An interrupt stops the stream.
        """
        deadline = _Deadline(timeout)
        try:
            while not self.ended:
                if not self.wait_for(len(self.events), deadline.left()) and deadline.over():
                    raise StreamTimeoutError(
                        f"No result within {timeout:g} s; the stream goes on.",
                        hint="Wait longer, or call stop().",
                        partial=self.text,
                    )
        except KeyboardInterrupt:
            self.stop()
            raise
        self.raise_error()
        return self.response

    def raise_error(self) -> None:
        """Raise the error that ended the run, if one did."""
        if (error := self.error) is not None:
            raise error.with_traceback(None)

    # ── follow ────────────────────────────────────────────────────────────────

    def __aiter__(self) -> Reader[StreamEvent]:
        return Reader(self, every_event).__aiter__()

    def __iter__(self) -> Reader[StreamEvent]:
        return Reader(self, every_event)

    def text_deltas(self) -> Reader[str]:
        """Iterate over the new pieces of the answer as strings, with `async for` or `for`."""
        return Reader(self, AnswerText())

    def on(self, callback: Callback, types: str | Iterable[str] | None = None) -> Stream:
        """Call `callback(event)` for each event from now on, or only for the given `types`.

        It may be sync or async. It runs on the stream's own loop, in order. A callback that fails never
        breaks the stream: its first failure becomes a `warning` event.
        """
        wanted = {types} if isinstance(types, str) else set(types) if types is not None else None
        self._callbacks.append(_Listener(callback, wanted))
        return self

    def record(self, path: str | Path, raw: bool = False) -> Stream:
        """Write every event to `path` as it happens; what has happened already comes first.

        `raw` keeps the provider's bytes as well, so that `nbstream.replay` reads them through the adapter
        again. Raises `UsageError` where the stream has started and its bytes are gone.
        """
        if raw and self._loop is not None:
            raise UsageError("raw needs a stream that has not started.")
        recorder = Recorder(path)
        for event in self.events:
            recorder(event)
        if raw:
            self._pump.taps.append(recorder)
        return self.on(recorder)

    async def until_ended(self) -> None:
        """Wait until it has ended, however it does."""
        while not self.ended:
            await self.more(len(self.events))

    def wait_until_ended(self) -> None:
        """The same, blocking. Starts the stream."""
        while not self.ended:
            self.wait_for(len(self.events))

    async def more(self, seen: int) -> None:
        """Wait until there are more than `seen` events, or the end."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def settle() -> None:
            if not future.done():
                future.set_result(None)

        def wake() -> None:
            if _running_loop() is loop:
                settle()
            else:
                loop.call_soon_threadsafe(settle)

        if self._wake_on_more(seen, wake):
            await future

    def wait_for(self, seen: int, timeout: float | None = None) -> bool:
        """The same, blocking: False when `timeout` seconds went by first. Starts the stream."""
        here = _running_loop()
        if here is None:
            self.start()
        elif self._loop in (None, here) and not self._move_to_portal():
            self.start()
            return self._wait_nested(here, seen, timeout)
        woken = threading.Event()
        if not self._wake_on_more(seen, woken.set):
            return True
        return _wait(woken, timeout)

    # ── inside ────────────────────────────────────────────────────────────────

    def _stop_now(self) -> None:
        # A method of the stream's own: a dropped stream lives until its callbacks have heard the end.
        self._pump.stop()

    def _start_on(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        if _running_loop() is loop:
            self._task = loop.create_task(self._pump.run())
        else:
            asyncio.run_coroutine_threadsafe(self._pump.run(), loop)

    def _move_to_portal(self) -> bool:
        """Run in the background instead of on the loop that this thread is about to block."""
        if not self.source.portable or self.events or self.ended:
            return False
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._start_on(portal())
        return True

    def _wait_nested(
        self, loop: asyncio.AbstractEventLoop, seen: int, timeout: float | None
    ) -> bool:
        import nest_asyncio

        try:
            nest_asyncio.apply(loop)
        except ValueError as error:
            raise UsageError(
                "This stream runs on this event loop, which cannot be waited for from inside.",
                hint="Use `await stream` or `async for` instead.",
            ) from error
        try:
            loop.run_until_complete(asyncio.wait_for(self.more(seen), timeout))
        except TimeoutError:
            return False
        return True

    def _wake_on_more(self, seen: int, wake: Callable[[], None]) -> bool:
        with self._lock:
            if len(self.events) > seen or self.ended:
                return False
            self._wakers.append(wake)
            return True

    def _receive(self, event: StreamEvent) -> None:
        stamp(event, len(self.events), self._pump.elapsed())
        self.transcript.apply(event)
        self.metrics.apply(event)
        self.events.append(event)
        for listener in self._callbacks:
            self._call(listener, event)
        if self._budget is not None and not self.ended:
            self._budget.look(event, self.metrics, _stopper(self))
        with self._lock:
            if type(event) is RunEnd:
                self.ended = True
            wakers = self._wakers
            if wakers:
                self._wakers = []
        for wake in wakers:
            wake()

    def _call(self, listener: _Listener, event: StreamEvent) -> None:
        if listener.types is not None and event_type(event) not in listener.types:
            return
        try:
            awaitable = listener.callback(event)
        except Exception as error:
            self._callback_failed(listener, error)
            return
        if inspect.isawaitable(awaitable):

            async def finish() -> None:
                try:
                    await awaitable
                except Exception as error:
                    self._callback_failed(listener, error)

            task = asyncio.get_running_loop().create_task(finish())
            self._callback_tasks.add(task)
            task.add_done_callback(self._callback_tasks.discard)

    def _callback_failed(self, listener: _Listener, error: Exception) -> None:
        if not listener.failed and not self.ended:
            listener.failed = True
            name = getattr(listener.callback, "__name__", repr(listener.callback))
            self._receive(Warning(f"callback {name} failed: {type(error).__name__}: {error}"))

    def __del__(self) -> None:
        if getattr(self, "_loop", None) is not None and not self.ended:
            self.stop()

    def _ipython_display_(self) -> None:
        if displayer is not None:
            displayer(self)
        else:
            print(repr(self))

    def _display_(self) -> object:
        return repr(self) if marimo_viewer is None else marimo_viewer(self)

    def __repr__(self) -> str:
        name = f"{self.source.provider}/{self.source.model}".strip("/")
        return f"<Stream {name or 'source'} {self.status}, {len(self.text)} characters>"


def _stopper(stream: Stream) -> Callable[[str], None]:
    """Stops the stream and says why, unless it has ended or nobody holds it any more."""
    reference = weakref.ref(stream)

    def stop(why: str) -> None:
        target = reference()
        if target is not None and not target.ended:
            target._receive(Warning(why))
            target._pump.stop()

    return stop


class _Listener:
    def __init__(self, callback: Callback, types: set[str] | None) -> None:
        self.callback = callback
        self.types = types
        self.failed = False


class _Deadline:
    def __init__(self, timeout: float | None) -> None:
        self._at = None if timeout is None else time.monotonic() + timeout

    def left(self) -> float | None:
        return None if self._at is None else max(self._at - time.monotonic(), 0.0)

    def over(self) -> bool:
        return self._at is not None and time.monotonic() >= self._at


def _weakly(stream: Stream) -> Callable[[StreamEvent], bool]:
    """The pump's way to the stream: dropping the last reference to a stream ends its run."""
    reference = weakref.ref(stream)

    def emit(event: StreamEvent) -> bool:
        target = reference()
        if target is None:
            return False
        target._receive(event)
        return True

    return emit


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _wait(event: threading.Event, timeout: float | None) -> bool:
    """`event.wait` that an interrupt reaches on every platform."""
    deadline = _Deadline(timeout)
    while not deadline.over():
        left = deadline.left()
        if event.wait(0.1 if left is None else min(left, 0.1)):
            return True
    return event.is_set()
