"""A run that nobody can see, and nobody holds, is stopped."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import nbstream as nb
from nbstream import host
from nbstream.batches.batch import StreamBatch
from nbstream.batches.group import StreamGroup
from nbstream.hosts.held import is_held
from nbstream.widgets import base
from nbstream.widgets import stream as room
from nbstream.widgets.stream import StreamView


class Here:
    """A notebook with a namespace."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}

    def is_here(self) -> bool:
        return True

    def present(self, shown: Any, **options: Any) -> None: ...
    def display(self, shown: Any) -> None: ...
    def holds(self, stream: Any) -> bool:
        return is_held(stream, self.names)


@pytest.fixture
def here(monkeypatch):
    notebook = Here()
    monkeypatch.setattr(host, "_hosts", [notebook])
    monkeypatch.setattr(room, "GRACE", 0.05)
    return notebook


@pytest.fixture
def asked(monkeypatch):
    asked: list[StreamView] = []

    def send(view: Any, message: Any) -> None:
        if message["kind"] == "seen":
            asked.append(view)

    for each in (room, base):
        monkeypatch.setattr(each, "send", send)
    return asked


async def running() -> nb.Stream:
    async def words():
        for n in range(10_000):
            yield f"{n} "
            await asyncio.sleep(0.01)

    stream = nb.show(words()).start()
    while stream.status != "running":
        await asyncio.sleep(0.01)
    return stream


def say(view: StreamView, kind: str) -> None:
    view._heard(view, {"kind": kind}, [])


async def settled() -> None:
    await asyncio.sleep(0.3)


async def test_what_nobody_sees_or_holds_is_stopped(here, asked):
    stream = await running()
    view = StreamView(stream)
    say(view, "unseen")
    assert asked == [view]
    await settled()
    assert stream.status == "stopped"


async def test_another_page_that_sees_it_keeps_it(here, asked):
    stream = await running()
    view = StreamView(stream)
    say(view, "unseen")
    say(view, "watch")
    await settled()
    assert stream.status == "running"
    say(view, "unseen")
    say(view, "hello")  # a page without a view repairs what it has; it sees nothing
    await settled()
    assert stream.status == "stopped"


async def test_another_view_keeps_it(here, asked):
    stream = await running()
    one, two = StreamView(stream), StreamView(stream)
    say(one, "unseen")
    await settled()
    assert stream.status == "running"
    say(two, "unseen")
    await settled()
    assert stream.status == "stopped"


@pytest.mark.parametrize("how", ["name", "list", "dict", "view", "waited for"])
async def test_what_is_held_goes_on(here, asked, how):
    stream = await running()
    view = StreamView(stream)
    waiting = asyncio.ensure_future(stream.until_ended()) if how == "waited for" else None
    held = {"name": stream, "list": [1, stream], "dict": {"a": stream}, "view": view}
    here.names["s"] = held.get(how)
    await asyncio.sleep(0)
    say(view, "unseen")
    await settled()
    assert stream.status == "running"
    stream.stop()
    await (waiting or stream.until_ended())


async def test_the_view_of_a_batch_stops_nothing(here, asked):
    stream = await running()
    view = StreamView(stream)
    view.stops_unseen = False
    say(view, "unseen")
    await settled()
    assert stream.status == "running"
    stream.stop()


class Odd:
    """Whose looks would run code of the user's."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    def __iter__(self):
        raise RuntimeError

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


def test_where_a_stream_is_held():
    stream, other = nb.stream("hello", model="demo"), nb.stream("hello", model="demo")
    batch = StreamBatch([stream], 1, ["a"])
    group = StreamGroup([lambda: stream])
    for value in (stream, [stream], (stream,), {"a": stream}, batch, group):
        assert is_held(stream, {"odd": Odd(), "s": value})
    for name in ("_", "_3", "_x", "__"):
        assert not is_held(stream, {name: stream})
    out = {3: stream}
    assert not is_held(stream, {"Out": out, "_oh": out, "In": ["s"]})
    assert not is_held(stream, {"a": [[stream]], "b": other, "c": [other]})
