"""Asks a person before a tool runs."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Collection
from typing import Any

from nbstream.events import Decision
from nbstream.events.errors import UsageError

from .tools import Tool

#: Which tools ask first: all, none, these by name, or what `function(name, arguments)` says.
Choice = bool | Collection[str] | Callable[[str, Any], Any]

#: Seconds that a call waits for an answer.
TIMEOUT = 300.0

#: Seconds in which a front end, or a callback, can show that somebody is there.
GRACE = 5.0


class Approval:
    """Which calls wait for a yes, how long, and what happens without one.

    `timeout` in seconds. `default`: whether a call runs that nobody answered, be it in time or at all.
    """

    def __init__(
        self, choice: Choice = False, *, timeout: float = TIMEOUT, default: bool = False
    ) -> None:
        if not (isinstance(choice, (bool, Collection)) or callable(choice)):
            raise UsageError(
                f"approve={choice!r} does not say which tools ask first.",
                hint="True, a list of tool names, or a function of (name, arguments).",
            )
        self.attended = False
        self._choice = {choice} if isinstance(choice, str) else choice
        self._timeout = timeout
        self._default = default
        self._asked: dict[str, asyncio.Future[bool]] = {}

    async def needed(self, tool: Tool, arguments: Any) -> bool:
        for choice, given in (
            (tool.approve, lambda f: f(**(arguments or {}))),
            (self._choice, lambda f: f(tool.name, arguments)),
        ):
            if callable(choice):
                answer = given(choice)
                if inspect.isawaitable(answer):
                    answer = await answer
            else:
                answer = tool.name in choice if isinstance(choice, Collection) else choice
            if answer:
                return True
        return False

    def ask(self, call_id: str) -> None:
        """Take answers for `call_id` from now on."""
        self._asked[call_id] = asyncio.get_running_loop().create_future()

    async def answer(self, call_id: str) -> Decision:
        """What was decided; "timeout" (or the default) where nobody did."""
        answered = self._asked[call_id]
        try:
            wait = self._timeout
            if not self.attended:
                await asyncio.wait({answered}, timeout=min(GRACE, wait))
                wait = wait - GRACE if self.attended else 0
            await asyncio.wait({answered}, timeout=max(wait, 0))
            if answered.done():
                return "approved" if answered.result() else "denied"
            return "approved" if self._default else "timeout"
        finally:
            del self._asked[call_id]

    def decide(self, call_id: str, approved: bool) -> bool:
        """Answer from any thread; False where `call_id` does not wait."""
        answered = self._asked.get(call_id)
        if answered is None:
            return False

        def settle() -> None:
            if not answered.done():
                answered.set_result(approved)

        answered.get_loop().call_soon_threadsafe(settle)
        return True

    @property
    def waiting(self) -> tuple[str, ...]:
        return tuple(self._asked)
