"""The border to code of the user's: tools, guards, handlers.

It runs where it lives, async code on the loop that ran when the stream was made, sync code in a thread, and
nothing it raises reaches a loop: a loop that sees `SystemExit` or `KeyboardInterrupt` ends, and with it every
other run, or the kernel.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, Generic, TypeVar

from nbstream.events.errors import NbstreamError, ToolError
from nbstream.runs.loops import running_loop
from nbstream.runs.stream import Stream

from .results import bounded

T = TypeVar("T")
Progress = Callable[[Any], None]
Loop = asyncio.AbstractEventLoop

#: Seconds between two looks at whether the loop that was given the work still exists.
LOOK_AGAIN = 1.0


class Interrupted(Exception):
    """The user's code raised `KeyboardInterrupt`: the run it belongs to is to stop."""


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it gives something that has to be awaited, as far as its definition tells."""
    while isinstance(function, partial):
        function = function.func
    function = inspect.unwrap(function)
    call = getattr(function, "__call__", None)  # noqa: B004
    return any(
        inspect.iscoroutinefunction(f) or inspect.isasyncgenfunction(f) for f in (function, call)
    )


async def call_user(
    work: Callable[[], Any],
    name: str,
    progress: Progress = lambda _: None,
    home: Loop | None = None,
    convert: Callable[[Any], Any] = lambda value: value,
) -> Any:
    """Call a function of any kind and give its value: async ones at `home`, sync ones in a thread.

    What a generator yields goes to `progress`, on the loop of the caller; its value is what it returns, else
    the last it yielded. Both go through `convert` first, beside the function: it asks the values for their
    text or picture, which is code of the user's as well. Raises what it raises if that is an `Exception`;
    `Interrupted` for `KeyboardInterrupt` and `ToolError` for anything else.
    """
    report = _on_this_loop(progress)
    if is_async(work):
        return await at_home(partial(_finished, work, report, convert), home)
    value = await _in_thread(name, work, report, convert)
    if isinstance(value, _Unfinished):
        unfinished = value.value
        return await at_home(partial(_finished, lambda: unfinished, report, convert), home)
    return value


async def at_home(work: Callable[[], Awaitable[T]], home: Loop | None) -> T:
    """Await `work()` on the loop `home`, or here where that is None, this loop, or runs no more.

    It sees the caller's context variables, and a cancellation of the caller reaches it. Raises as `call_user`.
    """
    away = home is not None and home is not asyncio.get_running_loop() and home.is_running()
    future: asyncio.Future[_Outcome[T]]
    if home is not None and away:
        future = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_outcome(work), home))
    else:
        future = asyncio.ensure_future(_outcome(work))
    try:
        while not future.done():
            await asyncio.wait({future}, timeout=LOOK_AGAIN if away else None)
            if away and home is not None and home.is_closed() and not future.done():
                raise ToolError("The event loop in which it ran is closed.")
    finally:
        future.cancel()
    if future.cancelled():  # by itself: a cancellation of ours has left above
        raise ToolError("CancelledError: it was cancelled.")
    return future.result().get()


def described(error: BaseException) -> str:
    """`ValueError: the disk is full`, however long, or unwilling to be printed, the exception is."""
    if isinstance(error, NbstreamError):  # ours, which say it in words
        return bounded(error.message)
    try:
        text = str(error)
    except BaseException:
        text = "(its text cannot be had)"
    name = type(error).__name__
    return bounded(f"{name}: {text}" if text else name)


# ── inside ────────────────────────────────────────────────────────────────────


class _Outcome(Generic[T]):
    """What came of user code: its value, or whatever it raised, kept as a value."""

    def __init__(self, value: Any = None, error: BaseException | None = None) -> None:
        self._value = value
        self._error = error

    def get(self) -> T:
        error = self._error
        if error is None:
            return self._value
        if isinstance(error, KeyboardInterrupt):
            raise Interrupted from None
        if isinstance(error, (StopIteration, StopAsyncIteration)):  # would end who asks, silently
            raise RuntimeError(f"it raised {type(error).__name__}") from None
        if not isinstance(error, Exception):
            raise ToolError(described(error)) from None
        raise error


async def _outcome(work: Callable[[], Awaitable[T]]) -> _Outcome[T]:
    try:
        return _Outcome(await work())
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        return _Outcome(error=error)


class _Unfinished:
    """What a plain function gave that has to be awaited still."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _awaits(value: Any) -> bool:
    """Whether a value is waited for; a stream is not, it is shown."""
    return inspect.isawaitable(value) and not isinstance(value, Stream)


async def _finished(
    work: Callable[[], Any], progress: Progress, convert: Callable[[Any], Any]
) -> Any:
    """The value of async code: of a coroutine, or of an async generator that is run to its end."""
    value = work()
    if _awaits(value):
        value = await value
    if not inspect.isasyncgen(value):
        return convert(value)
    last = None
    try:
        async for last in value:
            progress(convert(last))
    finally:
        await value.aclose()
    return convert(last)


def _on_this_loop(report: Progress) -> Progress:
    """`report`, for code that may run on another loop or thread."""
    loop = asyncio.get_running_loop()

    def tell(value: Any) -> None:
        if running_loop() is loop:
            report(value)
        else:
            with suppress(RuntimeError):  # the loop is closed: nobody listens any more
                loop.call_soon_threadsafe(report, value)

    return tell


async def _in_thread(
    name: str, work: Callable[[], Any], progress: Progress, convert: Callable[[Any], Any]
) -> Any:
    """Run `work` on a thread that neither the loop nor the interpreter waits for at its end."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_Outcome[Any]] = loop.create_future()
    left = threading.Event()

    def drain(value: Any) -> Any:
        last = None
        try:
            while not left.is_set():
                try:
                    last = next(value)
                except StopIteration as end:
                    return last if end.value is None else end.value
                progress(convert(last))
        finally:
            value.close()
        return None

    def finished() -> Any:
        value = work()
        if inspect.isgenerator(value):
            value = drain(value)
        elif inspect.isasyncgen(value) or _awaits(value):
            return _Unfinished(value)
        return convert(value)

    def run() -> None:
        try:
            outcome = _Outcome(finished())
        except BaseException as error:
            outcome = _Outcome(error=error)

        def settle() -> None:
            if not future.done():
                future.set_result(outcome)

        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            loop.call_soon_threadsafe(settle)

    context = contextvars.copy_context()
    threading.Thread(
        target=context.run, args=(run,), name=f"nbstream tool {name}", daemon=True
    ).start()
    try:
        return (await future).get()
    finally:
        left.set()
