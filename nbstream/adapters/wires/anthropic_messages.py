"""Anthropic Messages: payloads to events, and conversations to requests.

Source: https://docs.anthropic.com/en/api/messages-streaming
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from nbstream.adapters.transport.failures import Endpoint
from nbstream.events import (
    Citation,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    Usage,
    WarningEvent,
)
from nbstream.events.nearly import read_arguments

from .blocks import COMPACTED
from .decoding import PayloadDecoder
from .figures import usage


class _Delta(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    type: str
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None


class _BlockDelta(msgspec.Struct, gc=False):
    type: Literal["content_block_delta"]
    delta: _Delta
    index: int = 0


_plain = msgspec.json.Decoder(_BlockDelta)


class MessagesDecoder(PayloadDecoder):
    source = "anthropic"
    one_answer = True

    def __init__(self, endpoint: Endpoint | None = None) -> None:
        super().__init__(endpoint)
        self._message = ""
        self._open = False  # a message has begun and not stopped
        self._figures: dict[str, Any] = {}
        self._usage: Usage | None = None
        # calls whose arguments came with their beginning
        self._started: dict[str, dict[str, Any]] = {}
        self._items: dict[Any, dict[str, Any]] = {}  # the blocks of this message, as they go back
        self._pieces: dict[Any, list[str]] = {}
        self._container: dict[str, Any] | None = None
        # open blocks of text: their number, and the pieces so far
        self._live: dict[int, tuple[int, list[str]]] = {}

    def decode(self, message: Any) -> Iterable[StreamEvent]:
        data: bytes = message if isinstance(message, bytes) else message.data
        try:
            part = _plain.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return super().decode(message)
        self.messages += 1
        blocks = self.blocks
        delta = part.delta
        if delta.text:
            if (live := self._live.get(part.index)) is not None:
                live[1].append(delta.text)
                return (TextDelta(live[0], delta.text),)
            return self._text(delta.text, part.index)
        key = (self._message, part.index)
        pieces = self._pieces.get(key)
        if delta.thinking:
            if pieces is not None:
                pieces.append(delta.thinking)
            if blocks.split_surrogates:
                return blocks.thinking(delta.thinking, key=key)
            return (ThinkingDelta(blocks.block("thinking", 0, key), delta.thinking),)
        if delta.partial_json:
            if pieces is not None:
                pieces.append(delta.partial_json)
            return blocks.call(index=key, arguments=delta.partial_json)
        return ()

    def _text(self, text: str, index: int) -> Iterable[StreamEvent]:
        blocks, key = self.blocks, (self._message, index)
        pieces = self._pieces.get(key)
        if pieces is not None:
            pieces.append(text)
        plain = not (blocks.split_surrogates or blocks.paragraph)
        events = blocks.text(text, key=key)
        if plain and events and pieces is not None:
            self._live[index] = (blocks.block("text", 0, key), pieces)
        return events

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        self._live.clear()
        if not isinstance(value, dict):
            return [self.raw(value)]
        match value.get("type", ""):
            case "content_block_delta":
                return self._block_delta(value)
            case "message_start":
                return self._message_start(value)
            case "content_block_start":
                return self._block_start(value)
            case "content_block_stop":
                return self._block_stop(value)
            case "message_delta":
                return self._message_delta(value)
            case "message_stop":
                self._message_stop(value)
                return ()
            case "error":
                self._error(value)
                return ()
            case "ping":
                return ()
        if value.get("error"):
            self.fail(value)
            return ()
        return [self.raw(value)]

    def whole(self, value: Any) -> Iterable[StreamEvent]:
        if not isinstance(value, dict) or value.get("type") != "message":
            return self.payload(value)
        events = list(self._message_start({"message": value}))
        self._open = False
        self.provider_reason = value.get("stop_reason")
        return events

    def end(self) -> list[StreamEvent]:
        events = super().end()
        if self._open and self.provider_reason is not None:
            events.insert(0, WarningEvent("the stream ended without its message_stop"))
        return events

    # ── one event each ────────────────────────────────────────────────────────

    def _message_start(self, value: dict[str, Any]) -> list[StreamEvent]:
        message = value.get("message") or {}
        events: list[StreamEvent] = []
        if self._open:
            events.append(WarningEvent("a message began before the one before it had stopped"))
            if message.get("id") != self._message:
                events += self.blocks.withdraw_calls("the message began anew")
        self._open = True
        if (name := str(message.get("id") or "")) != self._message:
            if self._message:
                self.blocks.message()
            self._message, self._figures = name, {}
            self._items, self._pieces = {}, {}
            self.another()
        events += self._count(message.get("usage"))
        for index, block in enumerate(message.get("content") or ()):
            events += self._block_start({"index": index, "content_block": block})
            events += self._block_stop({"index": index})
        return events

    def _block_start(self, value: dict[str, Any]) -> list[StreamEvent]:
        block = value.get("content_block") or {}
        kind = block.get("type") or ""
        key = self._key(value)
        self._items[key], self._pieces[key] = dict(block), []
        if kind == "text":
            events = self.blocks.text(block.get("text") or "", key=key)
            for citation in block.get("citations") or ():
                events.append(self._citation(citation, key))
            return events
        if kind == "thinking":
            return self.blocks.thinking(
                block.get("thinking") or "", key=key, signature=block.get("signature") or ""
            )
        if kind == "redacted_thinking":
            return self.blocks.thinking(key=key, redacted=block.get("data") or "")
        if kind.endswith("tool_use"):
            events = self.blocks.call(
                call_id=block.get("id") or "",
                index=key,
                name=block.get("name") or "tool",
                server_side=kind != "tool_use",
            )
            if block.get("input"):
                self._started[self.blocks.call_id(key)] = block["input"]
            return events
        if kind.endswith("tool_result"):
            content = block.get("content")
            inner = content.get("type", "") if isinstance(content, dict) else ""
            failed = bool(block.get("is_error")) or str(inner).endswith("_error")
            name = kind.removesuffix("_tool_result").removesuffix("tool_result") or "tool"
            return self.blocks.result(block.get("tool_use_id") or "", content, failed, name)
        if kind == "fallback":
            source, target = block.get("from") or {}, block.get("to") or {}
            return [
                WarningEvent(f"{target.get('model')} answers in place of {source.get('model')}")
            ]
        if kind == "compaction":
            # a note that opens: the summary is there to read
            events = self.blocks.call(index=key, name="compaction", server_side=True)
            self._started[self.blocks.call_id(key)] = {}
            return [WarningEvent(COMPACTED), *events]
        return [self.raw(value)]

    def _block_delta(self, value: dict[str, Any]) -> list[StreamEvent]:
        delta = value.get("delta") or {}
        key = self._key(value)
        kind = delta.get("type")
        item, pieces = self._items.get(key, {}), self._pieces.get(key, [])
        if kind == "text_delta":
            pieces.append(delta.get("text") or "")
            return self.blocks.text(delta.get("text") or "", key=key)
        if kind == "thinking_delta":
            pieces.append(delta.get("thinking") or "")
            return self.blocks.thinking(delta.get("thinking") or "", key=key)
        if kind == "compaction_delta":
            pieces.append(delta.get("content") or "")
            return []
        if kind == "signature_delta":
            item["signature"] = (item.get("signature") or "") + (delta.get("signature") or "")
            return self.blocks.thinking(key=key, signature=delta.get("signature") or "")
        if kind == "input_json_delta":
            pieces.append(delta.get("partial_json") or "")
            return self.blocks.call(index=key, arguments=delta.get("partial_json"))
        if kind == "citations_delta":
            item["citations"] = [*(item.get("citations") or ()), delta.get("citation") or {}]
            return [self._citation(delta.get("citation") or {}, key)]
        return [self.raw(value)]

    def _block_stop(self, value: dict[str, Any]) -> list[StreamEvent]:
        key = self._key(value)
        self._settle(key)
        call_id = self.blocks.call_id(key)
        if not call_id:
            return []
        if (item := self._items.get(key, {})).get("type") == "compaction":
            return self.blocks.result(call_id, item.get("content"))
        events: list[StreamEvent] = []
        given = self._started.pop(call_id, None)
        if given and not self.blocks.arguments(call_id):
            events += self.blocks.call(call_id=call_id, arguments=given)
        return events + self.blocks.end_call(call_id)

    def _message_delta(self, value: dict[str, Any]) -> list[StreamEvent]:
        delta = value.get("delta") or {}
        events = self._count(value.get("usage"))
        details = delta.get("stop_details")
        if isinstance(details, dict) and details.get("explanation"):
            events += self.blocks.refusal(details["explanation"])
        if delta.get("stop_reason"):
            self.provider_reason = delta["stop_reason"]
        management = value.get("context_management")
        if isinstance(management, dict) and management.get("applied_edits"):
            edits = msgspec.json.encode(management["applied_edits"]).decode()
            events.append(
                WarningEvent("the provider left out old parts of the conversation", edits[:200])
            )
        self._container = delta.get("container") or self._container
        return events

    def _message_stop(self, value: dict[str, Any]) -> None:
        self._open = False

    def _error(self, value: dict[str, Any]) -> None:
        self.fail(value)

    # ── what goes back ────────────────────────────────────────────────────────

    def _settle(self, key: Any) -> None:
        """A block has ended: it is what its pieces say."""
        item, text = self._items.get(key), "".join(self._pieces.pop(key, ()))
        if item is None or not text:
            return
        kind = item.get("type") or ""
        if kind.endswith("tool_use"):
            try:
                value = read_arguments(text)[0]
            except ValueError:
                value = {}
            item["input"] = value if isinstance(value, dict) else {}
        elif (name := {"compaction": "content"}.get(kind, kind)) in ("text", "thinking", "content"):
            item[name] = (item.get(name) or "") + text

    def _carry(self) -> dict[str, Any] | None:
        """The message's blocks in their order, where the form of everybody would lose any of it."""
        for key in list(self._pieces):
            self._settle(key)
        items = [
            {name: value for name, value in item.items() if value is not None}
            for item in self._items.values()
        ]
        kinds = [item.get("type") for item in items]
        told = any(item.get("citations") for item in items)
        if not told and not self._container and all(kind == "text" for kind in kinds):
            return None
        carry = {"wire": "anthropic", "provider": self.endpoint.provider, "items": items}
        if self._container and self._container.get("id"):
            carry["container"] = self._container["id"]
        return carry

    # ── parts ─────────────────────────────────────────────────────────────────

    def _key(self, value: dict[str, Any]) -> tuple[str, Any]:
        return (self._message, value.get("index", 0))

    def _citation(self, citation: dict[str, Any], key: Any) -> Citation:
        source = citation.get("url") or citation.get("source") or ""
        return Citation(
            self.blocks.block("text", 0, key),
            citation.get("title") or citation.get("document_title") or "",
            source if str(source).startswith("http") else "",
            citation.get("cited_text") or "",
        )

    def _count(self, figures: Any) -> list[StreamEvent]:
        if not isinstance(figures, dict):
            return []
        self._figures |= {name: value for name, value in figures.items() if value is not None}
        event = messages_usage(self._figures)
        if event == self._usage:
            return []
        self._usage = event
        return [event]


def messages_usage(figures: dict[str, Any]) -> Usage:
    """Anthropic's usage object: its `input_tokens` leaves out what was cached, ours does not."""
    read = figures.get("cache_read_input_tokens")
    written = figures.get("cache_creation_input_tokens")
    fresh = figures.get("input_tokens")
    output = figures.get("output_tokens_details") or {}
    plain = {
        "input_tokens",
        "output_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "output_tokens_details",
        "cache_creation",
    }
    return usage(
        input_tokens=None if fresh is None else fresh + (read or 0) + (written or 0),
        output_tokens=figures.get("output_tokens"),
        cache_read_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=output.get("thinking_tokens", output.get("reasoning_tokens")),
        details={name: value for name, value in figures.items() if name not in plain},
    )
