"""Rows as pandas data frames, for those who have pandas; nothing here imports it before it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nbstream.events.errors import UsageError


def to_pandas(rows: Sequence[dict[str, Any]]) -> Any:
    """A `pandas.DataFrame` with one row for each dict. Raises `UsageError` without pandas."""
    try:
        import pandas
    except ImportError:
        raise UsageError("This needs pandas.", hint="pip install pandas") from None
    return pandas.DataFrame(list(rows))


#: What a table says of a stream, in this order.
COLUMNS = ("ttft", "tokens_per_second", "output_tokens", "cost", "elapsed")


def row_of(name: str, stream: Any) -> dict[str, Any]:
    """A stream's row: times in seconds, cost in US dollars, None where unknown."""
    return {
        "name": name,
        "model": stream.source.model,
        "status": stream.status,
        **{column: getattr(stream.metrics, column) for column in COLUMNS},
        "token_source": stream.metrics.token_source,
        "finish_reason": stream.finish_reason,
    }


def names_of(streams: Sequence[Any]) -> list[str]:
    """Titles or models, numbered where they are the same."""
    names: list[str] = []
    for stream in streams:
        name = stream.title or stream.source.model or "stream"
        names.append(name if name not in names else f"{name} ({len(names) + 1})")
    return names
