"""Loopback HTTP servers the tests and the bench talk to.

    with Server(chat(["Hel", "lo"], delay=0.02)) as server:
        ...                       # server.url + "/v1" speaks OpenAI chat completions
        server.requests[0].json   # what the client sent

A handler is `async def handler(request)`. It answers through `request.respond`, `request.start` and
`request.send`, or does what it likes to `request.writer`: half a character, a reset, nothing at all.
It is cancelled when the client goes away.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

Handler = Callable[["Request"], Awaitable[None]]
T = TypeVar("T")
EVENT_STREAM = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}


@dataclass
class Request:
    """One request and the way to answer it. Times are `time.monotonic()`."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    opened_at: float = field(default_factory=time.monotonic)
    finished_at: float | None = None
    closed_at: float | None = None
    """When the client went away before the handler was done; None if it took everything."""
    sent: int = 0
    """Calls of `send` so far."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def start(self, status: int = 200, headers: Mapping[str, str] = EVENT_STREAM) -> None:
        """Begins a chunked response."""
        self._head(status, {**headers, "transfer-encoding": "chunked"})

    async def send(self, data: bytes) -> None:
        """Sends one HTTP chunk."""
        self.writer.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.sent += 1
        await self.writer.drain()

    async def end(self) -> None:
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    async def respond(
        self, status: int, body: bytes | str | dict, headers: Mapping[str, str] | None = None
    ) -> None:
        """Sends a whole response; a dict goes as JSON."""
        if isinstance(body, dict):
            headers = {"content-type": "application/json", **(headers or {})}
            body = json.dumps(body)
        data = body.encode() if isinstance(body, str) else body
        self._head(status, {**(headers or {}), "content-length": str(len(data))})
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Drops the connection with a TCP reset."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} Status", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
        self.writer.write("\r\n".join(lines).encode("latin-1"))


class Server:
    """An HTTP/1.1 server on a free loopback port, in a thread of its own."""

    def __init__(self, handler: Handler, *, tls: ssl.SSLContext | None = None) -> None:
        self.handler = handler
        self.requests: list[Request] = []
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"{'https' if self._tls else 'http'}://{host}:{port}"

    def __enter__(self) -> Server:
        self._thread.start()
        self._server = self._await(
            self._loop.create_server(self._connection, "127.0.0.1", 0, ssl=self._tls)
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._await(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    def call_soon(self, function: Callable[[], object]) -> None:
        """Calls it on the server's loop, for handlers that wait for something."""
        self._loop.call_soon_threadsafe(function)

    def _await(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=10)

    async def _stop(self) -> None:
        for _ in range(3):
            await asyncio.sleep(0)  # what was just accepted gets its task: afterwards it could not
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _ in range(5):
            await asyncio.sleep(0)  # lets aborted transports close their sockets

    def _connection(self) -> asyncio.StreamReaderProtocol:
        reader = asyncio.StreamReader(limit=1 << 26)

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            protocol.task = task = self._loop.create_task(self._serve(reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            # cancelled before its first step, it closes nothing itself
            task.add_done_callback(lambda _: writer.close())

        protocol = _Connection(reader, connected)
        return protocol

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await _read_request(reader, writer):
                self.requests.append(request)
                try:
                    await self.handler(request)
                    request.finished_at = time.monotonic()
                except (asyncio.CancelledError, ConnectionError):
                    request.closed_at = time.monotonic()
                    return
        finally:
            writer.close()
            with contextlib.suppress(Exception):
                await writer.wait_closed()


class _Connection(asyncio.StreamReaderProtocol):
    """Cancels the handler the moment the client closes its end."""

    task: asyncio.Task | None = None

    def eof_received(self) -> bool | None:
        self._gone()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone()
        super().connection_lost(exc)

    def _gone(self) -> None:
        if self.task:
            self.task.cancel()


async def _read_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")[:-2]
        method, path, _ = first.split(" ")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        return None
    return Request(method, path, headers, body, reader, writer)


# OpenAI chat completions ────────────────────────────────────────────────────


def chat(
    chunks: Iterable[str] | Callable[[Request], Iterable[str]],
    *,
    delay: float = 0.0,
    finish_reason: str | None = "stop",
    usage: dict[str, int] | None = None,
) -> Handler:
    """An OpenAI-compatible server that answers every prompt with `chunks`.

    Streams one SSE event an HTTP chunk, `delay` seconds apart (0: at full speed). `chunks` may be
    computed from the request. Lists one model, `test-model`.
    """

    async def handler(request: Request) -> None:
        if request.path.endswith("/models"):
            await request.respond(200, {"object": "list", "data": [{"id": "test-model"}]})
        elif not request.path.endswith("/chat/completions"):
            await request.respond(404, {"error": {"message": "no such path"}})
        else:
            parts = chunks(request) if callable(chunks) else chunks
            await answer(request, parts)

    async def answer(request: Request, parts: Iterable[str]) -> None:
        if not request.json.get("stream"):
            message = {"role": "assistant", "content": "".join(parts)}
            choice = {"index": 0, "message": message, "finish_reason": finish_reason}
            await request.respond(200, {"choices": [choice], "usage": usage})
            return
        request.start()
        await request.send(chat_event({"role": "assistant", "content": ""}))
        began = time.monotonic()
        for n, text in enumerate(parts, start=1):
            if delay:
                await asyncio.sleep(max(0.0, began + n * delay - time.monotonic()))
            await request.send(chat_event({"content": text}))
        if finish_reason:
            await request.send(chat_event({}, finish_reason))
        if usage:
            await request.send(sse({"choices": [], "usage": usage}))
        await request.send(b"data: [DONE]\n\n")
        await request.end()

    return handler


def chat_event(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return sse(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1_700_000_000,
            "model": "test-model",
            "choices": [choice],
        }
    )


def sse(payload: Any) -> bytes:
    return b"data: %b\n\n" % json.dumps(payload, ensure_ascii=False).encode()
