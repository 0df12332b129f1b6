from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbstream.events import (
    RunEnd,
    RunStart,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolProgress,
    stamp,
)
from nbstream.logs import event_list
from nbstream.logs.event_list import EventList

odd = object()
events = st.one_of(
    st.builds(TextDelta, st.integers(0, 2), st.text()),
    st.builds(TextDelta, st.just(0), st.just("\ud83d")),  # half a character
    st.builds(ToolCallDelta, st.just("c"), st.text()),
    st.builds(ToolProgress, st.just("c"), st.sampled_from([1, None, odd])),
)


def filled(items: list[Any]) -> tuple[EventList, list[StreamEvent]]:
    plain = [stamp(event, seq, seq / 7) for seq, event in enumerate(items)]
    kept = EventList()
    for event in plain:
        kept.append(event)
    return kept, plain


@given(st.lists(events, max_size=40), st.integers(-50, 50), st.integers(-50, 50))
def test_it_reads_as_a_list_does(items, first, last):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_list, "BLOCK", 3)
        kept, plain = filled(items)
        assert len(kept) == len(plain) and list(kept) == plain and kept == plain
        assert bool(kept) == bool(plain)
        assert kept[first:last] == plain[first:last]
        assert kept[first:] == plain[first:] and kept[::-1] == plain[::-1]
        assert repr(kept) == repr(plain)
        if -len(plain) <= first < len(plain):
            assert kept[first] == plain[first]
        else:
            with pytest.raises(IndexError):
                kept[first]


def test_old_deltas_take_little_memory():
    kept, _ = filled([TextDelta(0, f"word {n} ") for n in range(5 * event_list.BLOCK)])
    packed = [block.deltas for block in kept._blocks if isinstance(block, event_list.Block)]
    assert len(packed) == 4
    assert all(len(deltas) < 16 * event_list.BLOCK for deltas in packed)


def test_a_finished_run_takes_little_more_than_its_text():
    words = [TextDelta(0, f"word{n % 97} ") for n in range(1000)]
    kept, plain = filled([RunStart("r"), *words, RunEnd("stop")])
    kept.close()
    assert not kept._state[2]
    assert sum(len(block.deltas) for block in kept._blocks) < 8 * len(words)
    assert list(kept) == plain and kept[-1] == plain[-1] and kept[7:9] == plain[7:9]


def test_it_can_be_read_while_it_grows(monkeypatch):
    monkeypatch.setattr(event_list, "BLOCK", 4)
    kept = EventList()
    reader = iter(kept)
    for seq in range(40):
        kept.append(stamp(TextDelta(0, str(seq)), seq, 0.0))
        assert next(reader).seq == seq
    kept.append(RunEnd("stop"))
    assert isinstance(next(reader), RunEnd)
    assert next(reader, None) is None
