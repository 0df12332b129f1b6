"""How a view of a stream looks, where the caller does not say."""

from __future__ import annotations

from typing import Any

from nbstream.config import setting
from nbstream.runs.stream import Stream


def options_for(stream: Stream, options: dict[str, Any]) -> dict[str, Any]:
    """The options of its view: those given, and what the session and the stream say."""
    if (chart := setting("chart", options.get("chart"))) is not None:
        options["chart"] = chart
    if stream.format == "json":
        options.setdefault("format", "json")
    options["note"] = options.get("note") or note_of(stream)
    return options


def note_of(stream: Stream) -> str:
    """What stands beside its title."""
    if stream.source.recorded:
        return "From a recording"
    turn = stream.source.turn
    return turn.note if turn else ""
