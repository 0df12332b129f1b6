"""Server-sent events: bytes in, events out, wherever the bytes are cut.

The rules are WHATWG HTML, section 9.2.6. Lines end with LF, CR or CRLF and nothing else: U+2028 and its
kin are data. Two steps beyond the standard, for language models: at the end of the stream a pending
event is delivered if it is whole (many servers forget the last blank line), and a line has a limit.
"""

from __future__ import annotations

import msgspec

from nbstream.events.errors import ProtocolError

#: The longest line, and the longest event, in bytes.
MAX_LINE = 16 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"


class ServerEvent(msgspec.Struct, frozen=True, gc=False):
    """`data` as it arrived, its lines joined by LF; `event` is "" where the stream names none."""

    data: bytes
    event: str = ""
    id: str = ""

    @property
    def text(self) -> str:
        """`data` as text; bytes that are not UTF-8 become U+FFFD."""
        return self.data.decode("utf-8", "replace")


class EventStreamDecoder:
    """`feed` bytes, get the events they complete; `finish` at the end of the stream.

    `comments` counts keep-alives. `retry` is the last reconnection time the server asked for, in
    milliseconds. `rest` holds, after `finish`, an event that was cut off.
    """

    def __init__(self, max_line: int = MAX_LINE) -> None:
        self.max_line = max_line
        self.comments = 0
        self.retry: int | None = None
        self.rest = b""
        self._head: bytes | None = b""  # bytes that may still be a BOM; None once that is settled
        self._after_cr = False
        self._line: list[bytes] = []  # pieces of a line that has not ended
        self._line_size = 0
        self._data: list[bytes] = []
        self._data_size = 0
        self._event = ""
        self._id = ""

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """The events that `chunk` completes. Raises ProtocolError for a line past `max_line`."""
        if self._head is not None:
            chunk = self._without_bom(chunk)
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk[0] == 10:
                chunk = chunk[1:]
        if b"\r" in chunk:
            self._after_cr = chunk[-1] == 13
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if not chunk:
            return []
        lines = chunk.split(b"\n")
        if self._line:
            self._line.append(lines[0])
            self._line_size += len(lines[0])
            if self._line_size > self.max_line:
                raise self._too_long()
            if len(lines) == 1:
                return []
            lines[0] = b"".join(self._line)
            self._line = []
        if tail := lines.pop():
            self._line = [tail]
            self._line_size = len(tail)
            if self._line_size > self.max_line:
                raise self._too_long()
        events: list[ServerEvent] = []
        for line in lines:
            if line:
                self._field(line)
            elif self._data:
                events.append(self._dispatch())
            else:
                self._event = ""
        return events

    def finish(self) -> list[ServerEvent]:
        """The event that only misses its blank line, if what it holds is whole."""
        if self._head:
            head, self._head = self._head, None
            self.feed(head)
        if self._line:
            line, self._line = b"".join(self._line), []
            self._field(line)
        if not self._data:
            return []
        data = b"\n".join(self._data)
        if not _is_whole(data):
            self.rest = data
            self._data = []
            return []
        return [self._dispatch()]

    def _without_bom(self, chunk: bytes) -> bytes:
        head = (self._head or b"") + chunk
        if len(head) < 3 and _BOM.startswith(head):
            self._head = head
            return b""
        self._head = None
        return head[3:] if head.startswith(_BOM) else head

    def _field(self, line: bytes) -> None:
        if line.startswith(b"data:"):
            value = line[6:] if line[5:6] == b" " else line[5:]
            if self._data:
                self._data_size += len(value) + 1
                if self._data_size > self.max_line:
                    raise self._too_long()
            else:
                self._data_size = len(value)
            self._data.append(value)
            return
        if line[0] == 58:
            self.comments += 1
            return
        name, _, value = line.partition(b":")
        if value[:1] == b" ":
            value = value[1:]
        if name == b"event":
            self._event = value.decode("utf-8", "replace")
        elif name == b"data":
            self._data.append(value)
        elif name == b"id":
            if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit():
            self.retry = int(value)
        elif name == b"error" and value and not self._data:
            # not in the standard: old llama.cpp servers report a failure so
            self._event, self._data = "error", [value]

    def _dispatch(self) -> ServerEvent:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        event = ServerEvent(data, self._event, self._id)
        self._data = []
        self._event = ""
        return event

    def _too_long(self) -> ProtocolError:
        data = b"".join(self._line or self._data)[:1000]
        return ProtocolError(
            f"a line of the stream is longer than {self.max_line:,} bytes",
            data=data,
            hint="This is not a normal token stream; max_line= raises the limit.",
        )


def _is_whole(data: bytes) -> bool:
    if data.strip() == b"[DONE]":
        return True
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
