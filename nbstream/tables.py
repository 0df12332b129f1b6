"""Rows as pandas data frames, for those who have pandas; nothing here imports it before it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .errors import UsageError
from .events import StreamEvent, to_builtins


def to_pandas(rows: Sequence[dict[str, Any]]) -> Any:
    """A `pandas.DataFrame` with one row for each dict. Raises `UsageError` without pandas."""
    try:
        import pandas
    except ImportError:
        raise UsageError("This needs pandas.", hint="pip install pandas") from None
    return pandas.DataFrame(list(rows))


class EventList(list[StreamEvent]):
    """The events of a run, in order: a list that can become a data frame."""

    def to_dicts(self) -> list[dict[str, Any]]:
        """Each event as a plain dict, as in its JSON form, with `seq` and `time` (seconds) always there."""
        return [{"seq": e.seq, "time": e.time, **to_builtins(e)} for e in self]

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame`: one row an event, one column a field."""
        return to_pandas(self.to_dicts())
