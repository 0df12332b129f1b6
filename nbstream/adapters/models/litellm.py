"""Every other provider, through litellm. The only room that imports it, when a model is first used."""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import AsyncGenerator
from types import ModuleType
from typing import Any, ClassVar

from nbstream.adapters.transport.failures import Endpoint
from nbstream.adapters.transport.timeouts import Timeouts
from nbstream.adapters.wires.openai_chat import ChatDecoder
from nbstream.adapters.wires.sdk import plain_deep, sdk_error
from nbstream.events import StreamEvent
from nbstream.events.errors import AuthenticationError, NbstreamError, UsageError

from .base import ChatModel, ChatRequest, Feature
from .chat_messages import chat_messages
from .http_model import function_tools, own_tools, with_options


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
        hidden = (self.options.get("extra_headers") or {}).values()
        values = (*given, *variables, named, *hidden)
        return tuple(value for value in values if isinstance(value, str) and value)

    async def events(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        litellm = await load()
        endpoint = Endpoint(
            provider=self.provider,
            url=self._model,
            model=self.name,
            key_name=self._key_name or f"{_variable_stem(self.provider)}_API_KEY",
            secrets=self.secrets(),
        )
        decoder = ChatDecoder(endpoint)
        decoder.blocks.fragile = True
        try:
            stream = await litellm.acompletion(**self._arguments(request))
        except Exception as error:
            raise _hinted(sdk_error(error, endpoint)) from None
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
            decoder.word = None
        for event in [*decoder.close(), *decoder.end()]:
            yield event

    def _arguments(self, request: ChatRequest) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "model": self._model,
            "messages": _messages(request.messages, self.provider),
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": request.temperature,
            "max_tokens": request.max_tokens,
            "top_p": request.top_p,
            "stop": request.stop,
            "drop_params": True,
            "max_retries": 0,
        }
        if request.tools:
            functions = [{"type": "function", "function": f} for f in function_tools(request.tools)]
            arguments["tools"] = functions + own_tools(request.tools)
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


_CLAUDE = {"bedrock", "vertex_ai", "azure_ai", "databricks", "litellm_proxy"}


def _variable_stem(provider: str) -> str:
    return _STEMS.get(provider, provider.upper().replace("-", "_"))


_STEMS = {
    "bedrock": "AWS",
    "vertex_ai": "VERTEXAI",
    "azure_ai": "AZURE_AI",
    "cohere_chat": "COHERE",
}
