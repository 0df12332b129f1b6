"""Nothing that a person can see holds a key, in whichever spelling."""

from __future__ import annotations

import base64
import html
import json
import logging
import traceback
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

import nbstream as nb
from nbstream.adapters.transport.masking import (
    Blot,
    Secret,
    mask,
    needles,
    secrets_of_headers,
    secrets_of_url,
    shown_url,
)
from nbstream.events import encode
from tests.servers import Request, Server, chat_event

Serve = Callable[..., Server]

KEY = 'corp"key/ä+4711=='
SENT = "corpkey-4711-abcdef"
PASSWORD = "pw-in-url-99"


def spelled(secret: str) -> dict[str, str]:
    def packed(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    return {
        "plain": secret,
        "url": quote(secret, safe=""),
        "json": json.dumps(secret)[1:-1],
        "html": html.escape(secret),
        "base64": packed(secret),
        "basic": packed(f"bob:{secret}"),
        "in base64": packed(f"xy{secret}z"),
    }


@pytest.mark.parametrize("form", spelled(KEY))
def test_every_spelling(form: str) -> None:
    text = spelled(KEY)[form]
    assert mask(f"a {text} b", [KEY]) not in (f"a {text} b", "")
    inner = text[4:-4]
    assert inner not in mask(f"a {text} b", [KEY])
    blot = Blot([KEY])
    data = f"a {text} b".encode()
    out = b"".join(blot.feed(data[i : i + 3]) for i in range(0, len(data), 3)) + blot.finish()
    assert inner.encode() not in out


def test_where_secrets_are() -> None:
    headers = {
        "Authorization": "Basic " + base64.b64encode(b"bob:hunter22").decode(),
        "X-Corp-Pass": "hunter33",
        "accept": "text/plain",
    }
    found = set(secrets_of_headers(headers))
    assert {"bob:hunter22", "hunter22", "hunter33"} <= found
    assert "text/plain" not in found
    url = "http://bob:pw%201@h/x?api_key=qk55&api-version=2024"
    assert {"pw%201", "pw 1", "qk55"} <= set(secrets_of_url(url))
    assert "2024" not in secrets_of_url(url)
    assert shown_url(url) == "http://h/x"


def test_what_a_model_may_say() -> None:
    assert needles(["sk-no-key-required", "EMPTY", "test", SENT, f"Bearer {SENT}"]) == [
        SENT.encode()
    ]


def test_a_secret_is_a_text_that_is_not_printed() -> None:
    secret = Secret("abc-123")
    assert secret == "abc-123"
    assert f"Bearer {secret}" == "Bearer abc-123"
    assert "abc" not in repr([secret, {"a": secret}])


def models(url: str) -> dict[str, Callable[[], nb.Stream]]:
    host = url.removeprefix("http://")

    def model(base: str = url, key: Any = None, **settings: Any) -> nb.ChatModel:
        return nb.OpenAICompatible(f"{base}/v1", "m", key, **settings)

    bearer = {"Authorization": f"Bearer {SENT}"}
    with_password = f"http://bob:{PASSWORD}@{host}"
    return {
        "key": lambda: nb.stream("q", model(key=SENT), retries=0),
        "function": lambda: nb.stream("q", model(key=lambda: SENT), retries=0),
        "header": lambda: nb.stream("q", model(headers=bearer), retries=0),
        "odd header": lambda: nb.stream("q", model(headers={"x-corp": SENT}), retries=0),
        "extra": lambda: nb.stream("q", model(), retries=0, extra_headers={"x-corp": SENT}),
        "password": lambda: nb.stream("q", model(with_password), retries=0),
        "query": lambda: nb.stream(
            "q", nb.OpenAICompatible(f"{url}/v1?key={SENT}", "m"), retries=0
        ),
        "claude": lambda: nb.stream("q", nb.Anthropic("c", SENT, base_url=url), retries=0),
        "shown header": lambda: nb.show(url, prompt="q", headers=bearer),
        "shown password": lambda: nb.show(with_password, prompt="q"),
        "shown query": lambda: nb.show(f"{url}?api_key={SENT}", prompt="q"),
    }


def echo(how: str) -> Any:
    """Says all it was sent, in one of the places where a server can."""

    async def handler(request: Request) -> None:
        told = " ".join([request.path, *request.headers.values()])
        for value in request.headers.values():
            if value.startswith("Basic "):
                told += " " + base64.b64decode(value[6:]).decode()
        told += " " + " ".join(value.rpartition(" ")[2] for value in request.headers.values())
        if how == "error":
            await request.respond(401, {"error": {"message": told}})
        elif how == "page":
            await request.respond(502, f"<html><title>{told}</title>")
        elif how == "id":
            await request.respond(401, "", {"x-request-id": told})
        elif how == "redirect":
            await request.respond(307, "", {"location": f"http://u:{PASSWORD}@127.0.0.1:9/{told}"})
        else:
            request.start(
                headers={"content-type": "x/" + told if how == "type" else "text/event-stream"}
            )
            data = {
                "middle": chat_event({"content": "hi"})
                + f'data: {{"error": "{told}"}}\n\n'.encode(),
                "garbage": f"data: {{broken {told}\n\n".encode() + chat_event({}, "stop"),
            }.get(how, chat_event({"content": told}) + chat_event({}, "stop"))
            await request.send(data)
            await request.end()

    return handler


HOWS = ("error", "page", "id", "redirect", "type", "middle", "garbage", "text")


@pytest.mark.parametrize("how", HOWS)
async def test_nothing_shown_holds_one(
    serve: Serve, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(echo(how))
    caplog.set_level(logging.DEBUG)
    for name, make in models(server.url).items():
        caplog.clear()
        stream = make()
        shown = [repr(stream), repr(stream.source)]
        try:
            await stream
        except nb.NbstreamError as error:
            shown += [str(error), repr(vars(error)), "".join(traceback.format_exception(error))]
            shown += [repr(error.__cause__), verbose(error)]
        shown += [encode(event).decode() for event in stream.events]
        # what the tests' own server writes is no concern of ours
        shown += [record.getMessage() for record in caplog.records if record.name != "asyncio"]
        for text in shown:
            for secret in (SENT, PASSWORD):
                for form, spelling in spelled(secret).items():
                    if form not in ("in base64",):
                        assert spelling not in text, (name, form)


def verbose(error: BaseException) -> str:
    """A traceback with the values in its frames, as `%xmode Verbose` has it; those of the tests are left out."""
    from IPython.core.ultratb import VerboseTB

    trace = error.__traceback__
    while trace is not None and "/nbstream/" not in trace.tb_frame.f_code.co_filename:
        trace = trace.tb_next
    if trace is None:
        return ""
    lines = VerboseTB(include_vars=True).structured_traceback(type(error), error, trace)
    return "\n".join(map(str, lines))
