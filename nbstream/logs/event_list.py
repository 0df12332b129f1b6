"""The events of a run in little memory: old deltas are packed, some bytes each, and unpacked when read."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, overload

import msgspec

from nbstream.events import Delta, StreamEvent, ToolCallDelta, to_builtins
from nbstream.fold.tables import to_pandas

#: Events that are packed together; the newest so many and more are always as they came.
BLOCK = 4096

#: What the run's clock tells apart, in parts of a second: times are stored as whole numbers of it.
_TICKS = 10_000


class Block(NamedTuple):
    """Packed events: `deltas` by columns, and the few others as they came, by their place."""

    deltas: bytes
    others: dict[int, StreamEvent]
    length: int


class EventList(Sequence[StreamEvent]):
    """The events of a run, in order: a list to read, which can become a data frame.

    One thread appends, any may read meanwhile.
    """

    def __init__(self) -> None:
        self._blocks: list[Block | list[StreamEvent]] = []
        # How many blocks count, how many events are in them, and what comes after: replaced at once, so
        # that a reader on another thread sees all three of one moment.
        self._state: tuple[int, int, list[StreamEvent]] = (0, 0, [])
        self._unpacked: tuple[int, list[StreamEvent]] = (-1, [])

    def append(self, event: StreamEvent) -> None:
        recent = self._state[2]
        recent.append(event)
        if len(recent) >= 2 * BLOCK:
            self._pack(BLOCK)

    def close(self) -> None:
        """Nothing more will come: what is left is packed too."""
        if len(self._state[2]) > 32:
            self._pack(BLOCK)
            if len(self._state[2]) > 32:
                self._pack(BLOCK)

    def _pack(self, count: int) -> None:
        blocks, before, recent = self._state
        events = recent[:count]
        self._blocks.append(_packed(events))
        self._state = (blocks + 1, before + len(events), recent[count:])

    def __len__(self) -> int:
        _, before, recent = self._state
        return before + len(recent)

    @overload
    def __getitem__(self, place: int) -> StreamEvent: ...
    @overload
    def __getitem__(self, place: slice) -> list[StreamEvent]: ...
    def __getitem__(self, place: int | slice) -> Any:
        _, before, recent = self._state
        if isinstance(place, slice):
            first, last, step = place.indices(before + len(recent))
            if step != 1:
                return list(self._between(0, before + len(recent)))[place]
            if first >= before:
                return recent[first - before : max(last - before, 0)]
            return list(self._between(first, last))
        if place < 0:
            place += before + len(recent)
            if place < 0:
                raise IndexError(place)
        if place >= before:
            return recent[place - before]
        block, within = divmod(place, BLOCK)
        known, events = self._unpacked
        if known != block:
            events = _events(self._blocks[block])
            self._unpacked = (block, events)
        return events[within]

    def __iter__(self) -> Iterator[StreamEvent]:
        place = 0
        while place < len(self):
            for event in self._between(place, len(self)):
                place += 1
                yield event

    def _between(self, first: int, last: int) -> Iterator[StreamEvent]:
        blocks, before, recent = self._state
        for number in range(first // BLOCK, blocks):
            start = number * BLOCK
            if start >= last:
                return
            yield from _events(self._blocks[number])[max(first - start, 0) : last - start]
        yield from recent[max(first - before, 0) : max(last - before, 0)]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (list, EventList)):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __repr__(self) -> str:
        return repr(list(self))

    def to_dicts(self) -> list[dict[str, Any]]:
        """Each event as a plain dict, as in its JSON form, with `seq` and `time` (seconds) always there."""
        return [{"seq": e.seq, "time": e.time, **to_builtins(e)} for e in self]

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame`: one row an event, one column a field."""
        return to_pandas(self.to_dicts())


class _Columns(msgspec.Struct, array_like=True):
    """Deltas by what they have: `heads` are the few that differ in more than text, time and count."""

    heads: list[StreamEvent]
    head: list[int]
    texts: list[str]
    times: list[float]
    untils: list[float]
    counts: list[int]
    seqs: list[int]


_decoder = msgspec.msgpack.Decoder(_Columns)


def _packed(events: list[StreamEvent]) -> Block | list[StreamEvent]:
    """The block; the events as they are where packing would lose anything."""
    others: dict[int, StreamEvent] = {
        n: event for n, event in enumerate(events) if not isinstance(event, Delta)
    }
    columns = _Columns([], [], [], [], [], [], [])
    heads: dict[Any, int] = {}
    try:
        for event in events:
            if not isinstance(event, Delta):
                continue
            name = _text_name(event)
            key = _place_of(event) or msgspec.msgpack.encode(_head(event, name))
            if key not in heads:
                heads[key] = len(columns.heads)
                columns.heads.append(_head(event, name))
            columns.head.append(heads[key])
            columns.texts.append(getattr(event, name))
            columns.times.append(event.time)
            columns.untils.append(event.until)
            columns.counts.append(event.count)
            columns.seqs.append(event.seq)
        columns.times, columns.untils = _steps(columns.times), _steps(columns.untils)
        columns.seqs = _differences(columns.seqs)
        data = msgspec.msgpack.encode(columns)
    except (TypeError, ValueError):  # half a surrogate pair, or what msgpack does not know
        return events
    return Block(zlib.compress(data, 6), others, len(events))


def _events(block: Block | list[StreamEvent]) -> list[StreamEvent]:
    if isinstance(block, list):
        return block
    columns = _decoder.decode(zlib.decompress(block.deltas))
    seqs = _sums(columns.seqs)
    times, untils = _moments(columns.times), _moments(columns.untils)
    names = [_text_name(head) for head in columns.heads]
    deltas = iter(
        msgspec.structs.replace(
            columns.heads[head],
            seq=seqs[n],
            time=times[n],
            until=untils[n],
            count=columns.counts[n],
            **{names[head]: columns.texts[n]},
        )
        for n, head in enumerate(columns.head)
    )
    return [block.others.get(n) or next(deltas) for n in range(block.length)]


def _head(event: Any, name: str) -> StreamEvent:
    """What is left of a delta without its text, its place and its time."""
    return msgspec.structs.replace(event, **{name: ""}, seq=0, time=0.0, until=0.0, count=1)


def _place_of(event: Any) -> tuple[Any, ...] | None:
    """Says the same of deltas with the same head, quickly; None for one that has more than text."""
    if isinstance(event, ToolCallDelta):
        return (event.call_id, event.step, event.run)
    if getattr(event, "logprobs", None) is not None or getattr(event, "signature", ""):
        return None
    if getattr(event, "redacted", ""):
        return None
    return (type(event), event.block, event.choice, event.step, event.run)


def _text_name(event: Any) -> str:
    return "arguments" if isinstance(event, ToolCallDelta) else "text"


def _steps(moments: list[float]) -> list[float]:
    """The differences in ticks, whole numbers that take little room; the moments where they are no ticks."""
    ticks = [round(moment * _TICKS) for moment in moments]
    if any(tick / _TICKS != moment for tick, moment in zip(ticks, moments, strict=True)):
        return [-1.5, *moments]  # no difference of ticks is a fraction: this marks the exact form
    return list(_differences(ticks))


def _moments(steps: list[float]) -> list[float]:
    if steps and steps[0] == -1.5:
        return steps[1:]
    return [tick / _TICKS for tick in _sums([int(step) for step in steps])]


def _differences(values: list[int]) -> list[int]:
    return [value - before for before, value in zip([0, *values], values, strict=False)]


def _sums(differences: list[int]) -> list[int]:
    total, sums = 0, []
    for difference in differences:
        total += difference
        sums.append(total)
    return sums
