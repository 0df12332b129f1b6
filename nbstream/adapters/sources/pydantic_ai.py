"""pydantic-ai: the events of an agent's or a model's stream."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from nbstream.adapters.transport.failures import Endpoint
from nbstream.adapters.wires.decoding import PayloadDecoder
from nbstream.adapters.wires.figures import usage
from nbstream.adapters.wires.sdk import plain_deep
from nbstream.events import ContentPart, RunEnd, StreamEvent


class PydanticAIDecoder(PayloadDecoder):
    source = "pydantic-ai"

    def __init__(self, endpoint: Endpoint | None = None) -> None:
        super().__init__(endpoint)
        self._parts: dict[int, Any] = {}  # by index, which counts from 0 again in every response
        self._finished = False

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        kind = getattr(value, "event_kind", "")
        if kind == "part_start":
            return self._start(value.index, value.part)
        if kind == "part_delta":
            return self._delta(value.index, value.delta)
        if kind == "part_end":
            return []  # with interleaved calls it comes before the last delta
        if kind in ("function_tool_call", "output_tool_call", "builtin_tool_call"):
            return self._called(value.part)
        if kind in ("function_tool_result", "output_tool_result", "builtin_tool_result"):
            return self._returned(getattr(value, "part", None) or value.result)
        if kind == "agent_run_result":
            self._finished = True
            return self._usage(value.result)
        if kind == "final_result":
            self._finished = True
            return []
        return [self.raw(plain_deep(value))]

    def ended(self, stream: Any) -> list[StreamEvent]:
        """What the stream object knows once it has been read."""
        response = getattr(stream, "response", None)
        if (provider_reason := getattr(response, "finish_reason", None)) is not None:
            self.provider_reason = str(provider_reason)
        return self._usage(stream)

    def end(self) -> list[StreamEvent]:
        if self.failure is None and self.provider_reason is None and self._finished:
            return [RunEnd("stop")]
        return super().end()

    def _start(self, index: int, part: Any) -> list[StreamEvent]:
        kind = part.part_kind
        key = self._parts[index] = object()
        if kind == "text":
            return self.blocks.text(part.content or "", key=key)
        if kind == "thinking":
            return self.blocks.thinking(part.content or "", key=key, signature=part.signature or "")
        if kind.endswith("tool-call"):
            return self.blocks.call(
                call_id=part.tool_call_id,
                index=key,
                name=part.tool_name,
                arguments=part.args,
                server_side=kind != "tool-call",
            )
        if kind.endswith("tool-return"):
            return self._returned(part)
        if kind == "file":
            data = base64.b64encode(part.content.data).decode()
            return [ContentPart(self.blocks.new(), part.content.media_type, data)]
        return [self.raw(plain_deep(part))]

    def _delta(self, index: int, delta: Any) -> list[StreamEvent]:
        key = self._parts.get(index, index)
        kind = delta.part_delta_kind
        if kind == "text":
            return self.blocks.text(delta.content_delta or "", key=key)
        if kind == "thinking":
            return self.blocks.thinking(
                delta.content_delta or "", key=key, signature=delta.signature_delta or ""
            )
        return self.blocks.call(
            call_id=delta.tool_call_id or "",
            index=key,
            name=delta.tool_name_delta or "",
            arguments=delta.args_delta,
        )

    def _called(self, part: Any) -> list[StreamEvent]:
        if self.blocks.seen(part.tool_call_id):
            return self.blocks.end_call(part.tool_call_id)
        events = self.blocks.call(
            call_id=part.tool_call_id, name=part.tool_name, arguments=part.args
        )
        return events + self.blocks.end_call(part.tool_call_id)

    def _returned(self, part: Any) -> list[StreamEvent]:
        failed = part.part_kind == "retry-prompt" or getattr(part, "outcome", "") == "failed"
        return self.blocks.result(part.tool_call_id, plain_deep(part.content), failed)

    def _usage(self, result: Any) -> list[StreamEvent]:
        figures: Any = getattr(result, "usage", None)
        if not hasattr(figures, "input_tokens") and callable(figures):
            figures = figures()  # a method before pydantic-ai 2
        if figures is None or not hasattr(figures, "input_tokens"):
            return []
        return [
            usage(
                input_tokens=figures.input_tokens,
                output_tokens=figures.output_tokens,
                cache_read_tokens=figures.cache_read_tokens or None,
                cache_write_tokens=figures.cache_write_tokens or None,
                details=dict(figures.details or {}),
            )
        ]
