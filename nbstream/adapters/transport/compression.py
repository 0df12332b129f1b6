"""Compressed bodies, unpacked in bounded pieces: some bytes can stand for gigabytes."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator, AsyncIterator

from nbstream.events.errors import ProtocolError

#: What a request says it can read. Each further encoding is a decoder more that must be bounded.
ACCEPTED = "gzip"

#: The longest piece that is unpacked in one go, in bytes.
_PIECE = 64 * 1024

#: Text streams shrink to a tenth. What grows more than this, past so many bytes, is no text.
_RATIO = 100
_HARMLESS = 16 * 1024 * 1024

_KNOWN = {"gzip", "x-gzip", "deflate"}


def encodings(header: str) -> list[str]:
    """The encodings that a `content-encoding` names, without those that change nothing."""
    names = (name.strip().lower() for name in header.split(","))
    return [name for name in names if name and name != "identity"]


async def unpacked(
    chunks: AsyncIterator[bytes], names: list[str], where: str
) -> AsyncGenerator[bytes, None]:
    """The bytes of a compressed body, as they arrive.

    Raises `ProtocolError` for encodings that were not asked for, for one inside another, for what is
    damaged, and for what grows out of all measure.
    """
    if len(names) > 1 or names[0] not in _KNOWN:
        raise ProtocolError(
            f"{where} answered in the encoding {', '.join(names)[:80]!r}, which was not asked for",
            hint="Only gzip, or none, is read.",
        )
    # 32: gzip or zlib, whichever it is; "deflate" means zlib, though some servers send it bare
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
    taken = given = 0
    async for chunk in chunks:
        taken += len(chunk)
        while chunk:
            if unpacker.eof:  # several members, one after the other, are one body
                unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
            try:
                piece = unpacker.decompress(chunk, _PIECE)
            except zlib.error as error:
                if given == 0 and names[0] == "deflate":
                    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
                    names = ["bare deflate"]
                    continue
                raise ProtocolError(
                    f"the compressed stream from {where} is damaged: {error}"
                ) from None
            chunk = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
            given += len(piece)
            if given > _HARMLESS and given > _RATIO * taken:
                raise ProtocolError(
                    f"{where} sent {taken:,} bytes that unpack to more than {given:,}",
                    hint="That is no text; it was not read further.",
                )
            if piece:
                yield piece
            if chunk:
                await asyncio.sleep(0)  # much may come of one chunk: others run in between
