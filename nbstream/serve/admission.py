"""Who is served: with a token whoever has it, without one only programs and pages of this machine.

A page of a stranger can have its name resolve to this machine, and a proxy can stand on it for the whole world:
an address in the socket says nothing about who asks. So the names in the request are checked to the letter.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

#: Headers that proxies add. Behind one, every client looks like this machine.
FORWARDED = frozenset(
    {
        "forwarded",
        "via",
        "x-real-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "cf-connecting-ip",
        "true-client-ip",
        "fastly-client-ip",
    }
)
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[0-9A-Za-z.-]+)(?::[0-9]{1,5})?")


class Refused(Exception):
    """A request that is answered with `status` and why."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers: dict[str, str] = headers or {}


def admit(request: Any, token: str | None) -> None:
    """Raises `Refused` for a request that is not to be served."""
    if token:
        if not _has_token(request.headers.get("authorization", ""), token):
            raise Refused(
                401,
                "Send the token: Authorization: Bearer …",
                {"www-authenticate": "Bearer"},
            )
        return
    why = _foreign(request)
    if why:
        raise Refused(
            403, f"{why} Beyond this machine the app needs a token: asgi_app(…, token=…)."
        )


def _has_token(header: str, token: str) -> bool:
    scheme, _, given = header.partition(" ")
    # headers come as latin-1, whatever the client wrote
    same = hmac.compare_digest(given.strip().encode("latin-1", "replace"), token.encode())
    return scheme.lower() == "bearer" and same


def _foreign(request: Any) -> str:
    """Why a request is not one of this machine's own; "" where it is."""
    for name in request.headers:
        if name in FORWARDED or name.startswith("x-forwarded-"):
            return f"The request came through a proxy ({name})."
    for side in ("server", "client"):
        if not _is_local_address(request.scope.get(side)):
            return f"The {side} is not on this machine."
    hosts = request.headers.getlist("host")
    if len(hosts) != 1 or not is_loopback_host(hosts[0]):
        return "The Host header does not name this machine."
    origin = request.headers.get("origin")
    if origin is not None and not _is_loopback_origin(origin):
        return "A page from elsewhere asked."
    if request.headers.get("sec-fetch-site") == "cross-site":
        return "A page from elsewhere asked."
    return ""


def _is_local_address(address: Any) -> bool:
    """Whether an end of the connection is on this machine: loopback, or a Unix socket (a path, or None)."""
    if not address or not address[0] or str(address[0]).startswith("/"):
        return True
    name = str(address[0])
    return is_loopback(name.removeprefix("::ffff:"))  # an IPv4 client of a socket for both


def is_loopback(name: str) -> bool:
    """Whether a name is `localhost`, `::1`, or an address in 127.0.0.0/8, written as an address."""
    if name.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address in _LOOPBACK_4 if address.version == 4 else address == _LOOPBACK_6


def is_loopback_host(host: str) -> bool:
    """The same for a Host header: a name, perhaps with a port, and nothing else."""
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match.group(1)
    bracketed = name.startswith("[")
    return is_loopback(name.strip("[]")) and bracketed == (":" in name)


def _is_loopback_origin(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and is_loopback_host(parts.netloc)


_LOOPBACK_4 = ipaddress.ip_network("127.0.0.0/8")
_LOOPBACK_6 = ipaddress.ip_address("::1")
