"""Bad luck and malice in a real kernel: nothing hangs, nothing leaks, no text is lost."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import re
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nbstream as nb
from tests.kernel import Cell, TestKernel, kernel
from tests.servers import Request, Server, chat, chat_event

ROOT = Path(__file__).parents[1]
KERNEL6 = Path(sys.prefix) / "ipykernel6"
CELLS, RUNS = 10, 10


async def model(request: Request) -> None:
    """Answers `<kind> <n>` as tests/chaos.py expects it."""
    from tests.chaos import pause, pieces

    messages = request.json["messages"]
    asked = next(m["content"] for m in messages if m["role"] == "user")
    kind, n = asked.split()[0], int(asked.split()[1])
    said, stop = pieces(n), random.Random(n).randrange(1, 30)
    second = any(message["role"] == "tool" for message in messages)
    if kind == "refuses" and sum(asked in r.body.decode() for r in server_of(request)) < 2:
        if n % 2:
            request.reset()
        else:
            await request.respond(503, {"error": {"message": "busy"}}, {"retry-after": "0"})
        return
    if kind == "agent":
        said = said[15:] if second else said[:15]
    request.start()
    for i, piece in enumerate(said):
        if kind == "stalls" and i == stop:
            await asyncio.sleep(30)
        if kind == "resets" and i == stop:
            request.reset()
            return
        await request.send(chat_event({"content": piece}))
        await asyncio.sleep(0.0 if kind == "quick" else pause(n))
    if kind == "agent" and not second:
        calls = [
            {
                "index": i,
                "id": f"c{i}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps({"n": n})},
            }
            for i, name in enumerate(("look", "think"))
        ]
        await request.send(chat_event({"tool_calls": calls}))
        await request.send(chat_event({}, "tool_calls"))
    else:
        await request.send(chat_event({}, "stop"))
    await request.send(b"data: [DONE]\n\n")
    await request.end()


_requests: list[Request] = []


def server_of(request: Request) -> list[Request]:
    _requests.append(request)
    return _requests


class Garbage:
    """What a page could say to its widgets, and what it could not."""

    KINDS = (
        "hello history stop approve attend watch unseen forms bundle module open winner rerun ready posts"
    ).split()

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def value(self, depth: int = 0) -> Any:
        rng = self.rng
        simple = [None, True, -1, 0, 10**30, 1e308, "", "\udcff", "x" * 1000, "run_end", "approved"]
        kind = rng.randrange(6 if depth < 3 else 4)
        if kind == 4:
            return [self.value(depth + 1) for _ in range(rng.randrange(4))]
        if kind == 5:
            return {rng.choice(simple[6:]): self.value(depth + 1) for _ in range(rng.randrange(4))}
        return rng.choice(simple)

    def message(self) -> Any:
        names = ["have", "call_id", "approval_id", "decision", "index", "name", "hydrates", "n"]
        if self.rng.random() < 0.3:
            return self.value()
        fields = {name: self.value() for name in self.rng.sample(names, 3)}
        # One that stops runs is not garbage: it is rarer.
        kinds = [kind for kind in self.KINDS if kind != "stop" or self.rng.random() < 0.1]
        return {"kind": self.rng.choice([*kinds, self.value()]), **fields}

    def data(self) -> dict[str, Any]:
        if self.rng.random() < 0.8:
            return {"method": "custom", "content": self.message()}
        methods = ["custom", "request_state", "update", "echo_update", "", None, 3]
        return {"method": self.rng.choice(methods), "content": self.value(), "state": {}}


def send(shell: TestKernel, comm_id: str, data: Any) -> None:
    session, channel = shell.client.session, shell.client.shell_channel
    channel.send(session.msg("comm_msg", {"comm_id": comm_id, "data": data}))


def opened(cell: Cell) -> list[str]:
    return [m["content"]["comm_id"] for m in cell.messages if m["msg_type"] == "comm_open"]


def value(shell: TestKernel, code: str) -> Any:
    cell = shell.run(f"import json; print('<<' + json.dumps({code}) + '>>')", timeout=30)
    assert cell.status == "ok", cell.error
    return json.loads(re.search(r"<<(.*)>>", cell.printed, re.DOTALL)[1])


def environment(version: int) -> dict[str, str]:
    path = [str(KERNEL6)] if version == 6 else []
    path += [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


@pytest.mark.parametrize("version", [7, 6])
def test_runs_of_every_kind_interrupted_and_sworn_at(version, serve):
    if version == 6 and not KERNEL6.exists():
        pytest.skip("ipykernel 6 is not there")
    _requests.clear()
    server: Server = serve(model)
    rng = random.Random(version)
    garbage = Garbage(rng)
    with kernel(environment(version)) as shell:
        setup = f"from tests.chaos import *\nchaos = Chaos({server.url!r})"
        assert shell.run(setup).status == "ok"
        # What is made once and kept: threads, pools, connections that wait.
        comms = opened(shell.run("await chaos.cell(0, 10)"))
        assert value(shell, "await settle(10)") == []
        before = value(shell, "(forget(), await left())[1]")
        ends: list[str] = []
        for seed in range(1, CELLS + 1):
            # A person's cells, some of them again, and a program's, which wait for what they show.
            cell_id = rng.choice(["", "a", "b", f"c{seed}"])
            started = shell.start(f"await chaos.cell({seed}, {RUNS})", cell_id)
            for _ in range(5):
                send(shell, rng.choice(comms), garbage.data())
            if rng.random() < 0.6:
                time.sleep(rng.uniform(0, 0.5))
                shell.interrupt()
            cell = shell.finish(started, timeout=20)
            ends.append(cell.status)
            comms += opened(cell)
            comms = comms[-40:]
        print(f"\n{ends.count('ok')} cells ended, {ends.count('error')} were interrupted")
        assert len(set(ends)) == 2
        assert value(shell, "await settle(10)") == []
        assert value(shell, "lost()") == []
        done = value(shell, "[stream.status for _, stream in runs.values()]")
        print({status: done.count(status) for status in set(done)})
        after = value(shell, "(forget(), await left())[1]")
    for what in ("tasks", "tasks there", "threads", "sockets"):
        assert after[what] <= before[what], (what, before, after)
    assert [r for r in server.requests if r.finished_at is None and r.closed_at is None] == []


async def test_a_thousand_runs_leave_nothing(serve: Callable[..., Server]):
    server = serve(chat([f"word{n} " for n in range(5)], usage={"completion_tokens": 5}))
    model = nb.OpenAICompatible(f"{server.url}/v1", "test-model")

    async def short(n: int) -> None:
        if n % 4:
            assert (await nb.stream(f"{n}", model=model)).text.startswith("word0")
        else:
            async for _ in nb.stream(f"{n}", model=model).text_deltas():
                break
        server.requests.clear()

    def held() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    for n in range(200):
        await short(n)
    tracemalloc.start()
    try:
        first = held()
        for n in range(200, 1000):
            await short(n)
        await asyncio.sleep(0.5)
        grown = held() - first
    finally:
        tracemalloc.stop()
    print(f"\n800 runs later {grown / 1000:.0f} kB more are held")
    assert grown < 200_000
