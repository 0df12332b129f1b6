"""Events to frames: what travels from the kernel to a view. Pure policy, no timer and no comm.

A frame holds everything that happened since the frame before, with neighbouring deltas merged into one.
Frames are numbered from 1 without gaps; a view that misses one (jupyter_server drops messages over its
rate limit, ZMQ over its high-water mark, a reload loses all) says which it has and gets the rest.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from nbstream.events import (
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    to_builtins,
)
from nbstream.fold.metrics import Metrics
from nbstream.logs.event_list import EventList

from .protocol import Beat, Figures, Frame, Frames, Grow, News, Snapshot, WireEvent

#: Frames per second for one view, and for all the views of a kernel together. A kernel whose page takes the
#: frames of all its views in one message sends as many messages as one view has frames.
VIEW_RATE = 60.0
KERNEL_RATE = 240.0
#: What a view whose frames hold several deltas has at most: their wait costs less than more messages would.
BUSY_RATE = 48.0

#: Events that are merged into one message: some ten milliseconds of work.
PART = 8192

Mergeable = TextDelta | ThinkingDelta | RefusalDelta | ToolCallDelta


def frame_interval(views: int, busy: bool = False) -> float:
    """Seconds between two frames of one view when `views` are streaming: slower as there are more.

    `busy`: the last frames held several deltas each.
    """
    return max(1 / (BUSY_RATE if busy else VIEW_RATE), views / KERNEL_RATE)


def figures(metrics: Metrics, time: float) -> News:
    """The figures a view shows, `time` seconds into the run; what is unknown is left out."""
    known = metrics.to_dict()
    shown = Figures(
        **{name: known[name] for name in Figures.__struct_fields__ if name in known},
        current_rate=metrics.current_rate(time) if metrics.elapsed is None else None,
        stall_spans=[(round(at, 3), round(gap, 3)) for at, gap in metrics.stalls],
        iteration_spans=[
            (each.step, each.number, each.start, each.first, each.last)
            for each in metrics.iterations
        ],
        gap_bins=metrics.gaps.histogram(),
    )
    return {
        name: round(value, 4) if isinstance(value, float) else value
        for name, value in msgspec.structs.asdict(shown).items()
        if value is not None and value != []
    }


def history(events: Sequence[StreamEvent]) -> list[WireEvent]:
    """A run to be played again: its events, deltas merged within a twentieth of a second or more.

    Never more than about 2000 moments, however long the run.
    """
    moment = max(0.05, events[-1].time / 2000) if events else 0.05
    pieces: list[StreamEvent | _Merge] = []
    played: list[StreamEvent] = []
    now = 0
    for event in events:
        if (then := int(event.time / moment)) != now:
            played += _settle(pieces)
            pieces, now = [], then
        _merge_into(pieces, event)
    return _plain(played + _settle(pieces))


class FrameLog:
    """Numbers what was sent of a run: frame n ends where the run had `ends[n - 1]` events.

    It keeps no text: the run's own events can say everything again. Taking a frame costs O(new text). Safe to
    call from several threads.
    """

    def __init__(self, events: EventList | None = None) -> None:
        self._events = EventList() if events is None else events
        self._ends = array("Q")
        self._lock = threading.Lock()

    @property
    def n(self) -> int:
        """The number of the latest frame; 0 before the first."""
        return len(self._ends)

    def add(self, event: StreamEvent) -> None:
        self._events.append(event)

    def take(self) -> Frame | None:
        """The next frame, or None where nothing happened since the last."""
        with self._lock:
            sent, now = self._sent(self.n), len(self._events)
            if now == sent:
                return None
            self._ends.append(now)
            return {"kind": "frame", "n": self.n, "events": _merged(self._events[sent:now])}

    def since(self, have: int) -> Frames | Beat:
        """What a view that has frame `have` is missing, as one message; a `beat` where nothing is."""
        n = self.n
        have = have if 0 <= have <= n else 0
        if have == n and have > 0:
            return {"kind": "beat", "n": n}
        return self._frames(have, n)

    def parts_since(self, have: int) -> Iterator[Frames | Beat]:
        """The same in several messages, each small enough to be made without being noticed.

        All but the last say with `until` which frame the last one reaches.
        """
        n = self.n
        have = have if 0 <= have <= n else 0
        if have == n and have > 0:
            yield {"kind": "beat", "n": n}
            return
        while have < n or have == 0:
            # All frames that end within the next so many events, but one at least.
            end = min(max(bisect(self._ends, self._sent(have) + PART), have + 1), n)
            piece = self._frames(have, end)
            if end < n:
                piece["until"] = n
            yield piece
            if end == have:
                return
            have = end

    def snapshot(self, whole: bool = False) -> Snapshot:
        """Everything up to the latest frame; `n` is 0 where that is more than one state should hold."""
        n = self.n
        if self._sent(n) > PART and not whole:
            return {"n": 0, "events": []}
        return {"n": n, "events": self._frames(0, n)["events"]}

    def _sent(self, n: int) -> int:
        """How many events the first `n` frames hold."""
        return self._ends[n - 1] if n else 0

    def _frames(self, have: int, n: int) -> Frames:
        events = self._events[self._sent(have) : self._sent(n)]
        return {"kind": "frames", "after": have, "n": n, "events": _merged(events)}


class Shortener:
    """Frames as they travel to a page that has all before: most only go on with the same text."""

    def __init__(self) -> None:
        self._last: tuple[Any, ...] | None = None

    def __call__(self, frame: Frame) -> Frame | Grow:
        events = frame["events"]
        last, self._last = self._last, _stretch(events[-1])
        if len(events) > 1 or last is None or last != self._last:
            return frame
        event = events[0]
        text = event.get("arguments" if event["type"] == "tool_call_delta" else "text", "")
        delta = (text, event.get("count", 1), event.get("time", 0.0), event.get("until", 0.0))
        short: Grow = {"kind": "grow", "n": frame["n"], "delta": delta}
        return short


def _stretch(event: WireEvent) -> tuple[Any, ...] | None:
    """What a delta on the wire goes on with; None for one that has more than text, and for what is none."""
    if event["type"] not in ("text_delta", "thinking_delta", "refusal_delta", "tool_call_delta"):
        return None
    if event.keys() - {"type", "seq", "time", "count", "until", "text", "arguments", *_PLACE}:
        return None
    return (event["type"], *map(event.get, _PLACE))


_PLACE = ("block", "choice", "step", "run", "call_id")


def _merged(events: Iterable[StreamEvent]) -> list[WireEvent]:
    merged: list[StreamEvent | _Merge] = []
    for event in events:
        _merge_into(merged, event)
    return _plain(_settle(merged))


class _Merge:
    """Neighbouring deltas on their way to becoming one."""

    __slots__ = ("count", "first", "key", "pieces", "until")

    def __init__(self, first: Mergeable, key: tuple[Any, ...]) -> None:
        self.first = first
        self.key = key
        self.pieces = [_text(first)]
        self.count = first.count
        self.until = first.until

    def add(self, event: Mergeable) -> None:
        self.pieces.append(_text(event))
        self.count += event.count
        self.until = event.until or event.time

    def settle(self) -> StreamEvent:
        if len(self.pieces) == 1:
            return self.first
        name = "arguments" if isinstance(self.first, ToolCallDelta) else "text"
        merged = {name: "".join(self.pieces), "count": self.count, "until": self.until}
        return msgspec.structs.replace(self.first, **merged)


def _text(event: Mergeable) -> str:
    return event.arguments if isinstance(event, ToolCallDelta) else event.text


def _merge_key(event: Mergeable) -> tuple[Any, ...] | None:
    """What two neighbours must share to be merged; None for a delta that stands alone."""
    if isinstance(event, ToolCallDelta):
        return (ToolCallDelta, event.call_id, event.step, event.run)
    if isinstance(event, TextDelta) and event.logprobs is not None:
        return None
    if isinstance(event, ThinkingDelta) and (event.signature or event.redacted):
        return None
    return (type(event), event.block, event.choice, event.step, event.run)


def _merge_into(log: list[StreamEvent | _Merge], event: StreamEvent) -> None:
    if not isinstance(event, Mergeable) or (key := _merge_key(event)) is None:
        log.append(event)
        return
    last = log[-1] if log else None
    if isinstance(last, _Merge) and last.key == key:
        last.add(event)
    else:
        log.append(_Merge(event, key))


def _settle(log: list[StreamEvent | _Merge]) -> list[StreamEvent]:
    return [item.settle() if isinstance(item, _Merge) else item for item in log]


def _plain(events: list[StreamEvent]) -> list[WireEvent]:
    return [_sendable(_shown(to_builtins(event))) for event in events]


def _shown(event: dict[str, Any]) -> dict[str, Any]:
    """Without what only the next request needs: it may be as long as the answer."""
    event.pop("carry", None)
    return event


def _sendable(value: Any) -> Any:
    """Half a surrogate pair cannot be encoded as UTF-8 and would cost the whole message."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_sendable(key): _sendable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_sendable(item) for item in value]
    return value
