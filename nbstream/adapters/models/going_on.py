"""An answer that the provider paused (Anthropic's `pause_turn`): it is asked to go on, and that is one answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import msgspec

from nbstream.events import (
    RunEnd,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResult,
    Usage,
)
from nbstream.events.carry import fingerprint
from nbstream.events.usage import add_usage

from .base import ChatRequest

#: How often an answer is gone on with; then it ends as paused.
MOST = 20

Ask = Callable[[ChatRequest], AsyncGenerator[StreamEvent, None]]


async def going_on(ask: Ask, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
    """The events of a request's answer and of what continues it, as those of one answer."""
    joined = _Joined()
    for turn in range(MOST + 1):
        async with aclosing(ask(request)) as events:
            async for event in events:
                if turn:
                    event = joined.placed(event)
                if event is not None:
                    joined.see(event)
                    if not isinstance(event, RunEnd):
                        yield event
        end = joined.end
        if end is None:
            return
        if end.finish_reason != "pause" or not end.carry or turn == MOST:
            yield joined.whole(end)
            return
        message = {"role": "assistant", "content": None, "carry": joined.add(end.carry)}
        request = msgspec.structs.replace(
            request, messages=[*(request.messages if not turn else request.messages[:-1]), message]
        )


class _Joined:
    def __init__(self) -> None:
        self.end: RunEnd | None = None
        self._next = 0
        self._shift = 0
        self._waiting: set[str] = set()  # the provider's own calls that have no result yet
        self._items: list[Any] = []
        self._text: list[str] = []  # of the latest message
        self._carry: dict[str, Any] = {}
        self._before: Usage | None = None
        self._usage: Usage | None = None

    def placed(self, event: StreamEvent) -> StreamEvent | None:
        """An event of a continuation in its place; None for what has been said."""
        is_call = isinstance(event, (ToolCallStart, ToolCallDelta, ToolCallEnd))
        if is_call and event.call_id in self._waiting:
            return None  # the result of a call that an earlier message made
        if isinstance(event, Usage):
            return add_usage(self._before, event)
        block = getattr(event, "block", None)
        return event if block is None else msgspec.structs.replace(event, block=block + self._shift)

    def see(self, event: StreamEvent) -> None:
        if isinstance(event, ToolCallStart) and event.server_side:
            self._waiting.add(event.call_id)
        elif isinstance(event, ToolResult):
            self._waiting.discard(event.call_id)
        elif isinstance(event, Usage):
            self._usage = event
        elif isinstance(event, TextDelta):
            self._text.append(event.text)
        elif isinstance(event, RunEnd):
            self.end = event
        block = getattr(event, "block", None)
        if block is not None:
            self._next = max(self._next, block + 1)

    def add(self, carry: dict[str, Any]) -> dict[str, Any]:
        """What goes back of all that has been said so far."""
        self._items += carry.get("items") or ()
        self._carry |= carry
        self._shift, self._before = self._next, self._usage
        self.end = None
        self._text.clear()
        return {**self._carry, "items": list(self._items), "of": fingerprint(None)}

    def whole(self, end: RunEnd) -> RunEnd:
        if not self._items:
            return end
        last = end.carry or {"items": [{"type": "text", "text": "".join(self._text)}]}
        carry = {**self._carry, **last, "items": [*self._items, *last["items"]]}
        return msgspec.structs.replace(end, carry=carry)
