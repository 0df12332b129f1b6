"""Code of the user's: where it runs, what it raises, and that nothing it does ends a loop, a run or a kernel."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

import nbstream as nb
from nbstream.agents.results import MAX_TEXT
from nbstream.events import RunEnd, StreamEvent, TextDelta, ToolResult
from nbstream.runs.portal import portal
from tests.test_agent import call, legal, of, scripted

WHO: contextvars.ContextVar[str] = contextvars.ContextVar("WHO", default="nobody")


class Rude(BaseException):
    def __str__(self) -> str:
        raise SystemExit("not even that")


def raising(kind: str, error: BaseException) -> Any:
    """A tool of each kind that raises."""

    def plain() -> str:
        raise error

    async def coroutine() -> str:
        raise error

    def generator() -> Iterator[str]:
        yield "half"
        raise error

    async def async_generator():
        yield "half"
        raise error

    def returns_coroutine() -> Any:
        return coroutine()

    class Result:
        def __str__(self) -> str:
            raise error

    async def unprintable() -> Result:
        return Result()

    def unprintable_progress() -> Iterator[Result]:
        yield Result()

    return nb.tool(name="leave")(locals()[kind])


KINDS = ["plain", "coroutine", "generator", "async_generator", "returns_coroutine"]
KINDS += ["unprintable", "unprintable_progress"]
ERRORS = [SystemExit(2), GeneratorExit(), asyncio.CancelledError(), Rude(), StopIteration(3)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
async def test_whatever_a_tool_raises_is_a_failed_tool(kind, error):
    model = scripted(call("leave"), "Go on.")
    stream = nb.Agent(model, [raising(kind, error)]).stream("go")
    response = await asyncio.wait_for(stream, 20)
    assert response.text == "Go on."
    assert legal(stream.events)
    (result,) = of(stream, ToolResult)
    assert result.is_error
    assert type(error).__name__ in result.content


@pytest.mark.parametrize("kind", KINDS)
def test_nor_does_it_end_the_background_loop(kind):
    for _ in range(2):
        tool = raising(kind, SystemExit(2))
        stream = nb.Agent(scripted(call("leave"), "Go on."), [tool]).stream("go")
        assert stream.result(timeout=20).text == "Go on."
    assert portal().is_running()


async def test_blocking_waits_in_a_running_loop():
    """Async tools live on the loop that is blocked: it goes on from inside, again and again."""

    async def look() -> str:
        await asyncio.sleep(0.01)
        return "seen"

    for tool in (look, raising("coroutine", SystemExit(2)), look, raising("plain", SystemExit(2))):
        name = tool.__name__ if tool is look else "leave"
        stream = nb.Agent(scripted(call(name), "Go on."), [tool]).stream("go")
        assert stream.result(timeout=20).text == "Go on."


@pytest.mark.parametrize("kind", KINDS)
async def test_a_keyboard_interrupt_stops_the_run(kind):
    tool = raising(kind, KeyboardInterrupt())
    stream = nb.Agent(scripted(["Wait. ", *call("leave")], "never"), [tool]).stream("go")
    response = await asyncio.wait_for(stream, 20)
    assert (response.status, response.text) == ("stopped", "Wait. ")
    assert legal(stream.events)


async def test_an_interrupt_inside_stops_the_whole():
    def outer() -> nb.Agent:
        tool = raising("plain", KeyboardInterrupt())
        inner = nb.Agent(scripted(call("leave"), "never"), [tool], name="inner")
        return nb.Agent(scripted(call("inner", {"prompt": "x"}), "never"), [inner])

    for stream in (outer().stream("go"), nb.Workflow([nb.Step("a", outer())]).stream("go")):
        assert (await asyncio.wait_for(stream, 20)).status == "stopped"
        assert legal(stream.events)


async def test_handlers_of_workflows():
    def leave(_: Any) -> None:
        sys.exit(7)

    async def cancelled(_: Any) -> None:
        raise asyncio.CancelledError

    def interrupt(_: Any) -> None:
        raise KeyboardInterrupt

    for handler, said in ((leave, "SystemExit: 7"), (cancelled, "CancelledError")):
        stream = nb.Workflow([nb.Step("a", handler=handler)]).stream("x")
        with pytest.raises(nb.ToolError, match=f"Step 'a' failed: {said}"):
            await asyncio.wait_for(stream, 20)
        assert legal(stream.events)
    stream = nb.Workflow([nb.Step("a", handler=interrupt)]).stream("x")
    assert (await asyncio.wait_for(stream, 20)).status == "stopped"


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_guard_that_fails_lets_nothing_run(is_async):
    ran: list[str] = []

    def guard(path: str) -> bool:
        raise SystemExit(1)

    async def async_guard(path: str) -> bool:
        raise SystemExit(1)

    @nb.tool(approve=async_guard if is_async else guard)
    def delete(path: str) -> None:
        ran.append(path)

    stream = nb.Agent(scripted(call("delete", {"path": "/"}), "ok"), [delete]).stream("go")
    assert (await asyncio.wait_for(stream, 20)).text == "ok"
    assert not ran
    assert "approval check failed: SystemExit" in of(stream, ToolResult)[0].content


async def test_an_error_of_megabytes_is_bounded():
    def fetch() -> str:
        raise ValueError("x" * 3_000_000)

    model = scripted(call("fetch"), "ok")
    await nb.Agent(model, [fetch]).run("go")
    assert len(model.requests[1].messages[-1]["content"]) < MAX_TEXT + 100


async def test_results_that_json_cannot_hold():
    def giving(value: Any, /) -> Any:
        return value

    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    loop: list[Any] = []
    loop.append(loop)
    for value, text in (
        ({"mean": float("nan"), "max": float("inf")}, '{"mean":"NaN","max":"Infinity"}'),
        (deep, "[a list that is nested too deep to be shown]"),
        (loop, "[a list that is nested too deep to be shown]"),
        ({(1, 2): 3}, "{(1, 2): 3}"),
        (10**400, str(10**400)),
    ):
        model = scripted(call("odd"), "ok")
        await nb.Agent(model, [nb.tool(name="odd")(partial(giving, value))]).run("go")
        assert model.requests[1].messages[-1]["content"] == text


# ── where it runs ─────────────────────────────────────────────────────────────


async def test_async_code_runs_where_the_stream_was_made_and_sync_code_in_threads():
    """The run itself may be on another loop: what the user's objects are bound to is not."""
    here = asyncio.get_running_loop()
    where: dict[str, Any] = {}

    def noted(name: str) -> None:
        try:
            where[name] = asyncio.get_running_loop()
        except RuntimeError:
            where[name] = threading.current_thread().name
        where[f"{name} sees"] = WHO.get()

    async def guard(**_: Any) -> bool:
        noted("guard")
        return False

    @nb.tool(approve=guard)
    async def look() -> str:
        noted("look")
        await asyncio.sleep(0)
        return "seen"

    async def count():
        noted("count")
        yield 1
        yield 2

    def plain() -> str:
        noted("plain")
        return "x"

    WHO.set("kai")
    calls = [*call("look"), *call("count", {}, "c2", 2), *call("plain", {}, "c3", 3)]
    turn = nb.Agent(scripted(calls, "ok"), [look, count, plain]).stream("go").source.turn
    assert turn is not None and turn.bound
    events = await _elsewhere(turn)
    assert isinstance(events[-1], RunEnd)
    assert {event.content for event in events if isinstance(event, ToolResult)} == {"seen", 2, "x"}
    assert where["look"] is where["count"] is where["guard"] is here
    assert where["plain"] == "nbstream tool plain"
    assert {where[f"{name} sees"] for name in ("guard", "look", "count", "plain")} == {"kai"}


async def test_a_nested_agent_has_the_home_of_the_outer():
    here = asyncio.get_running_loop()
    ran: list[Any] = []

    async def look() -> None:
        ran.append(asyncio.get_running_loop())

    def agent() -> nb.Agent:
        inner = nb.Agent(scripted(call("look"), "ok"), [look], name="inner")
        return nb.Agent(scripted(call("inner", {"prompt": "x"}), "ok"), [inner])

    async def handle(_: Any) -> str:
        ran.append(asyncio.get_running_loop())
        return "x"

    flow = nb.Workflow([nb.Step("handler", handler=handle), nb.Step("agent", agent())])
    for stream in (agent().stream("go"), flow.stream("go")):
        turn = stream.source.turn
        assert turn is not None and turn.bound
        await _elsewhere(turn)
    assert ran == [here] * 3


async def test_leaving_a_run_on_another_loop_cancels_what_runs_here():
    began, cancelled = asyncio.Event(), asyncio.Event()

    async def forever() -> None:
        began.set()
        try:
            await asyncio.sleep(100)
        finally:
            cancelled.set()

    turn = nb.Agent(scripted(call("forever"), "never"), [forever]).stream("go").source.turn
    assert turn is not None
    task = asyncio.run_coroutine_threadsafe(_all(turn), portal())
    await asyncio.wait_for(began.wait(), 20)
    task.cancel()
    await asyncio.wait_for(cancelled.wait(), 20)


async def test_a_home_that_is_closed_is_a_failed_tool(monkeypatch):
    monkeypatch.setattr("nbstream.agents.user_code.LOOK_AGAIN", 0.05)
    home = asyncio.new_event_loop()
    began = threading.Event()

    async def forever() -> None:
        began.set()
        await asyncio.sleep(100)

    async def ask() -> Any:
        return nb.Agent(scripted(call("forever"), "Well."), [forever]).stream("go").source.turn

    def live() -> None:
        made.append(home.run_until_complete(ask()))
        ready.set()
        home.run_forever()
        home.close()

    made: list[Any] = []
    ready = threading.Event()
    thread = threading.Thread(target=live, daemon=True)
    thread.start()
    await asyncio.to_thread(ready.wait, 20)
    task = asyncio.ensure_future(_all(made[0]))
    await asyncio.to_thread(began.wait, 20)
    home.call_soon_threadsafe(home.stop)
    events = await asyncio.wait_for(task, 20)
    assert "is closed" in next(e for e in events if isinstance(e, ToolResult)).content


async def _all(turn: Any) -> list[StreamEvent]:
    return [event async for event in turn.events()]


async def _elsewhere(turn: Any) -> list[StreamEvent]:
    """The events of a turn that runs on the background loop."""
    context = contextvars.copy_context()
    future = context.run(asyncio.run_coroutine_threadsafe, _all(turn), portal())
    return await asyncio.wait_for(asyncio.wrap_future(future), 20)


# ── events ────────────────────────────────────────────────────────────────────


async def test_one_object_given_again_and_again_is_an_event_each_time():
    word = TextDelta(0, "na ")

    class Same(nb.Scripted):
        async def events(self, request: Any):
            self.requests.append(request)
            for _ in range(3):
                yield word
            for event in call("add", {}) if len(self.requests) == 1 else ():
                yield event
            yield RunEnd("stop")

    stream = nb.Agent(Same("x"), [nb.tool(name="add")(lambda: 1)]).stream("go")
    await stream
    assert [event.seq for event in stream.events] == list(range(len(stream.events)))
    assert (word.seq, word.time, word.block) == (0, 0.0, 0)
    assert [event.block for event in of(stream, TextDelta)] == [0, 0, 0, 2, 2, 2]
