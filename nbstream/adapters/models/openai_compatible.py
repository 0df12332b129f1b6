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
from .http_model import HTTPModel, function_tools, own_tools, with_options
from .providers import OPENAI_COMPATIBLE, provider_of


class OpenAIModel(HTTPModel):
    """What the wire formats of OpenAI share. Whose server it is shows in its host."""

    provider = "openai-compatible"
    features: ClassVar[frozenset[Feature]] = frozenset(
        {"streaming", "tools", "vision", "json", "thinking"}
    )

    def __init__(
        self, model: str, api_key: str | None = None, *, provider: str = "", **settings: Any
    ) -> None:
        super().__init__(model, api_key, **settings)
        known = provider_of(self.base_url)
        if known and not self.key_names:
            self.key_names: tuple[str, ...] = known.keys
            self.key_needed = True
        self.provider: str = provider or (known.name if known else self.provider)
        known = OPENAI_COMPATIBLE.get(self.provider)
        self._thinking = known.thinking if known else ("reasoning_content",)

    def authorization(self, key: str) -> dict[str, str]:
        if (urlsplit(self.base_url).hostname or "").endswith(".azure.com"):
            return {"api-key": key}
        return super().authorization(key)

    def adapt_body(
        self, body: dict[str, Any], error: ProviderError, request: ChatRequest
    ) -> dict[str, Any] | None:
        said = f"{error.message} {error.body}".lower()
        if "stream_options" in said and "stream_options" in body:
            return {k: v for k, v in body.items() if k != "stream_options"}
        if "max_completion_tokens" in said and "max_tokens" in body:
            body = dict(body)
            return {**body, "max_completion_tokens": body.pop("max_tokens")}
        if "reasoning_content" in said and "messages" in body:
            sent = any("reasoning_content" in message for message in body["messages"])
            self._thinking = () if sent and _REFUSED.search(said) else ("reasoning_content",)
            messages = chat_messages(
                request.messages, self._thinking, fill=True, provider=self.provider
            )
            return {**body, "messages": messages} if messages != body["messages"] else None
        cannot_stream = "stream" in said and ("support" in said or "not allowed" in said)
        if cannot_stream and body.get("stream"):
            return {k: v for k, v in body.items() if k not in ("stream", "stream_options")} | {
                "stream": False
            }
        return None


class OpenAICompatible(OpenAIModel):
    """llama.cpp, vLLM, LM Studio, Ollama's /v1, OpenAI, Azure, Groq, DeepSeek and the rest.

    `base_url` ends where `/chat/completions` begins (usually in `/v1`); a full URL, with a query, is taken
    as it is. `api_key=None` reads the provider's own variable where the host is known. `verify=False`
    accepts any certificate, a path names a CA bundle. `stream=False` for a server that cannot stream: the
    answer then comes at once. Further keywords go into every request.
    """

    def __init__(
        self, base_url: str, model: str, api_key: str | None = None, **settings: Any
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
        ):
            if value is not None:
                body[name] = value
        if request.tools:
            functions = [{"type": "function", "function": f} for f in function_tools(request.tools)]
            body["tools"] = functions + own_tools(request.tools)
        if request.output_schema:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {
                    "name": str(request.output_schema.get("title") or "output"),
                    "schema": request.output_schema,
                },
            }
        return with_options(body, self.options, request.options)


_REFUSED = re.compile(r"unsupported|not supported|unknown|unexpected|unrecogni|not permitted|extra")
