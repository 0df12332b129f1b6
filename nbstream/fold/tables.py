"""Rows as pandas data frames, for those who have pandas; nothing here imports it before it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

from nbstream.events import FinishReason
from nbstream.events.errors import UsageError

from .iteration import TokenSource
from .transcript import Status


def to_pandas(rows: Sequence[dict[str, Any]]) -> Any:
    """A `pandas.DataFrame` with one row for each dict. Raises `UsageError` without pandas."""
    try:
        import pandas
    except ImportError:
        raise UsageError("This needs pandas.", hint="pip install pandas") from None
    return pandas.DataFrame(list(rows))


class Row(TypedDict):
    """What a table says of a stream: times in seconds, cost in US dollars, null where unknown."""

    name: str
    model: str
    status: Status
    ttft: float | None
    tokens_per_second: float | None
    output_tokens: int
    cost: float | None
    elapsed: float | None
    token_source: TokenSource
    finish_reason: FinishReason | None


def row_of(name: str, stream: Any) -> Row:
    metrics = stream.metrics
    return {
        "name": name,
        "model": stream.source.model,
        "status": stream.status,
        "ttft": metrics.ttft,
        "tokens_per_second": metrics.tokens_per_second,
        "output_tokens": metrics.output_tokens,
        "cost": metrics.cost,
        "elapsed": metrics.elapsed,
        "token_source": metrics.token_source,
        "finish_reason": stream.finish_reason,
    }


def names_of(streams: Sequence[Any]) -> list[str]:
    """Titles or models, numbered where they are the same."""
    names: list[str] = []
    for stream in streams:
        name = stream.title or stream.source.model or "stream"
        names.append(name if name not in names else f"{name} ({len(names) + 1})")
    return names
