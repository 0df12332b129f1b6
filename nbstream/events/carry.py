"""What a provider wants back of its own answer, in its own form, with the next request.

`RunEnd.carry` has it, then the assistant's message of a conversation:
`{"wire": …, "provider": …, "of": …, and what that wire needs}`.
"""

from __future__ import annotations

import zlib
from typing import Any


def fingerprint(content: Any) -> int:
    """Of a message's content: where somebody has changed it since, what was carried along is not it any more."""
    return zlib.crc32(repr(content).encode("utf-8", "surrogatepass"))


def carried(message: dict[str, Any], wire: str, provider: str) -> dict[str, Any]:
    """What this provider wants back of a message; empty where it came from another, or was changed."""
    carry = message.get("carry")
    if not isinstance(carry, dict) or carry.get("wire") != wire:
        return {}
    if carry.get("provider") != provider or carry.get("of") != fingerprint(message.get("content")):
        return {}
    return carry
