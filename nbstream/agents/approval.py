"""Asks a person before a tool runs."""

from __future__ import annotations

import asyncio
import inspect
import json
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any

from nbstream.events import Decision, StreamEvent, ToolApproval
from nbstream.events.errors import ToolError, UsageError
from nbstream.events.visible import visible

from .results import bounded, plain
from .tools import Tool
from .user_code import Interrupted, Loop, call_user, described, is_async

#: Which tools ask first: all, none, these by name, or what `function(name, arguments)` says.
Choice = bool | Collection[str] | Callable[[str, Any], Any]

#: Seconds that a call waits for an answer.
TIMEOUT = 300.0

#: Seconds in which a front end, or a callback, can show that somebody is there.
GRACE = 5.0

#: Characters of arguments that stand on one line of a card.
WIDTH = 80


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
        self.watched = False
        self._choice = {choice} if isinstance(choice, str) else choice
        self._timeout = timeout
        self._default = default
        self._asked: dict[str, asyncio.Future[bool]] = {}

    def bound(self, tools: Iterable[Tool]) -> bool:
        """Whether a guard is async, and so lives on the user's loop."""
        guards = (self._choice, *(tool.approve for tool in tools))
        return any(callable(guard) and is_async(guard) for guard in guards)

    async def needed(
        self, tool: Tool, keywords: Mapping[str, Any], home: Loop | None = None
    ) -> bool:
        """Whether a call has to ask first, by what it will run with. Raises what a guard raises."""
        for choice, given in (
            (tool.approve, lambda guard: partial(guard, **_accepted(guard, keywords))),
            (self._choice, lambda guard: partial(guard, tool.name, dict(keywords))),
        ):
            if callable(choice):
                try:
                    answer = await call_user(given(choice), f"guard {tool.name}", home=home)
                except Interrupted:
                    raise
                except Exception as error:  # nobody said that it may run
                    raise ToolError(
                        f"Not run: its approval check failed: {described(error)}"
                    ) from None
            else:
                answer = tool.name in choice if isinstance(choice, Collection) else choice
            if answer:
                return True
        return False

    def ask(self) -> str:
        """The id under which answers are taken from now on."""
        approval_id = secrets.token_hex(8)
        self._asked[approval_id] = asyncio.get_running_loop().create_future()
        return approval_id

    async def answer(self, approval_id: str) -> Decision:
        """What was decided; "timeout" (or the default) where nobody did."""
        answered = self._asked[approval_id]
        try:
            wait = self._timeout
            if not self.watched:
                await asyncio.wait({answered}, timeout=min(GRACE, wait))
                wait = wait - GRACE if self.watched else 0
            await asyncio.wait({answered}, timeout=max(wait, 0))
            if answered.done():
                return "approved" if answered.result() else "denied"
            return "approved" if self._default else "timeout"
        finally:
            del self._asked[approval_id]

    def decide(self, approval_id: str, approved: bool) -> bool:
        """Answer from any thread; False where `approval_id` does not wait."""
        answered = self._asked.get(approval_id)
        if answered is None:
            return False

        def settle() -> None:
            if not answered.done():
                answered.set_result(approved)

        try:
            answered.get_loop().call_soon_threadsafe(settle)
        except RuntimeError:  # its loop is closed, and with it the run
            return False
        return True

    @property
    def waiting(self) -> bool:
        return bool(self._asked)


class Questions:
    """Which approval waits under which call's id, as the events of a run have it."""

    def __init__(self) -> None:
        self._asked: dict[str, str] = {}

    def note(self, event: StreamEvent) -> StreamEvent:
        """The event, before anybody sees it."""
        if isinstance(event, ToolApproval):
            if event.decision == "requested":
                self._asked[event.call_id] = event.approval_id
            else:
                self._asked.pop(event.call_id, None)
        return event

    def approval_id(self, question: str) -> str:
        """The approval's id, given that or the call's."""
        return self._asked.get(question, question)


def preview(keywords: Any) -> str:
    """The arguments as the card shows them: as JSON, to the last digit, and nothing in them unseen."""
    content = plain(keywords)
    line = json.dumps(content, ensure_ascii=False, default=repr)
    if len(line) > WIDTH:
        line = json.dumps(content, ensure_ascii=False, default=repr, indent=2)
    return bounded(visible(line))


def _accepted(guard: Callable[..., Any], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a guard takes: it need not name those that it does not look at."""
    try:
        parameters = inspect.signature(guard).parameters
    except (TypeError, ValueError):
        return dict(keywords)
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return dict(keywords)
    return {name: value for name, value in keywords.items() if name in parameters}
