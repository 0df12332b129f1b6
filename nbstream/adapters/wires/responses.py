"""OpenAI Responses: payloads to events.

Source: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nbstream.adapters.transport.failures import Endpoint
from nbstream.events import (
    Citation,
    ContentPart,
    FinishReason,
    StreamEvent,
    ToolApproval,
    ToolProgress,
    WarningEvent,
)
from nbstream.events.json import decode_json

from .blocks import COMPACTED
from .decoding import PayloadDecoder
from .figures import finish_reason
from .json_paths import PathWriter
from .openai_chat import chat_usage
from .response_calls import APPROVAL, call_arguments, is_call, server_side
from .sound import RATE


class ResponsesDecoder(PayloadDecoder):
    source = "openai-responses"
    one_answer = True

    def __init__(self, endpoint: Endpoint | None = None) -> None:
        super().__init__(endpoint)
        self._streamed: set[Any] = set()  # parts whose text came in pieces
        self._shells: dict[Any, list[int]] = {}
        self._words: list[str] = []  # of the user, in a realtime session
        self._response = 0
        self._response_id = ""
        self._over = False
        self._items: dict[
            Any, dict[str, Any]
        ] = {}  # what the response consists of, as it goes back
        self._operations: dict[Any, dict[str, Any]] = {}  # patches, as they began
        self._patches: dict[Any, PathWriter] = {}
        self._message: Any = None  # the item whose text came last

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        if not isinstance(value, dict):
            return [self.raw(value)]
        kind = value.get("type") or ""
        match kind:
            case "response.output_text.delta":
                return self._text(value)
            case (
                "response.reasoning_summary_text.delta"
                | "response.reasoning_text.delta"
                | "response.reasoning_summary.delta"
                | "response.reasoning.delta"
            ):
                return self._thinking(value)
            case (
                "response.function_call_arguments.delta"
                | "response.mcp_call_arguments.delta"
                | "response.custom_tool_call_input.delta"
                | "response.code_interpreter_call_code.delta"
            ):
                return self._arguments(value)
            case "response.created":
                self._created(value)
                return ()
            case "response.output_text.done":
                return self._text_done(value)
            case "response.output_text.annotation.added":
                return self._annotation(value)
            case "response.reasoning_summary_text.done" | "response.reasoning_text.done":
                return self._thinking_done(value)
            case "response.refusal.delta":
                return self._refusal(value)
            case "response.refusal.done":
                return self._refusal_done(value)
            case "response.output_item.added":
                return self._item_added(value)
            case "response.output_item.done":
                return self._item_done(value)
            case (
                "response.function_call_arguments.done"
                | "response.mcp_call_arguments.done"
                | "response.custom_tool_call_input.done"
                | "response.code_interpreter_call_code.done"
            ):
                return self._arguments_done(value)
            case "response.shell_call_command.delta":
                return self._shell_command(value)
            case "response.apply_patch_call_operation_diff.delta":
                return self._patch(value)
            case (
                "response.shell_call_output_content.delta"
                | "response.image_generation_call.partial_image"
            ):
                return self._progress(value)
            case "response.audio.delta" | "session.output_audio.delta":
                self._sound(value)
                return ()
            case "response.audio.transcript.delta" | "session.output_transcript.delta":
                return self._spoken(value)
            case "response.mcp_list_tools.failed":
                return self._mcp_failed(value)
            case "response.completed" | "response.incomplete" | "response.failed" | "response.done":
                return self._ended(value)
            case "error":
                self._error(value)
                return ()
            case "session.input_transcript.delta":
                return self._heard(value)
            case "session.closed":
                self._closed(value)
                return ()
        if kind in _SILENT or kind.endswith(_SILENT_ENDS):
            return ()
        if value.get("error") and not kind.startswith("response."):
            self.fail(value)
            return ()
        return [self.raw(value)]

    def whole(self, value: Any) -> Iterable[StreamEvent]:
        if not isinstance(value, dict) or value.get("object") != "response":
            return self.payload(value)
        events: list[StreamEvent] = []
        for index, item in enumerate(value.get("output") or ()):
            event = {"output_index": index, "item": item}
            events += self._item_added(event) + self._item_done(event)
        return [*events, *self._ended({"response": value})]

    def reason(self, provider_reason: str) -> FinishReason:
        # the API has no word for it: a response that ends in tool calls is "completed"
        return (
            "tool_calls"
            if provider_reason == "completed" and self.blocks.called
            else finish_reason(provider_reason)
        )

    # ── text, thinking, refusal ───────────────────────────────────────────────

    def _text(self, value: dict[str, Any]) -> list[StreamEvent]:
        key = self._part(value)
        if key[0] != self._message:
            if self._message is not None and value.get("delta"):
                self.blocks.message()
            self._message = key[0]
        self._streamed.add(key)
        return self.blocks.text(_delta(value), key=key, logprobs=value.get("logprobs") or None)

    def _text_done(self, value: dict[str, Any]) -> list[StreamEvent]:
        return (
            []
            if self._part(value) in self._streamed
            else self._text({**value, "delta": value.get("text")})
        )

    def _thinking(self, value: dict[str, Any]) -> list[StreamEvent]:
        key = self._part(value)
        self._streamed.add(key)
        return self.blocks.thinking(_delta(value), key=key)

    def _thinking_done(self, value: dict[str, Any]) -> list[StreamEvent]:
        if self._part(value) in self._streamed:
            return []
        return self._thinking({**value, "delta": value.get("text")})

    def _refusal(self, value: dict[str, Any]) -> list[StreamEvent]:
        key = self._part(value)
        self._streamed.add(key)
        return self.blocks.refusal(_delta(value), key=key)

    def _refusal_done(self, value: dict[str, Any]) -> list[StreamEvent]:
        if self._part(value) in self._streamed:
            return []
        return self._refusal({**value, "delta": value.get("refusal")})

    def _annotation(self, value: dict[str, Any]) -> list[StreamEvent]:
        annotation = value.get("annotation") or {}
        if "citation" not in (annotation.get("type") or "") and not annotation.keys() & {
            "filename",
            "file_id",
        }:
            return [self.raw(value)]
        return [
            Citation(
                self.blocks.block("text", 0, self._part(value)),
                annotation.get("title")
                or annotation.get("filename")
                or annotation.get("file_id")
                or "",
                annotation.get("url") or "",
                annotation.get("quote") or "",
            )
        ]

    # ── items ─────────────────────────────────────────────────────────────────

    def _item_added(self, value: dict[str, Any]) -> list[StreamEvent]:
        item = value.get("item") or {}
        kind = item.get("type") or ""
        if not is_call(kind):
            return []
        call_id = item.get("call_id") or item.get("id") or ""
        if isinstance(operation := item.get("operation"), dict):
            self._operations[self._place(value)] = operation
        return self.blocks.call(
            call_id=call_id,
            index=self._place(value),
            name=item.get("name") or kind.removesuffix("_call"),
            server_side=server_side(item),
        )

    def _item_done(self, value: dict[str, Any]) -> list[StreamEvent]:
        item = value.get("item") or {}
        kind = item.get("type") or ""
        if kind:
            self._items[self._place(value)] = item
        if kind == "message":
            return self._message_done(value, item)
        if kind == "reasoning":
            return self._reasoning_done(value, item)
        if kind.endswith("_output"):
            output = next((v for n in _OUTPUTS if (v := item.get(n)) is not None), None)
            call_id = item.get("call_id") or self._last_call
            name = kind.removesuffix("_output").removesuffix("_call")
            if isinstance(output, str) and kind == "program_output":
                output = _value(output)
            failed = item.get("status") in ("failed", "incomplete")
            if not call_id:
                return [self.raw(value)]
            return self.blocks.result(call_id, output, failed, name)
        if is_call(kind):
            return self._call_done(value, item)
        if kind == "mcp_list_tools":
            return self._tools_listed(value, item)
        if kind == "compaction":
            return [WarningEvent(COMPACTED)]
        return [self.raw(value)]

    def _tools_listed(self, value: dict[str, Any], item: dict[str, Any]) -> list[StreamEvent]:
        index, error = self._place(value), item.get("error")
        server = {"server": item.get("server_label") or ""}
        events = self.blocks.call(
            call_id=item.get("id") or "",
            index=index,
            name="mcp_list_tools",
            arguments=server,
            server_side=True,
        )
        call_id = self.blocks.call_id(index)
        return events + self.blocks.result(call_id, error or item.get("tools"), bool(error))

    _last_call = ""

    def _call_done(self, value: dict[str, Any], item: dict[str, Any]) -> list[StreamEvent]:
        kind = item["type"]
        index = self._place(value)
        events: list[StreamEvent] = []
        if not self.blocks.call_id(index):
            events += self._item_added(value)
        call_id = self.blocks.call_id(index)
        self._last_call = call_id
        if (patch := self._patches.pop(index, None)) is not None:
            events += self.blocks.call(call_id=call_id, arguments=patch.close())
        text = self.blocks.arguments(call_id)
        arguments, as_value = call_arguments(kind, item)
        if not text and arguments not in (None, "", {}):
            events += self.blocks.call(call_id=call_id, arguments=arguments)
        events += self.blocks.end_call(call_id, as_value)
        if kind == APPROVAL:
            events.append(ToolApproval(call_id, "requested"))
        if server_side(item) and kind not in ("shell_call", "tool_search_call", "program"):
            error = item.get("error")
            result = item.get("result")
            if kind == "image_generation_call" and isinstance(result, str):
                mime = f"image/{item.get('output_format') or 'png'}"
                alt = item.get("revised_prompt") or ""
                events += self.blocks.result(call_id, {"mime": mime})
                events.append(ContentPart(self.blocks.new(), mime, result, alt=alt))
            else:
                given = [item.get(name) for name in ("output", "outputs", "results", "result")]
                content = error or next((v for v in given if v is not None), None)
                failed = bool(error) or item.get("status") == "failed"
                events += self.blocks.result(call_id, content, failed)
        return events

    def _message_done(self, value: dict[str, Any], item: dict[str, Any]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for n, part in enumerate(item.get("content") or ()):
            place = {"output_index": value.get("output_index"), "content_index": n}
            if self._part(place) in self._streamed or not isinstance(part, dict):
                continue
            if part.get("type") == "refusal":
                events += self._refusal({**place, "delta": part.get("refusal")})
            else:
                events += self._text({**place, "delta": part.get("text")})
            notes: Any = part.get("annotations") or ()
            for annotation in notes:
                events += self._annotation({**place, "annotation": annotation})
        return events

    def _reasoning_done(self, value: dict[str, Any], item: dict[str, Any]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for name, position in (("summary", "summary_index"), ("content", "content_index")):
            for n, part in enumerate(item.get(name) or ()):
                place = {"output_index": value.get("output_index"), position: n}
                if self._part(place) not in self._streamed and isinstance(part, dict):
                    events += self._thinking({**place, "delta": part.get("text")})
        if sealed := item.get("encrypted_content"):
            key = (self._place(value), "s", 0)
            events += self.blocks.thinking(key=key, redacted=sealed)
        return events

    # ── arguments ─────────────────────────────────────────────────────────────

    def _arguments(self, value: dict[str, Any]) -> list[StreamEvent]:
        return self.blocks.call(index=self._place(value), arguments=_delta(value))

    def _arguments_done(self, value: dict[str, Any]) -> list[StreamEvent]:
        index = self._place(value)
        whole = value.get("arguments", value.get("input", value.get("code")))
        if whole and not self.blocks.arguments(self.blocks.call_id(index)):
            return self.blocks.call(index=index, arguments=whole)
        return []

    def _patch(self, value: dict[str, Any]) -> list[StreamEvent]:
        """A piece of a patch's diff: the operation's JSON grows by it."""
        index = self._place(value)
        events: list[StreamEvent] = []
        patch = self._patches.get(index)
        if patch is None:
            patch = self._patches[index] = PathWriter()
            for name, given in self._operations.get(index, {}).items():
                if name != "diff":
                    text = patch.assign(f"$.{name}", given)
                    events += self.blocks.call(index=index, arguments=text)
        text = patch.assign("$.diff", _delta(value), more=True)
        return [*events, *self.blocks.call(index=index, arguments=text)]

    def _shell_command(self, value: dict[str, Any]) -> list[StreamEvent]:
        index = self._place(value)
        lines = self._shells.setdefault(index, [])
        line = value.get("command_index", 0)
        gap = "\n" if lines and line not in lines else ""
        if line not in lines:
            lines.append(line)
        return self.blocks.call(index=index, arguments=gap + _delta(value))

    def _progress(self, value: dict[str, Any]) -> list[StreamEvent]:
        call_id = self.blocks.call_id(self._place(value)) or self._last_call
        events = self.blocks.end_call(call_id, {}) if self.blocks.has_call(call_id) else []
        self._last_call = call_id
        if "partial_image_b64" in value:
            return events  # a rough version of the image that follows
        return [*events, ToolProgress(call_id, value.get("delta"))] if call_id else []

    # ── the end ───────────────────────────────────────────────────────────────

    def _ended(self, value: dict[str, Any]) -> list[StreamEvent]:
        response = value.get("response") or {}
        figures = response.get("usage")
        events: list[StreamEvent] = [chat_usage(figures)] if isinstance(figures, dict) else []
        status = response.get("status") or (value.get("type") or "").rpartition(".")[2]
        if status == "failed":
            self.fail({"error": response.get("error") or {"message": "the response failed"}})
            return events
        self._over = True
        details = response.get("incomplete_details") or {}
        self.provider_reason = details.get("reason") or status or "completed"
        return events

    def _carry(self) -> dict[str, Any] | None:
        """The response's items, where the form of everybody would lose any of it."""
        items = [
            {name: value for name, value in item.items() if value is not None}
            for item in self._items.values()
        ]
        while items and items[-1].get("type") == "reasoning":
            items.pop()  # refused where nothing follows that it led to
        if all(item.get("type") == "message" and "phase" not in item for item in items):
            return None
        return {"wire": "responses", "provider": self.endpoint.provider, "items": items}

    def _error(self, value: dict[str, Any]) -> None:
        self.fail(value)

    # ── realtime sessions (translation) ───────────────────────────────────────

    def _spoken(self, value: dict[str, Any]) -> list[StreamEvent]:
        return self.blocks.text(_delta(value))

    def _sound(self, value: dict[str, Any]) -> None:
        self.blocks.sound(_delta(value), value.get("sample_rate") or RATE)

    def _heard(self, value: dict[str, Any]) -> list[StreamEvent]:
        """The user's own words: what the provider's transcription makes of them."""
        events: list[StreamEvent] = []
        if not self._words:
            events += self.blocks.call(call_id=_HEARD, name=_HEARD, server_side=True)
            events += self.blocks.end_call(_HEARD)
        self._words.append(_delta(value))
        return [*events, ToolProgress(_HEARD, _delta(value))]

    def close(self) -> list[StreamEvent]:
        words, self._words = "".join(self._words), []
        heard = self.blocks.result(_HEARD, words) if words else []
        return [*heard, *super().close()]

    def _closed(self, value: dict[str, Any]) -> None:
        self.provider_reason = "completed"

    def _created(self, value: dict[str, Any]) -> None:
        # some servers repeat it before every delta; agents send one response after the other
        ident = (value.get("response") or {}).get("id") or ""
        if self._over or ident != self._response_id:
            self._response += 1
            self._response_id = ident
            self._over = self.blocks.called = False
            self._items.clear()
            self.another()

    def _place(self, value: dict[str, Any]) -> tuple[int, Any]:
        """Which item: the index counts from 0 again in every response, item ids may change on the way."""
        return (self._response, value.get("output_index"))

    def _part(self, value: dict[str, Any]) -> tuple[Any, str, Any]:
        if "summary_index" in value:
            return (self._place(value), "s", value["summary_index"])
        return (self._place(value), "c", value.get("content_index", 0))

    def _mcp_failed(self, value: dict[str, Any]) -> list[StreamEvent]:
        return [
            WarningEvent("an MCP server could not list its tools", str(value.get("item_id", "")))
        ]


_HEARD = "input_transcript"
_OUTPUTS = ("output", "tools", "result", "results")


def _value(text: str) -> Any:
    """What a program gave back, as a value where it is one."""
    try:
        return decode_json(text)
    except ValueError:
        return text


def _delta(value: dict[str, Any]) -> str:
    delta = value.get("delta")
    return delta if isinstance(delta, str) else ""


#: Events that say nothing the others do not say.
_SILENT = {
    "response.queued",
    "response.in_progress",
    "response.content_part.added",
    "response.content_part.done",
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_part.done",
    "response.apply_patch_call_operation_diff.done",
    "response.shell_call_command.added",
    "response.shell_call_command.done",
    "response.shell_call_output_content.done",
    "response.audio.done",
    "response.audio.transcript.done",
    "session.created",
    "session.updated",
    "keepalive",
}
_SILENT_ENDS = (
    ".in_progress",
    "_call.completed",
    "_call.searching",
    "_call.interpreting",
    "_call.generating",
    "mcp_list_tools.completed",
    "mcp_call.failed",
)
