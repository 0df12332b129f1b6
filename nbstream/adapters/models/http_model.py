"""What the models behind an HTTP endpoint share: URL, key, headers, one request, one answer."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from nbstream.adapters.transport.failures import Endpoint
from nbstream.adapters.transport.http import Verify, header_fault, load, post
from nbstream.adapters.transport.masking import (
    Secret,
    mask,
    secrets_of_headers,
    secrets_of_url,
    shown_url,
)
from nbstream.adapters.transport.sse import MAX_LINE
from nbstream.adapters.transport.timeouts import Timeouts
from nbstream.adapters.wires.body import Body, Framer, body_events
from nbstream.adapters.wires.decoding import PayloadDecoder
from nbstream.events import CONTENT_EVENTS, StreamEvent, WarningEvent
from nbstream.events.errors import AuthenticationError, ProviderError, UsageError

from .base import ChatModel, ChatRequest, Preview
from .fitting import ANY, Ids, fit_ids, fit_names
from .parameters import NAMES, is_own
from .providers import key_from_environment
from .refusal import Refusal
from .refusals import Memory, apply, refused

#: How often one request may be asked anew because of what a server refuses.
MAX_CHANGES = 8

#: Refused once, by which model and where.
_memory = Memory()

#: A key, or a function that gives a fresh one for each request, sync or async.
ApiKey = str | Callable[[], Any]


class HTTPModel(ChatModel):
    """A model at a URL, by default its provider's own.

    `api_key` is a key, or a function, sync or async, that gives one for each request. `headers` go with every
    request. `verify=False` accepts any certificate, a path names a CA bundle.
    `timeout`: seconds for a whole run, or `Timeouts`. `stream=False` for a server that cannot stream.
    `api_key_name`: the variable the key is in. `max_line`: the longest message, in bytes. Further keywords
    are options of every request.

    A subclass says in `key_names` which environment variables its key may be in, read when a request is
    sent, and in `key_needed` whether a request to its home without a key is pointless.
    """

    key_names: tuple[str, ...] = ()
    key_needed: bool = False
    #: Which ids of tool calls the provider takes.
    ids: Ids = ANY
    #: Which of the parameters of a request the provider has no field for.
    lacks: tuple[str, ...] = ()

    def __init__(
        self,
        model: str,
        api_key: ApiKey | None = None,
        *,
        base_url: str = "",
        headers: dict[str, str] | None = None,
        verify: Verify = True,
        timeout: Timeouts | float | None = None,
        stream: bool = True,
        api_key_name: str = "",
        max_line: int = MAX_LINE,
        **options: Any,
    ) -> None:
        self.base_url: str = check_url(base_url or self.home())
        self.name = model
        self.headers: dict[str, str] = {
            name: Secret(value) for name, value in (headers or {}).items()
        }
        self.verify = verify
        self.timeouts: Timeouts | None = (
            Timeouts(total=timeout) if isinstance(timeout, (int, float)) else timeout
        )
        self.streaming = stream
        self.max_line = max_line
        named = [name for name in NAMES if name in options and not is_own(name, options[name])]
        self.defaults: dict[str, Any] = {name: options.pop(name) for name in named}
        self.options = options
        if api_key_name:
            self.key_names = (api_key_name,)
            self.key_needed = True
        elif base_url and urlsplit(self.base_url).hostname != urlsplit(self.home()).hostname:
            self.key_needed = False
        if hasattr(api_key, "get_secret_value"):  # pydantic's
            api_key = api_key.get_secret_value()  # type: ignore[union-attr]
        if not (api_key is None or isinstance(api_key, str) or callable(api_key)):
            raise UsageError(
                f"api_key is a {type(api_key).__name__}",
                hint="It is a text, or a function that gives one for each request.",
            )
        self._api_key = Secret(api_key.strip()) if isinstance(api_key, str) else api_key
        self._given_keys: list[Secret] = []  # what the function gave last

    def load(self) -> None:
        load(self.verify, self.base_url)

    # ── what a wire format defines ────────────────────────────────────────────

    def home(self) -> str:
        """The base URL where none is given."""
        return ""

    def url(self, *, stream: bool) -> str:
        raise NotImplementedError

    def body(self, request: ChatRequest, *, stream: bool) -> dict[str, Any]:
        raise NotImplementedError

    def authorization(self, key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"}

    def extra_headers(self) -> dict[str, str]:
        return {}

    def decoder(self, endpoint: Endpoint) -> PayloadDecoder:
        raise NotImplementedError

    def framer(self) -> Framer | None:
        """What cuts the body into messages; None for server-sent events."""
        return None

    def adapt_body(
        self, body: dict[str, Any], error: ProviderError, request: ChatRequest
    ) -> dict[str, Any] | None:
        """A body that avoids what the server refused with 400, None where there is none."""
        return None

    # ── the two verbs ─────────────────────────────────────────────────────────

    def supports(self, feature: str) -> bool:
        return self.streaming if feature == "streaming" else feature in self.features

    def key(self) -> tuple[str, str]:
        """The key, and the variable it is (or should be) in; of a function, what it gave last."""
        name = self.key_names[0] if self.key_names else ""
        if callable(self._api_key):
            return (self._given_keys[-1] if self._given_keys else Secret("")), name
        if self._api_key is not None:
            return self._api_key, name
        value, name = key_from_environment(self.key_names)
        return Secret(value), name

    @property
    def fresh_keys(self) -> bool:
        """Whether each request has a key of its own: a token, and no key of an account."""
        return callable(self._api_key)

    def secrets(self) -> tuple[str, ...]:
        found = [self.key()[0], *self._given_keys]
        found += secrets_of_headers(self.headers)
        found += secrets_of_url(self.base_url)
        return tuple(dict.fromkeys(secret for secret in found if secret))

    def endpoint(self, *, stream: bool = True) -> Endpoint:
        return Endpoint(
            provider=self.provider,
            url=shown_url(self.url(stream=stream)),
            model=self.name,
            key_name=self.key()[1],
            secrets=self.secrets(),
        )

    def fitted(self, request: ChatRequest) -> ChatRequest:
        """The request with the model's own defaults, and with ids and names that the provider takes."""
        missing = {n: v for n, v in self.defaults.items() if getattr(request, n) is None}
        messages = fit_names(fit_ids(request.messages, self.ids, self.provider))
        return msgspec.structs.replace(request, messages=messages, **missing)

    def preview(self, request: ChatRequest) -> Preview:
        request = self.fitted(request)
        extra, _, request = _extras(request)
        body = apply({**self.body(request, stream=self.streaming), **extra}, self._refusals())[0]
        stream = bool(body.get("stream", self.streaming))
        return Preview(shown_url(self.url(stream=stream)), body)

    async def events(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        request = self.fitted(request)
        extra, more_headers, request = _extras(request)
        headers = await self._headers(more_headers)
        endpoint = self._endpoint_with(more_headers)
        for name in self.lacks:
            if getattr(request, name) is not None:
                yield WarningEvent(f"{name} is not sent: {self.provider} has no such parameter")
        stream = self.streaming
        known = self._refusals()
        body, left_out = apply({**self.body(request, stream=stream), **extra}, known)
        for refusal in left_out:
            if refusal.loud:
                yield WarningEvent(str(refusal))
        timeouts = self.timeouts or request.timeouts
        for attempt in range(MAX_CHANGES + 1):
            stream = bool(body.get("stream", stream))
            payload, broken = _encoded(body)
            if broken and not attempt:
                yield WarningEvent("half characters in the prompt were replaced by U+FFFD")
            begun = False
            try:
                async with post(
                    endpoint,
                    Secret(self.url(stream=stream)),
                    payload,
                    headers,
                    timeouts=timeouts,
                    verify=self.verify,
                ) as answer:
                    body_read = Body(
                        self.decoder(endpoint),
                        framer=self.framer(),
                        status=answer.status,
                        content_type=answer.content_type,
                        max_line=self.max_line,
                        streamed=stream,
                    )
                    events = body_events(answer, body_read)
                    try:
                        async for event in events:
                            begun = begun or isinstance(event, CONTENT_EVENTS)
                            yield event
                    finally:
                        await events.aclose()
                    return
            except ProviderError as error:
                if begun or attempt == MAX_CHANGES:
                    raise
                changed, refusal = self._changed(body, error, request, known)
                if changed is None:
                    raise
                detail = error.message[:300]
            body = changed
            if refusal is not None:
                known = _memory.learn(refusal, *self._place())
                yield WarningEvent(str(refusal), detail)

    def _changed(
        self,
        body: dict[str, Any],
        error: ProviderError,
        request: ChatRequest,
        known: tuple[Refusal, ...],
    ) -> tuple[dict[str, Any] | None, Refusal | None]:
        """A body that avoids what the server refused, and what is to be remembered of it."""
        if error.status in (400, 404, 422):
            changed = self.adapt_body(body, error, request)
            if changed is not None:
                return apply(changed, known)[0], None
        refusal = refused(error, body, known)
        if refusal is None:
            return None, None
        return apply(body, (*known, refusal))[0], refusal

    def _place(self) -> tuple[str, ...]:
        return type(self).__name__, shown_url(self.base_url), self.name

    def _refusals(self) -> tuple[Refusal, ...]:
        return _memory.of(*self._place())

    def _endpoint_with(self, more_headers: dict[str, str]) -> Endpoint:
        endpoint = self.endpoint(stream=self.streaming)
        secrets = (*endpoint.secrets, *secrets_of_headers(more_headers))
        return msgspec.structs.replace(endpoint, secrets=secrets)

    async def _headers(self, more: dict[str, str]) -> dict[str, str]:
        """The headers of one request. Raises `AuthenticationError` where there is no key, or one that cannot be sent."""
        key, key_name = await self._fresh_key()
        if not key and self.key_needed and not self.headers and not more:
            raise AuthenticationError(
                f"no API key for {self.provider or shown_url(self.base_url)}",
                provider=self.provider,
                hint=f"Set the environment variable {key_name}, or pass api_key=.",
            )
        where = f"in {key_name}" if key_name and self._api_key is None else "given as api_key="
        check_key(key, where, self.provider)
        made = {
            "accept": "text/event-stream, application/json",
            **self.extra_headers(),
            **(self.authorization(key) if key else {}),
            **self.headers,
            **more,
        }
        return {name: Secret(value) for name, value in made.items()}

    async def _fresh_key(self) -> tuple[str, str]:
        if not callable(self._api_key):
            return self.key()
        key = await key_from(self._api_key, self.provider, self.secrets())
        if key not in self._given_keys:
            self._given_keys = [*self._given_keys[-3:], key]
        return key, self.key()[1]


async def key_from(call: Callable[[], Any], provider: str, secrets: Iterable[str] = ()) -> Secret:
    """The key that a function of the user gives. Raises `AuthenticationError` where it gives none."""
    value: Any = None
    fault = ""
    try:
        # it may ask a server for a token: no event loop waits for it
        value = call() if inspect.iscoroutinefunction(call) else await asyncio.to_thread(call)
        if inspect.isawaitable(value):
            value = await value
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # the user's code: it may even call sys.exit()
        fault = f"raised {type(error).__name__}: {mask(str(error), secrets)[:300]}"
    value = getattr(value, "token", value)  # as Azure's credentials give it
    if not fault and not (isinstance(value, str) and value.strip()):
        fault = f"gave a {type(value).__name__}" if value else "gave nothing"
    if fault:
        raise AuthenticationError(
            f"the function given as api_key= {fault}",
            provider=provider,
            hint="It gives a key, as text, each time it is called.",
        )
    return Secret(value.strip())


def check_key(key: str, where: str, provider: str) -> None:
    """Raises `AuthenticationError` for a key that no header can hold, without showing it."""
    if fault := header_fault(key):
        raise AuthenticationError(
            f"the API key {where} cannot be one: it holds {fault}",
            provider=provider,
            hint="Copy it anew, without quotes, line breaks or anything around it.",
        )


def _extras(
    request: ChatRequest,
) -> tuple[dict[str, Any], dict[str, str], ChatRequest]:
    """`extra_body` and `extra_headers`, as OpenAI's library has them, apart from the other options."""
    options = dict(request.options)
    body = options.pop("extra_body", None) or {}
    headers = options.pop("extra_headers", None) or {}
    if not (body or headers):
        return {}, {}, request
    return dict(body), dict(headers), msgspec.structs.replace(request, options=options)


def _encoded(body: dict[str, Any]) -> tuple[bytes, bool]:
    """The body as JSON, and whether it held half characters, which no JSON can."""
    try:
        return msgspec.json.encode(body, enc_hook=_encode_other), False
    except UnicodeEncodeError:
        return msgspec.json.encode(whole_characters(body), enc_hook=_encode_other), True


def whole_characters(value: Any) -> Any:
    """The same with U+FFFD for half a character; two halves become the whole one."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {whole_characters(k): whole_characters(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [whole_characters(item) for item in value]
    return value


def check_url(base_url: str) -> str:
    """A base URL without its last slash; `localhost:8080/v1` means http."""
    url = base_url.strip()
    if "://" not in url:
        url = f"http://{url}"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            f"{mask(base_url)!r} is not a base URL", hint="It looks like http://127.0.0.1:8080/v1"
        )
    return url.rstrip("/")


def _encode_other(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump()
    if hasattr(value, "item"):  # numpy scalars
        return value.item()
    raise UsageError(
        f"cannot send a {type(value).__name__} to a model",
        hint="Messages and options hold text, numbers, lists and dicts.",
    )


def function_tools(tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tools as OpenAI functions, `{name, description, parameters}`, from that form or the wrapped one."""
    functions = []
    for tool in filter(_is_function, tools):
        function = tool.get("function", tool)
        functions.append(
            {
                "name": function["name"],
                "description": function.get("description", ""),
                "parameters": function.get("parameters")
                or function.get("input_schema")
                or {"type": "object", "properties": {}},
            }
        )
    return functions


def own_tools(tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The provider's own among them, such as `{"type": "web_search"}`; they go to it as they are."""
    return [tool for tool in tools if not _is_function(tool)]


def _is_function(tool: dict[str, Any]) -> bool:
    kind = tool.get("type", "function")
    return "function" in tool or ("name" in tool and kind in ("function", "custom"))


def with_options(body: dict[str, Any], *given: dict[str, Any]) -> dict[str, Any]:
    """`body` with the caller's options; tools are added to those it has."""
    tools = [tool for part in (body, *given) for tool in part.get("tools") or ()]
    for options in given:
        body = {**body, **options}
    return {**body, "tools": tools} if tools else body
