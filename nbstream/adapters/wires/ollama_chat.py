"""Ollama's /api/chat: decoder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from nbstream.events import FinishReason, StreamEvent, TextDelta, ThinkingDelta

from .decoding import PayloadDecoder
from .figures import finish_reason, usage
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
    inline = True

    def decode(self, message: Any) -> Iterable[StreamEvent]:
        data: bytes = message if isinstance(message, bytes) else message.data
        try:
            line = _plain.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return super().decode(message)
        blocks = self.blocks
        delta = line.message
        if line.done or blocks.split_surrogates or (delta.thinking and delta.content):
            return super().decode(message)
        self.messages += 1
        if delta.content:
            if self.inline:
                return self.text_events(delta.content)
            return (TextDelta(blocks.block("text"), delta.content),)
        if delta.thinking:
            return (ThinkingDelta(blocks.block("thinking"), delta.thinking),)
        return ()

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        if not isinstance(value, dict):
            return [self.raw(value)]
        events: list[StreamEvent] = []
        message = value.get("message")
        if isinstance(message, dict):
            thinking = message.get("thinking") or message.get("reasoning_content") or ""
            events += self.blocks.thinking(thinking)
            events += self.text_events(
                message.get("content") or "", logprobs=value.get("logprobs") or None
            )
            for call in message.get("tool_calls") or ():
                events += self._call(call)
            for image in message.get("images") or ():
                events.append(media(self.blocks.new(), f"data:image/png;base64,{image}"))
        elif isinstance(value.get("response"), str):
            events += self.blocks.thinking(value.get("thinking") or "")
            events += self.text_events(value["response"])
            if isinstance(image := value.get("image"), str):
                events.append(media(self.blocks.new(), f"data:image/png;base64,{image}"))
        if value.get("error"):
            self.fail(value)
        elif value.get("done"):
            self.provider_reason = value.get("done_reason") or "stop"
            events += self._count(value)
        elif not events and message is None and "response" not in value:
            events.append(self.raw(value))
        return events

    def reason(self, provider_reason: str) -> FinishReason:
        # Ollama has no word for it: a turn that ends in tool calls is done for "stop"
        return (
            "tool_calls"
            if provider_reason == "stop" and self.blocks.called
            else finish_reason(provider_reason)
        )

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
