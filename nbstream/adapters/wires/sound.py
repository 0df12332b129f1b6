"""Sound that arrives in pieces: bare samples become a file that can be played."""

from __future__ import annotations

import base64
import binascii
import io
import re
import wave

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
        file = self._data if kind else wav(self._data, self.rate)
        return ContentPart(block, f"audio/{kind or 'wav'}", base64.b64encode(file).decode())


def samples_rate(mime: str) -> int | None:
    """The rate of bare samples, such as `audio/L16;codec=pcm;rate=24000`; None for other kinds."""
    if not re.match(r"audio/(l16|pcm)\b", mime, re.IGNORECASE):
        return None
    rate = re.search(r"rate=(\d{4,6})", mime)
    return int(rate[1]) if rate else RATE


def wav(samples: bytes | bytearray, rate: int) -> bytes:
    """A WAV file of 16-bit samples, one channel."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, rate, 0, "NONE", ""))
        sound.writeframes(samples)
    return file.getvalue()
