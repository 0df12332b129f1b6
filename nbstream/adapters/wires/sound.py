"""Sound that arrives in pieces: bare samples become a file that can be played."""

from __future__ import annotations

import base64
import binascii
import re
import struct

from nbstream.events import ContentPart

#: Samples a second where nobody says: what OpenAI and Gemini send.
RATE = 24_000

_MARKS = {b"RIFF": "wav", b"ID3": "mpeg", b"\xff\xfb": "mpeg", b"OggS": "ogg", b"fLaC": "flac"}


class Sound:
    """Pieces of one sound, base64: 16-bit samples of one channel, or a file of a known kind."""

    def __init__(self, rate: int = RATE) -> None:
        self.rate = rate
        self._data = bytearray()

    def add(self, piece: str) -> None:
        """Raises ValueError where `piece` is not base64."""
        try:
            self._data += base64.b64decode(piece)
        except binascii.Error as error:
            raise ValueError(str(error)) from None

    def part(self, block: int) -> ContentPart:
        kind = next((k for mark, k in _MARKS.items() if self._data.startswith(mark)), "")
        head = b"" if kind else wav_head(len(self._data), self.rate)
        data = base64.b64encode(head + self._data).decode()
        return ContentPart(block, f"audio/{kind or 'wav'}", data)


def samples_rate(mime: str) -> int | None:
    """The rate of bare samples, such as `audio/L16;codec=pcm;rate=24000`; None for other kinds."""
    if not re.match(r"audio/(l16|pcm)\b", mime, re.IGNORECASE):
        return None
    rate = re.search(r"rate=(\d{4,6})", mime)
    return int(rate[1]) if rate else RATE


def wav_head(size: int, rate: int) -> bytes:
    """The header of a WAV file with `size` bytes of 16-bit samples, one channel."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    return (
        struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE")
        + form
        + struct.pack("<4sI", b"data", size)
    )
