"""The border between kernel and page: what is declared is what travels."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints, is_typeddict

import anywidget
import msgspec
import pytest
import traitlets as t
from hypothesis import given
from hypothesis import strategies as st

import nbstream as nb
from nbstream.batches.batch import StreamBatch
from nbstream.batches.group import StreamGroup
from nbstream.fold.metrics import Metrics
from nbstream.widgets import base, batch, chart, group, marimo, stream
from nbstream.wire import protocol
from nbstream.wire.bundle import front_end
from nbstream.wire.frames import figures

ROOT = Path(__file__).parents[1]
SHAPES = {
    base.Runtime: protocol.RuntimeTraits,
    base.PageWidget: protocol.WidgetTraits,
    stream.StreamView: protocol.StreamTraits,
    group.GroupView: protocol.GroupTraits,
    batch.BatchView: protocol.BatchTraits,
    chart.RateChart: protocol.ChartTraits,
    chart.MetricsTable: protocol.TableTraits,
    marimo.MarimoView: protocol.StreamTraits,
    marimo.MarimoGroup: protocol.GroupTraits,
    marimo.MarimoBatch: protocol.BatchTraits,
}


def test_the_types_of_the_page_are_made_of_this_package():
    subprocess.run([sys.executable, "js/protocol.py", "--check"], cwd=ROOT, check=True)


def test_every_widget_has_a_shape():
    def below(cls: type) -> set[type]:
        return {cls}.union(*(below(each) for each in cls.__subclasses__()))

    parts = {marimo.Pane, marimo.Whole}
    rooms = {
        cls
        for cls in below(anywidget.AnyWidget)
        if cls.__module__.startswith("nbstream.")
        and getattr(sys.modules[cls.__module__], cls.__name__) is cls
    }
    assert rooms - parts == set(SHAPES)


@pytest.mark.parametrize("widget", SHAPES)
def test_the_traits_of_a_widget_are_its_shape(widget):
    shape = get_type_hints(SHAPES[widget])
    own = widget.class_traits(sync=True).keys() - anywidget.AnyWidget.class_traits().keys()
    assert own - {"_esm", "_css"} == shape.keys()
    for name, declared in shape.items():
        assert fits(widget.class_traits()[name], declared), name


def fits(trait: t.TraitType | None, declared: Any) -> bool:
    origin, parts = get_origin(declared), get_args(declared)
    match trait:
        case None:
            return True
        case t.Enum():
            return origin is Literal and set(trait.values or ()) == set(parts)
        case t.Unicode():
            return declared is str
        case t.Bool():
            return declared is bool
        case t.Int():
            return declared is int
        case t.List():
            return origin is list and fits(trait._trait, parts[0])
        case t.Dict():
            return is_typeddict(declared)
    return False


class Page:
    """Everything a widget sends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.heard: list[dict[str, Any]] = []

        def send(_: Any, message: Any, *_args: Any) -> None:
            self.heard.append(json.loads(json.dumps(message)))

        for room in (base, stream):
            monkeypatch.setattr(room, "send", send)
        monkeypatch.setattr(chart.RateChart, "send", send)


@pytest.fixture
def page(monkeypatch):
    return Page(monkeypatch)


def conforms(message: dict[str, Any]) -> bool:
    shapes = {
        get_type_hints(shape)["kind"].__args__[0]: shape
        for union in (protocol.FromKernel, protocol.ChartMessage, protocol.RuntimeMessage)
        for shape in get_args(union)
    }
    shape = shapes[message["kind"]]
    msgspec.convert(message, shape)
    if "metrics" in message:
        msgspec.convert(message["metrics"], protocol.Figures)
        assert message["metrics"].keys() <= set(protocol.Figures.__struct_fields__)
    return message.keys() <= get_type_hints(shape).keys()


async def test_what_is_sent_is_what_is_declared(page):
    s = nb.stream("hello", model="demo")
    view = stream.StreamView(s)
    await s
    for message in [{"kind": "hello", "have": 0}, {"kind": "history"}, {"kind": "stop"}]:
        view._heard(view, message, [])
    points = chart.RateChart()
    points.push(1.5)
    points._deliver()
    points._heard(points, {"kind": "hello", "have": 0}, [])
    page.heard += [front_end({"kind": "bundle"}) or {}, dict(view.beat())]
    while not any(message["kind"] == "history" for message in page.heard):
        await asyncio.sleep(0.02)
    assert all(conforms(message) for message in page.heard)
    kinds = {message["kind"] for message in page.heard}
    assert kinds >= {"frame", "history", "ack", "beat", "points", "clear", "bundle"}

    table = chart.MetricsTable(s)
    state = json.loads(json.dumps({**view.get_state(), "rows": table.rows}))
    msgspec.convert({**state, "rows": state["rows"]}, protocol.StreamTraits)
    msgspec.convert(state["rows"], list[protocol.Row])
    msgspec.convert(state["snapshot"]["metrics"], protocol.Figures)


def test_figures_are_complete_and_details_are_figures():
    known = {name for name, value in figures(Metrics(), 0).items() if value is not None}
    assert known == {"output_tokens", "token_source", "decode_time", "tool_time", "deltas"}
    assert set(protocol.DETAILS) <= set(protocol.Figures.__struct_fields__)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
messages = json_values | st.fixed_dictionaries(
    {"kind": st.sampled_from("hello stop history watch approve bundle module ready open".split())},
    optional=dict.fromkeys(("have", "index", "name", "call_id", "decision"), json_values),
)


@given(messages)
def test_garbage_is_ignored(message):
    unions = (protocol.ToKernel, protocol.RuntimeRequest, protocol.GroupRequest)
    for union in (*unions, protocol.BatchRequest, protocol.AskPoints):
        found = protocol.request(message, union)
        assert found is None or isinstance(found, union)


def test_widgets_ignore_garbage(page):
    nothing = (
        StreamGroup([lambda: nb.stream("hello", model="demo")]),
        StreamBatch([nb.stream("hello", model="demo")], 1, ["a"]),
    )
    widgets = [
        stream.StreamView(nb.stream("hello", model="demo")),
        group.GroupView(nothing[0]),
        batch.BatchView(nothing[1]),
        chart.RateChart(),
    ]
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    page.heard.clear()
    for widget in widgets:
        for message in [None, 3, "stop", [], {}, {"kind": 1}, {"kind": "x"}, {"kind": [1]}, deep]:
            widget._heard(widget, message, [])
            widget._asked(widget, message, [])
        widget._heard(widget, {"kind": "rerun", "index": 99}, [])
        widget._heard(widget, {"kind": "open", "index": "0"}, [])
    assert page.heard == []
