"""LangChain and LangGraph: message chunks, `astream_events`, and the tuples of `stream_mode`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nbstream.adapters.transport.failures import Endpoint
from nbstream.adapters.wires.decoding import PayloadDecoder
from nbstream.adapters.wires.figures import finish_reason
from nbstream.adapters.wires.openai_chat import media
from nbstream.adapters.wires.sdk import plain_deep
from nbstream.events import FinishReason, RunEnd, StreamEvent, Usage


class LangChainDecoder(PayloadDecoder):
    source = "langchain"

    def __init__(self, endpoint: Endpoint | None = None) -> None:
        super().__init__(endpoint)
        self._figures: dict[str, tuple[int, int, int, int, int]] = {}
        self._streamed: set[str] = set()  # messages that have been said, by id
        self._runs: dict[str, bool] = {}  # chat model runs, and whether they streamed
        self._finished = False

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        fields = getattr(value, "__dict__", None)
        if fields is not None and fields.get("type") == "AIMessageChunk":
            content = fields["content"]
            if type(content) is str and not (
                fields.get("tool_call_chunks")
                or fields.get("usage_metadata")
                or fields.get("chunk_position")
                or fields.get("additional_kwargs")
                or fields.get("tool_calls")
                or not fields["response_metadata"].keys().isdisjoint(_WORDS)
            ):
                ident = fields.get("id") or ""
                self._streamed.add(ident)
                return self.blocks.text(content, key=(ident, "t"))
        if isinstance(value, tuple):
            return self._tuple(value)
        if isinstance(value, dict):
            if "event" in value and "data" in value:
                return self._event(value)
            if value.get("type") in _MODES and "data" in value:
                return self._mode(value["type"], value["data"])
            return self._update(value)
        if isinstance(value, str):
            return self.blocks.text(value)
        if is_message(value):
            return self._message(value)
        if is_message(inner := getattr(value, "message", None)):  # a ChatGenerationChunk
            return self._message(inner)
        return [self.raw(plain_deep(value))]

    def end(self) -> list[StreamEvent]:
        if self.failure is None and self.provider_reason is None and self._finished:
            return [RunEnd("unknown")]
        return super().end()

    def reason(self, provider_reason: str) -> FinishReason:
        reason = finish_reason(provider_reason)
        return (
            "stop" if reason == "unknown" and provider_reason.lower() == "stop_sequence" else reason
        )

    # ── messages ──────────────────────────────────────────────────────────────

    def _message(self, message: Any, key: str = "") -> list[StreamEvent]:
        kind = getattr(message, "type", "")
        if kind == "tool" or hasattr(message, "tool_call_id"):
            failed = getattr(message, "status", "") == "error"
            return self.blocks.result(message.tool_call_id or "tool", _content(message), failed)
        if kind not in ("ai", "AIMessageChunk", "assistant", "chat", "ChatMessageChunk"):
            return []
        ident = key or getattr(message, "id", None) or ""
        is_chunk = type(message).__name__.endswith("Chunk")
        if not is_chunk and ident in self._streamed:
            return []
        if is_chunk or ident:  # some modes give a message twice
            self._streamed.add(ident)
        events = self._message_events(message, ident)
        events += self._calls(message, ident, is_chunk)
        events += self._usage(message, ident)
        metadata = getattr(message, "response_metadata", None) or {}
        for name in _WORDS:
            if isinstance(provider_reason := metadata.get(name), str) and provider_reason:
                self.provider_reason = provider_reason
        if getattr(message, "chunk_position", None) == "last" or not is_chunk:
            self._finished = True
        return events

    def _message_events(self, message: Any, ident: str) -> list[StreamEvent]:
        blocks = self.blocks
        extra = getattr(message, "additional_kwargs", None) or {}
        events: list[StreamEvent] = []
        if isinstance(thinking := extra.get("reasoning_content"), str):
            events += blocks.thinking(thinking, key=(ident, "r"))
        content = message.content
        if isinstance(content, str):
            events += blocks.text(content, key=(ident, "t"))
        for part in content if isinstance(content, list) else ():
            if isinstance(part, str):
                events += blocks.text(part, key=(ident, "t"))
                continue
            kind = part.get("type")
            key = (ident, part.get("index"))
            if kind in ("text", "output_text"):
                events += blocks.text(part.get("text") or "", key=key)
            elif kind in ("thinking", "reasoning", "reasoning_content"):
                events += self._thought(part, key)
            elif kind == "redacted_thinking":
                events += blocks.thinking(key=key, redacted=part.get("data") or "")
            elif kind == "refusal":
                events += blocks.refusal(part.get("refusal") or "", key=key)
            elif kind == "image_url":
                image = part["image_url"]
                url = image.get("url") if isinstance(image, dict) else image
                events.append(media(blocks.new(), url or ""))
            elif kind not in _IN_TOOL_CALLS:
                events.append(self.raw(part))
        return events

    def _thought(self, part: dict[str, Any], key: Any) -> list[StreamEvent]:
        inner = part.get("reasoning_content")
        if isinstance(inner, dict):
            part = inner
        text = part.get("thinking") or part.get("reasoning") or part.get("text") or ""
        for piece in part.get("summary") or ():
            text += piece.get("text") or ""
        return self.blocks.thinking(text, key=key, signature=part.get("signature") or "")

    def _calls(self, message: Any, ident: str, is_chunk: bool) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        if is_chunk:
            for call in getattr(message, "tool_call_chunks", None) or ():
                events += self.blocks.call(
                    call_id=call.get("id") or "",
                    index=(ident, call.get("index")),
                    name=call.get("name") or "",
                    arguments=call.get("args"),
                )
            return events
        for call in getattr(message, "tool_calls", None) or ():
            call_id = call.get("id") or ""
            if self.blocks.seen(call_id):
                continue
            events += self.blocks.call(
                call_id=call_id, index=object(), name=call["name"], arguments=call.get("args") or {}
            )
            events += self.blocks.end_call(call_id)
        return events

    def _usage(self, message: Any, ident: str) -> list[StreamEvent]:
        figures = getattr(message, "usage_metadata", None)
        if not figures:
            return []
        given = figures.get("input_token_details") or {}
        made = figures.get("output_token_details") or {}
        counts = (
            figures.get("input_tokens") or 0,
            figures.get("output_tokens") or 0,
            given.get("cache_read") or 0,
            given.get("cache_creation") or 0,
            made.get("reasoning") or 0,
        )
        # the chunks of one message each carry a share, as LangChain's own sum has it
        before = self._figures.get(ident, (0, 0, 0, 0, 0))
        self._figures[ident] = tuple(a + b for a, b in zip(before, counts, strict=True))  # type: ignore[assignment]
        total = [sum(column) for column in zip(*self._figures.values(), strict=True)]
        return [Usage(total[0], total[1], total[2] or None, total[3] or None, total[4] or None)]

    # ── astream_events ────────────────────────────────────────────────────────

    def _event(self, value: dict[str, Any]) -> list[StreamEvent]:
        kind, data = value["event"], value["data"] or {}
        run = str(value.get("run_id") or "")
        if kind == "on_chat_model_stream":
            self._runs[run] = True
            return self._message(data.get("chunk"), run)
        if kind == "on_chat_model_end":
            self._finished = True
            output = data.get("output")
            if self._runs.get(run) or not is_message(output):
                return []
            return self._message(output, run)
        if kind == "on_llm_stream":
            chunk = data.get("chunk")
            return self.blocks.text(getattr(chunk, "text", None) or str(chunk or ""))
        if kind == "on_tool_start":
            return self._tool_started(value, run)
        if kind == "on_tool_end":
            return self._tool_ended(data, run)
        if kind.endswith("_error"):
            error = data.get("error")
            if kind == "on_tool_error" and self.blocks.seen(run):
                return self.blocks.result(run, str(error), True)
            return []
        if kind == "on_custom_event":
            return [self.raw({"name": value.get("name"), "data": plain_deep(data)})]
        if kind == "on_chain_end" and not value.get("parent_ids"):
            self._finished = True
        return []

    def _tool_started(self, value: dict[str, Any], run: str) -> list[StreamEvent]:
        given = (value.get("data") or {}).get("input")
        if self.blocks.awaiting() or (isinstance(given, dict) and given.get("tool_call_id")):
            return []  # the model asked for it: its call is known by its own id
        events = self.blocks.call(
            call_id=run, name=value.get("name") or "tool", arguments=given, server_side=True
        )
        return events + self.blocks.end_call(run)

    def _tool_ended(self, data: dict[str, Any], run: str) -> list[StreamEvent]:
        output = data.get("output")
        if is_message(output) and getattr(output, "tool_call_id", None):
            if self.blocks.seen(run):
                return self.blocks.result(run, _content(output))
            return self._message(output)
        if self.blocks.seen(run):
            return self.blocks.result(run, plain_deep(output))
        return []

    # ── LangGraph ─────────────────────────────────────────────────────────────

    def _tuple(self, value: tuple[Any, ...]) -> list[StreamEvent]:
        head, data = value[-2], value[-1]
        if is_message(head):
            return self._message(head)
        if isinstance(head, str) and head in _MODES:
            return self._mode(head, data)
        return list(self.payload(data))

    def _mode(self, mode: str, data: Any) -> list[StreamEvent]:
        if mode == "messages" and isinstance(data, (tuple, list)):
            return self._message(data[0])
        if mode in ("updates", "values") and isinstance(data, dict):
            return self._update(data)
        if mode == "custom":
            if isinstance(data, str):
                return self.blocks.text(data)
            return [self.raw(plain_deep(data))]
        return []

    def _update(self, update: dict[str, Any]) -> list[StreamEvent]:
        self._finished = True
        events: list[StreamEvent] = []
        states = [update] if "messages" in update else update.values()
        for state in states:
            messages = state.get("messages") if isinstance(state, dict) else None
            for message in messages if isinstance(messages, (list, tuple)) else (messages,):
                ident = getattr(message, "id", None) or ""
                if is_message(message) and ident not in self._seen_messages:
                    if ident:
                        self._seen_messages.add(ident)
                    events += self._message(message)
        return events

    @property
    def _seen_messages(self) -> set[str]:
        return self.__dict__.setdefault("_seen", set())


def is_message(value: Any) -> bool:
    """Whether it looks like a LangChain message or a chunk of one."""
    return hasattr(value, "content") and hasattr(value, "additional_kwargs")


def _content(message: Any) -> Any:
    return plain_deep(message.content)


_WORDS = ("finish_reason", "stop_reason", "done_reason", "finishReason")
_MODES = {"values", "updates", "messages", "custom", "debug", "tasks", "checkpoints"}
_IN_TOOL_CALLS = {
    "tool_use",
    "tool_call",
    "tool_call_chunk",
    "input_json_delta",
    "function_call",
    "non_standard",
}
