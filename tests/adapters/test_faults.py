"""Everything that goes wrong between a server and us, against real sockets that misbehave on purpose."""

from __future__ import annotations

import asyncio
import email.utils
import gc
import gzip
import json
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import nbstream as nb
from nbstream.events import Retry, RunEnd, Stall, Warning
from nbstream.render.saved import to_html
from tests.servers import Handler, Request, Server, chat, chat_event

Serve = Callable[..., Server]
pytestmark = pytest.mark.usefixtures("each_transport")
KEY = "sk-test-0123456789abcdefghij"
KEPT = chat_event({"content": "kept"})
END = chat_event({}, "stop") + b"data: [DONE]\n\n"


def model(server: Server | str, **settings: Any) -> nb.OpenAICompatible:
    url = server if isinstance(server, str) else server.url + "/v1"
    return nb.OpenAICompatible(url, "test-model", KEY, **settings)


def ask(server: Server | str, *, retries: int = 0, **settings: Any) -> nb.Stream:
    return nb.stream("hi", model=model(server, **settings), retries=retries)


async def failure(stream: nb.Stream) -> Any:
    with pytest.raises(nb.NbstreamError) as caught:
        await asyncio.wait_for(stream._wait(), 20)
    assert stream.status == "error"
    assert isinstance(stream.events[-1], RunEnd)
    seen = f"{caught.value} {caught.value!r} {getattr(caught.value, 'body', '')} {stream.events}"
    assert KEY not in seen
    return caught.value


def warnings_of(stream: nb.Stream) -> str:
    return " ".join(e.message for e in stream.events if isinstance(e, Warning))


def sending(
    *pieces: bytes, then: Callable[[Request], Awaitable[None] | None] | None = None
) -> Handler:
    async def handler(request: Request) -> None:
        request.start()
        for piece in pieces:
            await request.send(piece)
        if then is None:
            await request.end()
        elif (waited := then(request)) is not None:
            await waited

    return handler


def answering(status: int, body: Any, **headers: str) -> Handler:
    async def handler(request: Request) -> None:
        await request.respond(status, body, {k.replace("_", "-"): v for k, v in headers.items()})

    return handler


# Before an answer ─────────────────────────────────────────────────────────────


async def test_refused() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    error = await failure(ask(url, retries=2))
    assert isinstance(error, nb.ConnectError)
    assert "refused" in str(error)


async def test_unknown_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = await failure(ask("http://no-such-host.invalid/v1"))
    assert isinstance(error, nb.ConnectError)
    assert "DNS" in str(error)


async def test_self_signed(serve: Serve, self_signed: ssl.SSLContext) -> None:
    server = serve(chat(["hello"]), tls=self_signed)
    stream = ask(server, retries=2)
    error = await failure(stream)
    assert isinstance(error, nb.ConnectError)
    assert "verify=False" in str(error)
    assert not any(isinstance(e, Retry) for e in stream.events)
    assert not server.requests
    assert (await ask(server, verify=False)).text == "hello"


@pytest.mark.parametrize("url", ["ftp://x/v1", "http://", "http://[bad/v1"])
def test_bad_base_url(url: str) -> None:
    with pytest.raises((nb.UsageError, ValueError)):
        nb.OpenAICompatible(url, "m")


async def test_connect_timeout() -> None:
    with socket.socket() as full:  # a full backlog: connections are never accepted
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        blockers = [socket.socket() for _ in range(4)]
        for blocker in blockers:
            blocker.setblocking(False)
            blocker.connect_ex(address)
        stream = nb.stream(
            "hi",
            model=model(f"http://127.0.0.1:{address[1]}/v1"),
            timeout=nb.Timeouts(connect=0.3),
            retries=0,
        )
        error = await failure(stream)
        assert isinstance(error, nb.StreamTimeoutError)
        for blocker in blockers:
            blocker.close()


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (400, {"error": {"message": "bad temperature", "type": "invalid_request_error"}}, nb.ProviderError, "bad temperature"),
        (400, {"error": {"message": "maximum context length is 8 tokens", "code": "context_length_exceeded"}}, nb.ContextLengthError, "context"),
        (400, {"error": {"message": "filtered", "code": "content_filter"}}, nb.ContentFilterError, "filtered"),
        (401, {"error": {"message": f"Incorrect API key provided: {KEY}"}}, nb.AuthenticationError, "key"),
        (403, {"error": {"message": "no access"}}, nb.AuthenticationError, "right"),
        (404, {"error": {"message": "The model `x` does not exist", "code": "model_not_found"}}, nb.ModelNotFoundError, "test-model"),
        (404, "Not Found", nb.ProviderError, "base URL"),
        (413, "too large", nb.ProviderError, "too large"),
        (422, {"detail": [{"msg": "field required"}]}, nb.ProviderError, "field required"),
        (429, {"error": {"message": "slow down"}}, nb.RateLimitError, "slow down"),
        (500, {"error": "exploded"}, nb.ServerError, "exploded"),
        (503, "<html><title>Down for repair</title></html>", nb.ServerError, "Down for repair"),
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, nb.ServerError, "Overloaded"),
    ],
)  # fmt: skip
async def test_status(serve: Serve, status: int, body: Any, kind: type, said: str) -> None:
    server = serve(answering(status, body, x_request_id="req_1"))
    error = await failure(ask(server))
    assert type(error) is kind
    assert error.status == status
    assert error.request_id == "req_1"
    assert said in f"{error} {error.body}"
    assert len(server.requests) == 1


async def test_401_names_the_variable(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(answering(401, {"error": {"message": "bad key"}}))
    monkeypatch.setenv("MY_KEY", KEY)
    chosen = nb.OpenAICompatible(server.url, "m", api_key_name="MY_KEY")
    error = await failure(nb.stream("hi", model=chosen))
    assert "MY_KEY" in str(error)
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("name", ["openai/gpt-4o-mini", "anthropic/claude-x", "gemini/g", "groq/x"])
async def test_a_missing_key_is_named_before_connecting(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in (
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "GEMINI_API_KEY",
        "GOOGLE_API_KEY",
        "GROQ_API_KEY",
    ):
        monkeypatch.delenv(variable, raising=False)
    error = await failure(nb.stream("hi", model=name))
    assert isinstance(error, nb.AuthenticationError)
    assert f"{name.partition('/')[0].upper()}_API_KEY" in str(error)


@pytest.mark.parametrize("form", ["seconds", "ms", "date"])
async def test_retry_after(serve: Serve, form: str) -> None:
    wait = {
        "seconds": {"retry-after": "0.3"},
        "ms": {"retry-after-ms": "300", "retry-after": "30"},
        "date": {"retry-after": email.utils.formatdate(time.time() + 1, usegmt=True)},
    }[form]

    async def handler(request: Request) -> None:
        if len(server.requests) == 1:
            await request.respond(429, {"error": {"message": "slow down"}}, wait)
        else:
            await chat(["hello"])(request)

    server = serve(handler)
    stream = ask(server, retries=2)
    assert (await stream).text == "hello"
    (retry,) = [e for e in stream.events if isinstance(e, Retry)]
    assert retry.wait <= 2
    assert len(server.requests) == 2


async def test_a_server_that_asks_for_too_long_a_wait_is_not_asked_again(serve: Serve) -> None:
    server = serve(answering(429, {"error": {"message": "tomorrow"}}, retry_after="86400"))
    assert (await failure(ask(server, retries=2))).retry_after == 86400
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [500, 503, 529])
async def test_a_server_in_trouble_is_asked_again(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr("nbstream.runs.retry._wait", lambda *_: 0.01)

    async def handler(request: Request) -> None:
        if len(server.requests) < 3:
            await request.respond(status, {"error": {"message": "not now"}})
        else:
            await chat(["hello"])(request)

    server = serve(handler)
    stream = ask(server, retries=2)
    assert (await stream).text == "hello"
    assert [e.attempt for e in stream.events if isinstance(e, Retry)] == [1, 2]


async def test_redirects_keep_the_method_and_guard_the_key(serve: Serve) -> None:
    target = serve(chat(["hello"]))
    for status in (301, 302, 307, 308):

        async def handler(request: Request, status: int = status) -> None:
            if request.path == "/v1/chat/completions":
                await request.respond(status, "", {"location": "/v2/chat/completions"})
            else:
                await chat(["moved"])(request)

        here = serve(handler)
        assert (await ask(here)).text == "moved"
        assert here.requests[-1].method == "POST"
        assert here.requests[-1].headers["authorization"] == f"Bearer {KEY}"
        elsewhere = serve(answering(status, "", location=f"{target.url}/v1/chat/completions"))
        stream = nb.stream("hi", model=model(elsewhere, headers={"x-tenant": "secret-tenant"}))
        assert (await stream).text == "hello"
        assert "authorization" not in target.requests[-1].headers
        assert "x-tenant" not in target.requests[-1].headers
    circle = serve(answering(307, "", location="/v1/chat/completions"))
    assert "circle" in str(await failure(ask(circle)))


# Not a stream ─────────────────────────────────────────────────────────────────


async def test_web_page_with_200(serve: Serve) -> None:
    page = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>…</body></html>"
    error = await failure(ask(serve(answering(200, page, content_type="text/html"))))
    assert "Sign in" in str(error)
    assert error.body.startswith("<!DOCTYPE")


async def test_json_error_with_200(serve: Serve) -> None:
    error = await failure(
        ask(serve(answering(200, {"error": {"message": f"quota {KEY}", "code": 429}})))
    )
    assert isinstance(error, nb.RateLimitError)


async def test_whole_completion_with_200(serve: Serve) -> None:
    whole = {"choices": [{"message": {"content": "all at once"}, "finish_reason": "stop"}]}
    stream = ask(serve(answering(200, whole)))
    assert (await stream).text == "all at once"
    assert "did not stream" in warnings_of(stream)


async def test_empty_answer_with_200(serve: Serve) -> None:
    error = await failure(ask(serve(sending())))
    assert isinstance(error, nb.ProtocolError)


async def test_wrong_content_type(serve: Serve) -> None:
    async def handler(request: Request) -> None:
        request.start(headers={"content-type": "text/plain"})
        await request.send(KEPT + END)
        await request.end()

    stream = ask(serve(handler))
    assert (await stream).text == "kept"
    assert "content type" in warnings_of(stream)


async def test_gzip(serve: Serve) -> None:
    async def handler(request: Request) -> None:
        request.start(headers={"content-type": "text/event-stream", "content-encoding": "gzip"})
        await request.send(gzip.compress(KEPT + END))
        await request.end()

    assert (await ask(serve(handler))).text == "kept"


async def test_broken_gzip(serve: Serve) -> None:
    async def handler(request: Request) -> None:
        request.start(headers={"content-type": "text/event-stream", "content-encoding": "gzip"})
        await request.send(b"this is not gzip")
        await request.end()

    assert isinstance(await failure(ask(serve(handler))), nb.ProtocolError)


async def test_charset_is_always_utf8(serve: Serve) -> None:
    async def handler(request: Request) -> None:
        request.start(headers={"content-type": "text/event-stream; charset=windows-1252"})
        await request.send(b"data: {}\n\n" + chat_event({"content": "café"}) + END)
        await request.end()

    assert (await ask(serve(handler))).text == "café"


# In the middle ────────────────────────────────────────────────────────────────


async def test_connection_reset(serve: Serve) -> None:
    async def reset(request: Request) -> None:
        await asyncio.sleep(0.05)
        request.reset()

    stream = ask(serve(sending(KEPT, then=reset)), retries=2)
    error = await failure(stream)
    assert isinstance(error, nb.StreamInterruptedError)
    assert error.partial == stream.text == "kept"


async def test_closed_inside_a_chunked_body(serve: Serve) -> None:
    server = serve(sending(KEPT, then=lambda request: request.writer.close()))
    stream = ask(server, retries=2)
    error = await failure(stream)
    assert isinstance(error, nb.StreamInterruptedError)
    assert error.partial == "kept"
    assert len(server.requests) == 1


async def test_closed_after_the_finish_reason_is_no_failure(serve: Serve) -> None:
    pieces = (KEPT, chat_event({}, "stop"))
    stream = ask(serve(sending(*pieces, then=lambda request: request.writer.close())))
    assert (await stream).finish_reason == "stop"


async def test_close_delimited_body_that_just_ends(serve: Serve) -> None:
    async def handler(request: Request) -> None:
        request.writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
            + KEPT
        )
        await request.writer.drain()
        request.writer.close()

    stream = ask(serve(handler))
    response = await stream
    assert (response.text, response.finish_reason, response.partial) == ("kept", "unknown", True)
    assert "without saying" in warnings_of(stream)


async def test_closed_before_any_answer(serve: Serve) -> None:
    async def handler(request: Request) -> None:
        if len(server.requests) == 1:
            request.reset()
        else:
            await chat(["hello"])(request)

    server = serve(handler)
    stream = ask(server, retries=1)
    assert (await stream).text == "hello"
    assert any(isinstance(e, Retry) for e in stream.events)


@pytest.mark.parametrize("line", [b'data: {"error": {"message": "boom"}}\n\n', b'data: {"error": "boom"}\n\n',
                                  b'event: error\ndata: {"message": "boom"}\n\n', b'error: {"message": "boom"}\n\n'])  # fmt: skip
async def test_error_in_the_stream(serve: Serve, line: bytes) -> None:
    server = serve(sending(KEPT, line))
    stream = ask(server, retries=2)
    error = await failure(stream)
    assert isinstance(error, nb.ProviderError)
    assert "boom" in str(error)
    assert error.partial == "kept"
    assert len(server.requests) == 1


async def test_text_is_never_said_twice(serve: Serve) -> None:
    overloaded = b'data: {"error": {"message": "Overloaded", "type": "overloaded_error"}}\n\n'
    server = serve(sending(KEPT, overloaded))
    await failure(ask(server, retries=3))
    assert len(server.requests) == 1


async def test_silence_is_a_stall_and_pings_do_not_hide_it(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbstream.runs.writer.STALL_AFTER", 0.2)

    async def pinging(request: Request) -> None:
        for _ in range(8):
            await request.send(b": ping\n\n")
            await asyncio.sleep(0.05)
        await request.send(END)
        await request.end()

    stream = ask(serve(sending(KEPT, then=pinging)))
    await stream
    (stall,) = [e for e in stream.events if isinstance(e, Stall)]
    assert not stall.first
    quiet = serve(sending(then=pinging))
    stream = nb.stream("hi", model=model(quiet), timeout=nb.Timeouts(first=0.3), retries=0)
    assert isinstance(await failure(stream), nb.StreamTimeoutError)
    assert any(isinstance(e, Stall) and e.first for e in stream.events)


async def test_a_server_that_does_not_hang_up(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbstream.adapters.wires.body.LINGER", 0.1)
    silent = serve(sending(KEPT, chat_event({}, "stop"), then=lambda _: asyncio.sleep(30)))
    assert (await asyncio.wait_for(ask(silent)._wait(), 10)).finish_reason == "stop"


async def test_slow_drip(serve: Serve) -> None:
    data = KEPT + chat_event({"content": " 世界👋"}) + END
    server = serve(sending(*(data[i : i + 1] for i in range(len(data)))))
    assert (await ask(server)).text == "kept 世界👋"


async def test_half_a_character_at_the_end(serve: Serve) -> None:
    stream = ask(
        serve(
            sending(KEPT, chat_event({"content": "x世"}).replace("世".encode(), b"\xe4\xb8"), END)
        )
    )
    assert (await stream).text == "keptx\ufffd"


async def test_a_fifty_megabyte_line(serve: Serve) -> None:
    async def handler(request: Request) -> None:
        request.start()
        await request.send(KEPT + b'data: {"choices": "')
        for _ in range(50):
            await request.send(b"x" * 1_000_000)
        await request.send(b'"}\n\n')
        await request.end()

    stream = ask(serve(handler))
    error = await failure(stream)
    assert isinstance(error, nb.ProtocolError)
    assert error.partial == "kept"
    assert len(error.data) <= 4000


@pytest.mark.parametrize("chunked", ["each event a chunk", "one chunk"])
@pytest.mark.parametrize(
    ("wait", "count", "warned"), [(0.3, 60, True), (0.3, 20, False), (0.0, 60, False)]
)
async def test_a_stream_that_a_proxy_held_back(
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    chunked: str,
    wait: float,
    count: int,
    warned: bool,
) -> None:
    monkeypatch.setattr("nbstream.adapters.transport.silence.LONG", 0.2 if wait else 60)

    async def handler(request: Request) -> None:
        request.start()
        await request.send(b": proxy\n\n")
        await asyncio.sleep(wait)
        pieces = [*[KEPT] * count, END] if chunked != "one chunk" else [KEPT * count + END]
        # one write, so that it arrives in one read
        request.writer.write(b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces))
        await request.end()

    stream = ask(serve(handler))
    assert (await stream).text == "kept" * count
    assert ("buffered" in warnings_of(stream)) is warned


async def test_a_stream_that_begins_late_is_not_held_back(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbstream.adapters.transport.silence.LONG", 0.1)

    async def late(request: Request) -> None:
        request.start()
        await asyncio.sleep(0.2)
        await request.send(KEPT)
        await asyncio.sleep(0.1)
        await request.send(KEPT * 60 + END)
        await request.end()

    stream = ask(serve(late))
    await stream
    assert "buffered" not in warnings_of(stream)


async def test_a_blocked_loop_is_not_a_proxy(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nbstream.adapters.transport.silence.LONG", 0.2)
    server = serve(sending(KEPT * 60 + END))
    stream = ask(server).start()
    while not server.requests:
        await asyncio.sleep(0)
    time.sleep(0.5)
    assert (await stream).text == "kept" * 60
    assert "buffered" not in warnings_of(stream)


async def test_gemini_gets_the_signature_of_a_call_back(serve: Serve) -> None:
    call = {"functionCall": {"name": "add", "args": {"a": 1}}, "thoughtSignature": "c2ln"}
    first = [{"text": "One mo"}, {"text": "ment.", "thoughtSignature": "dGV4dA=="}, call]
    answers = [first, [{"text": "2"}]]

    async def handler(request: Request) -> None:
        parts = answers[len(server.requests) - 1]
        await sending(
            *(
                b"data: %b\n\n"
                % json.dumps({"candidates": [{"content": {"parts": [part]}}]}).encode()
                for part in parts
            ),
            b'data: {"candidates": [{"finishReason": "STOP"}]}\n\n',
        )(request)

    @nb.tool
    def add(a: int) -> int:
        """Adds one."""
        return a + 1

    server = serve(handler)
    agent = nb.Agent(nb.Gemini("g", KEY, base_url=server.url), [add])
    stream = agent.stream("go")
    assert (await stream).text == "One moment.\n\n2"
    model_parts = server.requests[1].json["contents"][1]["parts"]
    assert model_parts == [*first]
    html = to_html(stream.transcript, stream.metrics)
    assert "Thought for" not in html
    assert "One moment." in html


# Leaving ──────────────────────────────────────────────────────────────────────


def endless(delay: float = 0.01) -> Handler:
    async def handler(request: Request) -> None:
        request.start()
        while True:
            await request.send(KEPT)
            await asyncio.sleep(delay)

    return handler


async def until_closed(server: Server) -> None:
    for _ in range(500):
        if server.requests and server.requests[-1].closed_at is not None:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the server never saw the connection close")


@pytest.mark.parametrize("way", ["break", "cancel", "stop", "del", "aclose"])
async def test_leaving_closes_the_connection(serve: Serve, way: str) -> None:
    server = serve(endless())
    if way == "aclose":
        events = model(server).stream("hi")
        await anext(events)
        await events.aclose()
    else:
        stream: Any = ask(server)
        if way == "break":
            async for _ in stream.text_deltas():
                break
        elif way == "cancel":
            task = asyncio.ensure_future(stream._wait())
            while not stream.text:
                await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        elif way == "stop":
            stream.start()
            while not stream.text:
                await asyncio.sleep(0.01)
            stream.stop()
            assert (await stream).status == "stopped"
        elif way == "del":
            stream.start()
            while not stream.text:
                await asyncio.sleep(0.01)
        del stream
        gc.collect()
    await until_closed(server)


@pytest.mark.parametrize("moment", [0.0, 0.001, 0.01, 0.05])
async def test_cancelled_at_any_point_nothing_is_left(serve: Serve, moment: float) -> None:
    async def slow(request: Request) -> None:
        await asyncio.sleep(0.02)
        await endless()(request)

    server = serve(slow)
    before = threading.active_count()
    for _ in range(3):
        events = model(server).stream("hi")

        async def consume(events: Any = events) -> None:
            async for _ in events:
                pass

        task = asyncio.ensure_future(consume())
        await asyncio.sleep(moment)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await events.aclose()
    for _ in range(300):
        if all(r.closed_at is not None for r in server.requests):
            break
        await asyncio.sleep(0.01)
    assert all(r.closed_at is not None for r in server.requests)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert threading.active_count() == before


def test_interpreter_exit_with_a_stream_open(serve: Serve) -> None:
    server = serve(endless())
    code = f"""
        import nbstream as nb
        stream = nb.stream("hi", model=nb.OpenAICompatible({server.url!r}, "m")).start()
        next(iter(stream.text_deltas()))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    asyncio.run(until_closed(server))


# Falling back ─────────────────────────────────────────────────────────────────


async def test_a_server_that_cannot_stream(serve: Serve) -> None:
    async def handler(request: Request) -> None:
        if request.json.get("stream"):
            await request.respond(
                400, {"error": {"message": "stream is not supported by this model"}}
            )
        else:
            await chat(["all at once"])(request)

    assert (await ask(serve(handler))).text == "all at once"
    quiet = model(serve(chat(["never streamed"])), stream=False)
    assert not quiet.supports("streaming")
    assert (await quiet.complete("hi")).text == "never streamed"


async def test_a_server_that_knows_no_stream_options(serve: Serve) -> None:
    async def handler(request: Request) -> None:
        if "stream_options" in request.json:
            await request.respond(422, {"detail": "extra fields not permitted: stream_options"})
        else:
            await chat(["hello"])(request)

    server = serve(handler)
    assert (await ask(server)).text == "hello"
    assert json.loads(server.requests[-1].body)["stream"] is True
