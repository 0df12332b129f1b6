"""The events of a run in little memory: old deltas are packed, some bytes each, and unpacked when read."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Any, overload

import msgspec

from nbstream.events import Delta, StreamEvent, to_builtins
from nbstream.fold.tables import to_pandas

#: Events that are packed together; the newest so many and more are always as they came.
BLOCK = 4096

_decoder = msgspec.json.Decoder(list[StreamEvent])

Block = bytes | list[StreamEvent]


class EventList(Sequence[StreamEvent]):
    """The events of a run, in order: a list to read, which can become a data frame.

    One thread appends, any may read meanwhile.
    """

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        # How many blocks count, and what comes after them: replaced at once, so that readers see both.
        self._state: tuple[int, list[StreamEvent]] = (0, [])
        self._unpacked: tuple[int, list[StreamEvent]] = (-1, [])

    def append(self, event: StreamEvent) -> None:
        blocks, recent = self._state
        recent.append(event)
        if len(recent) >= 2 * BLOCK:
            self._blocks.append(_pack(recent[:BLOCK]))
            self._state = (blocks + 1, recent[BLOCK:])

    def __len__(self) -> int:
        blocks, recent = self._state
        return blocks * BLOCK + len(recent)

    @overload
    def __getitem__(self, place: int) -> StreamEvent: ...
    @overload
    def __getitem__(self, place: slice) -> list[StreamEvent]: ...
    def __getitem__(self, place: int | slice) -> Any:
        blocks, recent = self._state
        if isinstance(place, slice):
            first, last, step = place.indices(blocks * BLOCK + len(recent))
            if step == 1 and first >= blocks * BLOCK:
                return recent[first - blocks * BLOCK : max(last - blocks * BLOCK, 0)]
            return [self[n] for n in range(first, last, step)]
        if place < 0:
            place += blocks * BLOCK + len(recent)
            if place < 0:
                raise IndexError(place)
        block, within = divmod(place, BLOCK)
        if block >= blocks:
            return recent[place - blocks * BLOCK]
        return self._block(block)[within]

    def __iter__(self) -> Iterator[StreamEvent]:
        place = 0
        while place < len(self):
            yield self[place]
            place += 1

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

    def _block(self, number: int) -> list[StreamEvent]:
        block = self._blocks[number]
        if not isinstance(block, bytes):
            return block
        known, events = self._unpacked
        if known != number:
            events = _decoder.decode(zlib.decompress(block))
            self._unpacked = (number, events)
        return events


def _pack(events: list[StreamEvent]) -> Block:
    """The block as bytes; as it is where that would lose anything."""
    if not all(isinstance(event, Delta) for event in events):
        return events
    try:
        return zlib.compress(msgspec.json.encode(events), 1)
    except (TypeError, ValueError):  # half a surrogate pair, or what JSON does not know
        return events
