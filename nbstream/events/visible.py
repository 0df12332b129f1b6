"""Text of models, tools and servers as it may be shown: nothing in it acts, hides or reorders.

Two strengths. `printable` is for a terminal, where control characters are commands: it leaves the text legible
in every script. `visible` is for what a person is asked to approve: whatever cannot be seen is spelled out.
"""

from __future__ import annotations

import re
import unicodedata

#: C0 but newline and tab, DEL, C1, the marks that embed, override or isolate a direction of writing, and
#: halves of surrogate pairs, which no terminal can be sent.
_ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
#: Nearly all text of models is this, and is known to be harmless at the speed of a search.
_PLAIN = re.compile(r"[\n\t -~]*\Z")
#: Letters that fill no space though they count as letters or symbols, and the selectors of variants.
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
#: First Strong Isolate and Pop Directional Isolate: what stands between them reorders nothing outside.
_ISOLATE, _END = "\u2068", "\u2069"


def printable(text: str) -> str:
    """The text with nothing in it that commands a terminal: of control characters newline and tab stay.

    The others, and the marks that turn the direction of writing, become pictures or escapes: an escape
    sequence is shown, not obeyed. A line break of two characters becomes one.
    """
    if _PLAIN.match(text):
        return text
    return _ACTING.sub(_picture, text.replace("\r\n", "\n"))


def isolated(text: str) -> str:
    """`printable`, for a stretch within a line of ours: letters from right to left move none of our words."""
    text = printable(text)
    if text.isascii() or not any(unicodedata.bidirectional(c) in _RIGHT_TO_LEFT for c in text):
        return text
    return "\n".join(f"{_ISOLATE}{line}{_END}" if line else line for line in text.split("\n"))


def visible(text: str) -> str:
    """The text with whatever has no shape of its own as an escape, such as `\\u202e`; newline and tab stay."""
    if _PLAIN.match(text):
        return text
    return "".join(c if _has_shape(c) else _escape(c) for c in text)


_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})


def _has_shape(character: str) -> bool:
    if character in "\n\t ":
        return True
    if character.isascii():
        return character.isprintable()
    # Isprintable is false for controls, formats (bidi, zero width, tags), surrogates, private use,
    # unassigned characters, and every space but the plain one.
    return character.isprintable() and not _BLANK.match(character)


def _picture(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)  # U+2400 …: the pictures of the control characters
    return "\u2421" if code == 0x7F else _escape(match.group())


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
