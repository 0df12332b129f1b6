"""Many producers, one reader: what each gives, as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from typing import Any, Generic, TypeVar

T = TypeVar("T")

#: Items that may lie ready before a producer waits for the reader.
ROOM = 64


class Channel(Generic[T]):
    """Where producers put what they make; all of them, and the reader, live on one loop."""

    def __init__(self, room: int = ROOM) -> None:
        self._items: asyncio.Queue[tuple[T, bool]] = asyncio.Queue()
        self._room = asyncio.Semaphore(room)

    async def send(self, item: T) -> None:
        """Put `item` there, as soon as there is room."""
        await self._room.acquire()
        self._items.put_nowait((item, True))

    def push(self, item: T) -> None:
        """Put `item` there at once: for callbacks, which cannot wait."""
        self._items.put_nowait((item, False))

    async def receive(self) -> T:
        item, counted = await self._items.get()
        if counted:
            self._room.release()
        return item


Producer = Callable[[Channel[T]], Coroutine[Any, Any, object]]


class _End:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error


async def fan_in(producers: Iterable[Producer[T]], room: int = ROOM) -> AsyncGenerator[T, None]:
    """Run all `producers` at once; what they put into the channel comes in the order in which they did.

    The first that fails ends all, after what came before it: its error is raised. Whoever leaves, by whatever
    way, leaves no producer behind: each is cancelled and has ended.
    """
    channel: Channel[T | _End] = Channel(room)

    async def run(producer: Producer[Any]) -> None:
        error: BaseException | None = None
        try:
            await producer(channel)
        except BaseException as raised:
            if leaving:
                raise
            error = raised
        channel.push(_End(error))

    leaving = False
    tasks = [asyncio.ensure_future(run(producer)) for producer in producers]
    left = len(tasks)
    try:
        while left:
            item = await channel.receive()
            if not isinstance(item, _End):
                yield item
            elif item.error is not None:
                raise item.error
            else:
                left -= 1
    finally:
        leaving = True
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
