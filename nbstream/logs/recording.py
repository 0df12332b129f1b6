"""A run as a file: JSON lines, a header first, then one event a line as it happened.

    {"format":"nbstream recording","version":1}
    {"type":"run_start",…}
    {"type":"text_delta","seq":1,"time":0.31,…}

A raw recording also has the provider's bytes, each piece on a line before the events it gave:

    {"type":"answer","number":0,"time":0.3,"wire":"openai-chat","status":200,…}
    {"type":"answer_bytes","number":0,"time":0.31,"text":"data: {\\"choices\\":…"}
    {"type":"answer_end","number":0,"time":2.9}

`number` tells answers apart. Bytes that are not UTF-8 are in `base64` instead of `text`. An `answer_end`
has the `error` where the connection broke; it is missing where the run was stopped.

A recording holds what was answered, never a key and never the request.
"""

from __future__ import annotations

import time
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from nbstream.events import Error, RunEnd, StreamEvent, decode, encode
from nbstream.events.errors import UsageError

FORMAT = "nbstream recording"
VERSION = 1
SUFFIX = ".jsonl"


class AnswerLine(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A line about the bytes of an answer; `time` is in seconds since the run began."""

    number: int = 0
    time: float = 0.0


class Answer(AnswerLine, tag="answer"):
    """An answer begins: `wire` names what reads it, the rest is what its errors are told with."""

    wire: str
    provider: str = ""
    model: str = ""
    url: str = ""
    key_name: str = ""
    status: int = 200
    content_type: str = ""
    streamed: bool = True


class AnswerBytes(AnswerLine, tag="answer_bytes"):
    """A piece of an answer as it arrived."""

    text: str | None = None
    base64: str | None = None

    @property
    def data(self) -> bytes:
        return b64decode(self.base64) if self.base64 else (self.text or "").encode()


class AnswerEnd(AnswerLine, tag="answer_end"):
    error: Error | None = None


Line = StreamEvent | Answer | AnswerBytes | AnswerEnd
_answer_lines = msgspec.json.Decoder(Answer | AnswerBytes | AnswerEnd)
_ANSWER = b'{"type":"answer'


class Recorder:
    """Writes events as they come, each at once: a crash loses at most the last line.

    Call it with each event, e.g. as a callback of a stream; it closes its file after `run_end`. It can
    listen to the provider's bytes as well.
    """

    def __init__(self, path: str | Path) -> None:
        self.path: Path = Path(path)
        self._file: BinaryIO | None = None
        self._began = 0.0
        self._answers = 0

    def __call__(self, event: StreamEvent) -> None:
        if self._file is None:
            self._file = self._open()
            self._began = time.monotonic() - event.time
        self._file.write(encode(event) + b"\n")
        if isinstance(event, RunEnd):
            self.close()

    def begin(self, answer: Answer) -> int:
        number, self._answers = self._answers, self._answers + 1
        self._write(msgspec.structs.replace(answer, number=number))
        return number

    def bytes(self, number: int, data: bytes) -> None:
        try:
            line = AnswerBytes(number=number, text=data.decode())
        except UnicodeDecodeError:
            line = AnswerBytes(number=number, base64=b64encode(data).decode())
        self._write(line)

    def end(self, number: int, error: Error | None) -> None:
        self._write(AnswerEnd(number=number, error=error))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _write(self, line: AnswerLine) -> None:
        if self._file is not None and not self._file.closed:
            line.time = round(time.monotonic() - self._began, 4)
            self._file.write(msgspec.json.encode(line) + b"\n")

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
    for line in read_lines(path):
        if not isinstance(line, AnswerLine):
            yield line


def read_lines(path: str | Path) -> Iterator[Line]:
    """The same, with the provider's bytes between the events where the recording has them."""
    with open(path, "rb") as file:
        _check_header(path, file.readline())
        for number, line in enumerate(file, 2):
            try:
                yield _answer_lines.decode(line) if line.startswith(_ANSWER) else decode(line)
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
