"""nbstream's own event loop, on a thread of its own: a busy kernel stops nothing that runs here."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

_lock = threading.Lock()
_portal: Portal | None = None
_beside: ThreadPoolExecutor | None = None


class Portal:
    """A loop that outlives what is thrown at it, and the thread that runs it."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop = asyncio.new_event_loop()
        self._closing = False
        self.thread: threading.Thread = threading.Thread(
            target=self._run, name="nbstream", daemon=True
        )
        self.thread.start()

    @property
    def alive(self) -> bool:
        return self.thread.is_alive() and not self.loop.is_closed()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        while not self._closing:
            # asyncio lets SystemExit and KeyboardInterrupt of a task out of the loop itself. Whoever raised
            # it has its own run to answer for; the others go on.
            with suppress(BaseException):
                self.loop.run_forever()

    def retire(self) -> None:
        """End the thread when what runs there has cleaned up. From any thread."""

        def stop() -> None:
            self._closing = True
            self.loop.stop()

        self.loop.call_soon_threadsafe(lambda: self.loop.call_later(1.0, stop))

    def close(self) -> None:
        """Cancel what runs and end the thread, within two seconds."""

        async def cancel_all() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=1.0) if tasks else None

        with suppress(Exception):
            asyncio.run_coroutine_threadsafe(cancel_all(), self.loop).result(timeout=2.0)
            self._closing = True
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join(timeout=1.0)
            self.loop.close()


def portal() -> asyncio.AbstractEventLoop:
    """The shared background loop, started on first use and made anew where its thread is gone."""
    global _portal
    with _lock:
        if _portal is None or not _portal.alive:
            _portal = Portal()
        return _portal.loop


def on_portal() -> bool:
    """Whether this code runs on the background thread."""
    return _portal is not None and threading.current_thread() is _portal.thread


def aside(work: Callable[[], object]) -> Future[object]:
    """Do what takes long on a thread beside, one after the other: no loop waits for it."""
    global _beside
    with _lock:
        if _beside is None:
            _beside = ThreadPoolExecutor(1, "nbstream beside")
        return _beside.submit(work)


def _close() -> None:
    if _portal is not None:
        _portal.close()


def _after_fork() -> None:
    # The threads stayed in the parent, and whoever held the lock with them.
    global _portal, _beside, _lock
    _portal, _beside, _lock = None, None, threading.Lock()


atexit.register(_close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
