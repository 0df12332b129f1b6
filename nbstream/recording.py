"""A run as a file: JSON lines, a header first, then one event a line as it happened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from .errors import UsageError
from .events import StreamEvent, decode, encode

FORMAT = "nbstream recording"
VERSION = 1


def write_recording(path: str | Path, events: Iterable[StreamEvent]) -> None:
    """Write all events to `path`, replacing it."""
    with open(path, "wb") as file:
        file.write(msgspec.json.encode({"format": FORMAT, "version": VERSION}) + b"\n")
        for event in events:
            file.write(encode(event) + b"\n")


def read_recording(path: str | Path) -> Iterator[StreamEvent]:
    """The events of a recording, read from disk as they are asked for; a torn last line is left out.

    Raises `UsageError` where the file is no recording or has a line that is no event.
    """
    with open(path, "rb") as file:
        _check_header(path, file.readline())
        for number, line in enumerate(file, 2):
            try:
                yield decode(line)
            except ValueError as error:
                if not line.endswith(b"\n"):
                    return
                raise UsageError(f"{path}, line {number}, is not an event: {error}") from error


def _check_header(path: str | Path, line: bytes) -> None:
    try:
        header = msgspec.json.decode(line)
    except ValueError:
        header = None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise UsageError(
            f"{path} is not a recording.", hint="Recordings are written by stream.save(path)."
        )
    if header.get("version") != VERSION:
        raise UsageError(
            f"{path} is a recording of version {header.get('version')}; this nbstream reads {VERSION}."
        )
