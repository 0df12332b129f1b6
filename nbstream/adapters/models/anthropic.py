"""Claude over Anthropic's own API, or any server that speaks it."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator
from typing import Any, ClassVar

from nbstream.adapters.transport.failures import Endpoint
from nbstream.adapters.wires.anthropic_messages import MessagesDecoder
from nbstream.events import StreamEvent
from nbstream.events.carry import carried
from nbstream.events.errors import ProviderError

from .base import ChatRequest, Feature
from .chat_messages import as_object, file_of
from .fitting import WORD
from .going_on import going_on
from .http_model import HTTPModel, function_tools, own_tools, with_options
from .parameters import budget, chosen, mark_cached

#: What the API asks for where the caller sets no limit.
MAX_TOKENS = 8192
#: A smaller budget of thinking is refused.
LEAST_THINKING = 1024


class Anthropic(HTTPModel):
    """`Anthropic("claude-sonnet-4-5")`; the key is in `ANTHROPIC_API_KEY` or `api_key=`.

    Thinking: `thinking={"type": "enabled", "budget_tokens": 4000}`. Further keywords go into every request.
    """

    provider = "anthropic"
    key_names: tuple[str, ...] = ("ANTHROPIC_API_KEY",)
    key_needed = True
    ids = WORD
    lacks: tuple[str, ...] = ("seed",)
    features: ClassVar[frozenset[Feature]] = frozenset(
        {"streaming", "tools", "vision", "json", "thinking"}
    )

    def home(self) -> str:
        return "https://api.anthropic.com/v1"

    def url(self, *, stream: bool) -> str:
        return f"{self.base_url}/messages"

    def authorization(self, key: str) -> dict[str, str]:
        return {"x-api-key": key}

    def decoder(self, endpoint: Endpoint) -> MessagesDecoder:
        return MessagesDecoder(endpoint)

    def extra_headers(self) -> dict[str, str]:
        return {"anthropic-version": "2023-06-01"}

    def events(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        return going_on(super().events, request)

    def body(self, request: ChatRequest, *, stream: bool) -> dict[str, Any]:
        system, messages = convert(request.messages, self.provider)
        if request.output_schema:
            system += _JSON_ONLY + json.dumps(request.output_schema)
        body: dict[str, Any] = {
            "model": self.name,
            "max_tokens": request.max_tokens or MAX_TOKENS,
            "messages": messages,
        }
        if container := _container(request.messages, self.provider):
            body["container"] = container
        if system:
            body["system"] = system.strip()
        if request.reasoning is not None:
            body["thinking"] = _thinking(request.reasoning, request.max_tokens)
        if request.user is not None:
            body["metadata"] = {"user_id": request.user}
        if stream:
            body["stream"] = True
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.top_p is not None:
            body["top_p"] = request.top_p
        if request.stop:
            stop = request.stop
            body["stop_sequences"] = [stop] if isinstance(stop, str) else stop
        if request.tools:
            body["tools"] = [
                {
                    "name": f["name"],
                    "description": f["description"],
                    "input_schema": f["parameters"],
                }
                for f in function_tools(request.tools)
            ] + own_tools(request.tools)
        if request.tool_choice is not None and request.tools:
            mode, name = chosen(request.tool_choice)
            kind = "any" if mode == "required" else mode
            body["tool_choice"] = {"type": kind, **({"name": name} if name else {})}
        given = {**self.options, **request.options}
        body = with_options(body, self.options, request.options)
        thinking = body.get("thinking")
        tokens = thinking.get("budget_tokens") if isinstance(thinking, dict) else None
        if isinstance(tokens, int) and not request.max_tokens and "max_tokens" not in given:
            body["max_tokens"] = tokens + MAX_TOKENS  # the limit is for both, thoughts and answer
        return _cached(body, request.cache) if request.cache else body

    def adapt_body(
        self, body: dict[str, Any], error: ProviderError, request: ChatRequest
    ) -> dict[str, Any] | None:
        if re.search(r"thinking\W+block|redacted_thinking", error.body) and _SIGNED.search(
            error.body
        ):  # another model's thoughts, or changed ones: Claude can do without
            messages = [
                {**message, "content": kept}
                for message in body["messages"]
                if (kept := [b for b in message["content"] if b.get("type") not in _THOUGHTS])
            ]
            return {**body, "messages": messages} if messages != body["messages"] else None
        return None


def _thinking(reasoning: Any, max_tokens: int | None) -> dict[str, Any]:
    tokens = budget(reasoning)
    if max_tokens is not None:
        tokens = min(
            tokens, max_tokens - 1
        )  # of an answer's limit, the thoughts must leave something
    if tokens < LEAST_THINKING:
        return {"type": "disabled"}
    return {"type": "enabled", "budget_tokens": tokens}


def _cached(body: dict[str, Any], cache: Any) -> dict[str, Any]:
    """The body with marks after what is the same each time: tools, system prompt, the conversation so far."""
    body = dict(body)
    if tools := body.get("tools"):
        body["tools"] = mark_cached(tools, cache)
    if isinstance(system := body.get("system"), str):
        system = [{"type": "text", "text": system}]
    if system:
        body["system"] = mark_cached(system, cache)
    *before, last = body["messages"]
    if last["content"] and last["content"][-1].get("type") not in _THOUGHTS:
        body["messages"] = [*before, {**last, "content": mark_cached(last["content"], cache)}]
    return body


_THOUGHTS = ("thinking", "redacted_thinking")
_SIGNED = re.compile(r"invalid .{0,3}(signature|data)|bound to a different", re.IGNORECASE)
_JSON_ONLY = "\n\nAnswer with nothing but JSON that fits this schema:\n"


def convert(
    messages: list[dict[str, Any]], provider: str = "anthropic"
) -> tuple[str, list[dict[str, Any]]]:
    """Messages in the OpenAI form as Anthropic's system text and messages.

    An answer of Anthropic's own goes back block by block as it came.
    """
    system: list[str] = []
    converted: list[dict[str, Any]] = []

    def add(role: str, blocks: list[dict[str, Any]]) -> None:
        if converted and converted[-1]["role"] == role:
            converted[-1]["content"] += blocks
        elif blocks:
            converted.append({"role": role, "content": blocks})

    for message in messages:
        role = message.get("role")
        content = message.get("content")
        if role in ("system", "developer"):
            system.append("".join(b.get("text", "") for b in _blocks(content)))
        elif role == "tool":
            result = {
                "type": "tool_result",
                "tool_use_id": message.get("tool_call_id", ""),
                "content": _blocks(content),
            }
            if message.get("is_error"):
                result["is_error"] = True
            add("user", [result])
        elif role == "assistant" and (
            items := carried(message, "anthropic", provider).get("items")
        ):
            add("assistant", [item for item in items if not _is_blank(item)])
        elif role == "assistant":
            calls = [
                {
                    "type": "tool_use",
                    "id": call.get("id", ""),
                    "name": call["function"]["name"],
                    "input": as_object(call["function"].get("arguments")),
                }
                for call in message.get("tool_calls") or ()
            ]
            add("assistant", [*(message.get("thinking_blocks") or ()), *_blocks(content), *calls])
        else:
            add("user", _blocks(content))
    if converted and converted[-1]["role"] == "assistant":
        last = converted[-1]["content"][
            -1
        ]  # an answer to be gone on with may not end in white space
        if last.get("type") == "text":
            converted[-1]["content"][-1] = {**last, "text": last["text"].rstrip()}
    return "\n\n".join(system), converted


def _sendable(block: dict[str, Any]) -> bool:
    """The API refuses thoughts that it did not sign."""
    if block.get("type") == "thinking" and not block.get("signature"):
        return False
    return not _is_blank(block)


def _is_blank(block: dict[str, Any]) -> bool:
    """The API refuses text without a word."""
    return block.get("type") == "text" and not (block.get("text") or "").strip()


def _container(messages: list[dict[str, Any]], provider: str) -> str:
    """The sandbox that the latest answer worked in."""
    for message in reversed(messages):
        if container := carried(message, "anthropic", provider).get("container"):
            return str(container)
    return ""


def _blocks(content: Any) -> list[dict[str, Any]]:
    return [block for block in _all_blocks(content) if _sendable(block)]


def _all_blocks(content: Any) -> list[dict[str, Any]]:
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        return [{"type": "text", "text": json.dumps(content, default=str)}]
    blocks: list[dict[str, Any]] = []
    for part in content:
        if isinstance(part, str):
            blocks.append({"type": "text", "text": part})
        elif part.get("type") == "image_url":
            blocks.append(_image(part["image_url"]))
        elif file := file_of(part):
            name, mime, data = file
            source = {"type": "base64", "media_type": mime, "data": data}
            titled = {"title": name} if name else {}
            blocks.append({"type": "document", "source": source, **titled})
        else:
            blocks.append(part)
    return blocks


def _image(image: Any) -> dict[str, Any]:
    url = image["url"] if isinstance(image, dict) else image
    if not url.startswith("data:"):
        return {"type": "image", "source": {"type": "url", "url": url}}
    head, _, data = url[5:].partition(",")
    media_type = head.partition(";")[0]
    source = {"type": "base64", "media_type": media_type, "data": data}
    return {"type": "document" if media_type == "application/pdf" else "image", "source": source}
