"""Streams side by side, against real servers."""

from __future__ import annotations

import asyncio

import pytest

import nbstream as nb
from tests.servers import Request, Server, chat, chat_event


def model(server: Server, name: str) -> nb.OpenAICompatible:
    return nb.OpenAICompatible(f"{server.url}/v1", name)


async def dies(request: Request) -> None:
    request.start()
    await request.send(chat_event({"content": "half an "}))
    await asyncio.sleep(0.05)
    request.reset()


@pytest.fixture
def servers(serve):
    usage = {"prompt_tokens": 3, "completion_tokens": 5}
    fast = serve(chat(["one ", "two ", "three ", "four ", "five"], delay=0.05, usage=usage))
    return fast, serve(chat(["slow ", "but ", "sure"], delay=0.2)), serve(dies)


async def test_models_run_at_once_and_a_failure_is_its_own(servers):
    fast, slow, broken = servers
    group = nb.compare(
        "hello", models=[model(fast, "fast"), model(broken, "broken"), model(slow, "slow")]
    )
    responses = await group
    assert [r.text for r in responses] == ["one two three four five", "half an ", "slow but sure"]
    assert [r.status for r in responses] == ["done", "error", "done"]
    first = group.streams[0]
    first_ended = first.transcript.started_at + (first.metrics.elapsed or 0.0)
    assert all(stream.transcript.started_at < first_ended for stream in group.streams)
    assert group.streams[1].error is not None and group.streams[0].error is None
    rows = group.table()
    assert [row["name"] for row in rows] == ["fast", "broken", "slow"]
    assert rows[0]["output_tokens"] == 5 and rows[0]["token_source"] == "provider"
    assert rows[0]["tokens_per_second"] > rows[2]["tokens_per_second"]
    assert [row["cost"] for row in rows] == [None, None, None]


def test_result_from_synchronous_code(servers):
    fast, slow, broken = servers
    group = nb.compare("hello", models=[model(fast, "m"), model(slow, "m"), model(broken, "m")])
    assert [r.status for r in group.result(30)] == ["done", "done", "error"]
    assert group.names == ["m", "m (2)", "m (3)"]


async def test_result_inside_a_running_loop(servers):
    group = nb.compare("hello", models=[model(servers[0], "a"), model(servers[1], "b")])
    assert [r.text for r in group.result(30)] == ["one two three four five", "slow but sure"]


async def test_stop_one_or_all(serve):
    server = serve(chat([f"w{n} " for n in range(10_000)], delay=0.01))
    group = nb.compare("hello", models=[model(server, "a"), model(server, "b"), model(server, "c")])
    group.start()
    waiting = asyncio.ensure_future(_result(group))
    while not all(stream.text for stream in group.streams):
        await asyncio.sleep(0.01)
    group.stop(1)
    await asyncio.sleep(0.1)
    assert [s.status for s in group.streams] == ["running", "stopped", "running"]
    group.stop()
    assert [r.status for r in await waiting] == ["stopped"] * 3
    assert all(r.text for r in group.responses)


async def _result(group: nb.StreamGroup):
    return await group


async def test_cancelling_the_wait_stops_them_all(serve):
    server = serve(chat([f"w{n} " for n in range(10_000)], delay=0.01))
    group = nb.compare("hello", models=[model(server, "a"), model(server, "b")])
    waiting = asyncio.ensure_future(_result(group))
    await asyncio.sleep(0.3)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert [s.status for s in group.streams] == ["stopped", "stopped"]


async def test_rerun_one_and_pick_a_winner(servers):
    fast, slow, _ = servers
    group = nb.compare("hello", models=[model(fast, "a"), model(slow, "b")])
    changes = []
    group.on_change(lambda: changes.append(group.winner))
    await group
    old = group.streams[0]
    group.pick(0)
    assert group.winner is old and group.table()[0]["winner"]
    new = group.rerun(0)
    assert group.winner is None and group.streams[0] is new is not old
    await group
    assert new.text == old.text and len(fast.requests) == 2 and len(slow.requests) == 1
    assert changes == [old, None]


async def test_given_streams(servers):
    fast, slow, _ = servers
    streams = [
        nb.stream("hello", model=model(fast, "m"), title="cold", temperature=0),
        nb.stream("hello", model=model(slow, "m"), title="warm", temperature=1),
    ]
    group = nb.compare(streams)
    await group
    assert group.names == ["cold", "warm"] and group.streams == streams
    await group.rerun(1)
    assert [r.json["temperature"] for r in slow.requests] == [1, 1]

    async def words():
        yield "a"

    once = nb.compare([nb.show(words())])
    await once
    with pytest.raises(nb.UsageError, match="read once"):
        once.rerun(0)


async def test_a_data_frame(servers):
    pandas = pytest.importorskip("pandas")
    group = nb.compare("hello", models=[model(servers[0], "a")])
    await group
    frame = group.to_pandas()
    assert isinstance(frame, pandas.DataFrame) and list(frame["name"]) == ["a"]


@pytest.mark.parametrize("wrong", [{"models": []}, {}])
def test_nothing_to_compare(wrong):
    with pytest.raises(nb.UsageError):
        nb.compare("hello", **wrong)


async def test_the_saved_form_has_every_answer_and_no_script(servers):
    from nbstream.widgets.group import GroupView

    fast, slow, broken = servers
    group = nb.compare("hello", models=[model(fast, "<b>a"), model(slow, "b"), model(broken, "c")])
    view = GroupView(group)
    ended = []
    view.when_ended(lambda: ended.append(view.forms()))
    await group
    group.pick(1)
    html = ended[-1]["text/html"]
    assert "one two three four five" in html and "slow but sure" in html and "half an" in html
    assert "★ b" in html and "&lt;b&gt;a" in html and "<b>a" not in html
    assert f'data-nbstream="{view.uid}"' in html and html.count("data-nbstream") == 1
    assert "data:image/svg+xml" in html and "<script" not in html
    assert view.winner == 1
