"""Chunks and events that agent frameworks define for themselves: a text, a flag for the last, some figures.

AgentiCraft's, Cogent's and Aden's `StreamChunk`, mcp-agent's `StreamEvent`, Aden's stream events, the
responses of LlamaIndex: objects or dicts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nbstream.adapters.transport.failures import Endpoint
from nbstream.adapters.wires.decoding import PayloadDecoder
from nbstream.adapters.wires.figures import finish_reason, usage
from nbstream.adapters.wires.sdk import plain_deep
from nbstream.events import IterationEnd, IterationStart, RunEnd, StreamEvent, Usage


class ChunkDecoder(PayloadDecoder):
    """Objects with `content`, `delta`, `token` or `text`, and a last one that says so."""

    source = "chunks"

    def __init__(self, endpoint: Endpoint | None = None) -> None:
        super().__init__(endpoint)
        self._texts: list[str] = []
        self._natural_end = True

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        text = next(
            (
                t
                for name in ("delta", "content", "token", "text")
                if isinstance(t := _get(value, name), str)
            ),
            "",
        )
        metadata = _get(value, "metadata") or {}
        metadata = metadata if isinstance(metadata, dict) else {}
        flags = [_get(value, name) for name in ("is_final", "is_complete", "done")]
        last = any(flag is True for flag in flags)
        if any(flag is not None for flag in flags):
            self._natural_end = False
        events: list[StreamEvent] = []
        if _get(value, "is_thinking"):
            events += self.blocks.thinking(text)
        elif not (last and len(text) > 0 and self._texts and text == "".join(self._texts)):
            self._texts.append(text)
            events += self.blocks.text(text)
        for call in metadata.get("tool_calls") or ():
            events += self._call(call)
        for source in (value, metadata):
            for name in ("finish_reason", "stop_reason"):
                if isinstance(provider_reason := _get(source, name), str) and provider_reason:
                    self.provider_reason = provider_reason
        if last and self.provider_reason is None:
            self.provider_reason = "stop"
        return events + self._usage(value, metadata)

    def end(self) -> list[StreamEvent]:
        if self.failure is None and self.provider_reason is None and self._natural_end:
            return [RunEnd("stop")]
        return super().end()

    def _call(self, call: Any) -> list[StreamEvent]:
        function = _get(call, "function") or call
        call_id = str(_get(call, "id") or "")
        if self.blocks.seen(call_id):
            return []
        events = self.blocks.call(
            call_id=call_id,
            index=object(),
            name=_get(function, "name") or "tool",
            arguments=_get(function, "arguments"),
        )
        return events + self.blocks.end_call(events[0].call_id)  # type: ignore[union-attr]

    def _usage(self, value: Any, metadata: dict[str, Any]) -> list[StreamEvent]:
        tokens = metadata.get("tokens")
        figures = _get(value, "usage") or metadata.get("usage") or tokens or value
        if isinstance(figures, int):  # all of them, who knows of which kind
            return [usage(details={"total_tokens": figures})]
        event = usage_of(figures)
        return [event] if event is not None else []


class NamedEventDecoder(PayloadDecoder):
    """Events with a `type` and a `content`: mcp-agent, Aden, Cogent."""

    source = "agent"
    _iteration: int | None = None

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        kind = str(getattr(_get(value, "type"), "value", _get(value, "type"))).lower()
        match kind:
            case "text_delta" | "token" | "text" | "content":
                return self._text(value)
            case "thinking" | "thinking_delta" | "reasoning_delta":
                return self._thinking(value)
            case "tool_use_start" | "tool_call":
                return self._call(value)
            case "tool_call_start":
                return self._call_start(value)
            case "tool_call_args":
                return self._call_arguments(value)
            case "tool_call_end":
                return self._call_end(value)
            case "tool_result":
                return self._result(value)
            case "iteration_start":
                return self._iteration_start(value)
            case "iteration_end":
                return self._iteration_end(value)
            case "complete" | "finish" | "stream_end":
                return self._finish(value)
            case "error" | "stream_error":
                self._error(value)
                return ()
        return () if kind in _SILENT else [self.raw(plain_deep(value))]

    def close(self) -> list[StreamEvent]:
        iteration, self._iteration = self._iteration, None
        ends = [] if iteration is None else [IterationEnd(iteration)]
        return [*super().close(), *ends]

    def _text(self, value: Any) -> list[StreamEvent]:
        return self.blocks.text(_text(value))

    def _thinking(self, value: Any) -> list[StreamEvent]:
        return self.blocks.thinking(_text(value))

    def _call(self, value: Any) -> list[StreamEvent]:
        content, call_id = _content(value), _call_id(value)
        name = _first(content, "name", "tool_name") or _first(value, "tool_name", "name") or "tool"
        given = _first(content, "input", "arguments", "tool_input")
        given = _first(value, "tool_input", "arguments") if given is None else given
        events = self.blocks.call(
            call_id=call_id, index=call_id or object(), name=name, arguments=given or {}
        )
        return events + self.blocks.end_call(events[0].call_id)  # type: ignore[union-attr]

    def _call_start(self, value: Any) -> list[StreamEvent]:
        name = _first(_content(value), "name", "tool_name") or _first(value, "tool_name", "name")
        return self.blocks.call(call_id=_call_id(value), name=name or "tool")

    def _call_arguments(self, value: Any) -> list[StreamEvent]:
        content = _get(value, "content")
        given = (
            content if isinstance(content, str) else _first(content, "arguments", "args", "delta")
        )
        return self.blocks.call(call_id=_call_id(value), arguments=given)

    def _call_end(self, value: Any) -> list[StreamEvent]:
        return self.blocks.end_call(_call_id(value))

    def _result(self, value: Any) -> list[StreamEvent]:
        content = _get(value, "content")
        inside = _content(value)
        failed = bool(_first(inside, "is_error") or _get(value, "is_error"))
        found = _first(inside, "content", "result", "output")
        call_id = _call_id(value) or self._latest_call
        return self.blocks.result(
            call_id or "tool", plain_deep(found if found is not None else content), failed
        )

    _latest_call = ""

    def _iteration_start(self, value: Any) -> list[StreamEvent]:
        events = self._iteration_end(value) if self._iteration is not None else []
        self._iteration = int(_get(value, "iteration") or 0)
        return [*events, IterationStart(self._iteration)]

    def _iteration_end(self, value: Any) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        if self._iteration is None:
            self._iteration = int(_get(value, "iteration") or 0)
            events.append(IterationStart(self._iteration))
        figures = usage_of(_get(value, "usage"))
        provider_reason = _get(value, "stop_reason")
        self.provider_reason = (
            provider_reason
            if isinstance(provider_reason, str) and provider_reason
            else self.provider_reason
        )
        ended, self._iteration = self._iteration, None
        if figures is not None:
            self._counted = True
            events.append(figures)
        return [*events, IterationEnd(ended, figures, finish_reason(self.provider_reason or ""))]

    _counted = False

    def _finish(self, value: Any) -> list[StreamEvent]:
        provider_reason = _first(value, "stop_reason", "finish_reason")
        self.provider_reason = (
            provider_reason
            if isinstance(provider_reason, str) and provider_reason
            else self.provider_reason or "complete"
        )
        figures = usage_of(_get(value, "usage") or value)
        return [figures] if figures is not None and not self._counted else []

    def _error(self, value: Any) -> None:
        content = _get(value, "content")
        found = _first(content, "error", "message") if isinstance(content, dict) else content
        self.fail({"error": {"message": str(found or _first(value, "error", "message") or "")}})


def usage_of(figures: Any) -> Usage | None:
    """Usage from an object or dict with the usual names, None where there is nothing."""
    given = _first(figures, "input_tokens", "prompt_tokens")
    made = _first(figures, "output_tokens", "completion_tokens")
    if not isinstance(given, int) and not isinstance(made, int):
        return None
    return usage(
        input_tokens=given,
        output_tokens=made,
        cache_read_tokens=_first(figures, "cached_tokens", "cache_read_input_tokens") or None,
        cost=_first(figures, "cost_usd", "cost") or None,
    )


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)


def _first(value: Any, *names: str) -> Any:
    return next((v for name in names if (v := _get(value, name)) is not None), None)


def _text(value: Any) -> str:
    content = _first(value, "content", "delta", "text", "token")
    return content if isinstance(content, str) else ""


def _content(value: Any) -> dict[str, Any]:
    content = _get(value, "content")
    return content if isinstance(content, dict) else {}


def _call_id(value: Any) -> str:
    for place in (_get(value, "metadata"), _content(value), value):
        found = _first(place, "tool_id", "tool_use_id", "tool_call_id", "call_id", "id")
        if found:
            return str(found)
    return ""


_SILENT = {"tool_use_end", "text_end", "reasoning_start", "reasoning_end", "stream_start"}
