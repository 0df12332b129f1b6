"""Ollama's own API, chat and generate: one JSON object a line.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, ClassVar

import msgspec

from nbstream.errors import UsageError
from nbstream.events import FinishReason, StreamEvent, TextDelta, ThinkingDelta

from .base import ChatRequest, Feature
from .blocks import finish_reason, usage
from .decoding import PayloadDecoder
from .failures import Endpoint
from .http_model import HTTPModel, function_tools
from .lines import LineDecoder
from .openai_chat import media


class _Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    role: str = ""
    content: str = ""
    thinking: str = ""


class _Line(msgspec.Struct, gc=False):
    message: _Message
    done: bool = False
    error: None = None
    logprobs: None = None


_plain = msgspec.json.Decoder(_Line)


class OllamaDecoder(PayloadDecoder):
    source = "ollama"
    one_answer = True

    def decode(self, message: Any) -> Iterable[StreamEvent]:
        data: bytes = message if isinstance(message, bytes) else message.data
        try:
            line = _plain.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return super().decode(message)
        blocks = self.blocks
        said = line.message
        if line.done or blocks.fragile or (said.thinking and said.content):
            return super().decode(message)
        self.messages += 1
        if said.content:
            return (TextDelta(blocks.block("text"), said.content),)
        if said.thinking:
            return (ThinkingDelta(blocks.block("thinking"), said.thinking),)
        return ()

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        if not isinstance(value, dict):
            return [self.raw(value)]
        events: list[StreamEvent] = []
        message = value.get("message")
        if isinstance(message, dict):
            thinking = message.get("thinking") or message.get("reasoning_content") or ""
            events += self.blocks.thinking(thinking)
            events += self.blocks.text(
                message.get("content") or "", logprobs=value.get("logprobs") or None
            )
            for call in message.get("tool_calls") or ():
                events += self._call(call)
            for image in message.get("images") or ():
                events.append(media(self.blocks.new(), f"data:image/png;base64,{image}"))
        elif isinstance(value.get("response"), str):
            events += self.blocks.thinking(value.get("thinking") or "")
            events += self.blocks.text(value["response"])
            if isinstance(image := value.get("image"), str):
                events.append(media(self.blocks.new(), f"data:image/png;base64,{image}"))
        if value.get("error"):
            self.fail(value)
        elif value.get("done"):
            self.word = value.get("done_reason") or "stop"
            events += self._count(value)
        elif not events and message is None and "response" not in value:
            events.append(self.raw(value))
        return events

    def reason(self, word: str) -> FinishReason:
        # Ollama has no word for it: a turn that ends in tool calls is done for "stop"
        return "tool_calls" if word == "stop" and self.blocks.called else finish_reason(word)

    def _call(self, call: Any) -> list[StreamEvent]:
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            return [self.raw(call)]
        events = self.blocks.call(
            call_id=call.get("id") or "",
            index=object(),  # each call comes whole; Ollama numbers them all 0
            name=function.get("name") or "tool",
            arguments=function.get("arguments") or {},
        )
        return events + self.blocks.end_call(events[0].call_id)  # type: ignore[union-attr]

    def _count(self, value: dict[str, Any]) -> list[StreamEvent]:
        if value.get("eval_count") is None and value.get("prompt_eval_count") is None:
            return []
        durations = (
            "total_duration",
            "load_duration",
            "prompt_eval_duration",
            "eval_duration",
        )
        details = {name: value[name] for name in durations if value.get(name)}
        return [
            usage(
                input_tokens=value.get("prompt_eval_count"),
                output_tokens=value.get("eval_count"),
                details=details,
            )
        ]


class Ollama(HTTPModel):
    """`Ollama("llama3.2")`; the server is at `OLLAMA_HOST` or `base_url=`, else on port 11434 here.

    `think=True` asks for thinking, `keep_alive` and `format` go into the request, any other keyword into
    Ollama's `options` (e.g. `num_ctx=8192`).
    """

    provider = "ollama"
    key_names = ("OLLAMA_API_KEY",)
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
                    "arguments": _parsed(call["function"].get("arguments")),
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


def _parsed(arguments: Any) -> Any:
    if isinstance(arguments, str):
        try:
            return msgspec.json.decode(arguments or "{}")
        except msgspec.DecodeError:
            return {"arguments": arguments}
    return arguments or {}
