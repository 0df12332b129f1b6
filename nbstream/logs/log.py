"""A run is a log: its events in order, one writer, any number of readers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import msgspec

from nbstream.events import RunEnd, StreamEvent

from .event_list import EventList

_logger = logging.getLogger("nbstream")

#: Called with each event, on the thread that appends: must be quick and must not raise.
Follower = Callable[[StreamEvent], None]


class Stop(msgspec.Struct, frozen=True, tag="stop", tag_field="type"):
    """End the run with what has arrived."""


class Approve(msgspec.Struct, frozen=True, tag="approve", tag_field="type"):
    """Answer a tool call that waits for approval."""

    call_id: str
    approved: bool = True


class Watch(msgspec.Struct, frozen=True, tag="watch", tag_field="type"):
    """Somebody sees the run and can answer: a tool that asks waits for them."""


#: What a reader may ask of the writer.
Request = Stop | Approve | Watch

#: Does what a reader asks; says whether it could.
Handler = Callable[[Request], bool]


class Log:
    """The events of one run, kept in memory.

    One writer appends, gives the numbers and handles requests. Readers read `events` and wait for more, from
    any thread; none of them can change anything but by a request.
    """

    #: Where others find it; "" where it is in this process only.
    url: str = ""

    def __init__(self) -> None:
        self.events: EventList = EventList()
        self.ended: bool = False
        self._lock = threading.Lock()
        self._followers: tuple[Follower, ...] = ()
        self._waiters: list[Callable[[], None]] = []
        self._end_waiters: list[Callable[[], None]] = []
        self._handler: Handler | None = None

    # ── the writer ────────────────────────────────────────────────────────────

    def append(self, event: StreamEvent) -> None:
        """Keep the next event and tell those who follow."""
        with self._lock:
            self.events.append(event)
            followers = self._followers
        for follower in followers:
            try:
                follower(event)
            except Exception:  # one reader's failure is not the run's
                _logger.exception("a reader of the run failed")
        waiters: list[Callable[[], None]] = []
        with self._lock:
            # Marked after the followers have heard it: who waited for the end finds it folded.
            if type(event) is RunEnd:
                self.ended = True
                self._handler = None
                waiters, self._end_waiters = self._end_waiters, waiters
                self._followers = ()
            if self._waiters:
                waiters += self._waiters
                self._waiters = []
        for wake in waiters:
            wake()
        if self.ended:
            self.events.close()

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for more, or for the end."""
        return bool(self._waiters or self._end_waiters)

    @property
    def pending(self) -> bool:
        """Whether a follower that hears on a thread of its own has not heard everything yet."""
        return any(getattr(follower, "pending", False) for follower in self._followers)

    def handle(self, handler: Handler) -> None:
        """From now on `handler` does what readers ask, on whatever thread they are."""
        self._handler = handler

    # ── readers ───────────────────────────────────────────────────────────────

    def request(self, request: Request) -> bool:
        """Ask the writer; False where nobody can do it."""
        return self._handler is not None and not self.ended and self._handler(request)

    def follow(self, follower: Follower) -> int:
        """Call `follower` with each event from now on; gives how many there were before."""
        with self._lock:
            if not self.ended:
                self._followers = (*self._followers, follower)
            return len(self.events)

    def follow_from_start(self, follower: Follower) -> None:
        """Call `follower` with each event from the first on, in order, each once."""
        late = _Late(follower)
        self.follow(late)
        late.catch_up(self.events)

    def leave(self, follower: Follower) -> None:
        with self._lock:
            self._followers = tuple(each for each in self._followers if each is not follower)

    def wake_on_more(self, seen: int, wake: Callable[[], None]) -> bool:
        """Call `wake()` once when there are more than `seen` events; False where there are already."""
        with self._lock:
            if len(self.events) > seen or self.ended:
                return False
            self._waiters.append(wake)
            return True

    def wake_at_end(self, wake: Callable[[], None]) -> bool:
        """Call `wake()` once at the end; False where it has ended."""
        with self._lock:
            if self.ended:
                return False
            self._end_waiters.append(wake)
            return True


class _Late:
    """Gives a follower that comes late what has happened before, then the rest, each once."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._next = 0
        self._lock = threading.Lock()

    def __call__(self, event: StreamEvent) -> None:
        with self._lock:
            if event.seq == self._next:
                self._next += 1
                self._follower(event)

    def catch_up(self, events: EventList) -> None:
        with self._lock:
            while self._next < len(events):
                for event in events[self._next :]:
                    self._next += 1
                    self._follower(event)
