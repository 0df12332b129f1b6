"""A model that says what it was told to: for tests, and for trying a user interface."""

from __future__ import annotations

import asyncio
import copy
import re
from collections.abc import AsyncGenerator, Iterable
from typing import ClassVar

from nbstream.events import Event, RunEnd, StreamEvent, TextDelta, ToolCallStart
from nbstream.events.errors import UsageError

from .base import ChatModel, ChatRequest, Feature

#: What an answer is made of: text, an event, or an exception to raise at that place.
Item = str | Event | Exception
Script = str | Iterable[Item]


class Scripted(ChatModel):
    """Gives its answers one after the other, the last one again and again.

    Each answer is a text, which comes word by word, or the chunks themselves: strings, events, or an
    exception to raise there. `delay` is the time between chunks in seconds.

        Scripted("Hello there, world", delay=0.05)
        Scripted(["Hel", "lo"], ["the second answer"], delay=0)

    `requests` lists what it was asked.
    """

    provider = "scripted"
    features: ClassVar[frozenset[Feature]] = frozenset(
        {"streaming", "tools", "vision", "json", "thinking"}
    )

    def __init__(self, *answers: Script, delay: float = 0.05, name: str = "scripted") -> None:
        if not answers:
            raise UsageError("Scripted needs an answer", hint='nb.Scripted("Hello there")')
        self._answers = [_chunks(answer) for answer in answers]
        self.delay = delay
        self.name = name
        self.requests: list[ChatRequest] = []

    async def events(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        items = self._answers[min(len(self.requests), len(self._answers) - 1)]
        self.requests.append(request)
        block = 0
        called = False
        for n, item in enumerate(items):
            await asyncio.sleep(self.delay if n else 0)
            if isinstance(item, str):
                yield TextDelta(block, item)
            elif isinstance(item, Exception):
                raise item
            else:
                event = copy.copy(item)  # a run gives each event its own place
                called = called or (isinstance(event, ToolCallStart) and not event.server_side)
                block = max(block, getattr(event, "block", 0) + (type(event) is not TextDelta))
                yield event  # type: ignore[misc]
                if isinstance(event, RunEnd):
                    return
        yield RunEnd("tool_calls" if called else "stop")


def _chunks(answer: Script) -> list[Item]:
    if isinstance(answer, str):
        return list(re.findall(r"\s*\S+\s*$|\s*\S+", answer)) or [answer]
    items: list[Item] = list(answer) if isinstance(answer, Iterable) else [answer]
    for item in items:
        if not isinstance(item, (str, Event, Exception)):
            raise UsageError(
                f"Scripted cannot say a {type(item).__name__}",
                hint="An answer is a text or a list of strings and events: "
                'nb.Scripted(["Hel", "lo"], delay=0.05)',
            )
    return items
