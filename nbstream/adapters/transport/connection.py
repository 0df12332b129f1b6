"""httpx's transport on asyncio and httptools: a connection for one request, at a fraction of the CPU.

httpx's own goes through httpcore and h11, which is written in Python and makes objects of every piece. Proxies
are left to that one, as are hosts without sockets: `http` chooses.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
from collections.abc import AsyncGenerator
from typing import Any

import aiohappyeyeballs
import httptools
import httpx

#: Bytes that wait to be read before the server is held up.
_ENOUGH = 256 * 1024
#: The longest head, or anything else that is no body, in bytes; that of h11.
_MAX_HEAD = 100 * 1024
#: Seconds until the next address of a host is tried as well (RFC 8305).
_NEXT_ADDRESS = 0.25

#: What h11 takes as well, and servers send. Nothing of it can mislead where one answer is all that is read.
_TOLERATED = {
    "lenient_headers": True,
    "lenient_chunked_length": True,
    "lenient_keep_alive": True,
    "lenient_data_after_close": True,
    "lenient_optional_cr_before_lf": True,
    "lenient_spaces_after_chunk_size": True,
}


class Transport(httpx.AsyncBaseTransport):
    """Raises httpx's own errors. Closing an answer, or the client, closes the connection at once."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._open: set[_Connection] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        limits = request.extensions.get("timeout") or {}
        head = _head(request)
        body = await request.aread()
        connection = await _connected(request, self._context, limits.get("connect"))
        self._open.add(connection)
        try:
            connection.send(head, body)
            await connection.answered(limits.get("read"))
        except BaseException:
            connection.abort()
            raise
        return httpx.Response(
            connection.status,
            headers=connection.headers,
            stream=_Body(connection, limits.get("read")),
            extensions={
                "http_version": b"HTTP/" + connection.version.encode(),
                "reason_phrase": connection.reason,
            },
        )

    async def aclose(self) -> None:
        while self._open:
            await self._open.pop().aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, connection: _Connection, limit: float | None) -> None:
        self._connection = connection
        self._limit = limit

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        while piece := await self._connection.read(self._limit):
            yield piece

    async def aclose(self) -> None:
        await self._connection.aclose()


def _head(request: httpx.Request) -> bytes:
    """The request's line and headers. The body goes as a whole, with its length."""
    url = request.url
    if url.scheme not in ("http", "https"):
        raise httpx.UnsupportedProtocol(
            f"Request URL has an unsupported protocol '{url.scheme}://'."
        )
    if request.headers.get("transfer-encoding"):
        raise httpx.LocalProtocolError("A request must have a known length.")
    lines = [b"%b %b HTTP/1.1" % (request.method.encode("ascii"), url.raw_path)]
    lines += [b"%b: %b" % (name, value) for name, value in request.headers.raw]
    if any(re.search(rb"[\r\n\0]", line) for line in lines):
        raise httpx.LocalProtocolError("Illegal header value")
    return b"\r\n".join([*lines, b"", b""])


async def _connected(
    request: httpx.Request, context: ssl.SSLContext, limit: float | None
) -> _Connection:
    loop = asyncio.get_running_loop()
    url = request.url
    host = url.raw_host.decode("ascii")
    secure = url.scheme == "https"
    port = url.port or (443 if secure else 80)
    options: dict[str, Any] = {}
    if secure:
        context.set_alpn_protocols(["http/1.1"])
        options["ssl"] = context
        options["server_hostname"] = request.extensions.get("sni_hostname") or host
    try:
        async with asyncio.timeout(limit):
            if re.fullmatch(r"[\d.]+|.*:.*", host):
                options |= {"host": host, "port": port}
            else:  # asyncio's own happy eyeballs loses sockets when it is cancelled
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                options["sock"] = await aiohappyeyeballs.start_connection(
                    found, happy_eyeballs_delay=_NEXT_ADDRESS, interleave=1, loop=loop
                )
            _, connection = await loop.create_connection(
                lambda: _Connection(loop, request.method), **options
            )
    except TimeoutError as error:
        raise httpx.ConnectTimeout(str(error), request=request) from error
    except (OSError, UnicodeError) as error:
        raise httpx.ConnectError(str(error), request=request) from _of_one_kind(error)
    return connection


def _of_one_kind(error: Exception) -> Exception:
    """What every address of a host failed with; several are told in words alone."""
    numbers = set(re.findall(r"\[Errno (\d+)\]", str(error)))
    if getattr(error, "errno", 0) is None and len(numbers) == 1:
        number = int(numbers.pop())
        return OSError(number, os.strerror(number))
    return error


class _Connection(asyncio.Protocol):
    """One request and its answer. The parser calls `on_…`; `on_body` goes straight into `_pieces`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, method: str) -> None:
        self.status = 0
        self.version = ""
        self.reason = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self._loop = loop
        self._method = method
        self._pieces: list[bytes] = []
        self._waiting = 0  # bytes that nobody has read
        self._idle = 0  # bytes in a row that were no body
        self._until_closed = False
        self._complete = False
        self._error: httpx.TransportError | None = None
        self._reader: asyncio.Future[None] | None = None
        self._closed: asyncio.Future[None] = loop.create_future()
        self.on_body = self._pieces.append
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(**_TOLERATED)

    # What the request does ───────────────────────────────────────────────────

    def send(self, head: bytes, body: bytes) -> None:
        self._transport.write(head + body if len(body) < _ENOUGH else head)
        if len(body) >= _ENOUGH:
            self._transport.write(body)

    async def answered(self, limit: float | None) -> None:
        """Waits for the head of the answer."""
        while not self.status:
            if self._error is not None:
                raise self._error
            await self._more(limit)

    async def read(self, limit: float | None) -> bytes:
        """All that has come since the last call; b"" at the end."""
        while True:
            if self._pieces:
                data = b"".join(self._pieces)
                self._pieces.clear()
                if self._waiting > _ENOUGH:
                    self._transport.resume_reading()
                self._waiting = 0
                return data
            if self._complete:
                return b""
            if self._error is not None:
                raise self._error
            await self._more(limit)

    async def _more(self, limit: float | None) -> None:
        self._reader = self._loop.create_future()
        try:
            if limit is None:
                await self._reader
            else:
                async with asyncio.timeout(limit):
                    await self._reader
        except TimeoutError as error:
            raise httpx.ReadTimeout("") from error
        finally:
            self._reader = None

    def abort(self) -> None:
        self._parser = None  # it holds this object
        self._pieces.clear()
        self._error = self._error or httpx.ReadError("The connection was closed.")
        self._transport.abort()

    async def aclose(self) -> None:
        self.abort()
        await asyncio.shield(self._closed)

    # What the network does ───────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if self._parser is None or self._complete or self._error is not None:
            return
        before = len(self._pieces)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._complete:
                said = error.__context__ if isinstance(error.__context__, ValueError) else error
                self._fail(httpx.RemoteProtocolError(str(said)))
        if len(self._pieces) > before:
            self._idle = 0
            self._waiting += len(data)
            if self._waiting > _ENOUGH:
                self._transport.pause_reading()
        else:
            self._idle += len(data)
            if self._idle > _MAX_HEAD and not self._complete:
                self._fail(httpx.RemoteProtocolError("the head of the answer is too long"))
        self._wake()

    def eof_received(self) -> None:
        self._ended(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended(exc)
        self._parser = None
        if not self._closed.done():
            self._closed.set_result(None)

    def _ended(self, exc: Exception | None) -> None:
        if self._complete or self._error is not None:
            pass
        elif exc is not None:
            self._error = httpx.ReadError(str(exc))
            self._error.__cause__ = exc
        elif not self.status:
            told = "Server disconnected without sending a response."
            self._error = httpx.RemoteProtocolError(told)
        elif self._until_closed:
            self._complete = True
        else:
            told = "peer closed connection without sending complete message body"
            self._error = httpx.RemoteProtocolError(told)
        self._wake()

    def _fail(self, error: httpx.TransportError) -> None:
        self._error = error
        self._transport.abort()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    # What the parser finds ───────────────────────────────────────────────────

    def on_status(self, status: bytes) -> None:
        self.reason = status

    def on_header(self, name: bytes, value: bytes) -> None:
        if b"\0" in value:
            raise ValueError("Illegal header value")
        if not self.status:  # afterwards they are trailers
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        status = self._parser.get_status_code()
        if status < 200:  # "early hints" and the like: the answer follows
            self.headers.clear()
            return
        self.status = status
        self.version = self._parser.get_http_version()
        named = {name.lower(): value.strip().lower() for name, value in self.headers}
        if named.get(b"transfer-encoding", b"chunked") != b"chunked":
            raise ValueError("Only Transfer-Encoding: chunked is supported")
        self._until_closed = not named.keys() & {b"content-length", b"transfer-encoding"}
        if self._method == "HEAD":
            self.on_message_complete()

    def on_message_complete(self) -> None:
        if self.status:
            self._complete = True
            raise EOFError  # what follows belongs to no answer
