"""Any server that speaks OpenAI chat completions."""

from __future__ import annotations

import re
from typing import Any, ClassVar
from urllib.parse import urlsplit

from nbstream.adapters.transport.failures import Endpoint
from nbstream.adapters.wires.openai_chat import ChatDecoder
from nbstream.events.errors import ProviderError

from .base import ChatRequest, Feature
from .chat_messages import chat_messages
from .fitting import ANY, NINE, Ids, shortened, wire_name
from .http_model import ApiKey, HTTPModel, function_tools, own_tools, with_options
from .parameters import chat_reasoning, chat_tool_choice, mark_cached
from .providers import OPENAI_COMPATIBLE, provider_of
from .refused_messages import apply_between

#: Longer ids, or other characters, are refused there.
_IDS = {"openai": shortened(40), "mistral": NINE}
_LACKS = {"mistral": ("user",)}


class OpenAIModel(HTTPModel):
    """What the wire formats of OpenAI share. Whose server it is shows in its host."""

    provider = "openai-compatible"
    features: ClassVar[frozenset[Feature]] = frozenset(
        {"streaming", "tools", "vision", "json", "thinking"}
    )

    def __init__(
        self, model: str, api_key: ApiKey | None = None, *, provider: str = "", **settings: Any
    ) -> None:
        super().__init__(model, api_key, **settings)
        known = provider_of(self.base_url)
        if known and not self.key_names:
            self.key_names: tuple[str, ...] = known.keys
            self.key_needed = True
        self.provider: str = provider or (known.name if known else self.provider)
        self.ids: Ids = _IDS.get(self.provider, ANY)
        self.lacks: tuple[str, ...] = _LACKS.get(self.provider, ())
        known = OPENAI_COMPATIBLE.get(self.provider)
        self._thinking = known.thinking if known else ("reasoning_content",)

    def authorization(self, key: str) -> dict[str, str]:
        # a token of Entra ID is no key of the resource, and goes as everywhere else
        if is_azure(self.base_url) and not (self.fresh_keys or key.startswith("eyJ")):
            return {"api-key": key}
        return super().authorization(key)

    def adapt_body(
        self, body: dict[str, Any], error: ProviderError, request: ChatRequest
    ) -> dict[str, Any] | None:
        error_text = f"{error.message} {error.body}".lower()
        if "reasoning_content" in error_text and "messages" in body:
            sent = any("reasoning_content" in message for message in body["messages"])
            self._thinking = () if sent and _REFUSED.search(error_text) else ("reasoning_content",)
            messages = chat_messages(
                request.messages, self._thinking, fill=True, provider=self.provider
            )
            return {**body, "messages": messages} if messages != body["messages"] else None
        return None


def is_azure(url: str) -> bool:
    """Whether a server is Azure's, in any of its clouds."""
    host = (urlsplit(url).hostname or "").lower()
    return host.endswith(_AZURE)


_AZURE = (".azure.com", ".azure.us", ".azure.cn", ".azure-api.net")


class OpenAICompatible(OpenAIModel):
    """llama.cpp, vLLM, LM Studio, Ollama's /v1, OpenAI, Azure, Groq, DeepSeek and the rest.

    `base_url` ends where `/chat/completions` begins (usually in `/v1`); a full URL, with a query, is taken
    as it is. `api_key=None` reads the provider's own variable where the host is known. `verify=False`
    accepts any certificate, a path names a CA bundle. `stream=False` for a server that cannot stream: the
    answer then comes at once. Further keywords go into every request.
    """

    def __init__(
        self, base_url: str, model: str, api_key: ApiKey | None = None, **settings: Any
    ) -> None:
        super().__init__(model, api_key, base_url=base_url, **settings)

    def url(self, *, stream: bool) -> str:
        if "/chat/completions" in self.base_url:
            return self.base_url
        base, mark, query = self.base_url.partition("?")
        return f"{base.rstrip('/')}/chat/completions{mark}{query}"

    def decoder(self, endpoint: Endpoint) -> ChatDecoder:
        return ChatDecoder(endpoint)

    def body(self, request: ChatRequest, *, stream: bool) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.name,
            "messages": chat_messages(request.messages, self._thinking, provider=self.provider),
        }
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        limit = "max_completion_tokens" if self.provider == "openai" else "max_tokens"
        for name, value in (
            ("temperature", request.temperature),
            (limit, request.max_tokens),
            ("top_p", request.top_p),
            ("stop", request.stop),
            ("random_seed" if self.provider == "mistral" else "seed", request.seed),
            ("user", None if "user" in self.lacks else request.user),
        ):
            if value is not None:
                body[name] = value
        if request.reasoning is not None:
            body |= chat_reasoning(self.provider, request.reasoning)
        if request.tools:
            functions = [{"type": "function", "function": f} for f in function_tools(request.tools)]
            body["tools"] = functions + own_tools(request.tools)
        if request.tool_choice is not None and request.tools:
            body["tool_choice"] = chat_tool_choice(request.tool_choice)
        if request.cache and self.provider == "openrouter":
            body["messages"] = _marked(body["messages"], request.cache)
        if request.output_schema:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {
                    "name": wire_name(str(request.output_schema.get("title") or "output")),
                    "schema": request.output_schema,
                },
            }
        if self.provider == "mistral":
            body = apply_between(body)
        return with_options(body, self.options, request.options)


def _marked(messages: list[dict[str, Any]], cache: Any) -> list[dict[str, Any]]:
    """Up to the end of the system prompt, and up to the last message, for those who cache only what is marked."""
    last = len(messages) - 1
    made = []
    for n, message in enumerate(messages):
        content = message.get("content")
        if content and (n == last or message.get("role") == "system") and message["role"] != "tool":
            parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
            message = {**message, "content": mark_cached(parts, cache)}
        made.append(message)
    return made


_REFUSED = re.compile(r"unsupported|not supported|unknown|unexpected|unrecogni|not permitted|extra")
