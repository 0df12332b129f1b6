"""Many prompts at once, against a real server."""

from __future__ import annotations

import asyncio

import pytest

import nbstream as nb
from tests.servers import Request, Server, chat, chat_event


class Flaky:
    """Answers with the prompt's number; every tenth request fails, some before and some after the first token."""

    def __init__(self, delay: float = 0.01) -> None:
        self.delay = delay
        self.now = self.most = 0

    async def __call__(self, request: Request) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            number = int(request.json["messages"][-1]["content"])
            if number % 20 == 0:
                await asyncio.sleep(0.02)
                await request.respond(400, {"error": {"message": f"no {number}"}})
            elif number % 10 == 0:
                request.start()
                await request.send(chat_event({"content": "half "}))
                await asyncio.sleep(0.02)
                request.reset()
            else:
                await chat([f"answer {number} ", "is ", "here"], delay=self.delay)(request)
        finally:
            self.now -= 1


def ask(server: Server, count: int, concurrency: int) -> nb.StreamBatch:
    model = nb.OpenAICompatible(f"{server.url}/v1", "test-model")
    return nb.gather(
        [str(n) for n in range(1, count + 1)], model, concurrency=concurrency, retries=0
    )


async def test_200_prompts_in_order_with_failures(serve):
    flaky = Flaky()
    batch = ask(serve(flaky), 200, 32)
    responses = await batch
    assert len(responses) == 200
    for number, response in enumerate(responses, 1):
        if number % 10:
            assert response.text == f"answer {number} is here"
        else:
            assert response.status == "error"
            assert response.text == ("" if number % 20 == 0 else "half ")
    assert sorted(batch.errors) == list(range(9, 200, 10))
    assert "no 20" in batch.errors[19].message
    assert 16 < flaky.most <= 32
    assert batch.states() == ("d" * 9 + "e") * 20
    assert batch.ended and batch.elapsed > 0


def test_result_from_synchronous_code(serve):
    batch = ask(serve(Flaky()), 12, 4)
    assert [r.status for r in batch.result(60)].count("done") == 11


async def test_result_inside_a_running_loop(serve):
    assert len(ask(serve(Flaky()), 5, 2).result(60)) == 5


async def test_stop_begins_nothing_more(serve):
    server = serve(chat([f"w{n} " for n in range(10_000)], delay=0.01))
    batch = ask(server, 50, 5).start()
    while batch.states().count("r") < 5 or not all(s.text for s in batch.streams[:5]):
        await asyncio.sleep(0.01)
    batch.stop()
    responses = await batch
    assert batch.states() == "sssss" + "." * 45
    assert all(r.text for r in responses[:5])
    assert len(server.requests) == 5


async def test_the_view_counts_and_opens(serve):
    from nbstream.widgets.batch import BatchView

    batch = ask(serve(Flaky(delay=0.1)), 40, 8)
    view = BatchView(batch)
    states: list[str] = []
    view.observe(lambda change: states.append(change["new"]), "states")
    ended: list[dict] = []
    view.when_ended(lambda: ended.append(view.forms()))
    await batch
    while not ended:
        await asyncio.sleep(0.01)
    assert view.states == ("d" * 9 + "e") * 4
    assert any("r" in state for state in states)
    assert view.figures["tokens"] == 36 * 3 + 2
    view._heard(view, {"kind": "open", "index": 19}, [])
    assert view.opened
    view._heard(view, {"kind": "open", "index": 999}, [])
    assert view.opened == ""
    html = ended[0]["text/html"]
    assert "36 of 40 answered, 4 failed" in html and "answer 7 is here" in html and "no 20" in html


@pytest.mark.parametrize("wrong", [(["a"], {"concurrency": 0}), ("one string", {}), ([""], {})])
def test_what_cannot_be_gathered(wrong):
    prompts, options = wrong
    with pytest.raises(nb.UsageError):
        nb.gather(prompts, "demo", **options)


async def test_nothing_to_gather_is_no_answers():
    assert await nb.gather([], "demo") == []


async def test_a_data_frame(serve):
    pandas = pytest.importorskip("pandas")
    batch = ask(serve(Flaky()), 10, 4)
    await batch
    frame = batch.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame["prompt"]) == [str(n) for n in range(1, 11)]
    assert frame["error"].notna().sum() == 1
