"""What the models behind an HTTP endpoint share: URL, key, headers, one request, one answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import urlsplit

import msgspec

from nbstream.adapters.transport.failures import Endpoint
from nbstream.adapters.transport.http import Verify, load, post
from nbstream.adapters.transport.sse import MAX_LINE
from nbstream.adapters.transport.timeouts import Timeouts
from nbstream.adapters.wires.body import Body, Framer, body_events
from nbstream.adapters.wires.decoding import PayloadDecoder
from nbstream.events import StreamEvent
from nbstream.events.errors import AuthenticationError, ProviderError, UsageError

from .base import ChatModel, ChatRequest
from .providers import key_from_environment

_SECRET_HEADER = ("auth", "key", "token", "cookie", "secret", "password")


class HTTPModel(ChatModel):
    """A model at a URL, by default its provider's own.

    `headers` go with every request. `verify=False` accepts any certificate, a path names a CA bundle.
    `timeout`: seconds for a whole run, or `Timeouts`. `stream=False` for a server that cannot stream.
    `api_key_name`: the variable the key is in. `max_line`: the longest message, in bytes. Further keywords
    are options of every request.

    A subclass says in `key_names` which environment variables its key may be in, read when a request is
    sent, and in `key_needed` whether a request to its home without a key is pointless.
    """

    key_names: tuple[str, ...] = ()
    key_needed: bool = False

    def __init__(
        self,
        model: str,
        api_key: str | None = None,
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
        self.headers: dict[str, str] = dict(headers or {})
        self.verify = verify
        self.timeouts: Timeouts | None = (
            Timeouts(total=timeout) if isinstance(timeout, (int, float)) else timeout
        )
        self.streaming = stream
        self.max_line = max_line
        self.options = options
        if api_key_name:
            self.key_names = (api_key_name,)
            self.key_needed = True
        elif base_url and urlsplit(self.base_url).hostname != urlsplit(self.home()).hostname:
            self.key_needed = False
        self._api_key = api_key

    def load(self) -> None:
        load(self.verify)

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
        """The key, and the variable it is (or should be) in."""
        if self._api_key is not None:
            return self._api_key.strip(), self.key_names[0] if self.key_names else ""
        return key_from_environment(self.key_names)

    def secrets(self) -> tuple[str, ...]:
        hidden = [
            value
            for name, value in self.headers.items()
            if any(word in name.lower() for word in _SECRET_HEADER)
        ]
        password = urlsplit(self.base_url).password
        return tuple(value for value in (self.key()[0], password or "", *hidden) if value)

    def endpoint(self, *, stream: bool = True) -> Endpoint:
        return Endpoint(
            provider=self.provider,
            url=self.url(stream=stream).partition("?")[0],
            model=self.name,
            key_name=self.key()[1],
            secrets=self.secrets(),
        )

    async def events(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        stream = self.streaming
        endpoint = self.endpoint(stream=stream)
        key, key_name = self.key()
        if not key and self.key_needed and not self.headers:
            raise AuthenticationError(
                f"no API key for {self.provider or self.base_url}",
                provider=self.provider,
                hint=f"Set the environment variable {key_name}, or pass api_key=.",
            )
        headers = {
            "accept": "text/event-stream, application/json",
            **self.extra_headers(),
            **(self.authorization(key) if key else {}),
            **self.headers,
        }
        body = self.body(request, stream=stream)
        timeouts = self.timeouts or request.timeouts
        for attempt in range(4):
            try:
                async with post(
                    endpoint,
                    self.url(stream=stream),
                    msgspec.json.encode(body, enc_hook=_encode_other),
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
                            yield event
                    finally:
                        await events.aclose()
                    return
            except ProviderError as error:
                if error.status not in (400, 404, 422) or attempt == 3:
                    raise
                changed = self.adapt_body(body, error, request)
                if changed is None:
                    raise
                body = changed
                stream = bool(body.get("stream", stream))


def check_url(base_url: str) -> str:
    """A base URL without its last slash; `localhost:8080/v1` means http."""
    url = base_url.strip()
    if "://" not in url:
        url = f"http://{url}"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            f"{base_url!r} is not a base URL", hint="It looks like http://127.0.0.1:8080/v1"
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
