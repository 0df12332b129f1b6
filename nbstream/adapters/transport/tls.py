"""Whom a connection trusts. Made when a connection needs it: reading the authorities takes tens of milliseconds."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache

from nbstream.events.errors import UsageError

#: True: the system's and certifi's authorities; False: any certificate; a path: a CA bundle.
Verify = bool | str | ssl.SSLContext

_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def ssl_context(verify: Verify) -> ssl.SSLContext:
    """The context for `verify`, as the environment is now.

    Raises `UsageError` for a bundle that is not there.
    """
    if isinstance(verify, ssl.SSLContext):
        return verify
    places = tuple(os.environ.get(name, "") for name in _VARIABLES)
    try:
        return _made(verify, places if verify is True else ())
    except (OSError, ssl.SSLError) as error:
        named = [
            f"{n}={p}" for n, p in zip(_VARIABLES, places, strict=True) if p and verify is True
        ]
        what = ", ".join(named) or f"verify={verify!r}"
        raise UsageError(
            f"the certificates of {what} cannot be read: {error}",
            hint="It names a file of certificates in PEM form, or a folder of them.",
        ) from None


def no_context() -> ssl.SSLContext:
    """For a client that makes no secure connection, and must be given one all the same."""
    return _nothing()


@lru_cache(maxsize=8)
def _made(verify: bool | str, places: tuple[str, ...]) -> ssl.SSLContext:
    import httpx

    if isinstance(verify, str):
        if os.path.isdir(verify):
            return ssl.create_default_context(capath=verify)
        return ssl.create_default_context(cafile=verify)
    return httpx.create_ssl_context(verify=verify)


@lru_cache(maxsize=1)
def _nothing() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
