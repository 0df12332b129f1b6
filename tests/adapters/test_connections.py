"""On the way: keys that cannot be sent, proxies, certificates, half characters, compressed bombs."""

from __future__ import annotations

import gzip
import json
import ssl
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

import nbstream as nb
from nbstream.adapters.models.ollama import host_url
from nbstream.adapters.transport.proxies import bypassed
from nbstream.events import Warning
from tests.servers import Request, Server, chat, chat_event

Serve = Callable[..., Server]
pytestmark = pytest.mark.usefixtures("each_transport")

SCHEMES = ("http", "https", "all", "no")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in SCHEMES:
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme.upper()}_PROXY", raising=False)


async def failure(model: nb.ChatModel, **options: Any) -> nb.NbstreamError:
    with pytest.raises(nb.NbstreamError) as raised:
        await nb.stream("hi", model=model, retries=0, **options)
    return raised.value


# Keys ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("key", "what"),
    [("sk-uno\nsk-two", "line break"), ("“sk-uno”", "QUOTATION MARK"), ("sk-\x00one", "control")],
)
async def test_a_key_that_cannot_be_one(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, key: str, what: str
) -> None:
    server = serve(chat(["no"]))
    error = await failure(nb.OpenAICompatible(server.url, "m", key))
    assert isinstance(error, nb.AuthenticationError)
    assert what in error.message
    assert "uno" not in repr(error)
    if "\x00" not in key:
        monkeypatch.setenv("MY_KEY", key)
        error = await failure(nb.OpenAICompatible(server.url, "m", api_key_name="MY_KEY"))
        assert "MY_KEY" in error.message
    assert not server.requests


async def test_a_header_that_cannot_be_one(serve: Serve) -> None:
    server = serve(chat(["no"]))
    headers = {"x-name": "geheim-ü"}
    for error in (
        await failure(nb.OpenAICompatible(server.url, "m", headers=headers)),
        await failure(nb.OpenAICompatible(server.url, "m"), extra_headers=headers),
    ):
        assert isinstance(error, nb.UsageError)
        assert "x-name" in error.message
        assert "geheim" not in error.message


async def test_a_key_for_each_request(serve: Serve) -> None:
    class Token:
        token = "tok-of-a-class-3"

    async def later() -> str:
        return "tok-later-0002"

    numbers = iter(range(9))
    for call, sent in ((lambda: f"tok-now-{next(numbers)}", "tok-now-1"), (later, "tok-later-0002"), (Token, "tok-of-a-class-3")):  # fmt: skip
        server = serve(chat(["ok"]))
        model = nb.OpenAICompatible(server.url, "m", call)
        for _ in range(2):
            assert (await nb.stream("hi", model=model)).text == "ok"
        assert server.requests[-1].headers["authorization"] == f"Bearer {sent}"
        assert sent in model.secrets()
        assert sent not in repr(vars(model))


@pytest.mark.parametrize("fault", [SystemExit(3), ValueError("not tok-secret-1"), None, 7])
async def test_a_function_that_gives_no_key(serve: Serve, fault: Any) -> None:
    def call() -> Any:
        if isinstance(fault, BaseException):
            raise fault
        return fault

    server = serve(chat(["no"]))
    error = await failure(nb.OpenAICompatible(server.url, "m", call))
    assert isinstance(error, nb.AuthenticationError)
    assert "api_key=" in error.message
    assert error.__cause__ is None
    with pytest.raises(nb.UsageError):
        nb.OpenAICompatible(server.url, "m", 3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "key", "header"),
    [
        ("a.openai.azure.com", "k", "api-key"),
        ("a.openai.azure.us", "k", "api-key"),
        ("a.openai.azure.cn", "k", "api-key"),
        ("a.services.ai.azure.com", "k", "api-key"),
        ("a.openai.azure.com", "eyJ0eXAi.eyJhdWQi.c2ln", "authorization"),
        ("api.openai.com", "k", "authorization"),
        ("notazure.com", "k", "authorization"),
    ],
)
def test_azure_in_every_cloud(host: str, key: str, header: str) -> None:
    model = nb.OpenAICompatible(f"https://{host}/openai/v1", "d", key)
    assert list(model.authorization(key)) == [header]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        (":1234", "http://127.0.0.1:1234"),
        ("[::]:1234", "http://localhost:1234"),
        ("::1", "http://[::1]:11434"),
        ("127.0.0.1:1234/", "http://127.0.0.1:1234"),
        ("https://my.host", "https://my.host"),
        ("http://0.0.0.0:80/ollama/", "http://127.0.0.1:80/ollama"),
        ("box", "http://box:11434"),
    ],
)
def test_the_ollama_host_in_every_form(host: str, url: str) -> None:
    assert host_url(host) == url


# Proxies and certificates ─────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("host", "listed", "yes"),
    [
        ("127.0.0.1", "localhost,127.0.0.0/8,::1/128", True),
        ("::1", "localhost,[::1]", True),
        ("fd07:b51a::5", "fd07:b51a::/64", True),
        ("10.1.2.3", "127.0.0.0/8", False),
        ("api.corp", ".corp", True),
        ("api.corp", "*.corp", True),
        ("apicorp", "corp", False),
        ("box", "box:8080", False),
        ("box", "*", True),
    ],
)
def test_no_proxy(host: str, listed: str, yes: bool) -> None:
    assert bypassed(host, 80, listed) is yes


async def test_through_a_proxy_and_past_it(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, server = serve(chat(["by proxy"])), serve(chat(["direct"]))
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    model = nb.OpenAICompatible(server.url, "m")
    assert (await nb.stream("hi", model=model)).text == "by proxy"
    assert proxy.requests[0].path.startswith(server.url)
    monkeypatch.setenv("NO_PROXY", "::1/128,[::1],127.0.0.0/8")
    assert (await nb.stream("hi", model=model)).text == "direct"


@pytest.mark.parametrize(
    ("name", "proxy"),
    [
        ("HTTP_PROXY", "http://user:proxypw99@127.0.0.1:9"),
        ("ALL_PROXY", "gopher://127.0.0.1:9"),
        ("ALL_PROXY", "socks://127.0.0.1:9"),
        ("http_proxy", "http://127.0.0.1:notaport"),
    ],
)
async def test_a_proxy_that_is_none(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, name: str, proxy: str
) -> None:
    server = serve(chat(["no"]))
    monkeypatch.setenv(name, proxy)
    error = await failure(nb.OpenAICompatible(server.url, "m"))
    assert name in str(error)
    assert "proxypw99" not in str(error)
    assert not server.requests


async def test_a_proxy_that_wants_a_name(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(request: Request) -> None:
        await request.respond(407, "who are you")

    monkeypatch.setenv("HTTP_PROXY", serve(refuse).url)
    error = await failure(nb.OpenAICompatible("http://127.0.0.1:1/v1", "m"))
    assert isinstance(error, nb.ConnectError)
    assert "HTTP_PROXY" in error.message


async def test_certificates_that_are_named_late(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = serve(chat(["trusted"]), tls=context)
    model = nb.OpenAICompatible(server.url, "m")
    assert isinstance(await failure(model), nb.ConnectError)
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    assert (await nb.stream("hi", model=model)).text == "trusted"
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    assert "SSL_CERT_FILE" in (await failure(model)).message
    missing = nb.OpenAICompatible(server.url, "m", verify=str(tmp_path / "gone.pem"))
    assert "gone.pem" in (await failure(missing)).message


def test_authorities_are_read_for_https_alone() -> None:
    code = """
        import ssl, nbstream as nb
        from tests.servers import Server, chat
        def never(*args, **kwargs):
            raise AssertionError("the authorities were read")
        with Server(chat(["ok"])) as server:
            ssl.create_default_context = never
            assert nb.stream("hi", model=nb.OpenAICompatible(server.url, "m")).result().text == "ok"
    """
    import textwrap

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


# What is sent and what comes ──────────────────────────────────────────────────


async def test_half_a_character_in_a_prompt(serve: Serve) -> None:
    server = serve(chat(["ok"]))
    stream = nb.stream("a \ud83d b \ud83d\ude00", model=nb.OpenAICompatible(server.url, "m"))
    assert (await stream).text == "ok"
    assert server.requests[0].json["messages"][0]["content"] == "a \ufffd b 😀"
    assert any(isinstance(event, Warning) for event in stream.events)


def packed(data: bytes, times: int = 1) -> bytes:
    for _ in range(times):
        data = gzip.compress(data)
    return data


def sending(body: bytes, encoding: str, status: int = 200) -> Any:
    async def handler(request: Request) -> None:
        head = {"content-type": "text/event-stream", "content-encoding": encoding}
        await request.respond(status, body, head)

    return handler


ANSWER = chat_event({"content": "ok"}) + chat_event({}, "stop") + b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (packed(ANSWER), "gzip"),
        (packed(ANSWER[:20]) + packed(ANSWER[20:]), "x-gzip"),
        (zlib.compress(ANSWER), "deflate"),
        (zlib.compress(ANSWER)[2:-4], "deflate"),
        (ANSWER, "identity"),
    ],
)
async def test_compressed_answers(serve: Serve, body: bytes, encoding: str) -> None:
    server = serve(sending(body, encoding))
    assert (await nb.stream("hi", model=nb.OpenAICompatible(server.url, "m"))).text == "ok"
    assert server.requests[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (packed(b"a" * 200_000_000), "gzip"),
        (packed(b"\n" * 200_000_000), "gzip"),
        (packed(b"a" * 1_000_000, 3), "gzip, gzip, gzip"),
        (b"anything", "br"),
    ],
    ids=["one line", "many lines", "stacked", "not asked for"],
)
async def test_bombs(serve: Serve, body: bytes, encoding: str, status: int) -> None:
    import tracemalloc

    server = serve(sending(body, encoding, status))
    tracemalloc.start()
    try:
        error = await failure(nb.OpenAICompatible(server.url, "m"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(error, nb.ProtocolError if status == 200 else nb.ServerError)
    assert peak < 80_000_000
    assert json.dumps(error.message)
