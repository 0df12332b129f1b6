"""Which addresses a saved answer may carry: the live view's policy, `js/src/**/url.ts`, in words of Python.

An address is judged by its own text, not by where the document lies: a relative one, or `//host`, means something
else in every notebook server, and behind `blob:` and `data:` stands whatever the page made of it.
"""

from __future__ import annotations

import re

MAX_URL = 8_192
#: Base64 characters and head of an image that is put into a document. The live view draws larger ones.
MAX_IMAGE = 2_000_000

_WEB = re.compile(r"https?://[^\s\x00-\x20\\/?#][^\s\x00-\x20\\]*\Z", re.IGNORECASE)
_MAIL = re.compile(r"mailto:[^\s\x00-\x20\\]+\Z", re.IGNORECASE)
_INLINE_IMAGE = re.compile(r"data:image/(?:png|gif|jpeg|webp);base64,[a-z0-9+/=]*\Z", re.IGNORECASE)


def is_web_address(url: str) -> bool:
    """Whether it names a host on the web: http or https."""
    return len(url) <= MAX_URL and _WEB.match(url) is not None


def is_safe_link(url: str) -> bool:
    """Whether a link may open it: http, https, mailto, and `#fragment` within the document."""
    return is_web_address(url) or (
        len(url) <= MAX_URL and (url.startswith("#") or _MAIL.match(url) is not None)
    )


def is_inline_image(url: str) -> bool:
    """Whether it is an image that stands in the address itself, of a kind that holds no script."""
    return len(url) < MAX_IMAGE and _INLINE_IMAGE.match(url) is not None
