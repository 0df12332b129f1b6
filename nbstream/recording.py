"""A run as a file: JSON lines, a header first, then one event a line as it happened.

    {"format":"nbstream recording","version":1}
    {"type":"run_start",…}
    {"type":"text_delta","seq":1,"time":0.31,…}

A recording holds what was answered, never a key and never the request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from .errors import UsageError
from .events import RunEnd, StreamEvent, decode, encode

FORMAT = "nbstream recording"
VERSION = 1
SUFFIX = ".jsonl"


class Recorder:
    """Writes events as they come, each at once: a crash loses at most the last line.

    Call it with each event, e.g. as a callback of a stream; it closes its file after `run_end`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file: BinaryIO | None = None

    def __call__(self, event: StreamEvent) -> None:
        if self._file is None:
            self._file = self._open()
        self._file.write(encode(event) + b"\n")
        if isinstance(event, RunEnd):
            self.close()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _open(self) -> BinaryIO:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = open(self.path, "wb", buffering=0)  # noqa: SIM115
        file.write(msgspec.json.encode({"format": FORMAT, "version": VERSION}) + b"\n")
        return file


def write_recording(path: str | Path, events: Iterable[StreamEvent]) -> None:
    """Write all events to `path`, replacing it."""
    recorder = Recorder(path)
    for event in events:
        recorder(event)
    recorder.close()


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


def is_whole(path: str | Path) -> bool:
    """Whether a recording exists and holds an answer that ended as it should."""
    try:
        ends = [event for event in read_recording(path) if isinstance(event, RunEnd)]
    except (OSError, UsageError):
        return False
    return bool(ends) and ends[-1].finish_reason not in ("error", "stopped", "unknown")


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
