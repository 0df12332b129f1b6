"""Charts and tables as widgets of their own, to be laid out with ipywidgets and driven from Python."""

from __future__ import annotations

import threading
import time as clock
import weakref
from typing import Any

import traitlets as t

from nbstream.events import StreamEvent
from nbstream.fold.tables import names_of, row_of
from nbstream.runs.portal import portal
from nbstream.runs.stream import Stream
from nbstream.wire.protocol import AskPoints, ChartMessage, Clear, Point, request

from .base import PageWidget

#: Seconds between two messages to the page.
INTERVAL = 0.1
#: Points of one series; beyond them every second one is dropped.
MOST_POINTS = 4000


class RateChart(PageWidget):
    """A line chart of values over time.

        chart = nb.RateChart(unit="req/s")
        chart.push(12.5)                       # now, into the first series
        chart.push(3, time=1.5, series="errors")
        nb.RateChart(stream_a, stream_b)       # follows the rates of streams, in tok/s

    `series` (the names, in the order they came), `unit`, `title` and `value` (the value pushed last) can be
    observed and, but for `value`, set.
    """

    _kind = "chart"

    title = t.Unicode().tag(sync=True)
    unit = t.Unicode("tok/s").tag(sync=True)
    series = t.List(t.Unicode()).tag(sync=True)
    snapshot = t.List().tag(sync=True)
    value = t.Float(None, allow_none=True, read_only=True)

    def __init__(self, *streams: Stream, **traits: Any) -> None:
        self._points: dict[str, list[tuple[float, float]]] = {}
        self._new: list[Point] = []
        self._began: float | None = None
        self._sending = False
        self._lock = threading.Lock()
        traits.setdefault("layout", {"flex": "1 1 auto", "min_width": "320px"})
        super().__init__(**traits)
        self.on_msg(self._heard)
        for name, stream in zip(names_of(streams), streams, strict=True):
            _Follower(self, name, stream)

    def push(self, value: float, time: float | None = None, series: str | None = None) -> None:
        """Add a point; `time` is in seconds, by default since the first push. From any thread."""
        now = clock.monotonic()
        with self._lock:
            if self._began is None:
                self._began = now
            name = series or (self.series[0] if self.series else self.unit)
            if name not in self._points:
                self._points[name] = []
                if name not in self.series:
                    self.series = [*self.series, name]
            at = round(now - self._began if time is None else float(time), 4)
            points = self._points[name]
            points.append((at, float(value)))
            if len(points) > MOST_POINTS:
                del points[1::2]
            self._new.append([self.series.index(name), at, float(value)])
            idle, self._sending = not self._sending, True
        self.set_trait("value", float(value))
        if idle:
            loop = portal()
            loop.call_soon_threadsafe(loop.call_later, INTERVAL, self._deliver)

    def clear(self) -> None:
        """Take all points away."""
        with self._lock:
            self._points, self._new, self._began = {}, [], None
        self._tell(_CLEAR)

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """The points ride only in a full state, as a reloaded page asks for it."""
        state = super().get_state(key, drop_defaults)
        if key is None:
            with self._lock:
                state["snapshot"] = self._all()
        return state

    def _all(self) -> list[Point]:
        places = {name: place for place, name in enumerate(self.series)}
        return [
            [places[name], at, value]
            for name, points in self._points.items()
            for at, value in points
        ]

    def _deliver(self) -> None:
        with self._lock:
            points, self._new, self._sending = self._new, [], False
        if points and self.comm is not None:
            self._tell({"kind": "points", "points": points})

    def _heard(self, _: Any, message: Any, _buffers: Any) -> None:
        if request(message, AskPoints) is not None:
            with self._lock:
                points = self._all()
            self._tell(_CLEAR)
            self._tell({"kind": "points", "points": points})

    def _tell(self, message: ChartMessage) -> None:
        self.send(message)


_CLEAR: Clear = {"kind": "clear"}


class MetricsTable(PageWidget):
    """The figures of streams, a row each, live.

    `rows` can be observed: a dict for each stream with name, status, ttft, tokens_per_second, output_tokens,
    cost, elapsed (times in seconds, cost in US dollars, None where unknown) and finish_reason.
    """

    _kind = "table"

    rows = t.List(t.Dict()).tag(sync=True)

    def __init__(self, *streams: Stream, **traits: Any) -> None:
        self.streams = list(streams)
        self._names = names_of(streams)
        self._updated = 0.0
        super().__init__(**traits)
        for stream in self.streams:
            _Follower(self, "", stream)
        self._update()

    def _update(self) -> None:
        self.rows = [
            row_of(name, stream) for name, stream in zip(self._names, self.streams, strict=True)
        ]


class _Follower:
    """Tells a widget of its stream's progress, some times a second, without keeping the widget alive."""

    def __init__(self, widget: RateChart | MetricsTable, name: str, stream: Stream) -> None:
        self._widget = weakref.ref(widget)
        self._name = name
        self._stream = weakref.ref(stream)
        self._told = -1.0
        stream.follow(self._heard)

    def _heard(self, event: StreamEvent) -> None:
        widget, stream = self._widget(), self._stream()
        if widget is None or stream is None:
            return
        last = stream.metrics.elapsed is not None
        if event.time - self._told < INTERVAL and not last:
            return
        self._told = event.time
        if isinstance(widget, MetricsTable):
            widget._update()
        elif not last and (rate := stream.metrics.current_rate(event.time)) is not None:
            widget.push(rate, event.time, self._name)
