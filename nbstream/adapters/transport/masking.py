"""No API key in anything a person can see: what a secret is, and every way in which it may be spelled."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

MASK = "•••"

#: Shorter ones would blot out ordinary text.
_SHORTEST = 4

_LOOKS_LIKE_A_KEY = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|pplx|hf|r8|nvapi)[-_][A-Za-z0-9*._-]{8,}|\bAIza[A-Za-z0-9_-]{20,}"
    r"|\bAKIA[0-9A-Z]{16}|\bgh[oprsu]_[A-Za-z0-9]{20,}|\bya29\.[\w-]{10,}"
    r"|\bey[JK][\w-]{10,}\.[\w-]{10,}\.[\w-]+"
    r"|(?i:\bbearer\s+)[A-Za-z0-9._~+/-]{8,}=*"
    r"|(?i:(?<=authorization: )basic\s+)[A-Za-z0-9+/]{6,}=*"
    r"|(?<=://)[^/\s:@\"'<>]*:[^/\s@\"'<>]+(?=@)"
)

#: Headers whose values everybody may see. What a header of another name holds, nobody knows but the user.
_PLAIN_HEADERS = {
    "accept",
    "accept-encoding",
    "accept-language",
    "anthropic-beta",
    "anthropic-version",
    "connection",
    "content-type",
    "http-referer",
    "openai-beta",
    "referer",
    "user-agent",
    "x-title",
}
_SECRET_PARAMETER = re.compile(r"key|token|secret|pass|pwd|sig|auth|credential|code", re.IGNORECASE)


class Secret(str):
    """A text that is not shown where a value is printed, in a traceback's frames above all."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)


def mask(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` with the given secrets, and whatever else looks like an API key, blotted out."""
    for form in _forms(secrets):
        text = text.replace(form, MASK)
    return _LOOKS_LIKE_A_KEY.sub(MASK, text)


@lru_cache(maxsize=256)
def spellings(secret: str) -> tuple[str, ...]:
    """A secret as it may come back: plain, in a URL, in JSON, in HTML, in base64 of whatever holds it."""
    data = secret.encode("utf-8", "surrogatepass")
    forms = {
        secret,
        quote(secret, safe="", errors="replace"),
        quote(secret, errors="replace"),
        quote_plus(secret, errors="replace"),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        html.escape(secret),
        *_encoded(data),
    }
    return tuple(sorted((form for form in forms if len(form) >= _SHORTEST), key=len, reverse=True))


def _encoded(data: bytes) -> list[str]:
    """Base64 of `data`, also as a part of something longer: its letters depend on where it begins."""
    forms = [base64.b64encode(data).decode()]
    for before in range(3):
        text = base64.b64encode(bytes(before) + data).decode().rstrip("=")
        whole = (before + len(data)) % 3 == 0
        inner = text[(before * 8 + 5) // 6 : len(text) if whole else -1]
        if len(inner) >= 8:
            forms.append(inner)
    return [form for text in forms for form in (text, text.replace("+", "-").replace("/", "_"))]


def _forms(secrets: Iterable[str]) -> list[str]:
    forms = {
        form for secret in secrets if len(secret) >= _SHORTEST for form in spellings(str(secret))
    }
    return sorted(forms, key=len, reverse=True)


def needles(secrets: Iterable[str]) -> list[bytes]:
    """What an answer itself is searched for, chunk by chunk: secrets as they are, if nobody could mean them.

    Keys such as "sk-no-key-required" are words that a model may well say.
    """
    plain = {s for s in secrets if len(s) >= 12 and any(c.isdigit() for c in s) and s.isascii()}
    return [s.encode() for s in plain if not any(o != s and o in s for o in plain)]


def secrets_of_headers(headers: Mapping[str, str]) -> list[Secret]:
    """The values of headers that came from the user, and the bare credentials in them."""
    found: list[Secret] = []
    for name, value in headers.items():
        if name.lower() in _PLAIN_HEADERS or not isinstance(value, str):
            continue
        found.append(Secret(value.strip()))
        scheme, _, token = value.strip().partition(" ")
        if token and scheme.isalpha():
            found.append(Secret(token.strip()))
            if scheme.lower() == "basic":
                found += _basic(token.strip())
    return [secret for secret in found if secret]


def secrets_of_url(url: str) -> list[Secret]:
    """The password of a URL, and the keys in its query."""
    parts = urlsplit(url)
    found: list[str] = []
    if parts.password:
        user, password = unquote(parts.username or ""), unquote(parts.password)
        found += [parts.password, password, f"{user}:{password}"]
        found.append(base64.b64encode(f"{user}:{password}".encode()).decode())
    for name, value in parse_qsl(parts.query):
        if _SECRET_PARAMETER.search(name):
            found.append(value)
    return [Secret(value) for value in dict.fromkeys(found) if value]


def _basic(token: str) -> list[Secret]:
    try:
        pair = base64.b64decode(token, validate=True).decode()
    except ValueError:
        return []
    return [Secret(pair), Secret(pair.partition(":")[2])]


def shown_url(url: str) -> str:
    """A URL for people: without its user, its password and its query."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


class Blot:
    """Secrets out of bytes, also where a secret is cut in two: what may begin one waits for the rest."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = [form.encode("utf-8", "surrogatepass") for form in _forms(secrets)]
        self._buffer = b""

    def feed(self, chunk: bytes) -> bytes:
        data = self._buffer + chunk
        for secret in self._secrets:
            data = data.replace(secret, MASK.encode())
        kept_back = 0
        for secret in self._secrets:
            for length in range(min(len(secret) - 1, len(data)), kept_back, -1):
                if data.endswith(secret[:length]):
                    kept_back = length
                    break
        self._buffer = data[len(data) - kept_back :]
        return data[: len(data) - kept_back]

    def finish(self) -> bytes:
        kept_back, self._buffer = self._buffer, b""
        return kept_back
