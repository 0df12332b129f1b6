"""When the views of a kernel send what is new: one clock for all, on nbstream's own thread."""

from __future__ import annotations

import threading
import time
import weakref
from typing import Protocol

from nbstream.events import RunStart, StreamEvent
from nbstream.runs.portal import on_portal, portal
from nbstream.wire.frames import frame_interval

from .base import Message, PageWidget, send_all

#: Seconds between two signs of life of a view that has nothing new to say.
BEAT_INTERVAL = 1.0

#: What would wait no longer than this, in seconds, goes at once.
SLACK = 0.002

#: The part of the time that may be spent on making and sending frames.
SHARE = 0.2


class Sender(Protocol):
    """A view, as far as the clock knows it."""

    def next_message(self) -> Message | None:
        """What is new; None where nothing is."""
        ...

    def beat(self) -> Message: ...


class Ticker:
    """Gathers the frames of all views that have news, a few times a second, and sends them together.

    What comes after a quiet moment leaves at once. The more views there are, and the longer their frames
    take to make, the slower it ticks.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: weakref.WeakSet[PageWidget] = weakref.WeakSet()
        self._due: set[PageWidget] = set()
        self._scheduled = False
        self._beating = False
        self._last = 0.0
        self._cost = 0.0
        self._busy = False
        self._news = 0

    def news(self, view: PageWidget, event: StreamEvent) -> None:
        """`view` has something new to send. From any thread."""
        with self._lock:
            self._news += 1
            self._due.add(view)
            self._running.add(view)
            if self._scheduled:
                return
            self._scheduled = True
        # The start says nothing that a reader waits for: it goes with the first text, or a little later.
        wait = 0.05 if type(event) is RunStart else 0.0
        if on_portal():
            self._arm(wait)
        else:
            portal().call_soon_threadsafe(self._arm, wait)

    def forget(self, view: PageWidget) -> None:
        """`view` has ended, or is gone."""
        with self._lock:
            self._due.discard(view)
            self._running.discard(view)

    def _arm(self, wait: float) -> None:
        interval = max(frame_interval(len(self._running), self._busy), self._cost / SHARE)
        delay = max(self._last + interval - time.monotonic(), wait)
        loop = portal()
        if delay > SLACK:
            loop.call_later(delay, self._tick)
        else:
            loop.call_soon(self._tick)
        if not self._beating:
            self._beating = True
            loop.call_later(BEAT_INTERVAL, self._beat)

    def _tick(self) -> None:
        with self._lock:
            views, self._due = self._due, set()
            self._busy, self._news = self._news > len(views), 0
            self._scheduled = False
        began = time.monotonic()
        messages: dict[PageWidget, Message] = {}
        for view in views:
            if (message := view.next_message()) is not None:  # type: ignore[attr-defined]
                messages[view] = message
        if messages:
            send_all(messages)
            now = time.monotonic()
            self._cost += 0.2 * (now - began - self._cost)
            self._last = now

    def _beat(self) -> None:
        """Views that fell silent say so: who misses something finds out."""
        with self._lock:
            running = list(self._running)
        if not running:
            self._beating = False
            return
        if time.monotonic() - self._last >= BEAT_INTERVAL:
            send_all({view: view.beat() for view in running})  # type: ignore[attr-defined]
        portal().call_later(BEAT_INTERVAL, self._beat)


ticker = Ticker()
