"""Characters that arrive in two halves."""

from __future__ import annotations


def join_surrogates(text: str) -> str:
    """`text` with surrogate pairs made one character and halves made U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
