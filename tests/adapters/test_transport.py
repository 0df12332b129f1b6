"""Both transports read the same answers, and refuse the same ones with the same errors."""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
import ssl
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import trustme

import nbstream as nb
from nbstream.adapters.transport import http
from nbstream.adapters.transport.proxies import Proxy
from nbstream.adapters.transport.timeouts import Timeouts
from tests.servers import Request, Server, chat

connection = pytest.importorskip("nbstream.adapters.transport.connection")
Serve = Callable[..., Server]

OK = b"HTTP/1.1 200 OK\r\n"
TWO = b"content-length: 2\r\n\r\nhi"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n"

#: What a server sends, and how it is read: the status and body, or the error after which part of a body.
SAID: dict[str, tuple[bytes, Any]] = {
    "with a length": (OK + TWO, (200, b"hi")),
    "chunked": (CHUNKED + b"0\r\n\r\n", (200, b"hi")),
    "chunk extensions": (CHUNKED.replace(b"2\r\n", b"2;x=y\r\n") + b"0\r\n\r\n", (200, b"hi")),
    "a space after the size": (CHUNKED.replace(b"2\r\n", b"2  \r\n") + b"0\r\n\r\n", (200, b"hi")),
    "trailers": (CHUNKED + b"0\r\nx-sum: 1\r\n\r\n", (200, b"hi")),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\nhi", (200, b"hi")),
    "until it closes": (OK + b"connection: close\r\n\r\nhi", (200, b"hi")),
    "early hints": (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + OK + TWO, (200, b"hi")),
    "continue": (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + TWO, (200, b"hi")),
    "no content": (b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n", (204, b"")),
    "no reason": (b"HTTP/1.1 200\r\n" + TWO, (200, b"hi")),
    "LF alone": (b"HTTP/1.1 200 OK\ncontent-length: 2\n\nhi", (200, b"hi")),
    "length and chunks": (
        CHUNKED.replace(b"transfer", b"content-length: 9\r\ntransfer") + b"0\r\n\r\n",
        (200, b"hi"),
    ),
    "a folded header": (OK + b"x: 1\r\n  2\r\n" + TWO, (200, b"hi")),
    "an upgrade that is only offered": (
        OK + b"connection: upgrade\r\nupgrade: h2c\r\n" + TWO,
        (200, b"hi"),
    ),
    "more than one answer": ((OK + TWO) * 2, (200, b"hi")),
    "something after the answer": (OK + b"connection: close\r\n" + TWO + b"X", (200, b"hi")),
    "cut off": (OK + b"content-length: 9\r\n\r\nhi", ("RemoteProtocolError", b"hi")),
    "cut off in chunks": (CHUNKED, ("RemoteProtocolError", b"hi")),
    "a bad chunk": (CHUNKED + b"zz\r\n", ("RemoteProtocolError", b"hi")),
    "an immense chunk": (CHUNKED + b"f" * 30 + b"\r\n", ("RemoteProtocolError", b"hi")),
    "a chunk longer than it says": (
        CHUNKED.replace(b"2\r\nhi", b"1\r\nhi"),
        ("RemoteProtocolError", b"h"),
    ),
    "another coding": (CHUNKED.replace(b"chunked", b"gzip, chunked"), ("RemoteProtocolError", b"")),
    "no length": (OK + b"content-length: x\r\n\r\nhi", ("RemoteProtocolError", b"")),
    "two lengths": (OK + b"content-length: 3\r\n" + TWO, ("RemoteProtocolError", b"")),
    "another protocol": (b"SSH-2.0-OpenSSH\r\n", ("RemoteProtocolError", b"")),
    "a page": (b"<html>hello</html>", ("RemoteProtocolError", b"")),
    "HTTP/2": (b"\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x64", ("RemoteProtocolError", b"")),
    "switching protocols": (
        b"HTTP/1.1 101 Go\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
        ("RemoteProtocolError", b""),
    ),
    "nothing": (b"", ("RemoteProtocolError", b"")),
    "half a head": (b"HTTP/1.1 200 OK\r\ncont", ("RemoteProtocolError", b"")),
    "a NUL": (OK + b"x: a\0b\r\n" + TWO, ("RemoteProtocolError", b"")),
    "no name": (OK + b": b\r\n" + TWO, ("RemoteProtocolError", b"")),
    "a long header": (OK + b"x: " + b"a" * 300_000, ("RemoteProtocolError", b"")),
    "many headers": (OK + b"x: aaaaaaa\r\n" * 30_000, ("RemoteProtocolError", b"")),
    "endless trailers": (
        CHUNKED + b"0\r\n" + b"x: aa\r\n" * 50_000,
        ("RemoteProtocolError", b"hi"),
    ),
    "an endless extension": (CHUNKED + b"2;" + b"x" * 400_000, ("RemoteProtocolError", b"hi")),
}


def saying(raw: bytes, *, slowly: bool = False) -> Any:
    async def handler(request: Request) -> None:
        for piece in [raw[i : i + 1] for i in range(len(raw))] if slowly else [raw]:
            request.writer.write(piece)
            await request.writer.drain()
        request.writer.close()

    return handler


def transport_of(name: str) -> Any:
    return connection.Transport(http.no_context()) if name == "httptools" else None


async def outcome(client: httpx.AsyncClient, url: str) -> Any:
    body = b""
    try:
        async with client.stream("POST", url, content=b"{}") as response:
            async for piece in response.aiter_raw():
                body += piece
            return response.status_code, body
    except httpx.TransportError as error:
        return type(error).__name__, body


@pytest.mark.parametrize("slowly", [False, True], ids=["at once", "byte by byte"])
@pytest.mark.parametrize("case", SAID)
async def test_answers(serve: Serve, each_transport: str, case: str, slowly: bool) -> None:
    raw, read = SAID[case]
    if slowly and len(raw) > 1000:
        return
    server = serve(saying(raw, slowly=slowly))
    async with httpx.AsyncClient(transport=transport_of(each_transport), timeout=10) as client:
        assert await outcome(client, server.url) == read
    assert server.requests[0].body == b"{}"


@pytest.mark.usefixtures("each_transport")
async def test_a_refusal_before_all_of_a_long_request_was_read() -> None:
    def refuse() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(1000)
            body = b'{"error": {"message": "too much"}}'
            peer.sendall(b"HTTP/1.1 413 No\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(1 << 20):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        answered = asyncio.ensure_future(asyncio.to_thread(refuse))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        with pytest.raises(nb.ProviderError, match="too much"):
            await nb.stream("x" * 20_000_000, model=nb.OpenAICompatible(url, "m"), retries=0)
        await answered


async def test_a_slow_reader_holds_the_server_up(serve: Serve, each_transport: str) -> None:
    async def flood(request: Request) -> None:
        request.start()
        for _ in range(400):
            await request.send(b"x" * 100_000)
        await request.end()

    server = serve(flood)
    async with (
        httpx.AsyncClient(transport=transport_of(each_transport)) as client,
        client.stream("POST", server.url, content=b"{}") as response,
    ):
        pieces = response.aiter_raw()
        count = len(await anext(pieces))
        await asyncio.sleep(0.3)
        assert server.requests[0].sent < 300
        assert count + sum([len(piece) async for piece in pieces]) == 40_000_000


async def test_the_limit_of_a_read(serve: Serve, each_transport: str) -> None:
    async def silent(request: Request) -> None:
        request.start()
        await request.send(b"hi")
        await asyncio.sleep(30)

    limits = httpx.Timeout(None, read=0.2)
    async with httpx.AsyncClient(transport=transport_of(each_transport), timeout=limits) as client:
        assert await outcome(client, serve(silent).url) == ("ReadTimeout", b"hi")


async def test_every_address_of_a_name_is_tried(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, each_transport: str
) -> None:
    server = serve(chat(["ok"]))
    port = int(server.url.rpartition(":")[2])
    with socket.socket() as free:
        free.bind(("127.0.0.2", 0))
        nobody = free.getsockname()[1]

    def of(*ports: int) -> None:
        ends: list[Any] = [("127.0.0.2", nobody), *(("127.0.0.1", p) for p in ports)]
        infos = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", end) for end in ends]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: infos)

    of(port)
    if each_transport == "httptools":  # anyio asks for the addresses in its own way
        assert (
            await nb.stream("hi", model=nb.OpenAICompatible("http://a.test/v1", "m"))
        ).text == "ok"
    of(nobody)
    with pytest.raises(nb.ConnectError, match="refused"):
        await nb.stream("hi", model=nb.OpenAICompatible("http://a.test/v1", "m"), retries=0)


def test_the_number_behind_several_addresses() -> None:
    words = "Multiple exceptions: [Errno 111] Connect call failed, [Errno 111] Connect call failed"
    error = connection._of_one_kind(OSError(words.replace("111", str(errno.ECONNREFUSED))))
    assert isinstance(error, ConnectionRefusedError)
    mixed = OSError("Multiple exceptions: [Errno 101] Network, [Errno 111] Connect")
    assert connection._of_one_kind(mixed) is mixed


async def test_a_request_that_cannot_be_one() -> None:
    async with httpx.AsyncClient(transport=transport_of("httptools")) as client:
        for headers in ({"x": "a\r\ny: b"}, {"x\n": "a"}, {"x": "a\0"}):
            with pytest.raises(httpx.LocalProtocolError):
                await client.post("http://127.0.0.1:1/", headers=headers)
        with pytest.raises(httpx.UnsupportedProtocol):
            await client.get("ftp://127.0.0.1/")


@pytest.mark.parametrize("secure", [False, True])
async def test_cancelled_at_every_step_no_socket_is_lost(serve: Serve, secure: bool) -> None:
    """A warning of an unclosed socket or transport fails the test."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    server = serve(chat(["ok"] * 20, delay=0.001), tls=context if secure else None)
    model = nb.OpenAICompatible(server.url.replace("127.0.0.1", "localhost"), "m", verify=False)

    async def consume() -> None:
        async for _ in model.stream("hi"):
            pass

    for steps in range(0, 120, 3):
        task = asyncio.ensure_future(consume())
        for _ in range(steps):
            await asyncio.sleep(0.0002)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    gc.collect()
    await asyncio.sleep(0.3)  # the server's side of broken handshakes
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_who_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NBSTREAM_TRANSPORT", raising=False)

    def reader(proxy: Proxy | None = None) -> str:
        client = http._client("http://a.test", proxy, Timeouts(), True)
        return type(client._transport).__module__.partition(".")[0]

    try:
        assert reader() == reader(None) == "nbstream"
        assert reader(Proxy(http.Secret("http://127.0.0.1:1"), "HTTP_PROXY")) == "httpx"
        nb.configure(transport="httpx")
        assert reader() == "httpx"
        nb.configure(transport="carrier pigeon")
        with pytest.raises(nb.UsageError, match="pigeon"):
            reader()
        nb.configure(transport="httptools")
        monkeypatch.setitem(__import__("sys").modules, connection.__name__, None)
        with pytest.raises(nb.UsageError, match="httptools"):
            reader()
        nb.configure(transport=None)
        assert reader() == "httpx"
    finally:
        nb.configure(transport=None)
