"""Cuts a Python process off from every network but loopback.

Imported by conftest.py, and, through PYTHONPATH, by every Python process the tests start.
"""

import ipaddress
import socket
from typing import Any

_connect, _connect_ex = socket.socket.connect, socket.socket.connect_ex
_getaddrinfo = socket.getaddrinfo


class NetworkBlocked(OSError):
    """The tests speak to loopback only."""


def _check(host: Any) -> None:
    if host in (None, "", "localhost", b"localhost"):
        return
    try:
        allowed = ipaddress.ip_address(
            host.decode() if isinstance(host, bytes) else host
        ).is_loopback
    except ValueError:
        allowed = False
    if not allowed:
        raise NetworkBlocked(f"no network but loopback in the tests: {host!r}")


def _guarded(function: Any) -> Any:
    def connect(self: socket.socket, address: Any) -> Any:
        if self.family != getattr(socket, "AF_UNIX", None):
            _check(address[0])
        return function(self, address)

    return connect


def _guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
    if host != socket.gethostname() and host != "0.0.0.0":
        _check(host)
    return _getaddrinfo(host, *args, **kwargs)


socket.socket.connect = _guarded(_connect)
socket.socket.connect_ex = _guarded(_connect_ex)
socket.getaddrinfo = _guarded_getaddrinfo
