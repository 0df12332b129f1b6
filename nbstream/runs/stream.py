"""`Stream`: one run that people hold, watch, wait for and stop."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from pathlib import Path
from typing import Any

from nbstream import host
from nbstream.adapters.sources.source import Source
from nbstream.adapters.transport.timeouts import Timeouts
from nbstream.config import setting
from nbstream.events import Error, RunEnd, RunStart, StreamEvent
from nbstream.events.errors import NbstreamError, StreamTimeoutError, UsageError, error_from_event
from nbstream.fold.metrics import Metrics
from nbstream.fold.transcript import Transcript
from nbstream.logs.event_list import EventList
from nbstream.logs.file import FollowedFile
from nbstream.logs.log import Approve, Follower, Log, Stop, Watch
from nbstream.logs.recording import Recorder
from nbstream.render.response import Answer, Response

from .budget import Budget
from .callbacks import Callback, Listener
from .iterator import AnswerText, StreamIterator, every_event
from .loops import running_loop
from .portal import Portal, on_portal, portal
from .pricing import cost_of
from .waiting import wait, woken
from .writer import Writer

#: Seconds between two looks into a file that another process writes, and between two looks whether it lives.
FILE_INTERVAL = 0.05
ALIVE_INTERVAL = 1.0


class Stream(Answer):
    """One run: awaitable, iterable from async and sync code, displayable, stoppable.

    It starts when it is displayed, awaited, iterated, asked for its `result()` or told to `start()`. It is
    read on nbstream's own thread, so a busy kernel does not hold it up; a source that is bound to the
    running loop, such as an async generator of yours, is read there. Whatever happens, the text that arrived
    is kept (`text`, and `partial` on the error).

    Dropping the last reference to a stream that nothing shows stops it; `detach()` lets it go on.
    """

    def __init__(
        self,
        source: Source,
        *,
        title: str = "",
        timeouts: Timeouts | None = None,
        retries: int = 2,
        budget: Budget | None = None,
        log: Log | None = None,
    ) -> None:
        self.source = source
        self.title = title
        self.log = log or Log()
        self.transcript = Transcript()
        self.metrics = Metrics(price=cost_of, tokenizer=setting("tokenizer"))
        if source.turn is not None and source.turn.structured:
            self.format = "json"
        self._budget = budget
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()
        self._home: asyncio.AbstractEventLoop | None = None
        self._writer: Writer | None = None
        follows = isinstance(self.log, FollowedFile) or self.log.ended
        # What another process runs has begun, and is not ours to stop by being dropped.
        self._started = self._detached = follows
        if not follows:
            limits = timeouts or Timeouts()
            self._writer = Writer(source, self.log, timeouts=limits, retries=retries, title=title)
        self.log.follow(_weakly(self))

    @staticmethod
    def following(log: Log) -> Stream:
        """A run that somebody else writes, or that has ended: its times, numbers and ids are the writer's."""
        if isinstance(log, FollowedFile):
            log.poll()
        first = log.events[0] if log.events else None
        model, provider = (first.model, first.provider) if isinstance(first, RunStart) else ("", "")
        source = Source(events=_nothing, model=model, provider=provider)
        stream = Stream(source, title=getattr(first, "title", ""), log=log)
        for event in log.events:
            stream._fold(event)
        if isinstance(log, FollowedFile) and not log.ended:
            loop, reference = portal(), weakref.ref(stream)
            loop.call_soon_threadsafe(lambda: loop.create_task(_read_on(reference, log)))
        return stream

    # ── what it has said ──────────────────────────────────────────────────────

    @property
    def events(self) -> EventList:  # type: ignore[override]
        """Everything that has happened, in order."""
        return self.log.events

    @property
    def ended(self) -> bool:
        return self.log.ended

    @property
    def url(self) -> str:
        """Where others can follow this run, with `nbstream.attach(url)`; "" where it is only here."""
        return self.log.url

    @property
    def error(self) -> NbstreamError | None:
        """The error that ended the run, with `partial` set to the text that had arrived; else None."""
        if self.status != "error":
            return None
        error = self._writer.error if self._writer is not None else None
        if error is None:
            failure = self.transcript.error or Error(
                "internal", "The run failed without saying why."
            )
            error = error_from_event(failure)
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
        """Begin now. (`background` changes nothing any more: streams run in the background.)"""
        with self._lock:
            if self._started or self.ended:
                return self
            self._started = True
        assert self._writer is not None
        self._home = running_loop()
        turn = self.source.turn
        if turn is not None and turn.home is None:
            turn.home = self._home
        self._writer.start(self._loop_for(self._home))
        return self

    def _loop_for(self, here: asyncio.AbstractEventLoop | None) -> asyncio.AbstractEventLoop:
        if here is not None and not self.source.portable:
            return here
        return portal()

    def stop(self) -> None:
        """End now with what has arrived and close the connection. From any thread, at any time.

        A stream that follows a run of another process stops that run.
        """
        with self._lock:
            self._started = True
        self.log.request(Stop())

    def detach(self) -> None:
        """Leave the run to itself: it goes on when this stream is dropped, or a loop over it is left."""
        self._detached = True

    def leave(self) -> None:
        """A loop over it was left before its end: that stops it, unless it is detached."""
        if not self._detached:
            self.stop()

    def approve(self, call_id: str, approved: bool = True) -> bool:
        """Answer a tool call that waits for approval. From any thread; False where none of that id waits."""
        return self.log.request(Approve(call_id, approved))

    def watched(self) -> None:
        """Somebody can see this run and answer: a tool that asks waits for them."""
        self.log.request(Watch())

    def __await__(self) -> Generator[Any, None, Response]:
        return self._wait().__await__()

    async def _wait(self) -> Response:
        self.start()
        try:
            await self.until_ended()
            here = running_loop()
            for listener in self._listeners:
                if listener.home is here:
                    listener.drain()
                    if listener.tasks:
                        await asyncio.wait(listener.tasks)
        except asyncio.CancelledError:
            self.leave()
            raise
        self.raise_error()
        return self.response

    def result(self, timeout: float | None = None) -> Response:
        """The response, waiting for it here; also legal inside a running event loop.

        After `timeout` seconds it raises `StreamTimeoutError`, and the stream goes on. Raises the error
        that ended the run, if one did. An interrupt stops the stream.
        """
        try:
            if not self._block_until(self.log.wake_at_end, timeout):
                raise StreamTimeoutError(
                    f"No result within {timeout:g} s; the stream goes on.",
                    hint="Wait longer, or call stop().",
                    partial=self.text,
                )
        except KeyboardInterrupt:
            self.leave()
            raise
        self.raise_error()
        return self.response

    def raise_error(self) -> None:
        """Raise the error that ended the run, if one did."""
        if (error := self.error) is not None:
            raise error.with_traceback(None)

    # ── follow ────────────────────────────────────────────────────────────────

    def __aiter__(self) -> StreamIterator[StreamEvent]:
        return StreamIterator(self, every_event).__aiter__()

    def __iter__(self) -> StreamIterator[StreamEvent]:
        return StreamIterator(self, every_event)

    def text_deltas(self) -> StreamIterator[str]:
        """Iterate over the new pieces of the answer as strings, with `async for` or `for`."""
        return StreamIterator(self, AnswerText())

    def on(self, callback: Callback, types: str | Iterable[str] | None = None) -> Stream:
        """Call `callback(event)` for each event from now on, or only for the given `types`.

        It may be sync or async. It runs, in order, on the event loop that runs here, or, where none does, on
        the thread of the stream. A callback that fails never breaks the stream: its first failure becomes a
        `warning` event. One that raises `KeyboardInterrupt` stops the stream.
        """
        wanted = {types} if isinstance(types, str) else set(types) if types is not None else None
        reference = weakref.ref(self)

        def stop() -> None:
            if (stream := reference()) is not None:
                stream.stop()

        listener = Listener(callback, wanted, _warner(self), stop)
        self._listeners.append(listener)
        self.log.follow(listener)
        return self

    def follow(self, follower: Follower) -> Stream:
        """Call `follower(event)` on the thread of the run: for what must be quick and never raises."""
        self.log.follow(follower)
        return self

    def warn(self, message: str) -> None:
        """Say something odd in the run, from any thread."""
        if self._writer is not None:
            self._writer.warn(message)

    def record(self, path: str | Path, raw: bool = False) -> Stream:
        """Write every event to `path` as it happens; what has happened already comes first.

        `raw` keeps the provider's bytes as well, so that `nbstream.replay` reads them through the adapter
        again. Raises `UsageError` where the stream has started and its bytes are gone, and where another run
        is being written to `path`. A disk that is full ends the recording, not the run.
        """
        if raw and (self._started or self._writer is None):
            raise UsageError("raw needs a stream that has not started.")
        recorder = Recorder(path, _warner(self))
        recorder.open()
        if raw and self._writer is not None:
            self._writer.taps.append(recorder)
        self.log.follow_from_start(recorder)
        return self

    async def until_ended(self) -> None:
        """Wait until it has ended, however it does."""
        await woken(self.log.wake_at_end)

    def wait_until_ended(self) -> None:
        """The same, blocking. Starts the stream."""
        self._block_until(self.log.wake_at_end, None)

    async def more(self, seen: int) -> None:
        """Wait until there are more than `seen` events, or the end."""
        await woken(lambda wake: self.log.wake_on_more(seen, wake))

    def wait_for(self, seen: int, timeout: float | None = None) -> bool:
        """The same, blocking: False when `timeout` seconds went by first. Starts the stream."""
        return self._block_until(lambda wake: self.log.wake_on_more(seen, wake), timeout)

    # ── inside ────────────────────────────────────────────────────────────────

    def _block_until(
        self, register: Callable[[Callable[[], None]], bool], timeout: float | None
    ) -> bool:
        """Block this thread until `register` wakes it; False when `timeout` seconds went by first."""
        here = running_loop()
        if here is not None and on_portal():
            self._start_elsewhere()
        self.start()
        if here is not None and self.needs(here):
            return self._block_nested(here, register, timeout)
        mine = [each for each in self._listeners if here is not None and each.home is here]
        event = threading.Event()
        if register(event.set) and not wait(event, timeout, mine):
            return False
        for listener in mine:
            listener.drain()
        return True

    def needs(self, here: asyncio.AbstractEventLoop) -> bool:
        """Whether the run cannot go on while this loop is blocked."""
        turn = self.source.turn
        if turn is not None and turn.bound and self._home is here:
            return True
        return self._writer is not None and self._writer.loop is here

    def _start_elsewhere(self) -> None:
        """nbstream's own thread is about to be blocked, by a tool of the user's: run on another."""
        with self._lock:
            if self._started:
                if self._writer is not None and self._writer.loop is portal() and not self.ended:
                    raise UsageError(
                        "A blocking wait here would hold up the stream that it waits for.",
                        hint="Use `await stream` or `async for` instead.",
                    )
                return
            self._started = True
        assert self._writer is not None
        elsewhere = Portal()
        self.log.wake_at_end(elsewhere.retire)
        self._writer.start(elsewhere.loop)

    def _block_nested(
        self,
        loop: asyncio.AbstractEventLoop,
        register: Callable[[Callable[[], None]], bool],
        timeout: float | None,
    ) -> bool:
        """Let the loop go on from inside: what it has to do is what is waited for."""
        import nest_asyncio

        patched = hasattr(type(loop), "_nest_patched")
        try:
            nest_asyncio.apply(loop)
        except ValueError as error:
            raise UsageError(
                "This stream runs on this event loop, which cannot be waited for from inside.",
                hint="Use `await stream` or `async for` instead.",
            ) from error
        if not patched:
            self.warn(
                "This blocking wait is for something that runs on this event loop, so nest_asyncio was "
                "applied. `await` needs no patch."
            )

        async def woken_in_time() -> bool:
            try:
                async with asyncio.timeout(timeout):
                    await woken(register)
            except TimeoutError:
                return False
            return True

        return loop.run_until_complete(woken_in_time())

    def _fold(self, event: StreamEvent) -> None:
        self.transcript.apply(event)
        self.metrics.apply(event)
        if self._budget is not None and type(event) is not RunEnd:
            self._budget.look(event, self.metrics, _stopper(self))

    def __del__(self) -> None:
        if getattr(self, "_started", False) and not self._detached and not self.ended:
            assert self._writer is not None
            self._writer.drop()

    def _ipython_display_(self) -> None:
        host.display(self)

    def _display_(self) -> object:
        return host.display(self)

    def __repr__(self) -> str:
        name = f"{self.source.provider}/{self.source.model}".strip("/")
        return f"<Stream {name or 'source'} {self.status}, {len(self.text)} characters>"


def _weakly(stream: Stream) -> Follower:
    """The log's way to the stream's fold: a log keeps no stream alive."""
    reference = weakref.ref(stream)

    def fold(event: StreamEvent) -> None:
        if (target := reference()) is not None:
            target._fold(event)

    return fold


def _warner(stream: Stream) -> Callable[[str], None]:
    """Says something odd in the run, as long as somebody holds it."""
    reference = weakref.ref(stream)

    def warn(message: str) -> None:
        if (target := reference()) is not None:
            target.warn(message)

    return warn


def _stopper(stream: Stream) -> Callable[[str], None]:
    """Stops the stream and says why, unless it has ended or nobody holds it any more."""
    reference = weakref.ref(stream)

    def stop(why: str) -> None:
        target = reference()
        if target is not None and not target.ended:
            target.warn(why)
            target.stop()

    return stop


async def _nothing() -> AsyncGenerator[StreamEvent, None]:
    return
    yield


async def _read_on(stream: weakref.ref[Stream], log: FollowedFile) -> None:
    """Take over what the writer of the file says, until the end or until nobody holds the stream."""
    quiet = 0.0
    while not log.ended and stream() is not None:
        try:
            quiet = 0.0 if log.poll() else quiet + FILE_INTERVAL
            if quiet >= ALIVE_INTERVAL:
                quiet = 0.0
                log.bury()
        except (OSError, UsageError):
            return
        await asyncio.sleep(FILE_INTERVAL)
