"""Objects of other libraries as plain values, and their exceptions as our errors. Imports none of them."""

from __future__ import annotations

import dataclasses
import importlib
import re
from collections.abc import Mapping
from typing import Any

from nbstream.adapters.transport.failures import Endpoint, describe, make_error
from nbstream.adapters.transport.http import translate
from nbstream.events.errors import (
    ConnectError,
    ContentFilterError,
    ContextLengthError,
    NbstreamError,
    RateLimitError,
    StreamInterruptedError,
    StreamTimeoutError,
)


def plain(value: Any) -> Any:
    """A pydantic model, dataclass or other object as dicts and lists."""
    if value is None or isinstance(value, (dict, list, str, bytes, int, float)):
        return value
    if (dump := getattr(value, "model_dump", None)) is not None:
        try:
            values = dump(exclude_unset=True, warnings=False)
        except TypeError:
            return dump()
        if "type" not in values and (kind := getattr(value, "type", None)) is not None:
            values["type"] = kind  # a discriminator that nobody set counts as unset
        return values
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain_deep(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if (to_dict := getattr(value, "to_dict", None)) is not None:
        return to_dict()
    if hasattr(value, "DESCRIPTOR") and hasattr(value, "ListFields"):  # a protobuf message
        return importlib.import_module("google.protobuf.json_format").MessageToDict(value)
    return getattr(value, "__dict__", value)


def plain_deep(value: Any) -> Any:
    """The same, all the way down."""
    if isinstance(value, Mapping):
        return {str(k): plain_deep(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_deep(item) for item in value]
    flat = plain(value)
    return flat if flat is value else plain_deep(flat)


def sdk_error(error: Exception, endpoint: Endpoint, *, answered: bool = False) -> NbstreamError:
    """Our error for an exception that came out of somebody else's stream."""
    if isinstance(error, NbstreamError):
        return error
    name = type(error).__name__
    message = str(getattr(error, "message", "") or error)
    message = message.removeprefix(f"litellm.{name}: ")
    if name in ("APITimeoutError", "Timeout", "ReadTimeout", "ConnectTimeout"):
        return StreamTimeoutError(endpoint.mask(message))
    if answered and (_NO_CONNECTION.search(message) or _is_transport(error)):
        cause = error.__cause__ or error
        return StreamInterruptedError(
            endpoint.mask(f"the connection broke in the middle of the answer ({cause})"),
            hint="What had arrived is kept. Run it again for the rest.",
        )
    if _NO_CONNECTION.search(message):
        return ConnectError(
            endpoint.mask(message), hint="Is the server running, and is the URL right?"
        )
    status = getattr(error, "status_code", None) or getattr(error, "code", None)
    if name == "MidStreamFallbackError":
        return StreamInterruptedError(
            endpoint.mask(message), hint="What had arrived is kept. Run it again for the rest."
        )
    connection = name in ("APIConnectionError", "ModelAPIError") or not isinstance(status, int)
    if connection:
        found = translate(error, endpoint)
        if isinstance(found, NbstreamError):
            return found
    library = type(error).__module__.partition(".")[0]
    if not isinstance(status, int) and not (library in _LIBRARIES and name.endswith("Error")):
        return NbstreamError(endpoint.mask(f"{name}: {error}"))
    body = getattr(error, "body", None)
    code = describe(body)[1] if body is not None else ""
    response = getattr(error, "response", None)
    headers = getattr(response, "headers", None) or {}
    kind = {
        "ContextWindowExceededError": ContextLengthError,
        "ContentPolicyViolationError": ContentFilterError,
        "RateLimitError": RateLimitError,
    }.get(name)
    made = make_error(
        endpoint,
        message,
        status=status if isinstance(status, int) else None,
        code=code or name,
        body=message,
        headers=headers,
    )
    if kind is None or isinstance(made, kind):
        return made
    return kind(
        made.message,
        status=made.status,
        provider=made.provider,
        retry_after=made.retry_after,
        hint=made.hint,
        body=made.body,
    )


def _is_transport(error: Exception) -> bool:
    names = {cls.__module__.partition(".")[0] for cls in type(error).__mro__}
    return bool(
        names & {"httpx", "httpx2", "httpcore", "httpcore2", "aiohttp", "requests", "urllib3"}
    )


_NO_CONNECTION = re.compile(r"connection error\.?$|cannot connect to host|connection refused", re.I)
_LIBRARIES = {"openai", "anthropic", "litellm", "groq", "mistralai", "cohere", "google", "ollama"}
