"""The live view of a batch: its progress, and the stream of any prompt when it is opened."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import traitlets as t
from markupsafe import Markup

from nbstream.batches.batch import StreamBatch
from nbstream.render.saved import marker
from nbstream.wire.protocol import BatchRequest, Open, Progress, Stop, request

from .base import PageWidget
from .stream import StreamView

#: Seconds between two updates, and over which the rate is taken.
INTERVAL = 0.2
RATE_SECONDS = 2.0
#: Prompts whose answers the saved form holds.
MOST_SAVED = 500

_NONE = Markup("")
_ITEM = Markup(
    '<details><summary>{}. {} · {}</summary><pre style="white-space:pre-wrap">{}</pre></details>'
)
_MORE = Markup("<div>and {} more</div>")
_BATCH = Markup('<div class="nbstream-static"{}><div><b>{}</b></div>{}{}</div>')


class BatchView(PageWidget):
    """Progress of many streams. `states` has one letter a prompt: `.` waits, `r` runs, `d` done, `e` failed,
    `s` stopped. `figures`: tokens, tokens_per_second (over the last seconds), elapsed in seconds, cost in US
    dollars. `opened` is the widget of the stream that is looked at."""

    _kind = "batch"

    states = t.Unicode().tag(sync=True)
    labels = t.List(t.Unicode()).tag(sync=True)
    figures = t.Dict().tag(sync=True)
    opened = t.Unicode().tag(sync=True)

    #: What shows the opened stream.
    pane: type[StreamView] = StreamView

    def __init__(self, batch: StreamBatch) -> None:
        self.batch = batch
        self._shown: StreamView | None = None
        self._seen: deque[tuple[float, int]] = deque([(0.0, 0)])
        self._ticking = False
        self._when_ended: list[Callable[[], None]] = []
        super().__init__(labels=batch.labels, states=batch.states())
        self.on_msg(self._heard)
        batch.on_change(self._changed)

    def when_ended(self, callback: Callable[[], None]) -> None:
        """Call `callback()` once, when the last stream has ended."""
        self._when_ended.append(callback)
        if self.batch.ended:
            self._look()

    def release(self) -> None:
        self.batch.stop()
        self.close()

    def _changed(self) -> None:
        if self.batch.ended:
            self._look()
        elif not self._ticking:
            self._ticking = True
            self._tick(asyncio.get_running_loop())

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self.batch.ended:
            self._look()
            loop.call_later(INTERVAL, self._tick, loop)

    def _look(self) -> None:
        batch = self.batch
        tokens = sum(stream.metrics.output_tokens for stream in batch.streams)
        now = batch.elapsed
        self._seen.append((now, tokens))
        while len(self._seen) > 2 and now - self._seen[0][0] > RATE_SECONDS:
            self._seen.popleft()
        since, before = (0.0, 0) if batch.ended else self._seen[0]
        figures: Progress = {"tokens": tokens, "elapsed": round(now, 2)}
        if now > since:
            figures["tokens_per_second"] = round((tokens - before) / (now - since), 1)
        costs = [stream.metrics.cost for stream in batch.streams if stream.ended]
        if batch.ended and costs and None not in costs:
            figures["cost"] = round(sum(cost or 0 for cost in costs), 6)
        with self.hold_sync():
            self.figures = figures
            self.states = batch.states()
        if batch.ended:
            callbacks, self._when_ended = self._when_ended, []
            for callback in callbacks:
                callback()

    def _heard(self, _: Any, message: Any, _buffers: Any) -> None:
        match request(message, BatchRequest):
            case Stop():
                self.batch.stop()
            case Open(index):
                self._open(index)

    def _open(self, index: int | None) -> None:
        old, self._shown = self._shown, None
        if index is not None and 0 <= index < len(self.batch.streams):
            self._shown = self.pane(self.batch.streams[index])
            self._shown.stops_unseen = False
        with self.hold_sync():
            self.opened = self._shown.uid if self._shown else ""
            self.children = [self._shown.model_id] if self._shown else []
        if old is not None:
            old.close()

    def forms(self) -> dict[str, Any]:
        """The saved forms of the batch as it is now."""
        rows = self.batch.table()
        done = sum(row["status"] == "done" for row in rows)
        failed = sum(row["status"] == "error" for row in rows)
        line = f"{done} of {len(rows)} answered, {failed} failed, {self.batch.elapsed:.1f} s"
        items = _NONE.join(
            _ITEM.format(n, row["prompt"], row["error"] or row["status"], row["text"])
            for n, row in enumerate(rows[:MOST_SAVED], 1)
        )
        more = _MORE.format(len(rows) - MOST_SAVED) if len(rows) > MOST_SAVED else _NONE
        return {
            "text/html": str(_BATCH.format(marker(self.uid, self.batch.ended), line, items, more)),
            "text/plain": line,
        }
