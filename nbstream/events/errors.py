"""Every error nbstream raises.

    NbstreamError
    ├── UsageError                  the call was wrong; the message says how to write it
    ├── ProviderError               the provider answered with an error
    │   ├── AuthenticationError     no key, a wrong key, no permission
    │   ├── RateLimitError          too many requests or no quota
    │   ├── ModelNotFoundError
    │   ├── ContextLengthError      the prompt does not fit
    │   ├── ContentFilterError
    │   └── ServerError             5xx, overloaded
    ├── ConnectError                nobody answered: refused, DNS, TLS
    ├── StreamTimeoutError          connect, first chunk, between chunks or total
    ├── StreamInterruptedError      the connection broke, or the stream was stopped, in the middle
    ├── ProtocolError               what arrived is not what the protocol says
    ├── OutputValidationError       the answer does not fit the output type
    └── ToolError

Every error has `hint` (what to do about it) and, when it ended a stream, `partial` (the text that had
arrived). No message, hint or body ever holds an API key.
"""

from __future__ import annotations

from typing import ClassVar

from .union import Error, ErrorKind
from .visible import printable

#: The longest piece of a provider's own text that an error keeps, in characters.
MAX_BODY = 4000


class NbstreamError(Exception):
    """Base of all errors. `message` says what happened, `hint` what to do about it."""

    kind: ClassVar[ErrorKind] = "internal"
    retryable: bool = False

    def __init__(self, message: str, *, hint: str = "", partial: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.partial = partial

    def __str__(self) -> str:
        # a traceback goes to a terminal, and what a server says stands in the message
        return printable(f"{self.message}\n{self.hint}" if self.hint else self.message)

    def to_event(self) -> Error:
        """The same error as the event that ends a stream."""
        return Error(self.kind, self.message, self.hint, self.retryable)


class UsageError(NbstreamError, ValueError):
    kind: ClassVar[ErrorKind] = "usage"


class ProviderError(NbstreamError):
    """`status` is the HTTP status, `retry_after` in seconds, `body` the provider's own text (bounded).

    `code` holds the provider's own codes, parted by spaces, `param` the parameter that it names.
    """

    kind: ClassVar[ErrorKind] = "provider"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        provider: str = "",
        request_id: str = "",
        retry_after: float | None = None,
        hint: str = "",
        body: str = "",
        partial: str = "",
        retryable: bool | None = None,
        code: str = "",
        param: str = "",
    ) -> None:
        super().__init__(message, hint=hint, partial=partial)
        self.status = status
        self.code = code
        self.param = param
        self.provider = provider
        self.request_id = request_id
        self.retry_after = retry_after
        self.body: str = body[:MAX_BODY]
        if retryable is not None:
            self.retryable = retryable

    def to_event(self) -> Error:
        return Error(
            self.kind, self.message, self.hint, self.retryable, status=self.status, body=self.body
        )


class AuthenticationError(ProviderError):
    kind: ClassVar[ErrorKind] = "authentication"


class RateLimitError(ProviderError):
    kind: ClassVar[ErrorKind] = "rate_limit"
    retryable = True


class ModelNotFoundError(ProviderError):
    kind: ClassVar[ErrorKind] = "model_not_found"


class ContextLengthError(ProviderError):
    kind: ClassVar[ErrorKind] = "context_length"


class ContentFilterError(ProviderError):
    kind: ClassVar[ErrorKind] = "content_filter"


class ServerError(ProviderError):
    kind: ClassVar[ErrorKind] = "server"
    retryable = True


class ConnectError(NbstreamError):
    kind: ClassVar[ErrorKind] = "connect"


class StreamTimeoutError(NbstreamError, TimeoutError):
    kind: ClassVar[ErrorKind] = "timeout"


class StreamInterruptedError(NbstreamError):
    kind: ClassVar[ErrorKind] = "interrupted"
    retryable = True


class ProtocolError(NbstreamError):
    """`data` holds the offending bytes, bounded."""

    kind: ClassVar[ErrorKind] = "protocol"

    def __init__(
        self, message: str, *, data: bytes = b"", hint: str = "", partial: str = ""
    ) -> None:
        super().__init__(message, hint=hint, partial=partial)
        self.data: bytes = data[:MAX_BODY]

    def to_event(self) -> Error:
        return Error(
            self.kind,
            self.message,
            self.hint,
            self.retryable,
            body=self.data.decode("utf-8", "replace"),
        )


class OutputValidationError(NbstreamError):
    """`text` is what the model said, `errors` what is wrong with it."""

    kind: ClassVar[ErrorKind] = "output_validation"

    def __init__(
        self, message: str, *, text: str = "", errors: list[object] | None = None, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint, partial=text)
        self.text = text
        self.errors: list[object] = errors or []


class ToolError(NbstreamError):
    kind: ClassVar[ErrorKind] = "tool"


def error_from_event(event: Error, partial: str = "") -> NbstreamError:
    """The exception of an `error` event, as a replay or a remote stream needs it."""
    cls = _BY_KIND.get(event.kind, NbstreamError)
    if issubclass(cls, ProviderError):
        error: NbstreamError = cls(
            event.message, status=event.status, hint=event.hint, body=event.body
        )
    elif issubclass(cls, ProtocolError):
        error = cls(event.message, data=event.body.encode(), hint=event.hint)
    else:
        error = cls(event.message, hint=event.hint)
    error.retryable = event.retryable
    error.partial = partial
    return error


_BY_KIND: dict[str, type[NbstreamError]] = {
    cls.kind: cls
    for cls in (
        UsageError,
        ProviderError,
        AuthenticationError,
        RateLimitError,
        ModelNotFoundError,
        ContextLengthError,
        ContentFilterError,
        ServerError,
        ConnectError,
        StreamTimeoutError,
        StreamInterruptedError,
        ProtocolError,
        OutputValidationError,
        ToolError,
    )
}
