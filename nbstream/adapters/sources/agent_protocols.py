"""Agents that run elsewhere: Claude's agent SDK, the Agent Client Protocol, A2A.

Sources: https://docs.claude.com/en/api/agent-sdk/python, https://agentclientprotocol.com/protocol/schema,
https://a2a-protocol.org/latest/specification
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nbstream.adapters.transport.failures import Endpoint
from nbstream.adapters.wires.anthropic_messages import MessagesDecoder, messages_usage
from nbstream.adapters.wires.decoding import PayloadDecoder
from nbstream.adapters.wires.figures import finish_reason, usage
from nbstream.adapters.wires.openai_chat import media
from nbstream.adapters.wires.sdk import plain_deep
from nbstream.events import FinishReason, StreamEvent, ToolProgress, WarningEvent


class ClaudeAgentDecoder(MessagesDecoder):
    """The messages of claude-agent-sdk; with partial messages, the API's events come before each of them."""

    source = "claude-agent-sdk"

    def __init__(self, endpoint: Endpoint | None = None) -> None:
        super().__init__(endpoint)
        self._partial = False  # the API's own events say what the messages repeat

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        name = type(value).__name__
        if name == "StreamEvent":
            self._partial = True
            return super().payload(value.event)
        if name == "AssistantMessage":
            return [] if self._partial else self._assistant(value)
        if name == "UserMessage":
            return self._results(value.content)
        if name == "ResultMessage":
            return self._result(value)
        if name == "RateLimitEvent":
            return [WarningEvent("a limit of the account is near", str(plain_deep(value))[:200])]
        return []  # what the session is made of

    def end(self) -> list[StreamEvent]:
        self._open = False  # its end is the result's affair
        return super().end()

    def _carry(self) -> None:
        return None  # the session keeps its own history

    def _assistant(self, message: Any) -> list[StreamEvent]:
        blocks = self.blocks
        events: list[StreamEvent] = []
        blocks.message()
        for block in message.content:
            kind = type(block).__name__
            if kind == "TextBlock":
                events += blocks.text(block.text)
            elif kind == "ThinkingBlock":
                events += blocks.thinking(block.thinking, signature=block.signature or "")
            elif kind in ("ToolUseBlock", "ServerToolUseBlock"):
                events += blocks.call(
                    call_id=block.id,
                    name=block.name,
                    arguments=block.input or None,
                    server_side=kind != "ToolUseBlock",
                )
                events += blocks.end_call(block.id)
            elif kind in ("ToolResultBlock", "ServerToolResultBlock"):
                events += self._results([block])
        return events

    def _results(self, content: Any) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for block in content if isinstance(content, list) else ():
            if (call_id := getattr(block, "tool_use_id", "")) and not self.blocks.answered(call_id):
                failed = bool(getattr(block, "is_error", False))
                events += self.blocks.result(call_id, plain_deep(block.content), failed)
        return events

    def _result(self, value: Any) -> list[StreamEvent]:
        figures = getattr(value, "usage", None)
        cost = getattr(value, "total_cost_usd", None)
        events: list[StreamEvent] = []
        if isinstance(figures, dict):
            counted = messages_usage(figures)
            events.append(
                usage(
                    input_tokens=counted.input_tokens,
                    output_tokens=counted.output_tokens,
                    cache_read_tokens=counted.cache_read_tokens,
                    cache_write_tokens=counted.cache_write_tokens,
                    cost=cost,
                )
            )
        if getattr(value, "is_error", False):
            message = getattr(value, "result", None) or getattr(value, "errors", None)
            self.fail({"error": {"message": str(message or value.subtype), "code": value.subtype}})
        self.provider_reason = getattr(value, "stop_reason", None) or value.subtype
        return events

    def reason(self, provider_reason: str) -> FinishReason:
        if provider_reason == "success":
            return "stop"
        return (
            "length" if provider_reason.startswith("error_max") else finish_reason(provider_reason)
        )


class AcpDecoder(PayloadDecoder):
    """Updates of the Agent Client Protocol: what a `session/update` notification holds."""

    source = "acp"

    def __init__(self, endpoint: Endpoint | None = None) -> None:
        super().__init__(endpoint)
        self._titles: dict[str, str] = {}
        self._message = ""

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        if not isinstance(value, dict):
            return [self.raw(value)]
        if isinstance(value.get("error"), dict):
            self.fail(value)
            return []
        value = value.get("params") or value.get("result") or value
        stop = _field(value, "stopReason")
        if isinstance(stop, str):
            self.provider_reason = stop
            return self._usage(value.get("usage"))
        update = value.get("update") or value
        kind = _field(update, "sessionUpdate") or ""
        if kind in ("agent_message_chunk", "agent_thought_chunk"):
            return self._content(update, thinking="thought" in kind)
        if kind in ("tool_call", "tool_call_update"):
            return self._call(update)
        return [] if kind in _ACP_SILENT else [self.raw(value)]

    def end(self) -> list[StreamEvent]:
        if self.provider_reason is None and self.failure is None:
            self.saw_done = True  # the updates do not say how the turn ended
        return super().end()

    def reason(self, provider_reason: str) -> FinishReason:
        return (
            "length" if provider_reason == "max_turn_requests" else finish_reason(provider_reason)
        )

    def _content(self, update: dict[str, Any], thinking: bool) -> list[StreamEvent]:
        content = update.get("content") or {}
        kind = content.get("type")
        if kind == "text":
            text = content.get("text") or ""
            if thinking:
                return self.blocks.thinking(text)
            ident = str(_field(update, "messageId") or "")
            if ident != self._message and self._message:
                self.blocks.message()
            self._message = ident or self._message
            return self.blocks.text(text)
        if kind in ("image", "audio"):
            mime = _field(content, "mimeType") or f"{kind}/*"
            url = f"data:{mime};base64,{content.get('data') or ''}"
            return [media(self.blocks.new(), url)]
        return [self.raw(update)]

    def _call(self, update: dict[str, Any]) -> list[StreamEvent]:
        blocks = self.blocks
        call_id = str(_field(update, "toolCallId") or "tool")
        events: list[StreamEvent] = []
        if not blocks.seen(call_id):
            name = update.get("title") or update.get("kind") or "tool"
            events += blocks.call(call_id=call_id, name=name, server_side=True)
        given = _field(update, "rawInput")
        if given not in (None, {}) and blocks.has_call(call_id) and not blocks.arguments(call_id):
            events += blocks.call(call_id=call_id, arguments=given)
        status = update.get("status")
        if status in ("completed", "failed"):
            output = _field(update, "rawOutput")
            if output is None:
                output = _told(update.get("content"))
            return [*events, *blocks.result(call_id, output, status == "failed")]
        if status == "in_progress" and (progress := _told(update.get("content"))):
            return [*events, *blocks.end_call(call_id), ToolProgress(call_id, progress)]
        return events

    def _usage(self, figures: Any) -> list[StreamEvent]:
        if not isinstance(figures, dict):
            return []
        return [
            usage(
                input_tokens=_field(figures, "inputTokens"),
                output_tokens=_field(figures, "outputTokens"),
                cache_read_tokens=_field(figures, "cachedReadTokens"),
                cache_write_tokens=_field(figures, "cachedWriteTokens"),
                reasoning_tokens=_field(figures, "thoughtTokens"),
            )
        ]


_ACP_SILENT = {
    "user_message_chunk",
    "plan",
    "plan_update",
    "available_commands_update",
    "current_mode_update",
    "config_option_update",
    "session_info_update",
    "usage_update",
}


class A2aDecoder(PayloadDecoder):
    """Events of Agent2Agent: messages, artifacts as they grow, and states of a task."""

    source = "a2a"

    def __init__(self, endpoint: Endpoint | None = None) -> None:
        super().__init__(endpoint)
        self._artifact = ""
        self._message_ids: set[str] = set()

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        if isinstance(value, list):  # the older client gives the task along with what is new of it
            new = next((item for item in reversed(value) if item), None)
            return self.payload(new) if new else []
        if not isinstance(value, dict):
            return [self.raw(value)]
        if isinstance(value.get("error"), dict):
            self.fail(value)
            return []
        value = value.get("result") or value
        for name in ("statusUpdate", "artifactUpdate", "status_update", "artifact_update", "msg"):
            if isinstance(inner := value.get(name), dict):
                value = inner
        if isinstance(inner := value.get("message"), dict) and "status" not in value:
            value = inner
        if isinstance(inner := value.get("task"), dict):
            value = inner
        events: list[StreamEvent] = []
        if isinstance(artifact := value.get("artifact"), dict):
            events += self._grown(artifact)
        for artifact in value.get("artifacts") or ():
            events += self._grown(artifact)
        if "parts" in value and value.get("role") not in ("user", "ROLE_USER"):
            events += self._message(value)
        if isinstance(status := value.get("status"), dict):
            events += self._status(status, bool(value.get("final")))
        return events

    def _grown(self, artifact: dict[str, Any]) -> list[StreamEvent]:
        ident = str(_field(artifact, "artifactId") or "")
        if ident != self._artifact:
            self.blocks.message()
            self._artifact = ident
        return self._parts(artifact.get("parts"))

    def _message(self, message: dict[str, Any], thinking: bool = False) -> list[StreamEvent]:
        ident = str(_field(message, "messageId") or "")
        if ident and ident in self._message_ids:
            return []
        self._message_ids.add(ident)
        if not thinking:
            self.blocks.message()
        return self._parts(message.get("parts"), thinking)

    def _parts(self, parts: Any, thinking: bool = False) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for part in parts or ():
            part = part.get("root") or part
            if isinstance(text := part.get("text"), str):
                events += self.blocks.thinking(text) if thinking else self.blocks.text(text)
            elif isinstance(file := part.get("file", part), dict) and (
                file.get("bytes") or file.get("uri") or file.get("raw") or file.get("url")
            ):
                mime = _field(file, "mimeType") or _field(file, "mediaType") or "*/*"
                data = file.get("bytes") or file.get("raw")
                url = file.get("uri") or file.get("url") or f"data:{mime};base64,{data}"
                made = media(self.blocks.new(), url, str(file.get("name") or ""))
                events.append(made if made.data else type(made)(made.block, mime, url=url))
            elif part.get("data") is not None:
                events.append(self.raw(part))
        return events

    def _status(self, status: dict[str, Any], final: bool) -> list[StreamEvent]:
        state = str(status.get("state") or "").removeprefix("TASK_STATE_").lower().replace("_", "-")
        message = status.get("message")
        over = final or state in _A2A_ENDS
        events: list[StreamEvent] = []
        if isinstance(message, dict):
            events += self._message(message, thinking=not over)
        if state in ("failed", "rejected"):
            words = " ".join(p.get("text") or "" for p in (message or {}).get("parts") or ())
            self.fail({"error": {"message": words or f"the task was {state}", "code": state}})
        elif over:
            self.provider_reason = state
        return events

    def end(self) -> list[StreamEvent]:
        if self.provider_reason is None and self.failure is None and self._message_ids:
            self.saw_done = True  # an agent may answer with a message and no task
        return super().end()

    def reason(self, provider_reason: str) -> FinishReason:
        if provider_reason in ("input-required", "auth-required"):
            return "pause"
        return finish_reason(provider_reason)


_A2A_ENDS = {
    "completed",
    "canceled",
    "failed",
    "rejected",
    "input-required",
    "auth-required",
}


def _field(value: dict[str, Any], name: str) -> Any:
    """A field by its name on the wire, or by a Python SDK's."""
    if name in value:
        return value[name]
    return value.get("".join(f"_{c.lower()}" if c.isupper() else c for c in name))


def _told(content: Any) -> Any:
    """What a tool's content says: its texts, or the content as it is."""
    texts = [
        inner["text"]
        for item in content or ()
        if isinstance(item, dict)
        and isinstance(inner := item.get("content"), dict)
        and isinstance(inner.get("text"), str)
    ]
    return "\n".join(texts) if texts else content
