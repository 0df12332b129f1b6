"""Callbacks of a stream: the user's code, called where the user's objects live."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from nbstream.events import StreamEvent, event_type

from .loops import running_loop

Callback = Callable[[Any], object]

_logger = logging.getLogger("nbstream")


class Listener:
    """One callback, and the loop it was registered on: it is called there, in order, in its context.

    Where no loop ran, it is called on the thread of the run. `failed(why)` hears of its first failure.
    """

    def __init__(
        self,
        callback: Callback,
        types: set[str] | None,
        failed: Callable[[str], None],
        interrupted: Callable[[], None],
    ) -> None:
        self.home = running_loop()
        self.tasks: set[asyncio.Task[Any]] = set()
        self._callback = callback
        self._types = types
        self._failed = failed
        self._interrupted = interrupted
        self._told = False
        self._context = contextvars.copy_context()
        self._due: deque[StreamEvent] = deque()
        self._scheduled = self._calling = False

    def __call__(self, event: StreamEvent) -> None:
        """Called on the thread of the run."""
        if self._types is not None and event_type(event) not in self._types:
            return
        self._due.append(event)
        home = self.home
        if home is None or running_loop() is home:
            self.drain()
        elif not self._scheduled:
            self._scheduled = True
            try:
                home.call_soon_threadsafe(self.drain)
            except RuntimeError:  # the loop is closed: here is as good as anywhere
                self.home = None
                self.drain()

    @property
    def pending(self) -> bool:
        """Whether it has not heard everything yet."""
        return self._calling or bool(self._due)

    def drain(self) -> None:
        """Call it for all that has happened. On its own loop, or on the thread that blocks that loop."""
        self._scheduled = False
        while self._due:
            self._calling = True
            event = self._due.popleft()
            try:
                awaitable = self._context.copy().run(self._callback, event)
            except (KeyboardInterrupt, asyncio.CancelledError):
                self._interrupted()
            except BaseException as error:  # user code may raise anything, SystemExit too
                self._fail(error)
            else:
                if inspect.isawaitable(awaitable):
                    self._later(awaitable)
        self._calling = False

    def _later(self, awaitable: Any) -> None:
        async def finish() -> None:
            try:
                await awaitable
            except asyncio.CancelledError:
                raise
            except KeyboardInterrupt:
                self._interrupted()
            except BaseException as error:
                self._fail(error)

        loop = running_loop()
        if loop is None:  # stopped before it began, outside any loop
            if inspect.iscoroutine(awaitable):
                awaitable.close()
            return
        task = loop.create_task(finish(), context=self._context.copy())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _fail(self, error: BaseException) -> None:
        name = getattr(self._callback, "__name__", repr(self._callback))
        message = f"callback {name} failed: {type(error).__name__}: {error}"
        if not self._told:
            self._told = True
            self._failed(message)
        _logger.debug(message, exc_info=error)
