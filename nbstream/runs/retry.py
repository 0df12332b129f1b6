"""Asks again where a request fails before it has said anything."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from nbstream.events import CONTENT_EVENTS, Retry, StreamEvent
from nbstream.events.errors import NbstreamError, ProviderError

#: The longest wait before a retry, in seconds; a server that asks for more is not asked again.
MAX_RETRY_WAIT = 60.0


async def attempts(
    events: Callable[[], AsyncGenerator[StreamEvent, None]], retries: int
) -> AsyncGenerator[StreamEvent, None]:
    """The events of `events()`, called anew up to `retries` times, with a `retry` event before each wait.

    Only before the first content and where the error says that asking again may help: after that a retry
    would say something twice. Raises the error of the last attempt.
    """
    attempt = 0
    has_content = False
    while True:
        attempt += 1
        try:
            async with aclosing(events()) as running:
                async for event in running:
                    has_content = has_content or isinstance(event, CONTENT_EVENTS)
                    yield event
            return
        except NbstreamError as error:
            if has_content or not error.retryable or attempt > retries:
                raise
            wait = _wait(error, attempt)
            if wait is None:
                raise
            yield Retry(attempt, error.message, round(wait, 2))
            await asyncio.sleep(wait)


def _wait(error: NbstreamError, attempt: int) -> float | None:
    asked = error.retry_after if isinstance(error, ProviderError) else None
    if asked is not None:
        return asked + random.uniform(0, 0.1) if asked <= MAX_RETRY_WAIT else None
    return min(0.5 * 2 ** (attempt - 1), 8.0) * random.uniform(0.75, 1.25)
