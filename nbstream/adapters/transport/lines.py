"""Other framings of a stream of JSON values: one a line, or one array that grows."""

from __future__ import annotations

from nbstream.events.errors import ProtocolError

from .sse import MAX_LINE


class LineDecoder:
    """Newline-delimited JSON: `feed` bytes, get whole lines; `finish` gives the last one."""

    def __init__(self, max_line: int = MAX_LINE) -> None:
        self.max_line = max_line
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        lines = chunk.split(b"\n")
        if self._pieces:
            self._pieces.append(lines[0])
            self._size += len(lines[0])
            self._check()
            if len(lines) == 1:
                return []
            lines[0] = b"".join(self._pieces)
            self._pieces = []
        if tail := lines.pop():
            self._pieces = [tail]
            self._size = len(tail)
            self._check()
        return [line for line in lines if line and not line.isspace()]

    def finish(self) -> list[bytes]:
        line = b"".join(self._pieces).strip()
        self._pieces = []
        return [line] if line else []

    def _check(self) -> None:
        if self._size > self.max_line:
            raise ProtocolError(
                f"a line of the stream is longer than {self.max_line:,} bytes",
                data=b"".join(self._pieces)[:1000],
                hint="This is not a normal token stream; max_line= raises the limit.",
            )


class ArrayDecoder:
    """A JSON array that arrives piece by piece: `feed` bytes, get its whole elements.

    Looks at each byte once: it only follows strings and nesting, the values are parsed by the caller.
    `rest` holds, after `finish`, an element that was cut off.
    """

    def __init__(self, max_line: int = MAX_LINE) -> None:
        self.max_line = max_line
        self.rest = b""
        self._value = bytearray()
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def feed(self, chunk: bytes) -> list[bytes]:
        values: list[bytes] = []
        start = 0 if self._depth > 1 else None
        for i, byte in enumerate(chunk):
            if self._in_string:
                if self._escaped:
                    self._escaped = False
                elif byte == 0x5C:
                    self._escaped = True
                elif byte == 0x22:
                    self._in_string = False
            elif byte == 0x22:
                self._in_string = True
            elif byte in b"{[":
                self._depth += 1
                if self._depth == 2:
                    start = i
            elif byte in b"}]":
                self._depth -= 1
                if self._depth == 1 and start is not None:
                    values.append(bytes(self._value) + chunk[start : i + 1])
                    self._value.clear()
                    start = None
        if start is not None:
            self._value += chunk[start:]
            if len(self._value) > self.max_line:
                raise ProtocolError(
                    f"an element of the stream is longer than {self.max_line:,} bytes",
                    data=bytes(self._value[:1000]),
                )
        return values

    def finish(self) -> list[bytes]:
        self.rest = bytes(self._value)
        return []
