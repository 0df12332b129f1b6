from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator

import pytest

import nbstream as nb
from nbstream import events as ev
from nbstream.adapters.sources.source import Source
from nbstream.adapters.transport.timeouts import Timeouts
from nbstream.runs.stream import Stream


class Words:
    """A source of `n` words, `delay` seconds apart, that knows how often it was opened and closed."""

    def __init__(self, n: int = 5, delay: float = 0.0, fail: list[Exception] | None = None) -> None:
        self.n, self.delay, self.fail = n, delay, fail or []
        self.opened = self.closed = 0

    async def events(self) -> AsyncGenerator[ev.StreamEvent, None]:
        self.opened += 1
        try:
            if self.fail:
                raise self.fail.pop(0)
            for i in range(self.n):
                yield ev.TextDelta(0, f"w{i} ")
                await asyncio.sleep(self.delay)
            yield ev.RunEnd("stop")
        finally:
            self.closed += 1

    def stream(self, *, restartable: bool = True, portable: bool = True, **options) -> Stream:
        return Stream(
            Source(
                events=self.events,
                restartable=restartable,
                portable=portable,
                model="m",
                provider="p",
            ),
            **options,
        )


WHOLE = "w0 w1 w2 w3 w4 "


def types(stream: Stream) -> list[str]:
    return [ev.event_type(event) for event in stream.events]


def until(condition, timeout: float = 5.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


async def auntil(condition, timeout: float = 5.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        await asyncio.sleep(0.005)


# ── ways to wait ──────────────────────────────────────────────────────────────


async def test_await_gives_the_response():
    stream = Words().stream()
    assert stream.status == "pending"
    response = await stream
    assert str(response) == response.text == stream.text == WHOLE
    assert (response.status, response.finish_reason, response.partial) == ("done", "stop", False)
    assert [event.seq for event in stream.events] == list(range(len(stream.events)))
    assert await stream is not None, "an ended stream can be awaited again"


def test_result_without_a_loop():
    assert Words().stream().result().text == WHOLE


async def test_result_inside_a_running_loop():
    assert Words().stream().result().text == WHOLE


async def test_result_of_a_stream_that_already_runs_on_this_loop():
    stream = Words(delay=0.01).stream()
    stream.start()
    await auntil(lambda: stream.text)
    assert stream.result().text == WHOLE


async def test_result_of_a_source_that_is_bound_to_this_loop():
    words = Words(delay=0.01)
    assert words.stream(portable=False).result().text == WHOLE


def test_result_times_out_and_the_stream_goes_on():
    stream = Words(delay=0.1).stream()
    with pytest.raises(nb.StreamTimeoutError, match="goes on") as raised:
        stream.result(timeout=0.15)
    assert raised.value.partial.startswith("w0")
    assert stream.result().text == WHOLE


async def test_async_iteration():
    stream = Words().stream()
    assert [event async for event in stream] == stream.events
    assert types(stream) == ["run_start", *["text_delta"] * 5, "run_end"]


def test_sync_iteration():
    stream = Words().stream()
    assert list(stream) == stream.events


async def test_sync_iteration_inside_a_running_loop():
    assert "".join(Words().stream().text_deltas()) == WHOLE


async def test_text_deltas():
    stream = Words().stream()
    assert "".join([text async for text in stream.text_deltas()]) == WHOLE


async def test_two_readers_see_everything():
    stream = Words(delay=0.001).stream()

    async def read() -> list:
        return [event async for event in stream]

    first, second = await asyncio.gather(read(), read())
    assert first == second == stream.events


def test_it_runs_on_a_thread_while_the_caller_does_something_else():
    stream = Words(delay=0.005).stream().start()
    until(lambda: stream.ended)
    assert stream.text == WHOLE


# ── leaving is cancelling ─────────────────────────────────────────────────────


async def test_break_closes_the_source():
    words = Words(100, 0.01)
    stream = words.stream()
    async for _ in stream.text_deltas():
        break
    await auntil(lambda: words.closed)
    assert (stream.status, stream.text) == ("stopped", "w0 ")


def test_break_in_sync_code_closes_the_source():
    words = Words(100, 0.01)
    for _ in words.stream().text_deltas():
        break
    until(lambda: words.closed)


async def test_an_exception_in_the_loop_closes_the_source():
    words = Words(100, 0.01)

    async def read() -> None:
        async for _ in words.stream():
            raise KeyError

    with pytest.raises(KeyError):
        await read()
    await auntil(lambda: words.closed)


async def test_dropping_the_stream_closes_the_source():
    words = Words(100, 0.01)
    stream = words.stream().start()
    await auntil(lambda: words.opened)
    del stream
    gc.collect()
    await auntil(lambda: words.closed)


async def test_cancelling_the_await_stops_the_stream():
    words = Words(100, 0.01)
    stream = words.stream()

    async def wait() -> None:
        await stream

    task = asyncio.create_task(wait())
    await auntil(lambda: stream.text)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await auntil(lambda: words.closed)
    assert stream.status == "stopped"


async def test_stop_keeps_the_text_and_ends_normally():
    words = Words(100, 0.01)
    stream = words.stream()
    stream.on(lambda event: stream.stop() if event.seq == 3 else None)
    response = await stream
    assert (response.status, response.finish_reason) == ("stopped", "stopped")
    assert response.partial
    assert response.text == "w0 w1 w2 "
    await auntil(lambda: words.closed)


async def test_stop_from_another_thread():
    words = Words(100, 0.01)
    stream = words.stream().start()
    await auntil(lambda: stream.text)
    threading.Thread(target=stream.stop).start()
    assert (await stream).status == "stopped"
    await auntil(lambda: words.closed)


async def test_stop_before_the_start():
    words = Words()
    stream = words.stream()
    stream.stop()
    assert (await stream).text == ""
    assert types(stream) == ["run_start", "run_end"]
    assert words.opened == 0


async def test_a_source_that_will_not_close_keeps_nobody_waiting():
    async def stubborn():
        yield ev.TextDelta(0, "text")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(60)
            raise
        finally:
            closed.append(True)

    closed: list[bool] = []
    stream = Stream(Source(events=stubborn)).start()
    await auntil(lambda: stream.text)
    stream.stop()
    assert (await stream).text == "text"
    assert not closed


def test_interpreter_exit_with_an_open_stream_is_quiet():
    code = """
import asyncio
from nbstream.adapters.sources.source import Source
from nbstream.events import TextDelta
from nbstream.runs.stream import Stream
async def events():
    try:
        while True:
            yield TextDelta(0, "x"); await asyncio.sleep(0.01)
    finally:
        print("closed")
stream = Stream(Source(events=events)).start()
next(stream.text_deltas().__iter__())
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (run.stdout, run.stderr, run.returncode) == ("closed\n", "", 0)


# ── callbacks ─────────────────────────────────────────────────────────────────


async def test_callbacks_sync_async_and_by_type():
    everything, texts, later = [], [], []

    async def slowly(event):
        await asyncio.sleep(0.001)
        later.append(event)

    stream = Words().stream().on(everything.append).on(texts.append, "text_delta").on(slowly)
    await stream
    assert everything == stream.events
    assert [event.text for event in texts] == ["w0 ", "w1 ", "w2 ", "w3 ", "w4 "]
    assert sorted(later, key=lambda event: event.seq) == stream.events


async def test_a_failing_callback_never_breaks_the_stream():
    async def fails_later(event):
        raise ValueError("later")

    def fails(event):
        raise ValueError("now")

    stream = Words(delay=0.001).stream().on(fails).on(fails_later)
    assert (await stream).text == WHOLE
    assert sorted(w.message for w in stream.transcript.warnings) == [
        "callback fails failed: ValueError: now",
        "callback fails_later failed: ValueError: later",
    ]


# ── retries ───────────────────────────────────────────────────────────────────


async def test_a_failure_before_the_first_token_is_tried_again():
    words = Words(
        fail=[nb.ServerError("down", retry_after=0.01), nb.RateLimitError("slow", retry_after=0)]
    )
    stream = words.stream(retries=2)
    assert (await stream).text == WHOLE
    assert words.opened == 3
    assert stream.transcript.retries[0].reason == "down"
    assert stream.transcript.retries[0].wait >= 0.01


async def test_retries_are_bounded():
    words = Words(fail=[nb.ServerError(f"down {i}", retry_after=0) for i in range(9)])
    with pytest.raises(nb.ServerError, match="down 2"):
        await words.stream(retries=2)
    assert words.opened == words.closed == 3


@pytest.mark.parametrize(
    "error",
    [
        nb.AuthenticationError("no key"),
        nb.ConnectError("refused"),
        nb.RateLimitError("come back in an hour", retry_after=3600),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_would_not_help_is_not_tried_again(error):
    words = Words(fail=[error])
    with pytest.raises(type(error)):
        await words.stream()
    assert words.opened == 1


async def test_nothing_is_said_twice():
    async def breaks():
        yield ev.TextDelta(0, "half an ")
        raise nb.StreamInterruptedError("connection lost")

    stream = Stream(Source(events=breaks, restartable=True), retries=5)
    with pytest.raises(nb.StreamInterruptedError) as raised:
        await stream
    assert raised.value.partial == stream.text == "half an "
    assert not stream.transcript.retries


# ── time limits ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("timeouts", "says"),
    [
        (Timeouts(first=0.05), "for the first token"),
        (Timeouts(first=5, total=0.05), "longer than 0.05 s"),
    ],
)
async def test_limits_before_the_first_token(timeouts, says):
    async def silent():
        await asyncio.sleep(60)
        yield ev.TextDelta(0, "never")

    with pytest.raises(nb.StreamTimeoutError, match=says):
        await Stream(Source(events=silent), timeouts=timeouts)


@pytest.mark.parametrize("timeouts", [Timeouts(between=0.1), Timeouts(total=0.3)])
async def test_limits_after_it_keep_the_text(timeouts):
    words = Words(3, 60)
    with pytest.raises(nb.StreamTimeoutError) as raised:
        await words.stream(timeouts=timeouts)
    assert raised.value.partial == "w0 "
    await auntil(lambda: words.closed)


async def test_a_slow_steady_stream_is_in_time():
    assert (await Words(5, 0.05).stream(timeouts=Timeouts(between=0.5, first=0.5))).text == WHOLE


async def test_a_blocked_loop_is_not_a_silent_server():
    stream = Words(5, 0.01).stream(timeouts=Timeouts(between=0.5)).start()
    await auntil(lambda: stream.text)
    time.sleep(1.6)
    assert (await stream).text == WHOLE


async def test_silence_is_said(monkeypatch):
    monkeypatch.setattr("nbstream.runs.writer.STALL_AFTER", 0.05)
    stream = Words(2, 0.2).stream()
    await stream
    stalls = [event for event in stream.events if isinstance(event, ev.Stall)]
    assert len(stalls) == 2
    assert not stalls[0].first
    assert stream.transcript.stall is None


# ── the end is always legal ───────────────────────────────────────────────────


async def test_what_is_open_is_closed_before_the_error():
    async def breaks():
        yield ev.StepStart("one")
        yield ev.ToolCallStart("c", 0, "search")
        yield ev.ToolCallDelta("c", '{"q": "ha')
        raise nb.StreamInterruptedError("lost")

    stream = Stream(Source(events=breaks))
    with pytest.raises(nb.StreamInterruptedError):
        await stream
    assert types(stream)[3:] == ["tool_call_delta", "tool_call_end", "step_end", "error", "run_end"]
    assert stream.tool_calls[0].arguments_text == '{"q": "ha'


async def test_a_source_that_just_ends_is_incomplete():
    async def ends():
        yield ev.TextDelta(0, "hm")

    response = await Stream(Source(events=ends))
    assert (response.finish_reason, response.partial) == ("unknown", True)


async def test_an_event_out_of_order_becomes_a_warning():
    async def odd():
        yield ev.ToolCallDelta("nobody", "{}")
        yield ev.TextDelta(0, "fine")
        yield ev.RunEnd("stop")
        yield ev.TextDelta(0, "late")

    stream = Stream(Source(events=odd))
    assert (await stream).text == "fine"
    assert "open tool call" in stream.transcript.warnings[0].message


async def test_an_unforeseen_failure_is_an_error_with_its_cause():
    async def breaks():
        yield ev.TextDelta(0, "some")
        raise ZeroDivisionError("by zero")

    with pytest.raises(nb.NbstreamError, match="ZeroDivisionError: by zero") as raised:
        await Stream(Source(events=breaks))
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    assert raised.value.partial == "some"


async def test_secrets_are_masked_in_errors_warnings_and_raw():
    key = "sk-very-secret"

    async def leaks():
        yield ev.Warning("odd line", detail=f"data: {key}")
        yield ev.Raw({"header": key})
        raise nb.AuthenticationError(f"wrong key {key}", hint=f"not {key}", body=f"<{key}>")

    stream = Stream(Source(events=leaks, secrets=(key,)))
    with pytest.raises(nb.AuthenticationError) as raised:
        await stream
    assert key not in "".join(map(repr, stream.events)) + repr(vars(raised.value)) + str(
        raised.value
    )
