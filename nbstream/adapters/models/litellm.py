"""Every other provider, through litellm. The only room that imports it, when a model is first used."""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import AsyncGenerator
from contextlib import suppress
from types import ModuleType
from typing import Any, ClassVar

import msgspec

from nbstream.adapters.transport.failures import Endpoint
from nbstream.adapters.transport.masking import Secret, secrets_of_headers
from nbstream.adapters.transport.timeouts import Timeouts
from nbstream.adapters.wires.openai_chat import ChatDecoder
from nbstream.adapters.wires.sdk import plain_deep, sdk_error
from nbstream.events import StreamEvent, WarningEvent
from nbstream.events.errors import (
    AuthenticationError,
    NbstreamError,
    ProviderError,
    UsageError,
)

from .base import ChatModel, ChatRequest, Feature, Preview
from .chat_messages import chat_messages
from .fitting import ANY, WORD, Ids, fit_ids, fit_names
from .http_model import (
    MAX_CHANGES,
    check_key,
    function_tools,
    key_from,
    own_tools,
    whole_characters,
    with_options,
)
from .parameters import NAMES, chat_tool_choice, effort, is_own
from .refusals import Memory, apply, refused

_memory = Memory()


class LiteLLM(ChatModel):
    """A model by its litellm name, e.g. `"bedrock/anthropic.claude-…"`. Further keywords go to litellm.

    Needs `pip install "nbstream[litellm]"`. litellm finds the key in the provider's own variable, or pass
    `api_key=`. Its import takes seconds, so it happens in a thread when the first request is made.
    """

    features: ClassVar[frozenset[Feature]] = frozenset(
        {"streaming", "tools", "vision", "json", "thinking"}
    )

    def __init__(
        self,
        model: str,
        *,
        timeout: Timeouts | float | None = None,
        api_key_name: str = "",
        headers: dict[str, str] | None = None,
        verify: bool | str = True,
        **options: Any,
    ) -> None:
        provider, slash, name = model.partition("/")
        self.provider: str = provider if slash else "litellm"
        self.name: str = name if slash else model
        self._model = model
        self.timeouts: Timeouts | None = (
            Timeouts(total=timeout) if isinstance(timeout, (int, float)) else timeout
        )
        self._key_name = api_key_name
        named = [name for name in NAMES if name in options and not is_own(name, options[name])]
        self.defaults: dict[str, Any] = {name: options.pop(name) for name in named}
        self.options = options
        if headers:
            self.options["extra_headers"] = headers
        if verify is not True:
            self.options["ssl_verify"] = verify

    def secrets(self) -> tuple[str, ...]:
        given = (self.options.get(name) for name in ("api_key", "aws_secret_access_key", "token"))
        variables = (
            value
            for name, value in os.environ.items()
            if name.startswith(_variable_stem(self.provider))
            and name.endswith(("_KEY", "_TOKEN", "_SECRET"))
        )
        named = os.environ.get(self._key_name, "") if self._key_name else ""
        hidden = secrets_of_headers(self.options.get("extra_headers") or {})
        values = (*given, *variables, named, *hidden)
        return tuple(Secret(value) for value in values if isinstance(value, str) and value)

    def preview(self, request: ChatRequest) -> Preview:
        arguments = self._arguments(self._fitted(request))
        hidden = {"api_key", "extra_headers", "max_retries"}
        body = apply(arguments, _memory.of(self._model))[0]
        return Preview("litellm.acompletion", {k: v for k, v in body.items() if k not in hidden})

    def _fitted(self, request: ChatRequest) -> ChatRequest:
        messages = fit_names(fit_ids(request.messages, _IDS.get(self.provider, ANY)))
        missing = {n: v for n, v in self.defaults.items() if getattr(request, n) is None}
        return msgspec.structs.replace(request, messages=messages, **missing)

    async def events(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        litellm = await load()
        request = self._fitted(request)
        endpoint = Endpoint(
            provider=self.provider,
            url=self._model,
            model=self.name,
            key_name=self._key_name or f"{_variable_stem(self.provider)}_API_KEY",
            secrets=self.secrets(),
        )
        arguments, endpoint = await self._with_key(self._arguments(request), endpoint)
        decoder = ChatDecoder(endpoint)
        decoder.blocks.split_surrogates = True
        known = _memory.of(self._model)
        stream: Any = None
        for attempt in range(MAX_CHANGES + 1):
            asked, left_out = apply(arguments, known)
            for refusal in left_out if not attempt else ():
                if refusal.loud:
                    yield WarningEvent(str(refusal))
            try:
                stream = await litellm.acompletion(**{**asked, "stream": True})
                break
            except Exception as error:
                failure = _hinted(sdk_error(error, endpoint))
            refusal = refused(failure, asked, known) if isinstance(failure, ProviderError) else None
            if refusal is None or attempt == MAX_CHANGES:
                raise failure
            known = _memory.learn(refusal, self._model)
            yield WarningEvent(str(refusal), failure.message[:300])
        try:
            async for chunk in stream:
                for event in decoder.take(plain_deep(chunk)):
                    yield event
                if decoder.done:
                    break
        except Exception as error:
            for event in decoder.close():
                yield event
            raise _hinted(sdk_error(error, endpoint, answered=True)) from None
        finally:
            await stream.aclose()
        if invented_finish(stream) and "mock_response" not in self.options:
            decoder.provider_reason = None
        for event in [*decoder.close(), *decoder.end()]:
            yield event

    async def _with_key(
        self, arguments: dict[str, Any], endpoint: Endpoint
    ) -> tuple[dict[str, Any], Endpoint]:
        """The arguments with a key that can be sent; a function gives one for each request."""
        key = arguments.get("api_key")
        if callable(key):
            key = await key_from(key, self.provider, endpoint.secrets)
            endpoint = msgspec.structs.replace(endpoint, secrets=(*endpoint.secrets, key))
            name = "azure_ad_token" if self.provider == "azure" else "api_key"
            arguments = {k: v for k, v in arguments.items() if k != "api_key"} | {name: str(key)}
        elif isinstance(key, str):
            where = f"in {self._key_name}" if self._key_name else "given as api_key="
            check_key(key.strip(), where, self.provider)
            arguments = {**arguments, "api_key": key.strip()}
        return arguments, endpoint

    def _arguments(self, request: ChatRequest) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "model": self._model,
            "messages": whole_characters(_messages(request.messages, self.provider)),
            "stream_options": {"include_usage": True},
            "temperature": request.temperature,
            "max_tokens": request.max_tokens,
            "top_p": request.top_p,
            "stop": request.stop,
            "seed": request.seed,
            "user": request.user,
            "drop_params": True,
            "max_retries": 0,
        }
        if request.tools:
            functions = [{"type": "function", "function": f} for f in function_tools(request.tools)]
            arguments["tools"] = functions + own_tools(request.tools)
        if request.tool_choice is not None and request.tools:
            arguments["tool_choice"] = chat_tool_choice(request.tool_choice)
        if isinstance(request.reasoning, int) and not isinstance(request.reasoning, bool):
            arguments["thinking"] = {"type": "enabled", "budget_tokens": request.reasoning}
        elif request.reasoning is not None:
            arguments["reasoning_effort"] = effort(request.reasoning)
        if request.cache:
            arguments["cache_control_injection_points"] = [
                {"location": "message", "role": "system"},
                {"location": "message", "index": -1},
            ]
        if request.output_schema:
            arguments["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "output", "schema": request.output_schema},
            }
        if self._key_name:
            arguments["api_key"] = os.environ.get(self._key_name)
        merged = with_options(arguments, self.options, request.options)
        return {name: value for name, value in merged.items() if value is not None}


def invented_finish(stream: Any) -> bool:
    """Whether litellm's wrapper made up the finish reason it gave."""
    return (
        hasattr(stream, "received_finish_reason")
        and stream.received_finish_reason is None
        and getattr(stream, "intermittent_finish_reason", None) is None
    )


async def load() -> ModuleType:
    """litellm, imported off the event loop, with its bundled price table instead of a network look-up."""
    try:
        return await asyncio.to_thread(_import)
    except ModuleNotFoundError as error:
        if error.name != "litellm":
            raise
        raise UsageError(
            "this model needs litellm, which is not installed",
            hint='pip install "nbstream[litellm]"',
        ) from None


def _import() -> ModuleType:
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import litellm

        with suppress(Exception):
            # pydantic looks at its types when they are first used, and has something to say about each
            from litellm.types.utils import Delta, Message, ModelResponseStream, StreamingChoices

            Message()
            ModelResponseStream(choices=[StreamingChoices(delta=Delta(content=""))])
    litellm.suppress_debug_info = True
    return litellm


def _hinted(error: NbstreamError) -> NbstreamError:
    if isinstance(error, AuthenticationError) and not error.hint:
        error.hint = "Set the provider's key, see https://docs.litellm.ai/docs/providers"
    return error


def _messages(messages: list[dict[str, Any]], provider: str) -> list[dict[str, Any]]:
    """Signed thoughts go to those who may serve Claude; litellm itself knows what to do with them."""
    made = chat_messages(messages)
    if provider in _CLAUDE:
        for message, given in zip(made, messages, strict=True):
            if signed := given.get("thinking_blocks"):
                message["thinking_blocks"] = signed
    return made


#: Claude's, who is behind most of them.
_IDS: dict[str, Ids] = dict.fromkeys(
    ("bedrock", "vertex_ai", "azure_ai", "databricks", "snowflake"), WORD
)
_CLAUDE = {"bedrock", "vertex_ai", "azure_ai", "databricks", "litellm_proxy"}


def _variable_stem(provider: str) -> str:
    return _STEMS.get(provider, provider.upper().replace("-", "_"))


_STEMS = {
    "bedrock": "AWS",
    "vertex_ai": "VERTEXAI",
    "azure_ai": "AZURE_AI",
    "cohere_chat": "COHERE",
}
