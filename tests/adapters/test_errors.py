"""Errors are what they are, whoever says them in whichever words, and are asked again only if that helps."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import nbstream as nb
from nbstream.adapters.transport.failures import Endpoint, payload_error, status_error
from nbstream.events import Retry
from tests.servers import Request, Server, chat, chat_event, sse

Serve = Callable[..., Server]


def error_of(status: int, body: Any, **headers: str) -> nb.ProviderError:
    text = body if isinstance(body, str) else json.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    endpoint = Endpoint(provider="p", model="m", key_name="P_KEY")
    return status_error(endpoint, status, named, text.encode())


def said(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, said("The model `gpt-9.5` does not exist or you do not have access to it.", code="model_not_found")),
        (404, said("model: claude-99", type="not_found_error")),
        (404, said("models/gemini-9.9 is not found for API version v1beta", status="NOT_FOUND")),
        (400, said("Invalid model: mistral-x", type="invalid_model")),
        (400, said("Model Not Exist")),
        (400, said("a/b-2.5 is not a valid model ID", code=400)),
        (404, {"error": 'model "x" not found, try pulling it first'}),
        (400, {"message": "The provided model identifier is invalid."}),
        (404, said("The API deployment for this resource does not exist.", code="DeploymentNotFound")),
        (400, said("The model `x` has been decommissioned and is no longer supported.")),
    ],
)  # fmt: skip
def test_a_model_nobody_knows(status: int, body: Any) -> None:
    error = error_of(status, body)
    assert type(error) is nb.ModelNotFoundError
    assert "'m'" in error.hint


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, said("API key not valid.", status="INVALID_ARGUMENT", details=[{"reason": "API_KEY_INVALID"}])),
        (400, {"code": "invalid argument", "error": "Incorrect API key provided: xa***ng."}),
        (401, {"detail": "no"}),
        (422, said("API key is required")),
        (403, said("Method doesn't allow unregistered callers", status="PERMISSION_DENIED")),
    ],
)  # fmt: skip
def test_a_wrong_key(status: int, body: Any) -> None:
    error = error_of(status, body)
    assert type(error) is nb.AuthenticationError
    assert "P_KEY" in error.hint


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Your request exceeded model token limit: 8192"),
        (400, "Range of input length should be [1, 129024]"),
        (413, "Request body too large for gpt-4o model. Max size: 8000 tokens."),
        (500, "Context size has been exceeded."),
        (400, "The input is longer than the model's context"),
        (422, "`inputs` tokens + `max_new_tokens` must be <= 4096."),
    ],
)
def test_a_prompt_that_is_too_long(status: int, message: str) -> None:
    assert type(error_of(status, said(message))) is nb.ContextLengthError


def test_a_limit_of_the_answer_is_none_of_the_prompt() -> None:
    for message in (
        "max_tokens: 64000 > 8192, which is the maximum allowed number of output tokens for x",
        "max_tokens is too large: 9. This model supports at most 8 completion tokens",
    ):
        assert type(error_of(400, said(message))) is nb.ProviderError


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, said("You exceeded your current quota", code="insufficient_quota")),
        (402, said("Insufficient Balance")),
        (400, said("Your credit balance is too low to access the API.")),
        (413, said("Request too large for model x on tokens per minute", code="rate_limit_exceeded")),
    ],
)  # fmt: skip
def test_no_money_left_is_not_asked_again(status: int, body: Any) -> None:
    error = error_of(status, body)
    assert isinstance(error, nb.RateLimitError)
    assert not error.retryable


def test_a_limit_of_a_minute_is() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2.5s"}
    message = "You exceeded your current quota, please check your plan and billing details."
    body = said(message, status="RESOURCE_EXHAUSTED", details=[info])
    for error in (
        error_of(429, [body]),
        payload_error(Endpoint(), {"error": {**body["error"], "code": 429}}),
    ):
        assert (error.retryable, error.retry_after) == (True, 2.5)


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Please try again in 20ms.", 0.02),
        ("Please try again in 1m2.5s. Visit …", 62.5),
        ("Please retry after 26 seconds.", 26),
        ("Please try again later.", None),
    ],
)
def test_waits_in_words(message: str, seconds: float | None) -> None:
    assert error_of(429, said(message)).retry_after == seconds
    assert error_of(429, said(message), retry_after="3").retry_after == 3


def test_what_the_provider_says_of_the_quota() -> None:
    error = error_of(
        429,
        said("slow down"),
        x_ratelimit_limit_requests="60",
        x_ratelimit_remaining_requests="0",
        x_ratelimit_reset_requests="12s",
    )
    assert "0 of 60 requests left, again in 12s" in error.hint


def test_a_server_that_says_not_to_ask_again() -> None:
    assert not error_of(503, said("down"), x_should_retry="false").retryable
    assert not error_of(500, said("Jinja Exception: no")).retryable
    assert error_of(500, said("oops")).retryable


async def test_chance_is_given_another_one(serve: Serve) -> None:
    """A call that the model itself wrote wrongly: 400 with what it wrote."""
    fault = said("Failed to call a function.", code="tool_use_failed", failed_generation="<f(1)>")

    async def handler(request: Request) -> None:
        if len(server.requests) == 1:
            await request.respond(400, fault)
        else:
            await chat(["ok"])(request)

    server = serve(handler)
    stream = nb.stream("hi", model=nb.OpenAICompatible(server.url, "m"))
    assert (await stream).text == "ok"
    assert any(isinstance(event, Retry) for event in stream.events)
    assert "<f(1)>" in error_of(400, fault).message


@pytest.mark.parametrize("text", ["", "Hel"])
async def test_a_malformed_call_is_asked_again_where_nothing_was_said(
    serve: Serve, text: str
) -> None:
    async def handler(request: Request) -> None:
        request.start()
        parts = [{"text": text}] if text else []
        if len(server.requests) == 1:
            candidate = {"content": {"parts": parts}, "finishReason": "MALFORMED_FUNCTION_CALL"}
        else:
            candidate = {"content": {"parts": [{"text": "ok"}]}, "finishReason": "STOP"}
        await request.send(sse({"candidates": [candidate]}))
        await request.end()

    server = serve(handler)
    stream = nb.stream("hi", model=nb.Gemini("m", base_url=server.url))
    if text:
        with pytest.raises(nb.ProviderError):
            await stream
        assert stream.text == "Hel"
    else:
        assert (await stream).text == "ok"
    assert len(server.requests) == (1 if text else 2)


async def test_a_finish_reason_in_the_midst_of_a_thought(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    monkeypatch.setattr("nbstream.adapters.wires.body.LINGER", 0.05)

    async def handler(request: Request) -> None:
        request.start()
        await request.send(chat_event({"reasoning_content": "hm"}, "stop"))
        await asyncio.sleep(0.5)
        await request.send(chat_event({"content": "The answer"}) + chat_event({}, "stop"))
        await request.send(b"data: [DONE]\n\n")
        await request.end()

    server = serve(handler)
    assert (await nb.stream("hi", model=nb.OpenAICompatible(server.url, "m"))).text == "The answer"
