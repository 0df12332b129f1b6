"""The shapes of what people hold, recognised without importing the library they come from."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from nbstream.adapters.transport.failures import Endpoint
from nbstream.adapters.wires.agui import AguiDecoder
from nbstream.adapters.wires.anthropic_messages import MessagesDecoder
from nbstream.adapters.wires.bedrock import BedrockDecoder
from nbstream.adapters.wires.cohere import CohereDecoder
from nbstream.adapters.wires.decoding import PayloadDecoder
from nbstream.adapters.wires.gemini_content import GeminiDecoder
from nbstream.adapters.wires.ollama_chat import OllamaDecoder
from nbstream.adapters.wires.openai_chat import ChatDecoder
from nbstream.adapters.wires.responses import ResponsesDecoder
from nbstream.adapters.wires.sdk import plain, plain_deep
from nbstream.adapters.wires.vercel import VercelDecoder
from nbstream.events import EVENT_TYPES, Event, RunEnd, RunStart, StreamEvent, decode

from .agent_events import ChunkDecoder, NamedEventDecoder
from .agent_protocols import A2aDecoder, AcpDecoder, ClaudeAgentDecoder
from .langchain import LangChainDecoder, is_message
from .local_models import MlxDecoder, VllmDecoder
from .openai_agents import AgentsDecoder
from .pydantic_ai import PydanticAIDecoder


def decoder_of(item: Any) -> PayloadDecoder | None:
    """What reads a stream whose first item is `item`; None where nobody knows the shape."""
    if isinstance(item, str):
        return TextDecoder()
    if isinstance(item, (bytes, bytearray)):
        return _converting(TextDecoder(), codecs.getincrementaldecoder("utf-8")("replace").decode)
    if isinstance(item, Event):
        return EventDecoder()
    if (made := _named(item)) is not None:
        return made
    if hasattr(item, "delta") and (hasattr(item, "raw") or hasattr(item, "response")):
        return LlamaDecoder()
    if isinstance(item, tuple) or is_message(item) or is_message(getattr(item, "message", None)):
        return LangChainDecoder() if _is_langchain(item) else None
    if hasattr(item, "event_kind"):
        return PydanticAIDecoder()
    kind = getattr(item, "type", None)
    if kind in ("raw_response_event", "run_item_stream_event", "agent_updated_stream_event"):
        return AgentsDecoder()
    if kind == "chunk" and hasattr(item, "chunk"):
        return HelperDecoder()
    if isinstance(item, dict):
        return decoder_for(item)
    if isinstance(data := getattr(item, "data", None), object) and hasattr(data, "choices"):
        return _converting(ChatDecoder(), _data)  # the Mistral SDK wraps its chunks
    return _decoder_of_object(item)


def _named(item: Any) -> PayloadDecoder | None:
    """For objects whose class says what they are."""
    kind = type(item)
    library, name = kind.__module__.partition(".")[0], kind.__name__
    if library == "claude_agent_sdk" or name in ("AssistantMessage", "ResultMessage"):
        return ClaudeAgentDecoder()
    if hasattr(item, "outputs") and hasattr(item, "finished") and hasattr(item, "request_id"):
        return VllmDecoder()
    if hasattr(item, "generation_tokens") and hasattr(item, "text"):
        return MlxDecoder()
    if hasattr(item, "session_update") or hasattr(getattr(item, "update", None), "session_update"):
        return _converting(AcpDecoder(), plain_deep)
    first = item[0] if isinstance(item, tuple) and item else item
    if type(first).__module__.partition(".")[0] in ("a2a", "a2a_pb2") or name in _A2A_CLASSES:
        return _converting(A2aDecoder(), plain_deep)
    return None


def decoder_for(value: Any) -> PayloadDecoder | None:
    """The decoder of a wire format, by one of its payloads."""
    if not isinstance(value, dict):
        return None
    if (
        value.get("jsonrpc") == "2.0"
        or "sessionUpdate" in value
        or "sessionUpdate" in (update if isinstance(update := value.get("update"), dict) else ())
    ):
        inner = value.get("params") or value.get("result") or value
        is_acp = isinstance(inner, dict) and (
            inner.keys() & {"update", "sessionUpdate", "stopReason"} or "method" in value
        )
        return AcpDecoder() if is_acp else A2aDecoder()
    kind = value.get("type")
    kind = str(getattr(kind, "value", kind) or "")
    if value.keys() & _A2A or value.get("kind") in _A2A_KINDS:
        return A2aDecoder()
    if value.keys() & {
        "candidates",
        "usageMetadata",
        "usage_metadata",
        "promptFeedback",
        "event_type",
    }:
        return GeminiDecoder()
    if "choices" in value or str(value.get("object", "")).startswith("chat.completion"):
        return ChatDecoder()
    if _is_own(value, kind):
        return RecordedDecoder()
    if kind in _ANTHROPIC:
        return MessagesDecoder()
    if kind.startswith(("response.", "session.")):
        return ResponsesDecoder()
    if "event" in value and "data" in value:
        return LangChainDecoder()
    if value.keys() & _BEDROCK:
        return BedrockDecoder()
    if kind in _COHERE:
        return CohereDecoder()
    if kind.isupper() and "_" in kind:
        return AguiDecoder()
    if "-" in kind or kind in ("start", "file", "finish", "abort"):
        return VercelDecoder()
    if "done" in value and ("message" in value or "response" in value):
        return OllamaDecoder()
    if kind and value.keys() & {"content", "iteration", "delta", "timestamp", "stop_reason"}:
        return NamedEventDecoder()
    if "error" in value:
        return ChatDecoder()
    if isinstance(value.get("content", value.get("delta")), str) or "is_final" in value:
        return ChunkDecoder()
    if any(_has_messages(state) for state in [value, *value.values()]):
        return LangChainDecoder()
    return None


class SniffingDecoder(PayloadDecoder):
    """A wire format that its first payload gives away."""

    source = "stream"

    def __init__(self, endpoint: Endpoint | None = None) -> None:
        super().__init__(endpoint)
        self._inner: PayloadDecoder | None = None

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        if self._inner is None:
            self._inner = decoder_for(value)
            if self._inner is None:
                return [self.raw(value)]
            self._inner.endpoint = self.endpoint
        self._inner.blocks.split_surrogates = (
            self._inner.blocks.split_surrogates or self.blocks.split_surrogates
        )
        events = self._inner.payload(value)
        self.provider_reason, self.failure = self._inner.provider_reason, self._inner.failure
        self.done = self._inner.done
        return events

    def late(self, events: Iterable[StreamEvent]) -> list[StreamEvent]:
        return self._inner.late(events) if self._inner else list(events)

    def close(self) -> list[StreamEvent]:
        return self._inner.close() if self._inner else []

    def end(self) -> list[StreamEvent]:
        if self._inner is None:
            return super().end()
        self._inner.saw_done = self._inner.saw_done or self.saw_done
        return self._inner.end()


class TextDecoder(PayloadDecoder):
    """Strings: plain text, which ends when it ends."""

    source = "text"
    inline = True

    def __init__(self, endpoint: Endpoint | None = None) -> None:
        super().__init__(endpoint)
        self.blocks.split_surrogates = True

    def null(self) -> Iterable[StreamEvent]:
        return ()  # the last delta of many an SDK

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        return self.text_events(value) if isinstance(value, str) else [self.raw(plain_deep(value))]

    def end(self) -> list[StreamEvent]:
        return [RunEnd("stop")]


class EventDecoder(PayloadDecoder):
    """Our own events, as they are; a `run_end` that is missing is added."""

    source = "nbstream"

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        if isinstance(value, str):
            return self.blocks.text(value)
        if isinstance(value, RunStart):
            return ()
        self.done = isinstance(value, RunEnd)
        return (value,)

    def end(self) -> list[StreamEvent]:
        return [] if self.done else [RunEnd("stop")]


class RecordedDecoder(EventDecoder):
    """Our own events in their JSON form."""

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        return super().payload(decode(msgspec.json.encode(value)))


class ChunkObjectDecoder(ChatDecoder):
    """Chat chunks as objects of an SDK."""

    def take(self, item: Any) -> Iterable[StreamEvent]:
        if item is None:
            return self.null()
        return self.chunk(item) if self.provider_reason is None else self.late(self.chunk(item))


class HelperDecoder(ChatDecoder):
    """The OpenAI SDK's `chat.completions.stream()`: the chunks among its events."""

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        chunk = getattr(value, "chunk", None)
        return super().payload(plain(chunk)) if chunk is not None else ()


def _decoder_of_object(item: Any) -> PayloadDecoder | None:
    """For objects of an SDK: their plain form has the shape of the wire."""
    value = plain_deep(item)
    if not isinstance(value, dict):
        return None
    decoder = decoder_for(value)
    if decoder is None:
        return None
    if isinstance(decoder, ChatDecoder):
        return ChunkObjectDecoder()
    if isinstance(decoder, (ChunkDecoder, NamedEventDecoder, LangChainDecoder)):
        return decoder
    return _converting(decoder, plain if hasattr(item, "model_dump") else plain_deep)


class LlamaDecoder(ChunkDecoder):
    """LlamaIndex: `delta` of its responses, with the provider's own chunk in `raw`."""

    source = "llama-index"

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        delta = getattr(value, "delta", None)
        events = self.blocks.text(delta) if isinstance(delta, str) else []
        name = type(value).__name__
        if name in ("ToolCall", "ToolCallResult"):
            call_id = value.tool_id
            if not self.blocks.seen(call_id):
                events += self.blocks.call(
                    call_id=call_id, name=value.tool_name, arguments=value.tool_kwargs
                )
                events += self.blocks.end_call(call_id)
            if name == "ToolCallResult":
                output = getattr(value.tool_output, "content", value.tool_output)
                events += self.blocks.result(call_id, plain_deep(output))
        raw = plain(getattr(value, "raw", None))
        choices = plain_deep(raw.get("choices")) if isinstance(raw, dict) else None
        if choices and choices[0].get("finish_reason"):
            self.provider_reason = choices[0]["finish_reason"]
        return events


def _is_langchain(item: Any) -> bool:
    if not isinstance(item, tuple):
        return True
    return len(item) in (2, 3) and (is_message(item[0]) or isinstance(item[-2], (str, tuple)))


def _has_messages(state: Any) -> bool:
    messages = state.get("messages") if isinstance(state, dict) else None
    return isinstance(messages, (list, tuple)) and any(is_message(m) for m in messages)


def _is_own(value: dict[str, Any], kind: str) -> bool:
    """Others use some of our names, with fields of their own."""
    cls = _OWN.get(kind)
    if cls is None or not value.keys() <= {"type", *cls.__struct_fields__}:
        return False
    try:
        return isinstance(msgspec.convert(value, cls), cls)
    except msgspec.ValidationError:
        return False


def _converting(decoder: PayloadDecoder, convert: Callable[[Any], Any]) -> PayloadDecoder:
    decoder.convert = convert
    return decoder


def _data(item: Any) -> Any:
    return plain_deep(item.data)


_OWN: dict[str, type[Event]] = {str(cls.__struct_config__.tag): cls for cls in EVENT_TYPES}
_ANTHROPIC = {
    "message_start",
    "message_delta",
    "message_stop",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "ping",
}
_BEDROCK = {
    "messageStart",
    "contentBlockStart",
    "contentBlockDelta",
    "contentBlockStop",
    "messageStop",
    "chunk",
}
_A2A = {"statusUpdate", "artifactUpdate"}
_A2A_KINDS = {"task", "status-update", "artifact-update"}
_A2A_CLASSES = {"TaskStatusUpdateEvent", "TaskArtifactUpdateEvent"}
_COHERE = {
    "message-start",
    "content-start",
    "content-delta",
    "tool-plan-delta",
    "tool-call-start",
    "message-end",
}
