"""The live view of streams side by side: one widget that finds each stream's own view in the page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import traitlets as t
from markupsafe import Markup

from nbstream.batches.group import StreamGroup
from nbstream.render.chart import chart_html
from nbstream.render.saved import marker, to_html, to_markdown, to_text
from nbstream.runs.stream import Stream
from nbstream.wire.protocol import GroupRequest, PickWinner, Rerun, Stop, request

from .base import PageWidget
from .stream import StreamView

_NONE = Markup("")
_ROW = Markup("<tr>{}</tr>")
_HEAD = Markup('<th style="padding:2px 12px 2px 0;text-align:left">{}</th>')
_CELL = Markup('<td style="padding:2px 12px 2px 0;text-align:left">{}</td>')
_PANE = Markup('<details style="margin:6px 0" open><summary><b>{}</b></summary>{}</details>')
_GROUP = Markup('<div class="nbstream-static"{}><table>{}</table>{}{}</div>')
_HEADS = ("", "first token", "tok/s", "tokens", "cost", "time", "finish")


class GroupView(PageWidget):
    """Panes side by side, one chart and one table. `winner` is the place of the picked stream, -1 for none."""

    _kind = "group"
    #: Its form changes after the end too: a winner is picked.
    changes = True

    panes = t.List(t.Unicode()).tag(sync=True)
    names = t.List(t.Unicode()).tag(sync=True)
    winner = t.Int(-1).tag(sync=True)

    #: What shows one stream.
    pane: type[StreamView] = StreamView

    def __init__(self, group: StreamGroup, **options: Any) -> None:
        self.group = group
        self._options = {**options, "chart": False}
        self._when_ended: list[Callable[[], None]] = []
        self.views = [self._view(stream) for stream in group.streams]
        super().__init__(names=group.names, **self._places())
        self.on_msg(self._heard)
        group.on_change(self._changed)

    def when_ended(self, callback: Callable[[], None]) -> None:
        """Call `callback()` each time all streams have ended or the winner has changed after that."""
        self._when_ended.append(callback)
        self._look()

    def needs(self, loop: asyncio.AbstractEventLoop) -> bool:
        return any(view.needs(loop) for view in self.views)

    def release(self) -> None:
        self.group.stop()
        for view in self.views:
            view.close()
        self.close()

    def forms(self) -> dict[str, Any]:
        """The saved forms of the group as it is now."""
        group = self.group
        runs = list(zip(group.names, group.streams, strict=True))
        return {
            "text/html": self._html(),
            "text/markdown": "\n\n".join(
                f"**{name}**\n\n{to_markdown(stream.transcript)}" for name, stream in runs
            ),
            "text/plain": "\n\n".join(
                f"[{name}] {to_text(stream.transcript)}" for name, stream in runs
            ),
        }

    def _view(self, stream: Any) -> StreamView:
        view = self.pane(stream, **self._options)
        view.when_ended(self._look)
        return view

    def _places(self) -> dict[str, list[str]]:
        return {
            "panes": [view.uid for view in self.views],
            "children": [view.model_id for view in self.views],
        }

    def _look(self) -> None:
        if self.group.ended:
            for callback in self._when_ended:
                callback()

    def _changed(self) -> None:
        streams = self.group.streams
        for i, stream in enumerate(streams):
            if not self.views[i].shows(stream):
                self.views[i].close()
                self.views[i] = self._view(stream)
        with self.hold_sync():
            for name, value in self._places().items():
                setattr(self, name, value)
        self.winner = next((i for i, each in enumerate(streams) if each is self.group.winner), -1)
        self._look()

    def _heard(self, _: Any, message: Any, _buffers: Any) -> None:
        match request(message, GroupRequest):
            case Stop():
                self.group.stop()
            case Rerun(index) if 0 <= index < len(self.views):
                self.group.rerun(index)
            case PickWinner(index):
                known = index is not None and 0 <= index < len(self.views)
                self.group.pick(index if known else None)

    def _html(self) -> str:
        rows = self._rows()
        # A column that nobody fills is not shown.
        shown = [n for n, head in enumerate(_HEADS) if not head or any(row[n] for row in rows)]
        table = _row(_HEAD, _HEADS, shown) + _NONE.join(_row(_CELL, row, shown) for row in rows)
        runs = list(zip(self.group.names, self.group.streams, strict=True))
        panes = _NONE.join(_PANE.format(name, _html_of(stream)) for name, stream in runs)
        chart = _NONE
        if self.group.ended:
            chart = chart_html([(name, stream.metrics, None) for name, stream in runs])
        return str(_GROUP.format(marker(self.uid, self.group.ended), table, panes, chart))

    def _rows(self) -> list[list[str]]:
        def shown(value: float | None, form: str) -> str:
            return "" if value is None else form.format(value)

        def sign(row: dict[str, Any]) -> str:
            return "" if row["token_source"] in ("provider", "server") else "~"

        return [
            [
                f"★ {row['name']}" if row["winner"] else row["name"],
                shown(row["ttft"], "{:.2f} s"),
                shown(row["tokens_per_second"], sign(row) + "{:,.0f}"),
                shown(row["output_tokens"] or None, sign(row) + "{:,}"),
                shown(row["cost"], "${:.4f}"),
                shown(row["elapsed"], "{:.1f} s"),
                row["finish_reason"] or row["status"],
            ]
            for row in self.group.table()
        ]


def _row(cell: Markup, texts: Sequence[str], shown: Iterable[int]) -> Markup:
    return _ROW.format(_NONE.join(cell.format(texts[n]) for n in shown))


def _html_of(stream: Stream) -> Markup:
    form = to_html(stream.transcript, stream.metrics, format=stream.format, chart=False)
    return Markup(form)  # escaped where it was made
