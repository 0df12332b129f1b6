from __future__ import annotations

import time

import pytest

import nbstream as nb
from nbstream.events import Warning
from tests.servers import chat


@pytest.fixture
def prices():
    nb.configure(prices={"test-model": (1.0, 1000.0)})
    yield
    nb.configure(prices=None)


def ask(server, **limits) -> nb.Stream:
    model = nb.OpenAICompatible(f"{server.url}/v1", "test-model")
    return nb.stream("Go on.", model=model, **limits)


async def test_max_cost_stops_where_the_money_ends(serve, prices):
    server = serve(chat([f"w{n} " for n in range(5000)], delay=0.001))
    stream = ask(server, max_cost=0.1)  # a tenth of a cent a token
    response = await stream
    assert response.status == "stopped" and response.partial
    assert 100 <= stream.metrics.output_tokens <= 132
    (warning,) = [e for e in stream.events if isinstance(e, Warning)]
    assert "max_cost=$0.1" in warning.message


async def test_max_seconds_also_ends_a_silence(serve):
    server = serve(chat(["one ", "two ", "three"], delay=30))
    began = time.monotonic()
    stream = ask(server, max_seconds=0.5)
    response = await stream
    assert response.status == "stopped"
    assert time.monotonic() - began >= 0.5
    assert server.requests[0].finished_at is None
    assert any("max_seconds=0.5" in w.message for w in stream.transcript.warnings)


async def test_a_run_within_its_budget_is_left_alone(serve, prices):
    server = serve(chat(["one ", "two"], usage={"prompt_tokens": 3, "completion_tokens": 2}))
    stream = ask(server, max_cost=1, max_seconds=60)
    assert (await stream).status == "done"
    assert stream.metrics.cost == pytest.approx(0.002003)


def test_a_limit_on_an_unknown_price_is_refused():
    with pytest.raises(nb.UsageError, match="price of demo is not known") as caught:
        nb.stream("hello", model="demo", max_cost=1)
    assert "configure" in str(caught.value)


@pytest.mark.parametrize("limits", [{"max_cost": 0}, {"max_seconds": -1}])
def test_limits_are_positive(limits):
    with pytest.raises(nb.UsageError, match="greater than 0"):
        nb.stream("hello", model="demo", **limits)
