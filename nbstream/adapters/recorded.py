"""A recording as the source of a run: the same events at the same pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

from nbstream.errors import UsageError
from nbstream.events import RunEnd, RunStart, StreamEvent
from nbstream.recording import read_recording

from .base import Source


def recorded(path: str | Path, speed: float | None = 1.0) -> Source:
    """The source of the recording at `path`, at `speed` times its pace; None gives everything at once.

    It is read from disk as it plays. Raises `UsageError` where the file is no recording.
    """
    if speed is not None and speed <= 0:
        raise UsageError("speed must be greater than 0.", hint="Use None for at once.")
    first = next(read_recording(path), None)
    head = first if isinstance(first, RunStart) else RunStart("")

    async def play() -> AsyncGenerator[StreamEvent, None]:
        clock = asyncio.get_running_loop().time
        began = clock()
        for number, event in enumerate(read_recording(path)):
            wait = began + event.time / speed - clock() if speed is not None else 0.0
            if wait > 0.001 or number % 256 == 0:
                await asyncio.sleep(max(wait, 0.0))
            if not isinstance(event, RunStart):
                yield event
            if isinstance(event, RunEnd):
                return

    return Source(events=play, model=head.model, provider=head.provider)
