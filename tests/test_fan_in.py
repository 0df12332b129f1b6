"""Many producers, one reader: order, bounds, failures, and leaving early."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from functools import partial

import pytest

from nbstream.runs.fan_in import Channel, fan_in


async def count(n: int, channel: Channel[int]) -> None:
    for i in range(n):
        await channel.send(i)


async def test_everything_comes_each_in_its_order():
    async def tell(name: str, channel: Channel[str]) -> None:
        for n in range(3):
            await asyncio.sleep(0)
            await channel.send(f"{name}{n}")

    items = [item async for item in fan_in([partial(tell, "a"), partial(tell, "b")])]
    assert [item for item in items if item[0] == "a"] == ["a0", "a1", "a2"]
    assert [item for item in items if item[0] == "b"] == ["b0", "b1", "b2"]


async def test_a_producer_waits_for_the_reader_and_a_callback_does_not():
    made: list[int] = []

    async def make(channel: Channel[int]) -> None:
        for n in range(100):
            await channel.send(n)
            made.append(n)

    async with aclosing(fan_in([make], room=4)) as items:
        assert await anext(items) == 0
        await asyncio.sleep(0.01)
        assert len(made) <= 5

    async def push(channel: Channel[int]) -> None:
        for n in range(100):
            channel.push(n)

    assert [n async for n in fan_in([push], room=4)] == list(range(100))


async def test_the_first_failure_ends_all_after_what_came_before_it():
    ended = asyncio.Event()

    async def wait(_: Channel[int]) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def fail(channel: Channel[int]) -> None:
        await channel.send(1)
        raise ValueError("no more")

    items: list[int] = []

    async def read() -> None:
        async for item in fan_in([wait, fail]):
            items.append(item)

    with pytest.raises(ValueError, match="no more"):
        await read()
    assert items == [1]
    assert ended.is_set()


@pytest.mark.parametrize("how", ["leave", "cancel"])
async def test_whoever_leaves_leaves_nothing_behind(how):
    before = asyncio.all_tasks()

    async def read() -> None:
        async with aclosing(fan_in([partial(count, 1000), partial(count, 1000)], room=2)) as items:
            async for item in items:
                if item == 3:
                    if how == "leave":
                        return
                    await asyncio.sleep(60)

    task = asyncio.ensure_future(read())
    if how == "cancel":
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    else:
        await task
    assert asyncio.all_tasks() == before


async def test_a_producer_that_is_cancelled_by_itself_does_not_hang_the_reader():
    async def cancelled(_: Channel[int]) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(anext(fan_in([cancelled])), 5)
