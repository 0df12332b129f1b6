"""Streams over HTTP: server-sent events, and an ASGI app around an agent. Needs `nbstream[serve]`.

    app = nb.asgi_app(agent)                # uvicorn module:app
    curl -N localhost:8000/stream -H 'content-type: application/json' -d '{"prompt": "Hi"}'

A run goes on while somebody reads it, and `linger` seconds longer; a client that comes back in that time
with the `Last-Event-ID` it has gets the rest. This is the one room that imports Starlette.
"""

from __future__ import annotations

import asyncio
import hmac
import uuid
from collections.abc import AsyncGenerator, Callable
from typing import Any

import msgspec

from nbstream.agents.agent import Agent
from nbstream.agents.workflow import Workflow
from nbstream.events import StreamEvent, encode
from nbstream.events.errors import UsageError
from nbstream.runs.stream import Stream

from .agui import AguiEncoder, messages_of

#: Runs that are kept to be resumed or watched, and the largest request, in bytes.
MAX_RUNS = 100
MAX_BODY = 10_000_000

#: An agent, a workflow, or a function of the prompt and the context.
Served = Agent | Workflow | Callable[..., Stream]


async def sse(
    stream: Stream, *, protocol: str = "nbstream", heartbeat: float = 15.0
) -> AsyncGenerator[bytes, None]:
    """The stream as server-sent events: `id` is the event's number, `data` its JSON.

    `protocol="ag-ui"` gives AG-UI's events. A comment keeps an idle connection open every `heartbeat`
    seconds. Leaving it stops the stream.
    """
    run_id = uuid.uuid4().hex
    lines = _lines(stream, _encoder(protocol, run_id, run_id), "", -1, heartbeat)
    try:
        async for chunk in lines:
            yield chunk
    finally:
        await lines.aclose()
        if not stream.ended:
            stream.stop()


def asgi_app(
    served: Served,
    *,
    path: str = "/stream",
    token: str | None = None,
    heartbeat: float = 15.0,
    linger: float = 2.0,
) -> Any:
    """A Starlette app that runs `served` for each POST and streams its events.

    POST `path` with `{"prompt": …, "context": {…}}` gives our events, with AG-UI's RunAgentInput (or
    `?protocol=ag-ui`) AG-UI's. Each request is a conversation of its own. GET `path` follows the newest run,
    `?run=ID` a certain one; `Last-Event-ID` (GET or POST) resumes. When nobody has read a run for `linger`
    seconds it is stopped. With `token`, clients send `Authorization: Bearer …`; without one, only clients on
    this machine are served.
    """
    try:
        from starlette.applications import Starlette
        from starlette.responses import JSONResponse
        from starlette.routing import Route
    except ModuleNotFoundError as error:
        raise UsageError(
            "asgi_app needs Starlette.", hint='pip install "nbstream[serve]"'
        ) from error
    runs = _Runs(linger)

    async def endpoint(request: Any) -> Any:
        try:
            _admit(request, token)
            run, protocol, thread = await _run_of(request, served, runs)
        except _Refused as refused:
            return JSONResponse({"error": {"message": str(refused)}}, refused.status)
        after = _number(request.headers.get("last-event-id", ""))
        encoder = _encoder(protocol, thread or run.id, run.id)
        lines = _lines(run.stream, encoder, f"{run.id}:", after, heartbeat)
        return _EventStream(run, lines)

    return Starlette(routes=[Route(path, endpoint, methods=["GET", "POST"])])


# ── lines ─────────────────────────────────────────────────────────────────────

Encoder = Callable[[StreamEvent], list[bytes]]


def _encoder(protocol: str, thread_id: str, run_id: str) -> Encoder:
    if protocol == "ag-ui":
        agui = AguiEncoder(thread_id, run_id)
        return lambda event: [
            msgspec.json.encode(payload, enc_hook=repr) for payload in agui.encode(event)
        ]
    if protocol != "nbstream":
        raise UsageError(f"There is no protocol {protocol!r}.", hint='"nbstream" or "ag-ui"')
    return lambda event: [encode(event)]


async def _lines(
    stream: Stream, encoder: Encoder, prefix: str, after: int, heartbeat: float
) -> AsyncGenerator[bytes, None]:
    """The events with a number above `after`, from the first on as they come."""
    stream.start()
    yield b"retry: 500\n\n"
    seen = 0
    while True:
        events = stream.events[seen:]
        seen += len(events)
        chunk = b"".join(
            b"id: %s%d\ndata: %s\n\n" % (prefix.encode(), event.seq, data)
            for event in events
            for data in encoder(event)
            if event.seq > after
        )
        if chunk:
            yield chunk
        elif stream.ended and seen == len(stream.events):
            return
        elif not events:
            try:
                await asyncio.wait_for(stream.more(seen), heartbeat)
            except TimeoutError:
                yield b": still here\n\n"


# ── runs ──────────────────────────────────────────────────────────────────────


class _Run:
    """A run and who reads it."""

    def __init__(self, run_id: str, stream: Stream, linger: float) -> None:
        self.id = run_id
        self.stream = stream
        self._linger = linger
        self._readers = 0

    def join(self) -> None:
        self._readers += 1

    def leave(self) -> None:
        self._readers -= 1
        if not self._readers and not self.stream.ended:
            asyncio.get_running_loop().call_later(self._linger, self._stop_alone)

    def _stop_alone(self) -> None:
        if not self._readers:
            self.stream.stop()


class _Runs:
    def __init__(self, linger: float) -> None:
        self._linger = linger
        self._runs: dict[str, _Run] = {}

    def add(self, stream: Stream) -> _Run:
        run = _Run(uuid.uuid4().hex[:16], stream, self._linger)
        self._runs[run.id] = run
        ended = [run_id for run_id, each in self._runs.items() if each.stream.ended]
        for run_id in ended[: max(len(self._runs) - MAX_RUNS, 0)]:
            del self._runs[run_id]
        return run

    def get(self, run_id: str | None) -> _Run:
        if run_id is None and self._runs:
            return list(self._runs.values())[-1]
        if run_id not in self._runs:
            raise _Refused(404, "There is no such run." if run_id else "There is no run yet.")
        return self._runs[run_id]


# ── requests ──────────────────────────────────────────────────────────────────


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def _admit(request: Any, token: str | None) -> None:
    if token is not None:
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            raise _Refused(401, "Send the token: Authorization: Bearer …")
        return
    server = request.scope.get("server")
    if server is not None and not (_is_loopback(server[0]) and _is_loopback(request.url.hostname)):
        raise _Refused(403, "Beyond this machine the app needs a token: asgi_app(…, token=…).")


async def _run_of(request: Any, served: Served, runs: _Runs) -> tuple[_Run, str, str]:
    protocol = request.query_params.get("protocol", "")
    if "ag-ui" in request.headers.get("accept", ""):
        protocol = "ag-ui"
    if protocol not in ("", "nbstream", "ag-ui"):
        raise _Refused(400, "protocol is nbstream or ag-ui.")
    last = request.headers.get("last-event-id", "").rpartition(":")[0]
    if last or request.method == "GET":
        run = runs.get(last or request.query_params.get("run"))
        return run, protocol or "nbstream", ""
    body = await _json(request)
    if "threadId" in body and "runId" in body:
        prompt, protocol = messages_of(body), protocol or "ag-ui"
    else:
        prompt = body.get("prompt")
    context = body.get("context")
    try:
        stream = _start(served, prompt, context if isinstance(context, dict) else {})
    except UsageError as error:
        raise _Refused(400, str(error)) from error
    return runs.add(stream), protocol or "nbstream", str(body.get("threadId") or "")


def _start(served: Served, prompt: Any, context: dict[str, Any]) -> Stream:
    if not isinstance(prompt, (str, list)) or not prompt:
        raise UsageError('Send {"prompt": "…"}, or messages.')
    if isinstance(served, Agent):
        return served.fork(0).stream(prompt, context=context)
    if not isinstance(prompt, str):
        prompt = prompt[-1].get("content") or ""
    if isinstance(served, Workflow):
        return served.stream(prompt, context=context)
    return served(prompt, context)


async def _json(request: Any) -> dict[str, Any]:
    # A page of another origin cannot send this type without being asked about it first.
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise _Refused(415, "Send JSON, with content-type: application/json.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise _Refused(413, "The request is too large.")
    try:
        value = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise _Refused(400, f"Not JSON: {error}") from error
    if not isinstance(value, dict):
        raise _Refused(400, 'Send an object: {"prompt": "…"}.')
    return value


def _is_loopback(host: str | None) -> bool:
    return host in ("localhost", "::1") or bool(host and host.startswith("127."))


def _number(event_id: str) -> int:
    number = event_id.rpartition(":")[2]
    return int(number) if number.isdecimal() else -1


class _EventStream:
    """The response: ends when the run does, or when the client goes."""

    def __init__(self, run: _Run, lines: AsyncGenerator[bytes, None]) -> None:
        self._run = run
        self._lines = lines

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-cache",
            "x-accel-buffering": "no",
            "x-run-id": self._run.id,
        }
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._run.join()
        tasks: list[asyncio.Future[None]] = []
        try:
            await send({"type": "http.response.start", "status": 200, "headers": encoded})
            tasks = [asyncio.ensure_future(each) for each in (self._push(send), _gone(receive))]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._lines.aclose()
            self._run.leave()

    async def _push(self, send: Any) -> None:
        async for chunk in self._lines:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
