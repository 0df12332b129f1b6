"""Charts and tables as widgets: what is pushed, kept, said and observed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import nbstream as nb
from nbstream.widgets.chart import MOST_POINTS
from tests.servers import chat


@pytest.fixture
def said(monkeypatch) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    monkeypatch.setattr(nb.RateChart, "send", lambda _, message: messages.append(message))
    return messages


async def test_points_go_out_together_and_are_said_again(said):
    chart = nb.RateChart(unit="req/s", title="Load")
    seen: list[float] = []
    chart.observe(lambda change: seen.append(change["new"]), "value")
    for n in range(50):
        chart.push(n, time=n / 10)
    chart.push(1.5, time=2, series="errors")
    while not said:
        await asyncio.sleep(0.01)
    (message,) = said
    assert message["kind"] == "points" and len(message["points"]) == 51
    assert message["points"][-1] == [1, 2.0, 1.5]
    assert chart.series == ["req/s", "errors"] and chart.value == 1.5
    assert seen[:3] == [0.0, 1.0, 2.0]
    chart._heard(chart, {"kind": "hello"}, [])
    assert [m["kind"] for m in said[1:]] == ["clear", "points"]
    assert len(said[2]["points"]) == 51
    assert len(chart.get_state()["snapshot"]) == 51
    assert chart.get_state("title") == {"title": "Load"}


async def test_a_long_series_is_thinned(said):
    chart = nb.RateChart()
    for n in range(20_000):
        chart.push(n)
    assert len(chart.get_state()["snapshot"]) <= MOST_POINTS + 1
    chart.clear()
    assert chart.get_state()["snapshot"] == []


async def test_a_chart_and_a_table_follow_streams(serve):
    server = serve(chat([f"w{n} " for n in range(60)], delay=0.01, usage={"completion_tokens": 60}))
    model = nb.OpenAICompatible(f"{server.url}/v1", "m")
    streams = [nb.stream("hello", model=model, title=title) for title in ("a", "b")]
    chart, table = nb.RateChart(*streams), nb.MetricsTable(*streams)
    rows: list[list[dict]] = []
    table.observe(lambda change: rows.append(change["new"]), "rows")
    assert [row["status"] for row in table.rows] == ["pending", "pending"]
    await asyncio.gather(*(_end(stream) for stream in streams))
    assert chart.series in (["a", "b"], ["b", "a"])
    assert chart.value is not None and 20 < chart.value < 200
    assert [row["status"] for row in table.rows] == ["done", "done"]
    assert [row["output_tokens"] for row in table.rows] == [60, 60]
    assert 3 < len(rows) < 40


async def _end(stream: nb.Stream) -> None:
    await stream


def test_they_lay_out_with_other_widgets():
    import ipywidgets

    view = nb.StreamView(nb.stream("hello", model="demo"))
    box = ipywidgets.VBox([nb.RateChart(), nb.MetricsTable(), view])
    assert len(box.children) == 3
