"""What a provider's refusal means: status and body in, one of our errors out."""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from nbstream.events.errors import (
    MAX_BODY,
    AuthenticationError,
    ContentFilterError,
    ContextLengthError,
    ModelNotFoundError,
    ProviderError,
    RateLimitError,
    ServerError,
)

from .masking import mask


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Whom we talk to, as far as an error message needs to know."""

    provider: str = ""
    url: str = ""
    model: str = ""
    key_name: str = ""
    secrets: tuple[str, ...] = ()

    def mask(self, text: str) -> str:
        return mask(text, self.secrets)


def status_error(
    endpoint: Endpoint, status: int, headers: Mapping[str, str], body: bytes
) -> ProviderError:
    """The error of an answer that is not 2xx."""
    text = body.decode("utf-8", "replace")
    payload = _json(text)
    message, code = describe(payload) if payload is not None else ("", "")
    return make_error(
        endpoint,
        message or _page_title(text) or text.strip()[:200],
        status=status,
        code=code,
        body=text,
        headers=headers,
    )


def payload_error(endpoint: Endpoint, payload: Any) -> ProviderError:
    """The error of an error object that came with status 200, at once or in the middle of a stream."""
    message, code = describe(payload)
    status = int(code) if re.fullmatch(r"[45]\d\d", code) else None
    body = msgspec.json.encode(payload, enc_hook=repr).decode()
    return make_error(endpoint, message, status=status, code=code, body=body, headers={})


def page_error(endpoint: Endpoint, status: int, body: bytes) -> ProviderError:
    """A web page where a stream was expected."""
    text = body.decode("utf-8", "replace")
    title = _page_title(text)
    return ProviderError(
        endpoint.mask(
            f"{endpoint.url} answered with a web page instead of a stream"
            + (f": {title}" if title else "")
        ),
        status=status,
        provider=endpoint.provider,
        hint="Check the base URL (most end in /v1) and whether a proxy or login page stands between.",
        body=endpoint.mask(text)[:200],
    )


def make_error(
    endpoint: Endpoint,
    message: str,
    *,
    status: int | None,
    code: str,
    body: str,
    headers: Mapping[str, str],
) -> ProviderError:
    kind = _classify(status, code, message)
    who = endpoint.provider or "the server"
    head = f"{who} answered {status}" if status else f"{who} reported an error"
    return kind(
        endpoint.mask(f"{head}: {message}" if message else head),
        status=status,
        provider=endpoint.provider,
        request_id=headers.get("x-request-id") or headers.get("request-id") or "",
        retry_after=retry_after(headers),
        hint=_hint(kind, endpoint, status),
        body=endpoint.mask(body)[:MAX_BODY],
        retryable=True if status in (408, 409) or status == 425 else None,
    )


def describe(payload: Any) -> tuple[str, str]:
    """The message and the code of an error object in any provider's form, "" where it has none."""
    if isinstance(payload, list):
        return describe(payload[0]) if payload else ("", "")
    if not isinstance(payload, dict):
        return str(payload), ""
    error = payload.get("error", payload.get("errors", payload))
    if isinstance(error, str):
        message = payload.get("message") or payload.get("error_description")
        return (f"{error}: {message}" if message else error), str(payload.get("code") or "")
    if isinstance(error, list):
        return describe(error)
    if not isinstance(error, dict):
        error = payload
    message = error.get("message") or error.get("detail") or error.get("errorText") or ""
    codes = (error.get("code"), error.get("type"), error.get("status"))
    code = " ".join(str(value) for value in codes if value and value != "error")
    if isinstance(message, (dict, list)):
        message = msgspec.json.encode(message, enc_hook=repr).decode()
    metadata = error.get("metadata")
    if isinstance(metadata, dict) and isinstance(metadata.get("raw"), str):
        message = f"{message} ({metadata['raw'][:300]})"
    return str(message), code


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """How long the server asks us to wait, in seconds: milliseconds, seconds or an HTTP date."""
    if (value := headers.get("retry-after-ms")) is not None:
        try:
            return max(0.0, float(value) / 1000)
        except ValueError:
            pass
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        date = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, date.timestamp() - (time.time() if now is None else now))


_CONTEXT = re.compile(
    r"context[ _]?(length|window|size)|prompt is too long|too many tokens|maximum.{0,20}tokens"
    r"|exceeds?.{0,30}(context|token limit)",
    re.IGNORECASE,
)


def _classify(status: int | None, code: str, message: str) -> type[ProviderError]:
    code = code.lower()
    if "context_length" in code or (status in (400, 413, 422, None) and _CONTEXT.search(message)):
        return ContextLengthError
    if "content_filter" in code or "content_policy" in code or "safety" in code:
        return ContentFilterError
    if status in (401, 403) or re.search(
        r"authentication|invalid_api_key|permission|unauthenticated", code
    ):
        return AuthenticationError
    if (
        status == 404 and ("model" in code or "model" in message.lower())
    ) or "model_not_found" in code:
        return ModelNotFoundError
    if status == 429 or re.search(r"rate_limit|quota|resource_exhausted|throttl", code):
        return RateLimitError
    if (status or 0) >= 500 or re.search(r"overloaded|server_error|api_error|unavailable", code):
        return ServerError
    return ProviderError


def _hint(kind: type[ProviderError], endpoint: Endpoint, status: int | None) -> str:
    key = endpoint.key_name
    if kind is AuthenticationError:
        if status == 403:
            return "The key has no right to use this model or endpoint." + (
                f" It comes from {key}." if key else ""
            )
        return f"Set {key} to a valid key." if key else "Pass api_key= or set the provider's key."
    if kind is ModelNotFoundError:
        return f"Is the model's name right? Asked for {endpoint.model!r}."
    if kind is ContextLengthError:
        return "Shorten the prompt or the history, or use a model with a longer context."
    if kind is RateLimitError:
        return "Wait, slow down, or look at the account's quota."
    if status == 404:
        return f"Is the base URL right? Asked {endpoint.url}"
    if status == 413:
        return "The request is too large for this server."
    return ""


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None


def _page_title(text: str) -> str:
    found = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    return " ".join(found[1].split())[:200] if found else ""
