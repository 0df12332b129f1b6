"""A run is a log: one writer, any number of readers, in this process and in others."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import pytest

import nbstream as nb
from nbstream.adapters.sources.source import Source
from nbstream.events import Error, RunEnd, RunStart, TextDelta, event_type
from nbstream.logs.recording import Recorder, read_recording
from nbstream.runs.stream import Stream
from tests.servers import Server, chat

WORDS = [f"w{n} " for n in range(300)]


def model(server: Server) -> nb.OpenAICompatible:
    return nb.OpenAICompatible(f"{server.url}/v1", "m")


def until(condition, timeout: float = 10.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


# ── readers ───────────────────────────────────────────────────────────────────


def test_two_streams_follow_one_run_and_agree(serve, tmp_path):
    server = serve(chat(WORDS[:50], delay=0.01))
    stream = nb.stream("x", model(server), log=tmp_path).start()
    assert Path(stream.url).parent == tmp_path
    followers = [nb.attach(stream.url), nb.attach(stream.url)]
    texts = [follower.result().text for follower in followers]
    whole = stream.result()
    assert texts == [whole.text, whole.text]
    for follower in followers:
        assert follower.events == stream.events, "numbers, times and ids are the writer's"
        assert follower.transcript.run_id == stream.transcript.run_id
        assert follower.metrics.to_dict() == stream.metrics.to_dict()
        assert follower.source.recorded is False
    assert len(server.requests) == 1


def test_a_follower_in_another_process_stops_the_run(serve, tmp_path):
    server = serve(chat(WORDS, delay=0.05))
    stream = nb.stream("x", model(server), log=tmp_path / "run.jsonl").start()
    until(lambda: stream.text)
    code = f"""
import nbstream as nb
s = nb.attach({stream.url!r})
for text in s.text_deltas():
    break                       # leaving is not stopping
assert s.status == "running"
s.stop()
print(s.result().status)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("stopped\n", "")
    assert stream.status == "stopped"
    until(lambda: server.requests[0].closed_at is not None)
    assert list(tmp_path.iterdir()) == [tmp_path / "run.jsonl"], "no request is left behind"


def test_a_run_whose_writer_died_ends_once_for_all(tmp_path):
    path = tmp_path / "run.jsonl"
    code = f"""
import os, signal, nbstream as nb
s = nb.stream("x", nb.Scripted(["one ", "two ", "three"], delay=0.1), log={str(path)!r})
for text in s.text_deltas():
    if text == "two ":
        os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code], timeout=60, check=False)
    path.write_bytes(path.read_bytes() + b'{"type":"text_delta","block":0,"te')
    followers = [nb.attach(path), nb.attach(path)]
    for follower in followers:
        with pytest.raises(nb.StreamInterruptedError) as raised:
            follower.result(timeout=20)
        assert raised.value.partial == follower.text == "one two "
    ends = [event for event in read_recording(path) if isinstance(event, (Error, RunEnd))]
    assert [event_type(event) for event in ends] == ["error", "run_end"]
    assert [event.seq for event in read_recording(path)] == list(range(len(followers[0].events)))


def test_a_second_writer_is_refused_and_harms_nothing(tmp_path):
    path = tmp_path / "run.jsonl"
    first = Recorder(path)
    first(RunStart("r"))
    first(TextDelta(0, "kept"))
    for writer in (
        lambda: nb.stream("x", "demo").record(path),
        lambda: nb.stream("x", "demo", log=path),
    ):
        with pytest.raises(nb.UsageError, match=r"being written|holds a run"):
            writer()
    first(RunEnd("stop"))
    assert [event_type(e) for e in read_recording(path)] == ["run_start", "text_delta", "run_end"]


def test_what_is_no_run_is_said_so(tmp_path):
    with pytest.raises(nb.UsageError, match="There is no run"):
        nb.attach(tmp_path / "nothing.jsonl")


def test_detached_it_goes_on_when_it_is_left_and_dropped(tmp_path):
    stream = nb.stream("x", nb.Scripted(WORDS[:20], delay=0.02), log=tmp_path / "run.jsonl")
    stream.detach()
    for _ in stream.text_deltas():
        break
    url = stream.url
    del stream
    gc.collect()
    assert nb.attach(url).result().text == "".join(WORDS[:20])


# ── the writer ────────────────────────────────────────────────────────────────


async def test_one_event_object_given_many_times_is_numbered_each_time():
    same = TextDelta(0, "again ")

    async def events():
        for _ in range(3):
            yield same
        yield RunEnd("stop")

    for portable in (True, False):
        stream = Stream(Source(events=events, portable=portable))
        assert (await stream).text == "again again again "
        assert [event.seq for event in stream.events] == [0, 1, 2, 3, 4]
    assert (same.seq, same.time) == (0, 0.0)


async def test_and_inside_an_agent():
    same = TextDelta(0, "again ")

    class Repeating(nb.ChatModel):
        async def events(self, request):
            for _ in range(3):
                yield same
            yield RunEnd("stop")

    stream = nb.Agent(Repeating()).stream("x")
    assert (await stream).text == "again again again "
    assert [event.seq for event in stream.events] == list(range(len(stream.events)))


async def test_a_blocked_loop_neither_stops_a_stream_nor_changes_its_times(serve):
    server = serve(chat(WORDS[:40], delay=0.02))
    stream = nb.stream("x", model(server)).start()
    time.sleep(2.0)  # this loop is blocked; the stream is not
    assert stream.text == "".join(WORDS[:40])
    metrics = (await stream).metrics
    assert not metrics.stalls
    assert metrics.elapsed is not None and metrics.elapsed < 2.0


def test_nothing_is_patched_by_a_plain_run():
    code = """
import asyncio, sys
import nbstream as nb
async def main():
    nb.stream("x", nb.Demo(speed=0)).result()
    list(nb.stream("x", nb.Demo(speed=0)))
    await nb.stream("x", nb.Demo(speed=0))
asyncio.run(main())
print("nest_asyncio" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("False\n", "")


async def test_callbacks_run_where_they_were_registered():
    heard: set[str] = set()
    stream = Stream(Source(events=_words))
    stream.on(lambda _: heard.add(threading.current_thread().name))
    await stream
    assert heard == {threading.current_thread().name}


async def _words():
    for word in WORDS[:5]:
        yield TextDelta(0, word)
        await asyncio.sleep(0.01)
    yield RunEnd("stop")


# ── what user code throws ─────────────────────────────────────────────────────


def exits(*_):
    sys.exit(4)


def generator():
    yield "a"
    sys.exit(5)


async def async_generator():
    yield "a"
    raise SystemExit(6)


def test_system_exit_ends_its_own_run_and_no_other():
    asked = nb.stream("x", nb.Scripted("ok", delay=0.01)).on(exits)
    assert asked.result().text.strip() == "ok"
    assert "SystemExit: 4" in asked.transcript.warnings[0].message
    for source in (generator(), async_generator()):
        with pytest.raises(nb.NbstreamError, match="SystemExit") as raised:
            nb.show(source).result()
        assert raised.value.partial == "a"
    assert nb.stream("x", nb.Scripted("ok", delay=0)).result().text.strip() == "ok"


async def test_an_interrupt_in_a_callback_stops_the_run():
    def interrupted(_):
        raise KeyboardInterrupt

    stream = Stream(Source(events=_words)).on(interrupted, "text_delta")
    assert (await stream).status == "stopped"


def test_an_interrupt_while_a_loop_waits_stops_the_run(serve):
    server = serve(chat(WORDS, delay=0.2))
    code = f"""
import os, signal, sys, threading, time
import nbstream as nb
s = nb.stream("x", nb.OpenAICompatible("{server.url}/v1", "m"))
threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    for text in s.text_deltas():
        pass
except KeyboardInterrupt:
    error = sys.exc_info()      # the traceback holds the loop's frame
time.sleep(0.5)
print(s.status)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("stopped\n", "")
    until(lambda: server.requests[0].closed_at is not None)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_forked_child_has_a_thread_of_its_own():
    code = """
import multiprocessing as mp
import nbstream as nb
def ask(): return nb.stream("x", nb.Scripted("ok", delay=0)).result(timeout=10).text.strip()
def child(queue): queue.put(ask())
ask()
context = mp.get_context("fork")
queue = context.Queue()
process = context.Process(target=child, args=(queue,), daemon=True)
process.start()
print(queue.get(timeout=20))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "ok\n", done.stderr


def test_a_full_disk_ends_the_recording_and_not_the_run(serve, tmp_path):
    resource = pytest.importorskip("resource")
    server = serve(chat(WORDS, delay=0.0))
    code = f"""
import resource, signal
import nbstream as nb
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))
for raw in (False, True):
    s = nb.stream("x", nb.OpenAICompatible("{server.url}/v1", "m"))
    s.record(f"{tmp_path}/{{raw}}.jsonl", raw)
    print(len(s.result().text.split()), any("ended early" in w.message for w in s.transcript.warnings))
"""
    assert resource is not None
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "300 True\n300 True\n", done.stderr


# ── what is left ──────────────────────────────────────────────────────────────


def test_a_finished_stream_that_was_shown_is_free_to_go():
    view_of = nb.StreamView
    stream = nb.stream("x", nb.Scripted(WORDS, delay=0))
    view = view_of(stream)
    stream.result()
    reference = weakref.ref(stream)
    del stream
    gc.collect()
    assert reference() is None
    assert view.stream.text == "".join(WORDS), "it can be had again"
    assert view.text == "".join(WORDS)
    state = view.get_state()
    assert "".join(e.get("text", "") for e in state["snapshot"]["events"]) == "".join(WORDS)
    assert state["snapshot"]["metrics"]["output_tokens"]
