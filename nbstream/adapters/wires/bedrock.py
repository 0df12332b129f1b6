"""Amazon Bedrock: the binary event stream, converse events and Anthropic messages inside.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html (the framing) and the
Bedrock Runtime API reference (ConverseStream, InvokeModelWithResponseStream). Requests need AWS's
signatures, so Bedrock's models go through litellm; this reads what boto3 or a gateway gives.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterable
from typing import Any

import msgspec

from nbstream.adapters.transport.failures import Endpoint
from nbstream.adapters.transport.sse import MAX_LINE
from nbstream.events import Citation, ContentPart, StreamEvent
from nbstream.events.errors import ProtocolError

from .anthropic_messages import MessagesDecoder
from .decoding import PayloadDecoder
from .figures import usage


class EventStreamFramer:
    """application/vnd.amazon.eventstream: `feed` bytes, get messages as JSON `{type: payload}`."""

    def __init__(self, max_line: int = MAX_LINE) -> None:
        self.max_line = max_line
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> list[bytes]:
        self._buffer += chunk
        messages: list[bytes] = []
        start = 0
        while len(self._buffer) - start >= 12:
            total, headers, crc = struct.unpack_from(">III", self._buffer, start)
            if zlib.crc32(self._buffer[start : start + 8]) != crc or total > self.max_line:
                raise ProtocolError(
                    "this is not an AWS event stream", data=bytes(self._buffer[start : start + 100])
                )
            if len(self._buffer) - start < total:
                break
            message = bytes(self._buffer[start : start + total])
            if zlib.crc32(message[:-4]) != struct.unpack(">I", message[-4:])[0]:
                raise ProtocolError("a message of the AWS event stream is damaged", data=message)
            messages.append(_named(message, headers))
            start += total
        del self._buffer[:start]
        return messages

    def finish(self) -> list[bytes]:
        return []


def _named(message: bytes, headers_size: int) -> bytes:
    headers = _headers(message[12 : 12 + headers_size])
    payload = message[12 + headers_size : -4] or b"{}"
    kind = (
        headers.get(":event-type") or headers.get(":exception-type") or headers.get(":error-code")
    )
    if headers.get(":message-type") == "error":
        payload = msgspec.json.encode({"message": headers.get(":error-message", "")})
    return b'{"%b":%b}' % ((kind or "unknown").encode(), payload)


def _headers(data: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    i = 0
    while i < len(data):
        name = data[i + 1 : i + 1 + data[i]].decode("utf-8", "replace")
        i += 1 + data[i]
        kind = data[i]
        i += 1
        if kind in (6, 7):  # bytes, string
            size = int.from_bytes(data[i : i + 2], "big")
            headers[name] = data[i + 2 : i + 2 + size].decode("utf-8", "replace")
            i += 2 + size
        else:  # booleans, integers, a timestamp, a UUID
            i += {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}.get(kind, len(data))
    return headers


class BedrockDecoder(PayloadDecoder):
    source = "bedrock"
    one_answer = True

    def __init__(self, endpoint: Endpoint | None = None) -> None:
        super().__init__(endpoint)
        self._messages: MessagesDecoder | None = None

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        if not isinstance(value, dict) or not value:
            return [self.raw(value)]
        kind, content = next(iter(value.items()))
        if kind == "type" or "type" in value:
            return self._anthropic(value)
        if kind == "chunk":
            return self._chunk(content)
        if isinstance(content, dict) and (events := self._event(kind, content)) is not None:
            return events
        if kind.endswith(("Exception", "Error")):
            message = content.get("message") if isinstance(content, dict) else content
            self.fail({"error": {"message": message or kind, "code": _CODES.get(kind, kind)}})
            return ()
        return [self.raw(value)]

    def _event(self, kind: str, content: dict[str, Any]) -> Iterable[StreamEvent] | None:
        """The events of Converse; None for what is none of its."""
        match kind:
            case "contentBlockDelta":
                return self._delta(content)
            case "messageStart":
                return ()
            case "contentBlockStart":
                return self._start(content)
            case "contentBlockStop":
                return self._stop(content)
            case "messageStop":
                return self._message_stop(content)
            case "metadata":
                return self._metadata(content)
        return None

    def close(self) -> list[StreamEvent]:
        return [*(self._messages.close() if self._messages else ()), *super().close()]

    def end(self) -> list[StreamEvent]:
        return self._messages.end() if self._messages else super().end()

    def _chunk(self, content: Any) -> Iterable[StreamEvent]:
        data = content.get("bytes") if isinstance(content, dict) else None
        if isinstance(data, str):
            data = base64.b64decode(data)
        if not data:
            return [self.raw(content)]
        value, odd = self.parse(data)
        if odd:
            return odd
        if isinstance(value, dict) and "type" in value:
            return self._anthropic(value)
        if isinstance(value, dict) and isinstance(text := value.get("generation"), str):  # Llama
            self.provider_reason = value.get("stop_reason") or self.provider_reason
            return self.blocks.text(text)
        return [self.raw(value)]

    def _anthropic(self, value: dict[str, Any]) -> Iterable[StreamEvent]:
        inner = self._messages
        if inner is None:
            inner = self._messages = MessagesDecoder(self.endpoint)
        events = inner.payload(value)
        self.provider_reason, self.failure = inner.provider_reason, inner.failure
        self.done = inner.done
        return events

    def _start(self, value: dict[str, Any]) -> list[StreamEvent]:
        key = value.get("contentBlockIndex", 0)
        start = value.get("start") or {}
        if isinstance(tool := start.get("toolUse"), dict):
            return self.blocks.call(
                call_id=tool.get("toolUseId") or "",
                index=key,
                name=tool.get("name") or "tool",
                server_side=tool.get("type") == "server_tool_use",
            )
        if isinstance(result := start.get("toolResult"), dict):
            self._result = (result.get("toolUseId") or "", result.get("status") == "error")
            return []
        return [self.raw(start)] if start and "image" not in start else []

    _result = ("", False)

    def _delta(self, value: dict[str, Any]) -> list[StreamEvent]:
        key = value.get("contentBlockIndex", 0)
        delta = value.get("delta") or {}
        events: list[StreamEvent] = []
        if isinstance(text := delta.get("text"), str):
            events += self.blocks.text(text, key=key)
        if isinstance(reasoning := delta.get("reasoningContent"), dict):
            redacted = reasoning.get("redactedContent") or reasoning.get("data") or ""
            if isinstance(redacted, bytes):
                redacted = base64.b64encode(redacted).decode()
            events += self.blocks.thinking(
                reasoning.get("text") or "",
                key=key,
                signature=reasoning.get("signature") or "",
                redacted=redacted,
            )
        if isinstance(tool := delta.get("toolUse"), dict):
            events += self.blocks.call(index=key, arguments=tool.get("input"))
        if isinstance(cited := delta.get("citation"), dict):
            place = (cited.get("location") or {}).get("web") or {}
            quotes = cited.get("sourceContent") or ()
            events.append(
                Citation(
                    self.blocks.block("text", 0, key),
                    cited.get("title") or "",
                    place.get("url") or "",
                    "".join(q.get("text") or "" for q in quotes),
                )
            )
        if (result := delta.get("toolResult")) is not None:
            call_id, failed = self._result
            events += self.blocks.result(call_id or "tool", result, failed)
        if isinstance(image := delta.get("image"), dict):
            data = (image.get("source") or {}).get("bytes") or ""
            if isinstance(data, bytes):
                data = base64.b64encode(data).decode()
            mime = f"image/{image.get('format') or 'png'}"
            events.append(ContentPart(self.blocks.new(), mime, data))
        return events if events or not delta or delta.keys() & _DELTAS else [self.raw(delta)]

    def _stop(self, value: dict[str, Any]) -> list[StreamEvent]:
        call_id = self.blocks.call_id(value.get("contentBlockIndex", 0))
        return self.blocks.end_call(call_id) if call_id else []

    def _message_stop(self, value: dict[str, Any]) -> list[StreamEvent]:
        self.provider_reason = value.get("stopReason") or self.provider_reason
        extra = value.get("additionalModelResponseFields") or {}
        stop = (extra.get("delta") or {}).get("stop_sequence")
        return [self.raw(extra)] if stop or extra.keys() - {"delta"} else []

    def _metadata(self, value: dict[str, Any]) -> list[StreamEvent]:
        figures = value.get("usage") or {}
        read, written = figures.get("cacheReadInputTokens"), figures.get("cacheWriteInputTokens")
        fresh = figures.get("inputTokens")
        details = {"metrics": value.get("metrics"), "trace": value.get("trace")}
        return [
            usage(
                input_tokens=None if fresh is None else fresh + (read or 0) + (written or 0),
                output_tokens=figures.get("outputTokens"),
                cache_read_tokens=read,
                cache_write_tokens=written,
                details=details,
            )
        ]


_DELTAS = {"text", "reasoningContent", "toolUse", "citation", "toolResult", "image"}
_CODES = {
    "throttlingException": "rate_limit",
    "ThrottlingException": "rate_limit",
    "validationException": "400",
    "internalServerException": "server_error",
    "serviceUnavailableException": "unavailable",
    "modelStreamErrorException": "server_error",
    "modelTimeoutException": "server_error",
    "accessDeniedException": "permission",
}
