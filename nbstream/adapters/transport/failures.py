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
    ContextLengthError,
    ModelNotFoundError,
    ProviderError,
    RateLimitError,
    ServerError,
)

from .classes import classify
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
        payload=payload,
    )


def payload_error(endpoint: Endpoint, payload: Any) -> ProviderError:
    """The error of an error object that came with status 200, at once or in the middle of a stream."""
    message, code = describe(payload)
    status = next((int(word) for word in code.split() if re.fullmatch(r"[45]\d\d", word)), None)
    body = msgspec.json.encode(payload, enc_hook=repr).decode()
    return make_error(
        endpoint, message, status=status, code=code, body=body, headers={}, payload=payload
    )


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
    payload: Any = None,
) -> ProviderError:
    kind, retryable = classify(status, code, message)
    who = endpoint.provider or "the server"
    head = f"{who} answered {status}" if status else f"{who} reported an error"
    wait = retry_after(headers)
    if wait is None and issubclass(kind, (RateLimitError, ServerError)):
        wait = _asked_wait(payload, message)
    if headers.get("x-should-retry", "").lower() == "false":
        retryable = False
    if wait is None and issubclass(kind, RateLimitError) and _PER_DAY.search(body):
        retryable = False  # nobody waits so long
    hints = (
        _hint(kind, endpoint, status, retryable),
        quota(headers, payload) if kind is RateLimitError else "",
    )
    return kind(
        endpoint.mask(f"{head}: {message}" if message else head),
        status=status,
        provider=endpoint.provider,
        request_id=endpoint.mask(
            headers.get("x-request-id")
            or headers.get("request-id")
            or headers.get("x-ms-request-id")
            or ""
        )[:200],
        retry_after=wait,
        hint=endpoint.mask(" ".join(filter(None, hints))),
        body=endpoint.mask(body)[:MAX_BODY],
        retryable=retryable,
        code=endpoint.mask(code)[:200],
        param=endpoint.mask(parameter(payload))[:200],
    )


def describe(payload: Any) -> tuple[str, str]:
    """The message and the codes of an error object in any provider's form, "" where it has none."""
    if isinstance(payload, list):
        return describe(payload[0]) if payload else ("", "")
    if not isinstance(payload, dict):
        return str(payload), ""
    error = payload.get("error", payload.get("errors", payload))
    if isinstance(error, str):
        message = payload.get("message") or payload.get("error_description")
        code = payload.get("code") or payload.get("error_type") or ""
        return (f"{error}: {message}" if message else error), str(code)
    if isinstance(error, list):
        return describe(error)
    if not isinstance(error, dict):
        error = payload
    message = error.get("message") or error.get("detail") or error.get("errorText") or ""
    inner = error.get("innererror") or error.get("inner_error") or {}
    codes = [error.get("code"), error.get("type"), error.get("status"), error.get("__type")]
    codes.append(inner.get("code") if isinstance(inner, dict) else None)
    codes += [detail.get("reason") for detail in _details(error)]
    code = " ".join(str(value) for value in codes if value and value != "error")
    if isinstance(message, dict) and isinstance(message.get("detail"), list):
        message = message["detail"]
    if isinstance(message, list) and (faults := _faults(message)):
        message = "; ".join(f"{'.'.join(where)}: {what}" for where, what, _ in faults)
        code = " ".join(filter(None, [code, *(kind for _, _, kind in faults)]))
    if isinstance(message, (dict, list)):
        message = msgspec.json.encode(message, enc_hook=repr).decode()
    metadata = error.get("metadata")
    if isinstance(metadata, dict) and isinstance(metadata.get("raw"), str):
        message = f"{message} ({metadata['raw'][:300]})"
    if isinstance(written := error.get("failed_generation"), str) and written:
        message = f"{message} (it wrote: {written[:300]})"
    return str(message), code


def parameter(payload: Any) -> str:
    """The parameter that a refusal names in a field of its own, as a path; "" where it does not."""
    if not isinstance(payload, dict):
        return ""
    error = payload.get("error", payload)
    if not isinstance(error, dict):
        error = payload
    if isinstance(param := error.get("param"), str) and param:
        return param
    message = error.get("message")
    detail = error.get("detail") or (message.get("detail") if isinstance(message, dict) else None)
    if isinstance(detail, list) and (faults := _faults(detail)):
        where = faults[0][0]
        return ".".join(where[1:] if where[0] in ("body", "query") else where)
    for fault in _details(error):
        for violation in fault.get("fieldViolations") or ():
            if isinstance(violation, dict) and isinstance(violation.get("field"), str):
                return violation["field"]
    return ""


def _faults(detail: list[Any]) -> list[tuple[list[str], str, str]]:
    """Where, what and which kind, of the faults that pydantic lists."""
    return [
        (
            [str(step) for step in item["loc"]],
            str(item.get("msg") or ""),
            str(item.get("type") or ""),
        )
        for item in detail
        if isinstance(item, dict) and isinstance(item.get("loc"), list) and item["loc"]
    ]


def _details(error: dict[str, Any]) -> list[dict[str, Any]]:
    """Google's typed details of an error."""
    details = error.get("details")
    return [d for d in details if isinstance(d, dict)] if isinstance(details, list) else []


def _google(payload: Any) -> list[dict[str, Any]]:
    if isinstance(payload, list):
        payload = payload[0] if payload else None
    error = payload.get("error") if isinstance(payload, dict) else None
    return _details(error) if isinstance(error, dict) else []


def _asked_wait(payload: Any, message: str) -> float | None:
    """How long a body asks us to wait: Google's RetryInfo, a field, or words."""
    for detail in _google(payload):
        if str(detail.get("@type", "")).endswith("RetryInfo"):
            found = re.fullmatch(r"(\d+(?:\.\d+)?)s", str(detail.get("retryDelay")))
            if found:
                return float(found[1])
    error = payload.get("error", payload) if isinstance(payload, dict) else None
    if isinstance(error, dict):
        metadata = error.get("metadata")
        given = metadata.get("headers") if isinstance(metadata, dict) else None
        headers = given if isinstance(given, dict) else {}
        wait = retry_after({str(k).lower(): str(v) for k, v in headers.items()})
        for value in (wait, error.get("retry_after"), error.get("retry_after_seconds")):
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                return max(0.0, float(value))
    if found := _WAIT.search(message):
        return sum(
            float(number) * _SECONDS[unit] for number, unit in _SPAN.findall(found[1].lower())
        )
    return None


_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|millis|h|m|s)")
_WAIT = re.compile(
    r"(?:try again|retry|wait)\D{0,20}?((?:\d+(?:\.\d+)?\s*(?:ms|millis|h|m(?!s)|s)[a-z]*\s*)+)",
    re.IGNORECASE,
)
_SECONDS = {"ms": 0.001, "millis": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PER_DAY = re.compile(r'"quotaId":\s*"[^"]*PerDay', re.IGNORECASE)


def quota(headers: Mapping[str, str], payload: Any = None) -> str:
    """What the provider says of the account's limits, in a sentence; "" where it says nothing."""
    limits = []
    for kind in ("requests", "tokens", "input-tokens", "output-tokens"):
        for form in ("x-ratelimit-{what}-{kind}", "anthropic-ratelimit-{kind}-{what}"):
            limit, left, reset = (
                headers.get(form.format(what=what, kind=kind))
                for what in ("limit", "remaining", "reset")
            )
            if limit and left is not None:
                again = f", again in {reset}" if reset and not reset[:4].isdigit() else ""
                again = again or (f", again at {reset}" if reset else "")
                limits.append(f"{left} of {limit} {kind.replace('-', ' ')} left{again}")
    for detail in _google(payload):
        for violation in detail.get("violations") or ():
            if isinstance(violation, dict):
                name = violation.get("quotaId") or violation.get("subject") or ""
                value = violation.get("quotaValue")
                limits.append(f"{name}{f' of {value}' if value else ''}")
    limits = [text for text in dict.fromkeys(limits) if text]
    return f"The provider says: {'; '.join(limits)[:400]}." if limits else ""


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


def _hint(
    kind: type[ProviderError], endpoint: Endpoint, status: int | None, retryable: bool | None
) -> str:
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
        if retryable is False:
            return "Asking again does not help: look at the account's quota and billing."
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
