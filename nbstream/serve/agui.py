"""Our events as AG-UI's, for the clients that speak it. Source: https://docs.ag-ui.com/concepts/events"""

from __future__ import annotations

from typing import Any

from nbstream.agents.results import result_of
from nbstream.events import (
    Error,
    RefusalDelta,
    RunEnd,
    RunStart,
    StepEnd,
    StepStart,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResult,
    event_type,
    to_builtins,
)
from nbstream.events.errors import UsageError
from nbstream.events.usage import USAGE_COUNTS
from nbstream.fold.transcript import Transcript

Payload = dict[str, Any]


class AguiEncoder:
    """Takes a run's events in order and gives AG-UI's; what AG-UI has no word for becomes `CUSTOM`."""

    def __init__(self, thread_id: str, run_id: str) -> None:
        self._ids = {"threadId": thread_id, "runId": run_id}
        self._transcript = Transcript()
        self._open: dict[str, tuple[str, str]] = {}
        self._error: Error | None = None

    def encode(self, event: StreamEvent) -> list[Payload]:
        if not isinstance(event, (TextDelta, ThinkingDelta, RefusalDelta)):
            self._transcript.apply(event)
        match event:
            case RunStart():
                return [{"type": "RUN_STARTED", **self._ids}]
            case TextDelta() | RefusalDelta():
                return self._grow("TEXT_MESSAGE", "assistant", event)
            case ThinkingDelta():
                return self._grow("REASONING_MESSAGE", "reasoning", event)
            case ToolCallStart():
                return [
                    *self._close(event.step),
                    {
                        "type": "TOOL_CALL_START",
                        "toolCallId": event.call_id,
                        "toolCallName": event.name,
                    },
                ]
            case ToolCallDelta():
                return [_call("TOOL_CALL_ARGS", event, delta=event.arguments)]
            case ToolCallEnd():
                return [_call("TOOL_CALL_END", event)]
            case ToolResult():
                text = result_of(event.content).text
                about = {"messageId": f"{event.call_id}-result", "role": "tool", "content": text}
                return [_call("TOOL_CALL_RESULT", event, **about)]
            case StepStart():
                return [*self._close(event.step), {"type": "STEP_STARTED", "stepName": event.name}]
            case StepEnd():
                return [*self._close(event.name), {"type": "STEP_FINISHED", "stepName": event.name}]
            case Error():
                self._error = event
                return []
            case RunEnd():
                return self._end()
        return [
            {"type": "CUSTOM", "name": f"nbstream.{event_type(event)}", "value": to_builtins(event)}
        ]

    def _grow(
        self, kind: str, role: str, event: TextDelta | RefusalDelta | ThinkingDelta
    ) -> list[Payload]:
        if not event.text or event.choice:
            return []
        message = f"{self._ids['runId']}-{event.step or 'answer'}-{event.block}"
        payloads: list[Payload] = []
        if self._open.get(event.step) != (kind, message):
            payloads = self._close(event.step)
            self._open[event.step] = (kind, message)
            if kind == "REASONING_MESSAGE":
                payloads.append({"type": "REASONING_START", "messageId": message})
            payloads.append({"type": f"{kind}_START", "messageId": message, "role": role})
        payloads.append({"type": f"{kind}_CONTENT", "messageId": message, "delta": event.text})
        return payloads

    def _close(self, step: str) -> list[Payload]:
        if step not in self._open:
            return []
        kind, message = self._open.pop(step)
        payloads = [{"type": f"{kind}_END", "messageId": message}]
        if kind == "REASONING_MESSAGE":
            payloads.append({"type": "REASONING_END", "messageId": message})
        return payloads

    def _end(self) -> list[Payload]:
        payloads = [payload for step in list(self._open) for payload in self._close(step)]
        usage = self._usage()
        if self._error is not None:
            message = self._error.message
            return [
                *payloads,
                {"type": "RUN_ERROR", "message": message, "code": self._error.kind, **usage},
            ]
        return [*payloads, {"type": "RUN_FINISHED", **self._ids, **usage}]

    def _usage(self) -> Payload:
        usage = self._transcript.usage
        if usage is None:
            return {}
        names = dict(zip(USAGE_COUNTS, _USAGE_NAMES, strict=False))
        counts = {
            name: value
            for count, name in names.items()
            if (value := getattr(usage, count)) is not None
        }
        model = {"provider": self._transcript.provider, "model": self._transcript.model}
        return {"usage": [{**{k: v for k, v in model.items() if v}, **counts}]}


_USAGE_NAMES = (
    "inputTokens",
    "outputTokens",
    "cachedInputTokens",
    "cacheWriteInputTokens",
    "reasoningTokens",
)


def _call(kind: str, event: Any, **more: Any) -> Payload:
    return {"type": kind, "toolCallId": event.call_id, **more}


def messages_of(body: Payload) -> list[Payload]:
    """The messages of AG-UI's RunAgentInput in the OpenAI chat form, not checked. Raises `UsageError`.

    Those that are for the client's own display are left out.
    """
    given = body.get("messages") or []
    if not isinstance(given, list):
        raise UsageError("messages is a list.")
    return [_message(each) for each in given if _role(each) not in ("activity", "reasoning")]


def _role(message: Any) -> Any:
    return message.get("role") if isinstance(message, dict) else None


def _message(given: Any) -> Any:
    if not isinstance(given, dict):
        return given
    message: Payload = {"role": given.get("role"), "content": given.get("content") or ""}
    if message["role"] == "assistant" and given.get("toolCalls"):
        message["tool_calls"] = given["toolCalls"]
    if message["role"] == "tool":
        message["tool_call_id"] = given.get("toolCallId", "")
    return message
