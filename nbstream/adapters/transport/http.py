"""One streaming request over HTTP. The only room that imports httpx, and only when it is used."""

from __future__ import annotations

import base64
import logging
import re
import socket
import ssl
import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from nbstream.events.errors import (
    ConnectError,
    NbstreamError,
    ProtocolError,
    ProviderError,
    StreamInterruptedError,
    StreamTimeoutError,
    UsageError,
)

from .compression import ACCEPTED, encodings, unpacked
from .failures import Endpoint, status_error
from .masking import (
    MASK,
    Secret,
    mask,
    needles,
    secrets_of_headers,
    secrets_of_url,
    shown_url,
)
from .proxies import Proxy, proxy_for
from .silence import Silence
from .timeouts import Timeouts
from .tls import Verify, no_context, ssl_context

if TYPE_CHECKING:
    import httpx

#: The longest error body that is read, in bytes.
_MAX_ERROR = 64 * 1024
_MAX_REDIRECTS = 5
_USER_AGENT = "nbstream"


class HTTPResponse:
    """A response whose body has not been read: `status`, `headers`, and `chunks` as they arrive.

    `silence` has lasted since the request was sent.
    """

    def __init__(self, response: httpx.Response, endpoint: Endpoint, silence: Silence) -> None:
        self._response = response
        self._endpoint = endpoint
        self.silence = silence
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body, decompressed, as it arrives. Raises StreamInterruptedError where it breaks off."""
        # httpx's inner stream gives the bytes as they came, at half the cost of its own decoding
        source: AsyncIterator[bytes] = aiter(self._response.stream)  # type: ignore[arg-type]
        found = needles(self._endpoint.secrets)
        if names := encodings(self.headers.get("content-encoding", "")):
            source = unpacked(source, names, self._endpoint.url)
        try:
            async for chunk in source:
                for needle in found:
                    if needle in chunk:
                        chunk = chunk.replace(needle, MASK.encode())
                yield chunk
        except Exception as error:
            raise translate(error, self._endpoint, answered=True) from None
        finally:
            if isinstance(source, AsyncGenerator):
                await source.aclose()

    async def read(self, limit: int = _MAX_ERROR) -> bytes:
        """The body as far as `limit`; what breaks off is given as far as it came."""
        body = bytearray()
        try:
            async for chunk in self.chunks():
                body += chunk
                if len(body) >= limit:
                    break
        except NbstreamError:
            pass
        return bytes(body[:limit])


@asynccontextmanager
async def post(
    endpoint: Endpoint,
    url: str,
    payload: bytes,
    headers: Mapping[str, str],
    *,
    timeouts: Timeouts,
    verify: Verify = True,
    method: str = "POST",
) -> AsyncGenerator[HTTPResponse, None]:
    """Sends one JSON request and gives the response before its body has come.

    Redirects are followed with the same method; to another origin without headers that came from the
    user, so that no key travels. Raises UsageError (what cannot be a header, a proxy that cannot be used),
    ConnectError, StreamTimeoutError (connect), or the ProviderError that a status other than 2xx means.
    Leaving the block closes the connection.
    """
    import httpx

    _quiet_loggers()
    check_headers(headers)
    base = {
        "content-type": "application/json",
        "accept-encoding": ACCEPTED,
        "user-agent": _USER_AGENT,
    }
    given = {name.lower(): Secret(value) for name, value in headers.items()}
    url, given = _without_credentials(url, given)
    sent = {**base, **given}
    for _ in range(_MAX_REDIRECTS + 1):
        proxy = proxy_for(url)
        silence = Silence()
        async with _client(url, proxy, timeouts, verify) as client:
            response = await _send(client, method, url, payload, sent, endpoint.secrets)
            if isinstance(response, Exception):
                raise translate(response, endpoint, url=url, proxy=proxy) from None
            try:
                target = _redirect(response, endpoint)
                if target is None:
                    if proxy is not None and response.status_code == 407:
                        raise _proxy_wants_a_key(proxy)
                    opened = HTTPResponse(response, endpoint, silence)
                    if not 200 <= response.status_code < 300:
                        body = await opened.read()
                        raise status_error(endpoint, response.status_code, response.headers, body)
                    yield opened
                    return
            finally:
                await response.aclose()
        if not _same_origin(httpx.URL(url), target):
            sent = base
        url = Secret(target.copy_with(userinfo=b""))
    raise ProviderError(
        f"{endpoint.url} redirects in a circle",
        provider=endpoint.provider,
        hint="Check the base URL.",
    )


def _client(url: str, proxy: Proxy | None, timeouts: Timeouts, verify: Verify) -> httpx.AsyncClient:
    """A client for one request, which looks at the environment as it is now."""
    import httpx

    # authorities are read only for a connection that needs them
    secure = url.startswith("https:") or (proxy is not None and proxy.url.startswith("https:"))
    return httpx.AsyncClient(
        verify=ssl_context(verify) if secure else no_context(),
        timeout=httpx.Timeout(None, connect=timeouts.connect, pool=timeouts.connect),
        proxy=str(proxy.url) if proxy is not None else None,
        trust_env=False,
    )


async def _send(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    payload: bytes,
    headers: Mapping[str, str],
    secrets: Iterable[str],
) -> httpx.Response | Exception:
    """The response, or what went wrong: returned, so that no frame of the library stands in a traceback."""
    token = _unlogged.set((*secrets, *secrets_of_url(url), *secrets_of_headers(headers)))
    try:
        request = client.build_request(method, str(url), content=payload, headers=dict(headers))
        return await client.send(request, stream=True)
    except Exception as error:
        return error
    finally:
        _unlogged.reset(token)


def check_headers(headers: Mapping[str, str]) -> None:
    """Raises `UsageError` for what cannot be a header, without showing what it holds."""
    for name, value in headers.items():
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise UsageError(f"{name!r} cannot be the name of a header")
        if fault := header_fault(value):
            raise UsageError(f"the header {name!r} holds {fault}", hint="Headers are plain ASCII.")


def header_fault(value: str) -> str:
    """What of `value` cannot stand in a header, in words; "" where it can."""
    if not isinstance(value, str):
        return f"a {type(value).__name__}, which is no text"
    if "\n" in value or "\r" in value:
        return "a line break"
    for character in value:
        if not " " <= character <= "~" and character != "\t":
            name = unicodedata.name(character, "")
            return f"a character that no header may have, {name or 'a control character'}"
    return ""


def _without_credentials(url: str, headers: dict[str, Secret]) -> tuple[Secret, dict[str, Secret]]:
    """A URL without user and password, which go as a header instead: URLs are logged and shown."""
    parts = urlsplit(url)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    if bare == url or "@" not in parts.netloc:
        return Secret(url), headers
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}".encode()
    basic = Secret(f"Basic {base64.b64encode(pair).decode()}")
    return Secret(bare), {"authorization": basic, **headers}


def _proxy_wants_a_key(proxy: Proxy) -> ConnectError:
    return ConnectError(
        f"{proxy} wants a name and a password (407)",
        hint="They stand in its address: http://name:password@host:port",
    )


#: What the libraries' own log lines must not hold while a request is sent.
_unlogged: ContextVar[tuple[str, ...]] = ContextVar("nbstream_unlogged", default=())


def _masked_record(record: logging.LogRecord) -> bool:
    if secrets := _unlogged.get():
        record.msg, record.args = mask(record.getMessage(), secrets), ()
    return True


@lru_cache(maxsize=1)
def _quiet_loggers() -> None:
    """The libraries log URLs and the server's headers, with the keys in them."""
    for name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy"):
        logging.getLogger(name).addFilter(_masked_record)


def _redirect(response: httpx.Response, endpoint: Endpoint) -> httpx.URL | None:
    if response.status_code not in (301, 302, 303, 307, 308):
        return None
    location = response.headers.get("location")
    if not location:
        return None
    target = response.url.join(location)
    if response.url.scheme == "https" and target.scheme != "https":
        raise ConnectError(
            f"{endpoint.url} redirects from https to {target.scheme}",
            hint="That would send the prompt in the clear; set the base URL yourself if it is meant.",
        )
    return target


def _same_origin(a: httpx.URL, b: httpx.URL) -> bool:
    if (a.scheme, a.host, a.port) == (b.scheme, b.host, b.port):
        return True
    upgraded = a.scheme == "http" and b.scheme == "https"
    return upgraded and a.host == b.host and a.port in (None, 80) and b.port in (None, 443)


def load(verify: Verify, url: str = "") -> None:
    """Do now what the first connection would have to wait for."""
    import httpx  # noqa: F401

    if isinstance(verify, bool) and url.startswith("https:"):
        with suppress(UsageError):  # the request says so
            ssl_context(verify)


def translate(
    error: BaseException,
    endpoint: Endpoint,
    *,
    answered: bool = False,
    url: str = "",
    proxy: Proxy | None = None,
) -> BaseException:
    """The error of ours that an exception of httpx (or of a library like it) means.

    `url` is where the request went, if not to the endpoint; `proxy` what it went through.
    """
    if isinstance(error, NbstreamError):
        return error
    where = endpoint.mask(shown_url(url) if url else endpoint.url)
    causes = list(_causes(error))
    names = {type(cause).__name__ for cause in causes}
    detail = endpoint.mask(str(error) or type(error).__name__)
    if names & {"InvalidURL", "UnsupportedProtocol", "LocalProtocolError"}:
        return UsageError(
            f"cannot send a request to {where!r}: {detail}",
            hint="The base URL looks like http://127.0.0.1:8080/v1",
        )
    connecting = names & {"ConnectTimeout", "ConnectError", "ProxyError"}
    if proxy is not None and connecting and not answered and not _is_tls(causes):
        return ConnectError(
            f"{proxy} could not be reached or refused, so {where} was not asked: {detail}",
            hint=f"Is the proxy running? Without it: unset {proxy.variable or 'it'}, "
            "or add the host to NO_PROXY.",
        )
    if names & {"ConnectTimeout", "PoolTimeout"}:
        return StreamTimeoutError(
            f"{where} did not answer the connection in time",
            hint="Is the server up? Timeouts(connect=…) sets how long to wait.",
        )
    if _is_tls(causes) and not answered:
        return ConnectError(
            f"{where} has no certificate we trust: {_tls_reason(causes)}", hint=_TLS
        )
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return ConnectError(
            f"{where}: the host name is not known (DNS)", hint="Check the base URL and the network."
        )
    if answered:
        if "DecodingError" in names:
            return ProtocolError(f"the compressed stream from {where} is damaged: {detail}")
        return StreamInterruptedError(
            f"the connection to {where} broke in the middle of the answer ({detail})",
            hint="What had arrived is kept. Run it again for the rest.",
        )
    if names & {"ProxyError"}:
        return ConnectError(f"the proxy refused the connection to {where}: {detail}")
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return ConnectError(f"nobody answers at {where} (connection refused)", hint=_REFUSED)
    if names & {
        "ConnectError",
        "ReadError",
        "RemoteProtocolError",
        "WriteError",
        "CloseError",
    } or any(isinstance(cause, OSError) for cause in causes):
        return _retryable(
            ConnectError(f"the connection to {where} failed before an answer came ({detail})")
        )
    return error


_REFUSED = "Is the server running, and are host and port right?"
_TLS = (
    "For a server with a self-signed certificate pass verify=False, "
    "or verify='/path/to/ca.pem' to trust its authority."
)


def _retryable(error: NbstreamError) -> NbstreamError:
    error.retryable = True
    return error


def _is_tls(causes: list[BaseException]) -> bool:
    return any(isinstance(cause, ssl.SSLError) for cause in causes)


def _tls_reason(causes: list[BaseException]) -> str:
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_message
    return next((str(c) for c in causes if isinstance(c, ssl.SSLError)), "")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    pending = [error]
    while pending:
        cause = pending.pop()
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        pending.append(cause.__cause__ or cause.__context__)
        pending.extend(getattr(cause, "exceptions", ()))  # an exception group
