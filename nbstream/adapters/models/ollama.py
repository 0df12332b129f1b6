"""Ollama's own API, chat and generate: one JSON object a line.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

from __future__ import annotations

import os
from typing import Any, ClassVar

from nbstream.adapters.transport.failures import Endpoint
from nbstream.adapters.transport.lines import LineDecoder
from nbstream.adapters.wires.ollama_chat import OllamaDecoder
from nbstream.events.errors import UsageError

from .base import ChatRequest, Feature
from .chat_messages import as_object
from .http_model import HTTPModel, function_tools


class Ollama(HTTPModel):
    """`Ollama("llama3.2")`; the server is at `OLLAMA_HOST` or `base_url=`, else on port 11434 here.

    `think=True` asks for thinking, `keep_alive` and `format` go into the request, any other keyword into
    Ollama's `options` (e.g. `num_ctx=8192`).
    """

    provider = "ollama"
    key_names: tuple[str, ...] = ("OLLAMA_API_KEY",)
    features: ClassVar[frozenset[Feature]] = frozenset(
        {"streaming", "tools", "vision", "json", "thinking"}
    )

    def home(self) -> str:
        host = os.environ.get("OLLAMA_HOST", "").strip() or "127.0.0.1:11434"
        host = host.replace("0.0.0.0", "127.0.0.1")
        bare = host.partition("://")[2] or host
        return host if ":" in bare or "/" in bare else f"{host}:11434"

    def url(self, *, stream: bool) -> str:
        return f"{self.base_url.removesuffix('/v1').removesuffix('/api')}/api/chat"

    def decoder(self, endpoint: Endpoint) -> OllamaDecoder:
        return OllamaDecoder(endpoint)

    def framer(self) -> LineDecoder:
        return LineDecoder(self.max_line)

    def body(self, request: ChatRequest, *, stream: bool) -> dict[str, Any]:
        given = {**self.options, **request.options}
        top = {name: given.pop(name) for name in _TOP_LEVEL & given.keys()}
        options = {
            name: value
            for name, value in (
                ("temperature", request.temperature),
                ("num_predict", request.max_tokens),
                ("top_p", request.top_p),
                ("stop", [request.stop] if isinstance(request.stop, str) else request.stop),
            )
            if value is not None
        }
        options |= given.pop("options", {})
        body: dict[str, Any] = {
            "model": self.name,
            "messages": [_message(m) for m in request.messages],
            "stream": stream,
            **top,
        }
        if options or given:
            body["options"] = {**options, **given}
        if request.tools:
            body["tools"] = [
                {"type": "function", "function": f} for f in function_tools(request.tools)
            ]
        if request.output_schema:
            body["format"] = request.output_schema
        return body


_TOP_LEVEL = {"think", "keep_alive", "format", "logprobs", "top_logprobs", "raw"}


def _message(message: dict[str, Any]) -> dict[str, Any]:
    """A message in the OpenAI form as Ollama's: text apart from images, arguments as objects."""
    content = message.get("content")
    made = {"role": message.get("role", "user"), "content": content or ""}
    if isinstance(content, list):
        made["content"] = "".join(p.get("text") or "" for p in content if isinstance(p, dict))
        if images := [_image(p) for p in content if p.get("type", "text") != "text"]:
            made["images"] = images
    if calls := message.get("tool_calls"):
        if thought := message.get("reasoning_content"):
            made["thinking"] = thought
        made["tool_calls"] = [
            {
                "function": {
                    "name": call["function"]["name"],
                    "arguments": as_object(call["function"].get("arguments")),
                }
            }
            for call in calls
        ]
    if message.get("role") == "tool" and message.get("name"):
        made["tool_name"] = message["name"]
    return made


def _image(part: dict[str, Any]) -> str:
    image = part.get("image_url") or ""
    data = (image["url"] if isinstance(image, dict) else image).partition(";base64,")[2]
    if not data:
        raise UsageError(
            "Ollama takes texts and images, an image as its data: URL",
            hint="Read the file, or download the picture, and send what is in it.",
        )
    return data
