"""Whether something that the user wrote holds a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from nbstream.batches.batch import StreamBatch
from nbstream.batches.group import StreamGroup
from nbstream.runs.stream import Stream
from nbstream.widgets.stream import StreamView

#: IPython's own names for what was typed and shown.
_OWN = frozenset({"In", "Out"})
#: Things of one list that are looked at.
_MOST = 10_000


def is_held(stream: Stream, names: Mapping[str, Any]) -> bool:
    """Whether a variable holds `stream`, by itself or in a list, a dict, a group; or code waits for it."""
    if stream.log.awaited:
        return True
    values = [each for name, each in list(names.items()) if not name.startswith("_")]
    own = [names.get(name) for name in _OWN]
    return any(
        inner is stream or (isinstance(inner, StreamView) and inner.shows(stream))
        for value in values
        if not any(value is each for each in own)
        for inner in (value, *_inside(value))
    )


def _inside(value: Any) -> Iterable[Any]:
    # Only what cannot run code of the user's when it is looked at.
    if type(value) in (list, tuple, set, frozenset):
        return islice(list(value), _MOST)
    if type(value) is dict:
        return islice(list(value.values()), _MOST)
    if isinstance(value, StreamGroup | StreamBatch):
        return list(value.streams)
    return []
