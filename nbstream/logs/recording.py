"""A run as a file: JSON lines, a header first, then one event a line as it happened.

    {"format":"nbstream recording","version":1}
    {"type":"run_start",…}
    {"type":"text_delta","seq":1,"time":0.31,…}

A raw recording also has the provider's bytes, each piece on a line before the events it gave:

    {"type":"answer","number":0,"time":0.3,"wire":"openai-chat","status":200,…}
    {"type":"answer_bytes","number":0,"time":0.31,"text":"data: {\\"choices\\":…"}
    {"type":"answer_end","number":0,"time":2.9}

`number` tells responses apart. Bytes that are not UTF-8 are in `base64` instead of `text`. An `answer_end`
has the `error` where the connection broke; it is missing where the run was stopped.

A recording holds what was answered, never a key and never the request.
"""

from __future__ import annotations

import os
import sys
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from nbstream.events import Error, RunEnd, StreamEvent, decode, encode
from nbstream.events.errors import UsageError

FORMAT = "nbstream recording"
VERSION = 1
SUFFIX = ".jsonl"


class ResponseLine(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A line about a response; `time` is in seconds since the run began."""

    number: int = 0
    time: float = 0.0


class ResponseHead(ResponseLine, tag="answer"):
    """A response begins: `wire` names what reads it, the rest is what its errors are told with."""

    wire: str
    provider: str = ""
    model: str = ""
    url: str = ""
    key_name: str = ""
    status: int = 200
    content_type: str = ""
    streamed: bool = True


class ResponseBytes(ResponseLine, tag="answer_bytes"):
    """A piece of its body as it arrived."""

    text: str | None = None
    base64: str | None = None

    @property
    def data(self) -> bytes:
        return b64decode(self.base64) if self.base64 else (self.text or "").encode()


class ResponseEnd(ResponseLine, tag="answer_end"):
    error: Error | None = None


Line = StreamEvent | ResponseHead | ResponseBytes | ResponseEnd
_response_lines = msgspec.json.Decoder(ResponseHead | ResponseBytes | ResponseEnd)
_RESPONSE = b'{"type":"answer'


class Recorder:
    """Writes events as they come, each at once: a crash loses at most the last line.

    Call it with each event; it closes its file after `run_end`. It can listen to the provider's bytes as
    well. Recording never costs a run anything: where the disk is full or the file is gone, `failed(why)` is
    called once and the rest is not recorded.
    """

    def __init__(self, path: str | Path, failed: Callable[[str], None] | None = None) -> None:
        self.path: Path = Path(path)
        self._failed = failed
        self._file: BinaryIO | None = None
        self._began = 0.0
        self._responses = 0
        self._over = False

    def __call__(self, event: StreamEvent) -> None:
        if self._file is None and not self._over:
            try:
                self.open()
            except OSError as error:
                self._give_up(error)
                return
        self._began = self._began or time.monotonic() - event.time
        self._write(encode(event))
        if isinstance(event, RunEnd):
            self.close()

    def open(self) -> None:
        """Make the file now. Raises `UsageError` where another writer has it, `OSError` where it cannot be."""
        if self._file is None:
            self._file = locked(self.path)
            self._file.truncate()
            self._write(msgspec.json.encode({"format": FORMAT, "version": VERSION}))

    def begin(self, head: ResponseHead) -> int:
        number, self._responses = self._responses, self._responses + 1
        self._line(msgspec.structs.replace(head, number=number))
        return number

    def bytes(self, number: int, data: bytes) -> None:
        try:
            line = ResponseBytes(number=number, text=data.decode())
        except UnicodeDecodeError:
            line = ResponseBytes(number=number, base64=b64encode(data).decode())
        self._line(line)

    def end(self, number: int, error: Error | None) -> None:
        self._line(ResponseEnd(number=number, error=error))

    def close(self) -> None:
        self._over = True
        if self._file is not None:
            with suppress(OSError):
                self._file.close()

    def _line(self, line: ResponseLine) -> None:
        line.time = round(time.monotonic() - self._began, 4)
        self._write(msgspec.json.encode(line))

    def _write(self, line: bytes) -> None:
        if self._file is None or self._over:
            return
        data = line + b"\n"
        try:
            if self._file.write(data) != len(data):
                raise OSError("the disk is full")
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.close()
        if self._failed is not None:
            why = error.strerror or str(error)
            self._failed(f"Recording to {self.path} ended early: {why}.")


def locked(path: Path) -> BinaryIO:
    """The file at `path`, for one writer; readers need no lock. It is not truncated.

    Raises `UsageError` where another writer has it, in this process or in another.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = open(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)  # noqa: SIM115
    try:
        lock(file)
    except OSError as error:
        file.close()
        raise UsageError(
            f"{path} is being written by another run.",
            hint="Record each run into a file of its own.",
        ) from error
    return file


def lock(file: BinaryIO) -> None:
    """Lock an open file until it is closed or its process dies. Raises `OSError` where another has it."""
    if sys.platform == "win32":
        import msvcrt

        # A byte far behind all content: on Windows a locked byte cannot be read.
        file.seek(2**40)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        file.seek(0)
    else:
        import fcntl

        # flock, and not lockf: two openings of one file in one process exclude each other too.
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def write_recording(path: str | Path, events: Iterable[StreamEvent]) -> None:
    """Write all events to `path`, replacing it once they are all written. Raises `OSError` as files do."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(unfinished, "wb") as file:
            file.write(msgspec.json.encode({"format": FORMAT, "version": VERSION}) + b"\n")
            for event in events:
                file.write(encode(event) + b"\n")
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def read_recording(path: str | Path) -> Iterator[StreamEvent]:
    """The events of a recording, read from disk as they are asked for; a torn last line is left out.

    Raises `UsageError` where the file is no recording or has a line that is no event.
    """
    for line in read_lines(path):
        if not isinstance(line, ResponseLine):
            yield line


def read_lines(path: str | Path) -> Iterator[Line]:
    """The same, with the provider's bytes between the events where the recording has them."""
    with open(path, "rb") as file:
        check_header(path, file.readline())
        for number, line in enumerate(file, 2):
            try:
                yield _response_lines.decode(line) if line.startswith(_RESPONSE) else decode(line)
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


def check_header(path: str | Path, line: bytes) -> None:
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
