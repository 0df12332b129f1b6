"""Vercel AI SDK: UI message streams and language model parts.

Source: https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nbstream.adapters.transport.failures import Endpoint
from nbstream.events import Citation, Reset, StreamEvent, ToolApproval, ToolProgress, WarningEvent

from .decoding import PayloadDecoder
from .figures import usage
from .openai_chat import media


class VercelDecoder(PayloadDecoder):
    source = "vercel-ai"

    def __init__(self, endpoint: Endpoint | None = None) -> None:
        super().__init__(endpoint)
        self._step = 0

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        kind = value.get("type") or ""
        match kind:
            case "text-delta":
                return self._text(value)
            case "reasoning-delta":
                return self._thinking(value)
            case "tool-input-start" | "tool-input-delta":
                return self._call(value)
            case "tool-input-available" | "tool-call":
                return self._call_ready(value)
            case "tool-input-end":
                return self._input_end(value)
            case "tool-input-error":
                return self._input_error(value)
            case "tool-output-available" | "tool-result":
                return self._output(value)
            case "tool-output-error" | "tool-error":
                return self._output_error(value)
            case "tool-output-denied":
                return self._denied(value)
            case "tool-approval-request":
                return self._approval(value)
            case "source-url" | "source-document" | "source":
                return self._source(value)
            case "file":
                return self._file(value)
            case "start-step":
                self._step_start(value)
                return ()
            case "reset-step":
                return self._reset(value)
            case "finish-step":
                return self._finish_step(value)
            case "finish":
                return self._finish(value)
            case "message-metadata":
                return self._metadata(value)
            case "abort":
                self._abort(value)
                return ()
            case "error":
                self._error(value)
                return ()
            case "stream-start":
                return self._warned(value)
        return () if kind in _SILENT else [self.raw(value)]

    def _text(self, value: dict[str, Any]) -> list[StreamEvent]:
        return self.blocks.text(_delta(value), key=(self._step, value.get("id")))

    def _thinking(self, value: dict[str, Any]) -> list[StreamEvent]:
        return self.blocks.thinking(_delta(value), key=(self._step, value.get("id")))

    def _call(self, value: dict[str, Any]) -> list[StreamEvent]:
        return self.blocks.call(
            call_id=_call_id(value),
            name=value.get("toolName") or "",
            arguments=value.get("inputTextDelta") or value.get("delta"),
            server_side=bool(value.get("providerExecuted")),
        )

    def _call_ready(self, value: dict[str, Any]) -> list[StreamEvent]:
        call_id = _call_id(value)
        events: list[StreamEvent] = []
        if not self.blocks.has_call(call_id):
            if self.blocks.seen(call_id):
                return []
            events += self._call({**value, "delta": None})
        if not self.blocks.arguments(call_id):
            events += self.blocks.call(call_id=call_id, arguments=value.get("input"))
        return events + self.blocks.end_call(call_id)

    def _input_end(self, value: dict[str, Any]) -> list[StreamEvent]:
        return self.blocks.end_call(_call_id(value))

    def _input_error(self, value: dict[str, Any]) -> list[StreamEvent]:
        return [*self._call_ready(value), *self._output_error(value)]

    def _output(self, value: dict[str, Any]) -> list[StreamEvent]:
        content = value.get("output", value.get("result"))
        call_id = _call_id(value)
        if value.get("preliminary"):
            return [*self.blocks.end_call(call_id), ToolProgress(call_id, content)]
        return self.blocks.result(call_id, content, bool(value.get("isError")))

    def _output_error(self, value: dict[str, Any]) -> list[StreamEvent]:
        return self.blocks.result(
            _call_id(value), value.get("errorText") or value.get("error"), True
        )

    def _denied(self, value: dict[str, Any]) -> list[StreamEvent]:
        call_id = _call_id(value)
        return [*self.blocks.end_call(call_id), ToolApproval(call_id, "denied")]

    def _approval(self, value: dict[str, Any]) -> list[StreamEvent]:
        call_id = _call_id(value)
        return [*self.blocks.end_call(call_id), ToolApproval(call_id, "requested")]

    def _source(self, value: dict[str, Any]) -> list[StreamEvent]:
        title = value.get("title") or value.get("filename") or ""
        return [Citation(self.blocks.place(), title, value.get("url") or "")]

    def _file(self, value: dict[str, Any]) -> list[StreamEvent]:
        mime = value.get("mediaType") or value.get("mimeType") or "application/octet-stream"
        url = value.get("url") or f"data:{mime};base64,{value.get('data') or ''}"
        part = media(self.blocks.new(), url)
        return [part if part.data else type(part)(part.block, mime, url=url)]

    def _step_start(self, value: dict[str, Any]) -> None:
        self._step += 1
        self._first = self.blocks.following()

    _first = 0

    def _reset(self, value: dict[str, Any]) -> list[StreamEvent]:
        self._step += 1
        return [*self.blocks.end_calls(), Reset(self._first, "the step is made again")]

    def _finish(self, value: dict[str, Any]) -> list[StreamEvent]:
        reason = value.get("finishReason")
        if isinstance(reason, dict):
            reason = reason.get("raw") or reason.get("unified")
        self.provider_reason = reason or self.provider_reason or "finish"
        return self._metadata(value)

    def _finish_step(self, value: dict[str, Any]) -> list[StreamEvent]:
        reason = value.get("finishReason")
        self.provider_reason = reason if isinstance(reason, str) else self.provider_reason
        return self._metadata(value)

    def _metadata(self, value: dict[str, Any]) -> list[StreamEvent]:
        inside = value.get("messageMetadata")
        figures = value.get("totalUsage") or value.get("usage")
        if figures is None and isinstance(inside, dict):
            figures = inside.get("totalUsage") or inside.get("usage")
        if not isinstance(figures, dict):
            return []
        given, made = figures.get("inputTokens"), figures.get("outputTokens")
        read = figures.get("cachedInputTokens")
        thought = figures.get("reasoningTokens")
        if isinstance(given, dict):
            read, given = given.get("cacheRead"), given.get("total")
        if isinstance(made, dict):
            thought, made = made.get("reasoning"), made.get("total")
        return [
            usage(
                input_tokens=given,
                output_tokens=made,
                cache_read_tokens=read,
                reasoning_tokens=thought,
            )
        ]

    def _abort(self, value: dict[str, Any]) -> None:
        self.provider_reason = "abort"

    def _error(self, value: dict[str, Any]) -> None:
        error = value.get("errorText") or value.get("error")
        self.fail({"error": error if isinstance(error, (str, dict)) else {"message": str(error)}})

    def _warned(self, value: dict[str, Any]) -> list[StreamEvent]:
        return [
            WarningEvent("the provider warns", str(w)[:500]) for w in value.get("warnings") or ()
        ]


def _delta(value: dict[str, Any]) -> str:
    return value.get("delta") or value.get("text") or value.get("textDelta") or ""


def _call_id(value: dict[str, Any]) -> str:
    return value.get("toolCallId") or value.get("id") or ""


_SILENT = {
    "start",
    "text-start",
    "text-end",
    "reasoning-start",
    "reasoning-end",
    "response-metadata",
}
