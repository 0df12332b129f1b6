"""AG-UI, the protocol between agents and user interfaces. Source: https://docs.ag-ui.com/concepts/events"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nbstream.events import StepEnd, StepStart, StreamEvent

from .decoding import PayloadDecoder
from .figures import usage


class AguiDecoder(PayloadDecoder):
    source = "ag-ui"

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        kind = str(getattr(value.get("type"), "value", value.get("type")))
        match kind:
            case "TEXT_MESSAGE_CONTENT" | "TEXT_MESSAGE_CHUNK":
                return self._text(value)
            case (
                "THINKING_TEXT_MESSAGE_CONTENT"
                | "REASONING_MESSAGE_CONTENT"
                | "REASONING_MESSAGE_CHUNK"
            ):
                return self._thinking(value)
            case "TOOL_CALL_START" | "TOOL_CALL_ARGS" | "TOOL_CALL_CHUNK":
                return self._call(value)
            case "REASONING_ENCRYPTED_VALUE":
                return self._sealed(value)
            case "TOOL_CALL_END":
                return self._call_end(value)
            case "TOOL_CALL_RESULT":
                return self._result(value)
            case "STEP_STARTED":
                return self._step(value)
            case "STEP_FINISHED":
                return self._step_end(value)
            case "RUN_FINISHED":
                return self._finished(value)
            case "RUN_ERROR":
                return self._failed(value)
        return () if kind in _SILENT else [self.raw(value)]

    def _text(self, value: dict[str, Any]) -> list[StreamEvent]:
        return self.blocks.text(value.get("delta") or "", key=_get(value, "messageId"))

    def _thinking(self, value: dict[str, Any]) -> list[StreamEvent]:
        return self.blocks.thinking(value.get("delta") or "", key=_get(value, "messageId"))

    def _sealed(self, value: dict[str, Any]) -> list[StreamEvent]:
        return self.blocks.thinking(redacted=_get(value, "encryptedValue") or "")

    def _call(self, value: dict[str, Any]) -> list[StreamEvent]:
        return self.blocks.call(
            call_id=_get(value, "toolCallId") or "",
            name=_get(value, "toolCallName") or "",
            arguments=value.get("delta"),
        )

    def _call_end(self, value: dict[str, Any]) -> list[StreamEvent]:
        return self.blocks.end_call(_get(value, "toolCallId") or "")

    def _result(self, value: dict[str, Any]) -> list[StreamEvent]:
        return self.blocks.result(_get(value, "toolCallId") or "tool", value.get("content"))

    def _step(self, value: dict[str, Any]) -> list[StreamEvent]:
        return [StepStart(_get(value, "stepName") or "step")]

    def _step_end(self, value: dict[str, Any]) -> list[StreamEvent]:
        return [StepEnd(_get(value, "stepName") or "step")]

    def _finished(self, value: dict[str, Any]) -> list[StreamEvent]:
        outcome = value.get("outcome")
        provider_reason = outcome.get("type") if isinstance(outcome, dict) else outcome
        self.provider_reason = "pause" if provider_reason == "interrupt" else "finished"
        return self._usage(value)

    def _failed(self, value: dict[str, Any]) -> list[StreamEvent]:
        events = self._usage(value)
        self.fail({"error": {"message": value.get("message") or "", "code": value.get("code")}})
        return events

    def _usage(self, value: dict[str, Any]) -> list[StreamEvent]:
        rows = [row for row in value.get("usage") or () if isinstance(row, dict)]
        if not rows:
            return []

        def total(name: str) -> int | None:
            counts = [n for row in rows if isinstance(n := _get(row, name), int)]
            return sum(counts) if counts else None

        return [usage(input_tokens=total("inputTokens"), output_tokens=total("outputTokens"))]


def _get(value: dict[str, Any], name: str) -> Any:
    """A field by its name on the wire, or by the Python SDK's."""
    if name in value:
        return value[name]
    return value.get("".join(f"_{c.lower()}" if c.isupper() else c for c in name))


_SILENT = {
    "RUN_STARTED",
    "TEXT_MESSAGE_START",
    "TEXT_MESSAGE_END",
    "THINKING_START",
    "THINKING_END",
    "THINKING_TEXT_MESSAGE_START",
    "THINKING_TEXT_MESSAGE_END",
    "REASONING_START",
    "REASONING_END",
    "REASONING_MESSAGE_START",
    "REASONING_MESSAGE_END",
}
