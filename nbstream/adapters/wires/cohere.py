"""Cohere v2 chat: payloads to events. Source: https://docs.cohere.com/v2/docs/streaming"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nbstream.events import Citation, StreamEvent

from .decoding import PayloadDecoder
from .figures import usage


class CohereDecoder(PayloadDecoder):
    source = "cohere"
    one_answer = True

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        if not isinstance(value, dict):
            return [self.raw(value)]
        kind = value.get("type") or ""
        message = (value.get("delta") or {}).get("message") or {}
        key = value.get("index")
        if kind in ("content-start", "content-delta"):
            content = message.get("content") or {}
            return [
                *self.blocks.thinking(content.get("thinking") or "", key=key),
                *self.blocks.text(content.get("text") or "", key=key),
            ]
        if kind == "tool-plan-delta":
            return self.blocks.thinking(message.get("tool_plan") or "", key="plan")
        if kind in ("tool-call-start", "tool-call-delta"):
            return self._call(message.get("tool_calls") or {}, key)
        if kind == "tool-call-end":
            return self.blocks.end_call(self.blocks.call_id(key))
        if kind == "citation-start":
            return self._citation(message.get("citations") or {})
        if kind == "message-end":
            return self._end(value.get("delta") or {})
        if kind in ("message-start", "content-end", "citation-end"):
            return []
        if value.get("error") or (value.get("message") and not kind):
            self.fail(value)
            return []
        return [self.raw(value)]

    def _call(self, call: dict[str, Any], key: Any) -> list[StreamEvent]:
        function = call.get("function") or {}
        return self.blocks.call(
            call_id=call.get("id") or "",
            index=key,
            name=function.get("name") or "",
            arguments=function.get("arguments"),
        )

    def _citation(self, citation: dict[str, Any]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for source in citation.get("sources") or ({},):
            document = source.get("document") or {}
            title = document.get("title") or source.get("id") or ""
            quote = citation.get("text") or ""
            events.append(Citation(self.blocks.place(), title, document.get("url") or "", quote))
        return events

    def _end(self, delta: dict[str, Any]) -> list[StreamEvent]:
        self.provider_reason = delta.get("finish_reason") or self.provider_reason
        if delta.get("error"):
            self.fail({"error": delta["error"]})
        figures = delta.get("usage") or {}
        tokens = figures.get("tokens") or {}
        if not tokens:
            return []
        return [
            usage(
                input_tokens=tokens.get("input_tokens"),
                output_tokens=tokens.get("output_tokens"),
                cache_read_tokens=figures.get("cached_tokens"),
                details={"billed_units": figures.get("billed_units")},
            )
        ]
