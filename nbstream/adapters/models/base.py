"""What every model adapter is: a name, what it supports, and two verbs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any, ClassVar, Literal

import msgspec

from nbstream.adapters.transport.masking import secrets_of_headers
from nbstream.adapters.transport.timeouts import Timeouts
from nbstream.events import Error, StreamEvent
from nbstream.events.errors import error_from_event
from nbstream.render.response import Response, fold

from .parameters import NAMES, is_own

Feature = Literal["streaming", "tools", "vision", "json", "thinking"]

#: A conversation: a prompt, or messages in the OpenAI chat form ({"role": …, "content": …}).
Prompt = str | Sequence[dict[str, Any]]


class ChatRequest(msgspec.Struct, kw_only=True):
    """One request, in nobody's wire format. `options` are provider options, passed on as they are.

    `reasoning`: how much to think, "low", "medium", "high", a number of tokens, or False. `tool_choice`:
    "auto", "none", "required" or a tool's name. `cache`: mark what is the same each time, where the provider
    wants that. `user`: who asks, for a key that many share.
    """

    messages: list[dict[str, Any]]
    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    stop: str | list[str] | None = None
    tools: list[dict[str, Any]] | None = None
    output_schema: dict[str, Any] | None = None
    timeouts: Timeouts = Timeouts()
    reasoning: str | int | bool | None = None
    tool_choice: str | dict[str, Any] | None = None
    cache: bool | str | None = None
    seed: int | None = None
    user: str | None = None
    options: dict[str, Any] = {}

    @classmethod
    def of(cls, prompt: Prompt, *, system: str | None = None, **params: Any) -> ChatRequest:
        """The request for a prompt or a list of messages; unknown parameters become `options`."""
        messages = (
            [{"role": "user", "content": prompt}]
            if isinstance(prompt, str)
            else [dict(message) for message in prompt]
        )
        if system:
            messages.insert(0, {"role": "system", "content": system})
        own = {name for name in NAMES if is_own(name, params.get(name))}
        known = {name: params.pop(name) for name in (_PARAMETERS - own) & params.keys()}
        return cls(
            messages=messages,
            options={**(params.pop("options", None) or {}), **params},
            **{name: value for name, value in known.items() if value is not None},
        )


_PARAMETERS = set(ChatRequest.__struct_fields__) - {"messages", "options"}


class Preview(msgspec.Struct, frozen=True):
    """What a request would send: the address, "" where nothing is sent, and the whole body."""

    url: str
    body: dict[str, Any]


class ChatModel:
    """A model that answers with events.

    A subclass writes `events`, an async generator from one request to the events of its answer:
    content, usage and, last, `run_end` with the provider's finish reason; never `run_start`, which the
    run adds. It raises nbstream's errors, and it closes its connection when it is closed or cancelled,
    wherever it stands. It may be called from any event loop, several times at once.
    """

    provider: str = ""
    name: str = ""
    #: What the model asks the run to wait where the caller says nothing.
    timeouts: Timeouts | None = None
    features: ClassVar[frozenset[Feature]] = frozenset({"streaming"})

    def events(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        raise NotImplementedError

    def supports(self, feature: Feature) -> bool:
        """Whether the model's adapter can do it: streaming, tools, vision, json, thinking."""
        return feature in self.features

    def preview(self, request: ChatRequest) -> Preview:
        """What `request` would send, without sending it."""
        return Preview("", {"messages": request.messages})

    def load(self) -> None:
        """Load the libraries a request needs, so that its times are the server's alone."""

    def secrets(self) -> tuple[str, ...]:
        """Values that must never be shown, stored or sent anywhere but to the provider."""
        return ()

    def stream(self, prompt: Prompt, **params: Any) -> AsyncGenerator[StreamEvent, None]:
        """The events of the answer, as they arrive. Parameters as in `nbstream.stream`."""
        return self.events(ChatRequest.of(prompt, **params))

    async def complete(self, prompt: Prompt, **params: Any) -> Response:
        """The whole answer at once. Raises the error that ended it, if one did."""
        events = [event async for event in self.stream(prompt, **params)]
        response = fold(events)
        for event in events:
            if isinstance(event, Error):
                raise error_from_event(event, partial=response.text)
        return response

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.provider}/{self.name})"


class SecretsOf:
    """What must not be shown of a request to a model: asked each time, since keys change while it runs."""

    def __init__(self, model: ChatModel, request: ChatRequest | None = None) -> None:
        self._model = model
        headers = request.options.get("extra_headers") if request is not None else None
        self._headers = secrets_of_headers(headers) if isinstance(headers, dict) else []

    def __iter__(self) -> Iterator[str]:
        yield from self._model.secrets()
        yield from self._headers
