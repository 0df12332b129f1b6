"""One streaming request over HTTP. The only room that imports httpx, and only when it is used."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

from nbstream.events.errors import (
    ConnectError,
    NbstreamError,
    ProtocolError,
    ProviderError,
    StreamInterruptedError,
    StreamTimeoutError,
    UsageError,
)

from .failures import Endpoint, status_error
from .silence import Silence
from .timeouts import Timeouts

if TYPE_CHECKING:
    import httpx

#: True: the system's and certifi's authorities; False: any certificate; a path: a CA bundle.
Verify = bool | str | ssl.SSLContext

#: The longest error body that is read, in bytes.
_MAX_ERROR = 64 * 1024
_MAX_REDIRECTS = 5
_USER_AGENT = "nbstream"


class Answer:
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
        # without compression httpx's inner stream gives the same bytes at half the cost
        encoded = self.headers.get("content-encoding", "identity") != "identity"
        source: AsyncIterator[bytes] = (
            self._response.aiter_bytes() if encoded else aiter(self._response.stream)  # type: ignore[arg-type]
        )
        try:
            async for chunk in source:
                yield chunk
        except Exception as error:
            raise translate(error, self._endpoint, answered=True) from error

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
) -> AsyncGenerator[Answer, None]:
    """Sends one JSON request and gives the answer before its body has come.

    Redirects are followed with the same method; to another origin without headers that came from the
    user, so that no key travels. Raises ConnectError, StreamTimeoutError (connect), or the
    ProviderError that a status other than 2xx means. Leaving the block closes the connection.
    """
    import httpx

    timeout = httpx.Timeout(None, connect=timeouts.connect, pool=timeouts.connect)
    base = {"content-type": "application/json", "user-agent": _USER_AGENT}
    sent = {**base, **{name.lower(): value for name, value in headers.items()}}
    client = httpx.AsyncClient(verify=_ssl_context(verify), timeout=timeout, http2=False)
    async with client:
        for _ in range(_MAX_REDIRECTS + 1):
            silence = Silence()
            try:
                request = client.build_request(method, url, content=payload, headers=sent)
                response = await client.send(request, stream=True)
            except Exception as error:
                raise translate(error, endpoint) from error
            try:
                target = _redirect(response, endpoint)
                if target is None:
                    answer = Answer(response, endpoint, silence)
                    if not 200 <= response.status_code < 300:
                        body = await answer.read()
                        raise status_error(endpoint, response.status_code, response.headers, body)
                    yield answer
                    return
            finally:
                await response.aclose()
            if not _same_origin(response.url, target):
                sent = base
            url = str(target)
        raise ProviderError(
            f"{endpoint.url} redirects in a circle",
            provider=endpoint.provider,
            hint="Check the base URL.",
        )


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


def load(verify: Verify) -> None:
    """Do now what the first connection would have to wait for."""
    import httpx  # noqa: F401

    if isinstance(verify, bool):
        _ssl_context(verify)


@lru_cache(maxsize=8)
def _ssl_context(verify: Verify) -> ssl.SSLContext:
    import httpx

    if isinstance(verify, str):
        return ssl.create_default_context(cafile=verify)
    return httpx.create_ssl_context(verify=verify)


def translate(error: BaseException, endpoint: Endpoint, *, answered: bool = False) -> BaseException:
    """The error of ours that an exception of httpx (or of a library like it) means."""
    if isinstance(error, NbstreamError):
        return error
    where = endpoint.mask(endpoint.url)
    causes = list(_causes(error))
    names = {type(cause).__name__ for cause in causes}
    detail = endpoint.mask(str(error) or type(error).__name__)
    if names & {"InvalidURL", "UnsupportedProtocol", "LocalProtocolError"}:
        return UsageError(
            f"cannot send a request to {where!r}: {detail}",
            hint="The base URL looks like http://127.0.0.1:8080/v1",
        )
    if names & {"ConnectTimeout", "PoolTimeout"}:
        return StreamTimeoutError(
            f"{where} did not answer the connection in time",
            hint="Is the server up? Timeouts(connect=…) sets how long to wait.",
        )
    if any(isinstance(cause, ssl.SSLError) for cause in causes) and not answered:
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
