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
from .parameters import effort


class Ollama(HTTPModel):
    """`Ollama("llama3.2")`; the server is at `OLLAMA_HOST` or `base_url=`, else on port 11434 here.

    `think=True` asks for thinking, `keep_alive` and `format` go into the request, any other keyword into
    Ollama's `options` (e.g. `num_ctx=8192`).
    """

    provider = "ollama"
    key_names: tuple[str, ...] = ("OLLAMA_API_KEY",)
    lacks: tuple[str, ...] = ("user", "tool_choice")
    features: ClassVar[frozenset[Feature]] = frozenset(
        {"streaming", "tools", "vision", "json", "thinking"}
    )

    def home(self) -> str:
        return host_url(os.environ.get("OLLAMA_HOST", ""))

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
                ("seed", request.seed),
                ("stop", [request.stop] if isinstance(request.stop, str) else request.stop),
            )
            if value is not None
        }
        options |= given.pop("options", {})
        body: dict[str, Any] = {
            "model": self.name,
            "messages": [_message(m) for m in request.messages],
            "stream": stream,
            **_thinking(request.reasoning),
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


def host_url(host: str) -> str:
    """The URL of a host as Ollama's server is told it: `:11435`, `0.0.0.0`, `[::]:80`, `https://my.host`, `::1`."""
    scheme, mark, rest = host.strip().strip("\"'").rpartition("://")
    scheme = scheme.lower() if mark else "http"
    place, slash, path = rest.partition("/")
    user, at, place = place.rpartition("@")
    if place.count(":") > 1 and not place.startswith("["):  # an address of IPv6, without a port
        name, port = f"[{place}]", ""
    elif place.startswith("["):
        name, _, port = place.partition("]")
        name, port = f"{name}]", port.lstrip(":")
    else:
        name, _, port = place.partition(":")
    if name in ("", "0.0.0.0"):  # what a server listens on is no place to go to
        name = "127.0.0.1"
    elif name in ("[::]", "[0:0:0:0:0:0:0:0]"):
        name = "localhost"  # which is tried on both IPv6 and IPv4
    port = port or ("" if mark else "11434")  # a scheme brings its own port, as in Ollama itself
    return f"{scheme}://{user}{at}{name}{f':{port}' if port else ''}{slash}{path}".rstrip("/")


def _thinking(reasoning: Any) -> dict[str, Any]:
    if reasoning is None:
        return {}
    word = effort(reasoning)
    return {"think": word if isinstance(reasoning, str) and word != "none" else word != "none"}


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
