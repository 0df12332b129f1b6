"""Streams over HTTP: server-sent events, and an ASGI app around an agent. Needs `nbstream[serve]`.

    app = nb.asgi_app(agent)                # uvicorn module:app
    curl -N localhost:8000/stream -H 'content-type: application/json' -d '{"prompt": "Hi"}'

A run goes on while somebody reads it, and `linger` seconds longer; a client that comes back in that time
with the `Last-Event-ID` it has gets the rest. This is the one room that imports Starlette.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncGenerator, Callable
from typing import Any

import msgspec

from nbstream.agents.agent import Agent
from nbstream.agents.workflow import Workflow
from nbstream.events import StreamEvent, encode
from nbstream.events.errors import UsageError
from nbstream.events.json import decode_json
from nbstream.runs.stream import Stream

from .admission import Refused, admit
from .agui import AguiEncoder, messages_of

#: Runs that are kept to be resumed or watched, those that may go on at once, and the largest request, in bytes.
MAX_RUNS = 100
MAX_RUNNING = 256
MAX_BODY = 10_000_000

#: Seconds in which a request has to have arrived whole, and requests that may be arriving at once.
BODY_TIMEOUT = 30.0
MAX_ARRIVING = 64

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
    seconds it is stopped. With `token`, clients send `Authorization: Bearer …`; without one, only programs
    and pages on this machine are served, and nobody behind a proxy. Clients send messages of the roles user,
    assistant and tool: the system prompt is yours.
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
            admit(request, token)
            last, after = _last_event(request)
            run, protocol, thread = await _run_of(request, served, runs, last)
        except Refused as refused:
            error = {"error": {"message": str(refused)}}
            return JSONResponse(error, refused.status, refused.headers)
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
    """A run and who reads it; when nobody does for `linger` seconds, from its beginning on, it is stopped."""

    def __init__(self, run_id: str, stream: Stream, linger: float) -> None:
        self.id = run_id
        self.stream = stream
        self._linger = linger
        self._readers = 0
        self._wait_for_readers()

    def join(self) -> None:
        self._readers += 1

    def leave(self) -> None:
        self._readers -= 1
        self._wait_for_readers()

    def _wait_for_readers(self) -> None:
        if not self._readers and not self.stream.ended:
            asyncio.get_running_loop().call_later(self._linger, self._stop_alone)

    def _stop_alone(self) -> None:
        if not self._readers:
            self.stream.stop()


class _Runs:
    def __init__(self, linger: float) -> None:
        self._linger = linger
        self._runs: dict[str, _Run] = {}
        self._arriving = 0

    def add(self, stream: Stream) -> _Run:
        run = _Run(uuid.uuid4().hex[:16], stream, self._linger)
        self._runs[run.id] = run
        ended = [run_id for run_id, each in self._runs.items() if each.stream.ended]
        for run_id in ended[: max(len(self._runs) - MAX_RUNS, 0)]:
            del self._runs[run_id]
        return run

    def get(self, run_id: str) -> _Run:
        if run_id not in self._runs:
            raise Refused(404, "There is no such run.")
        return self._runs[run_id]

    def newest(self) -> _Run:
        if not self._runs:
            raise Refused(404, "There is no run yet.")
        return list(self._runs.values())[-1]

    def check_room(self) -> None:
        """Raises `Refused` where as many runs go on as may."""
        if sum(not each.stream.ended for each in self._runs.values()) >= MAX_RUNNING:
            raise Refused(503, "Too many runs go on.", {"retry-after": "5"})

    async def body(self, request: Any) -> bytes:
        """The whole request. Raises `Refused` where it is too large, too slow, or one of too many."""
        if self._arriving >= MAX_ARRIVING:
            raise Refused(503, "Too many requests are arriving.", {"retry-after": "5"})
        self._arriving += 1
        try:
            return await asyncio.wait_for(_read(request), BODY_TIMEOUT)
        except TimeoutError:
            raise Refused(408, f"The request did not arrive within {BODY_TIMEOUT:g} s.") from None
        finally:
            self._arriving -= 1


# ── requests ──────────────────────────────────────────────────────────────────

_EVENT_ID = re.compile(r"([0-9a-f]{1,64}):([0-9]{1,15})", re.ASCII)


def _last_event(request: Any) -> tuple[str, int]:
    """The run to go on with and the number of the event that the client has; "" and -1 for none."""
    given = request.headers.get("last-event-id", "")
    if not given:
        return "", -1
    match = _EVENT_ID.fullmatch(given)
    if match is None:
        raise Refused(400, "Last-Event-ID is not one of this server's.")
    return match.group(1), int(match.group(2))


async def _run_of(request: Any, served: Served, runs: _Runs, last: str) -> tuple[_Run, str, str]:
    protocol = request.query_params.get("protocol", "")
    if "ag-ui" in request.headers.get("accept", ""):
        protocol = "ag-ui"
    if protocol not in ("", "nbstream", "ag-ui"):
        raise Refused(400, "protocol is nbstream or ag-ui.")
    if last or request.method == "GET":
        wanted = last or request.query_params.get("run")
        run = runs.newest() if wanted is None else runs.get(wanted)
        return run, protocol or "nbstream", ""
    body = _object(await runs.body(request))
    thread = body.get("threadId", "")
    if not isinstance(thread, str):
        raise Refused(400, "threadId is a text.")
    context = body.get("context")
    try:
        if "threadId" in body and "runId" in body:
            prompt, protocol = messages_of(body), protocol or "ag-ui"
        else:
            prompt = body.get("prompt")
        _check_prompt(prompt)
        runs.check_room()
        stream = _start(served, prompt, context if isinstance(context, dict) else {})
    except UsageError as error:
        raise Refused(400, str(error)) from error
    return runs.add(stream), protocol or "nbstream", thread


#: What clients may say in a conversation: the system prompt is the server's.
_ROLES = ("user", "assistant", "tool")


def _check_prompt(prompt: Any) -> None:
    """Raises `UsageError` for what is no text and no list of messages."""
    if not isinstance(prompt, (str, list)) or not prompt:
        raise UsageError('Send {"prompt": "…"}, or messages.')
    for message in prompt if isinstance(prompt, list) else ():
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise UsageError(f"A message is an object with a role of {', '.join(_ROLES)}.")
        content, calls = message.get("content"), message.get("tool_calls")
        if not (content is None or isinstance(content, str) or _are_objects(content)):
            raise UsageError("A message's content is a text or a list of parts.")
        if calls is not None and not (_are_objects(calls) and all(map(_is_call, calls))):
            raise UsageError("tool_calls are objects with id and function.")
        if message["role"] == "tool" and not isinstance(message.get("tool_call_id", ""), str):
            raise UsageError("tool_call_id is a text.")


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _is_call(call: dict[str, Any]) -> bool:
    function = call.get("function")
    return isinstance(call.get("id"), str) and (
        isinstance(function, dict)
        and isinstance(function.get("name"), str)
        and isinstance(function.get("arguments", ""), str)
    )


def _start(served: Served, prompt: Any, context: dict[str, Any]) -> Stream:
    if isinstance(served, Agent):
        return served.fork(0).stream(prompt, context=context)
    if not isinstance(prompt, str):
        prompt = _text_of(prompt[-1].get("content"))
    if isinstance(served, Workflow):
        return served.stream(prompt, context=context)
    try:
        return served(prompt, context)
    except (SystemExit, GeneratorExit) as error:  # it would end the server
        raise RuntimeError(f"{served!r} raised {type(error).__name__}: {error}") from error


def _text_of(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part["text"]) for part in content if part.get("text"))
    return content or ""


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = decode_json(body)
    except ValueError as error:
        raise Refused(400, f"Not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Refused(400, 'Send an object: {"prompt": "…"}.')
    return value


async def _read(request: Any) -> bytes:
    # A page of another origin cannot send this type without being asked about it first.
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(415, "Send JSON, with content-type: application/json.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise Refused(413, "The request is too large.")
    return bytes(body)


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
            "x-content-type-options": "nosniff",
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
            self._run.leave()  # first: what follows may be cancelled, or fail
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._lines.aclose()

    async def _push(self, send: Any) -> None:
        async for chunk in self._lines:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
