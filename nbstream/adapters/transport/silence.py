"""Notices an answer that somebody held back: a proxy, or a server that only pretends to stream."""

from __future__ import annotations

import asyncio

#: Seconds of silence that are long, and messages in one go that are many.
LONG = 2.0
MANY = 50

#: What comes within so many seconds of the first message came in one go with it: no model is that fast.
_AT_ONCE = 0.01


class Silence:
    """The wait from a request to the first message of its answer.

    A loop that was blocked has not been waiting: it must have been free in the middle of the silence.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._middle: float | None = None
        self._first = True
        self._later = False
        self._loop.call_later(LONG / 2, self._half)

    def held_back(self, messages: int) -> bool | None:
        """Whether the answer was held back, asked after each read; None while that cannot be told."""
        if self._first and messages:
            self._first = False
            if self._middle is None or self._loop.time() - self._middle < LONG / 2:
                return False
            self._loop.call_later(_AT_ONCE, self._pass)
        if self._later:
            return False
        return True if messages > MANY else None

    def _half(self) -> None:
        self._middle = self._loop.time()

    def _pass(self) -> None:
        self._later = True
