"""A log that is kept in a file, the recording of its run: it outlives the kernel, and others can follow it.

The file is locked by the one process that writes it. What readers ask for goes into a file beside it,
`NAME.requests`, which the writer reads. When the writer dies its lock is gone, and the first reader that
notices ends the run for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from nbstream.events import Error, RunEnd, StreamEvent, decode, encode
from nbstream.events.errors import UsageError

from .log import Handler, Log, Request
from .recording import Recorder, check_header, lock

_requests = msgspec.json.Decoder(Request)

DIED = Error(
    "interrupted",
    "The run was interrupted: the program that ran it is gone.",
    "What had arrived is kept. Run it again for the rest.",
)


class FileLog(Log):
    """The writer's side. Raises `UsageError` where another writer has the file, or it holds a run already."""

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.path: Path = Path(path).absolute()
        self.url: str = str(self.path)
        if self.path.exists() and self.path.stat().st_size:
            raise UsageError(
                f"{self.path} holds a run already.", hint="nbstream.attach(path) follows it."
            )
        self._recorder = Recorder(self.path)
        self._recorder.open()
        self._asked = 0

    def append(self, event: StreamEvent) -> None:
        self._recorder(event)
        super().append(event)
        if type(event) is RunEnd:
            _requests_of(self.path).unlink(missing_ok=True)

    def poll(self) -> None:
        """Do what readers in other processes have asked for since the last time."""
        try:
            with open(_requests_of(self.path), "rb") as file:
                file.seek(self._asked)
                lines = file.read(65536).splitlines(keepends=True)
        except OSError:
            return
        for line in lines:
            if not line.endswith(b"\n"):
                break
            self._asked += len(line)
            try:
                request = _requests.decode(line)
            except ValueError:
                continue  # nobody's request
            self.request(request)


class FollowedFile(Log):
    """A reader's side: the events come by `poll`, as the writer of the file gave them."""

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.path: Path = Path(path).absolute()
        self.url: str = str(self.path)
        try:
            self._file: BinaryIO = open(self.path, "rb", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise UsageError(f"There is no run at {path}: {error.strerror}.") from error
        #: Where the next line begins: what is there may be half a line, and may be taken back.
        self._at = 0
        self._begun = False

    def request(self, request: Request) -> bool:
        if self.ended:
            return False
        line = msgspec.json.encode(request) + b"\n"
        with open(_requests_of(self.path), "ab") as file:
            file.write(line)
        return True

    def handle(self, handler: Handler) -> None:
        raise UsageError("This run is written elsewhere.")

    def poll(self) -> bool:
        """Take over what is new; whether there was anything. Raises `UsageError` where it is no recording."""
        if self.ended:
            return False
        any_new = False
        for event in self._new():
            any_new = True
            self.append(event)
        return any_new

    def bury(self) -> None:
        """End a run whose writer is gone: once, whoever notices first."""
        if self.ended:
            return
        try:
            file = open(self.path, "r+b", buffering=0)  # noqa: SIM115
        except OSError:
            return
        with file:
            try:
                lock(file)
            except OSError:
                return  # it lives
            self.poll()  # what it said last, or what another reader has just written here
            if self.ended:
                return
            number = len(self.events)
            time = self.events[-1].time if number else 0.0
            last = [DIED, RunEnd("error", incomplete=True)]
            data = b""
            for event in last:
                event = msgspec.structs.replace(event, seq=number, time=time)
                data += encode(event) + b"\n"
                number += 1
            file.truncate(self._at)  # without half a line, with which the writer died
            file.seek(self._at)
            file.write(data)
        self.poll()

    def append(self, event: StreamEvent) -> None:
        super().append(event)
        if self.ended:
            self._file.close()

    def _new(self) -> Iterator[StreamEvent]:
        size = 1 << 18
        while True:
            self._file.seek(self._at)
            data = self._file.read(size) or b""
            whole = data[: data.rfind(b"\n") + 1]
            if not whole:
                if len(data) < size:
                    return
                size *= 2  # one long line
                continue
            for line in whole.splitlines(keepends=True):
                self._at += len(line)
                if not self._begun:
                    check_header(self.path, line)
                    self._begun = True
                elif not line.startswith(b'{"type":"answer'):
                    try:
                        event = decode(line)
                    except ValueError as error:
                        raise UsageError(
                            f"{self.path} has a line that is no event: {error}"
                        ) from None
                    yield event
                    if type(event) is RunEnd:
                        return

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()


def _requests_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.requests")
