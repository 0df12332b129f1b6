"""Notebooks that a program runs: it hears only what a busy cell says, so cells are busy until all is said.

This is nbclient, papermill, `jupyter execute`, nbconvert. In front of a person a cell is done when its code is.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import isawaitable
from typing import Any, Protocol

from .shell import execution_count, shell

#: Seconds between two looks whether all is said.
_INTERVAL = 0.02


class Held(Protocol):
    """An output, as far as this room needs it."""

    @property
    def settled(self) -> bool:
        """Whether its final form has been sent."""
        ...

    def needs(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether what it shows cannot go on while `loop` is blocked."""
        ...

    def release(self) -> None:
        """Stop what it shows."""
        ...


_held: list[Held] = []

#: In which cell the kernel was prepared: from the next one on it can wait.
_prepared_in: int | None = None


def hold(output: Held, request: dict[str, Any]) -> None:
    """Let the running cell be busy until `output` has its final form, where nobody sees it."""
    if not _is_headless(request):
        return
    _held.append(output)
    prepare()
    if _prepared_in == execution_count() and len(_held) == 1:
        _block_this_cell()


def prepare() -> None:
    """From the next cell on, the kernel can wait at the end of a cell without blocking its loop."""
    global _prepared_in
    kernel = getattr(shell(), "kernel", None)
    if kernel is None or hasattr(kernel, "_nbstream_prepared"):
        return
    kernel._nbstream_prepared = True
    _prepared_in = execution_count()
    do_execute = kernel.do_execute

    async def execute(*args: Any, **options: Any) -> Any:
        reply = do_execute(*args, **options)
        if isawaitable(reply):
            reply = await reply
        await _settled()
        return reply

    kernel.do_execute = execute


async def _settled() -> None:
    try:
        with _interrupts() as interrupted:
            while _waiting() and not interrupted():  # noqa: ASYNC110 (outputs settle on other threads)
                await asyncio.sleep(_INTERVAL)
            if interrupted():
                _release()
    except asyncio.CancelledError:
        _release()


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Tells whether an interrupt came. The cell is over: one that is raised would end the kernel's loop."""
    came = False

    def mark(*_: Any) -> None:
        nonlocal came
        came = True

    if threading.current_thread() is not threading.main_thread():  # where none is heard
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, mark)
    try:
        yield lambda: came
    finally:
        signal.signal(signal.SIGINT, before)


def _block_this_cell() -> None:
    """The cell that loads nbstream shows something too: its end cannot be awaited any more, only blocked."""
    events = shell().events

    def block(_: Any) -> None:
        events.unregister("post_run_cell", block)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            _wait()
            return
        if not any(output.needs(loop) for output in _held):
            _wait()
            return
        # It shows an async generator of the notebook, which needs this loop.
        import nest_asyncio

        nest_asyncio.apply(loop)
        loop.run_until_complete(_settled())

    events.register("post_run_cell", block)


def _wait() -> None:
    pause = threading.Event()
    try:
        while _waiting():
            pause.wait(_INTERVAL)
    except KeyboardInterrupt:
        _release()


def _waiting() -> bool:
    _held[:] = [output for output in _held if not output.settled]
    return bool(_held)


def _release() -> None:
    for output in _held:
        output.release()
    _held.clear()


def _is_headless(request: dict[str, Any]) -> bool:
    """Notebooks say at least which cell they run; programs say nothing of it."""
    return bool(request) and not request.get("metadata")
