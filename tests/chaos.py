"""What happens in the kernel of tests/test_chaos.py: runs of every kind, and what is left of them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import random
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from IPython.display import display

import nbstream as nb
from nbstream.events import event_type
from nbstream.runs.portal import portal

KINDS = ("quick", "slow", "stalls", "resets", "refuses", "generator", "iterator", "agent")

#: All runs so far: of which kind, and what is held of it.
runs: dict[int, tuple[str, nb.Stream]] = {}


def pieces(n: int) -> list[str]:
    """What run `n` says."""
    return [f"{n}.{i} " for i in range(30)]


def pause(n: int) -> float:
    return random.Random(n).choice([0.0, 0.002, 0.01, 0.03])


async def generator(n: int) -> AsyncIterator[str]:
    for piece in pieces(n):
        yield piece
        await asyncio.sleep(pause(n))


def iterator(n: int) -> Iterator[str]:
    for piece in pieces(n):
        yield piece
        time.sleep(pause(n))


@nb.tool
async def look(n: int) -> str:
    """Looks."""
    await asyncio.sleep(0.05)
    return f"seen {n}"


@nb.tool
def think(n: int) -> str:
    """Thinks."""
    time.sleep(0.05)
    if n % 3 == 0:
        raise SystemExit("out")
    return "thought"


class Chaos:
    """Seeded runs against the model server at `url`."""

    def __init__(self, url: str) -> None:
        self.model = nb.OpenAICompatible(f"{url}/v1", "test-model")

    def make(self, kind: str, n: int) -> nb.Stream:
        if kind == "generator":
            stream = nb.show(generator(n), display=False)
        elif kind == "iterator":
            stream = nb.show(iterator(n), display=False)
        elif kind == "agent":
            agent = nb.Agent(self.model, tools=[look, think])
            stream = agent.stream(f"agent {n}")
        else:
            limits = nb.Timeouts(between=0.5, first=5)
            stream = nb.stream(f"{kind} {n}", model=self.model, timeout=limits)
        runs[n] = (kind, stream)
        return stream

    async def cell(self, seed: int, count: int) -> None:
        """Some runs at once, most of them shown, and waits for them in one way or another."""
        rng = random.Random(seed)
        streams = [self.make(rng.choice(KINDS), n) for n in range(count * seed, count * (seed + 1))]
        for stream in streams:
            if rng.random() < 0.2:
                stream.on(lambda event: 1 / 0)
            if rng.random() < 0.7:
                display(stream)
            else:
                stream.start()
        for stream in rng.sample(streams, 4):
            with contextlib.suppress(nb.NbstreamError):
                await self.wait(stream, rng)

    async def wait(self, stream: nb.Stream, rng: random.Random) -> None:
        how = rng.choice(["await", "async for", "break", "for", "result", "stop", "leave"])
        if how == "await":
            await stream
        elif how == "async for":
            async for _ in stream:
                pass
        elif how == "break":
            async for _ in stream.text_deltas():
                if rng.random() < 0.1:
                    break
        elif how == "for" and stream.source.portable:
            for _ in stream.text_deltas():
                pass
        elif how == "result" and stream.source.portable:
            stream.result(timeout=0.3)
        elif how == "stop":
            await asyncio.sleep(rng.uniform(0, 0.2))
            stream.stop()


async def settle(seconds: float) -> list[str]:
    """Wait for the runs that go on; those that did not end."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not all(s.ended for _, s in runs.values()):
        await asyncio.sleep(0.05)
    return [f"{n} {kind} {s!r}" for n, (kind, s) in runs.items() if not s.ended]


def lost() -> list[str]:
    """Runs whose text is not what was said, as far as it came."""
    odd = []
    for n, (kind, stream) in runs.items():
        said, text = "".join(pieces(n)), stream.text
        ok = text == said if stream.status == "done" else said.startswith(text)
        types = [event_type(event) for event in stream.events]
        if not ok or types.count("run_end") != 1 or types[-1] != "run_end":
            odd.append(f"{n} {kind} {stream.status} {text!r} {types[-3:]}")
    return odd


def forget() -> None:
    runs.clear()
    gc.collect()


async def left() -> dict[str, Any]:
    """What there is of the process: threads, tasks on both loops, open sockets."""
    await asyncio.sleep(0.3)
    gc.collect()

    async def there() -> int:
        return len(asyncio.all_tasks()) - 1

    beside = asyncio.run_coroutine_threadsafe(there(), portal())
    tasks = [str(task.get_coro()) for task in asyncio.all_tasks()]
    names = sorted(thread.name for thread in threading.enumerate())
    return {
        "tasks": len(tasks),
        "tasks there": await asyncio.wrap_future(beside),
        "threads": len(names),
        "sockets": sum(_is_socket(fd) for fd in os.listdir("/proc/self/fd")),
        "what": [tasks, names],
    }


def _is_socket(fd: str) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{fd}").startswith("socket:")
    except OSError:
        return False
