"""Gemini: generateContent chunks and Interactions events to our events.

Source: https://ai.google.dev/api/generate-content and https://ai.google.dev/api/interactions-api
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from nbstream.adapters.transport.failures import Endpoint
from nbstream.events import (
    Citation,
    ContentPart,
    FinishReason,
    StreamEvent,
    ThinkingDelta,
    Usage,
    WarningEvent,
)

from .decoding import PayloadDecoder
from .figures import finish_reason, usage
from .json_paths import PathWriter
from .sound import samples_rate


class GeminiDecoder(PayloadDecoder):
    source = "gemini"
    one_answer = True
    growing_array = True

    def __init__(self, endpoint: Endpoint | None = None) -> None:
        super().__init__(endpoint)
        self._usage: Usage | None = None
        self._cited: set[tuple[str, str]] = set()
        self._writer: PathWriter | None = None  # the call whose arguments come as assignments
        self._writing = ""
        self._code = ""
        self._response = ""
        self._blocked = False
        self._parts: list[dict[str, Any]] = []  # what the answer consists of, as it goes back

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        if isinstance(value, list):
            return [event for item in value for event in self.payload(item)]
        if not isinstance(value, dict):
            return [self.raw(value)]
        if "event_type" in value:
            return self._interaction(value)
        if isinstance(inner := value.get("response"), dict) and "candidates" in inner:
            value = inner
        if value.get("error"):
            self.fail(value)
            return ()
        ident = value.get("responseId") or value.get("response_id") or ""
        if ident != self._response:  # Google's SDK sends one response after the other
            self._response = ident
            self._parts = []
            self.another()
        events: list[StreamEvent] = []
        for position, candidate in enumerate(value.get("candidates") or ()):
            self._candidate(candidate, candidate.get("index") or position, events)
        feedback = value.get("promptFeedback") or value.get("prompt_feedback") or {}
        if blocked := feedback.get("blockReason") or feedback.get("block_reason"):
            self.provider_reason, self._blocked = _name(blocked), True
            message = feedback.get("blockReasonMessage") or feedback.get("block_reason_message")
            events += self.blocks.refusal(message or "")
        figures = value.get("usageMetadata") or value.get("usage_metadata")
        if isinstance(figures, dict):
            events += self._count(_usage(figures))
        if not events and not value.keys() & _KNOWN:
            events.append(self.raw(value))
        return events

    def close(self) -> list[StreamEvent]:
        return [*self._end_writing(), *super().close()]

    def _carry(self) -> dict[str, Any] | None:
        """The answer's parts in their order, with what Google signed of them."""
        if all(part.keys() == {"text"} for part in self._parts):
            return None
        return {"wire": "gemini", "provider": self.endpoint.provider, "parts": self._parts}

    def _keep(self, part: dict[str, Any]) -> None:
        """A part as it goes back. Pieces of one text are one part; a signature's own part stays apart."""
        kept = {_CAMEL.get(name, name): value for name, value in part.items() if value is not None}
        signature = kept.get("thoughtSignature")
        if isinstance(signature, bytes):
            kept["thoughtSignature"] = base64.b64encode(signature).decode()
        if kept.get("text") == "" and kept.keys() <= {"text", "thought"}:
            return
        last = self._parts[-1] if self._parts else {}
        plain = "thoughtSignature" not in last and "thoughtSignature" not in kept
        if (
            plain
            and "text" in last
            and "text" in kept
            and last.get("thought") == kept.get("thought")
        ):
            last["text"] += kept["text"]
            return
        call = kept.get("functionCall")
        if isinstance(call, dict):
            if not call.get("name"):
                return  # a piece of the arguments of the call before
            call = {_CAMEL.get(name, name): value for name, value in call.items()}
            for name in ("willContinue", "partialArgs"):
                call.pop(name, None)
            kept["functionCall"] = call
        self._parts.append(kept)

    def reason(self, provider_reason: str) -> FinishReason:
        if self._blocked:
            return "content_filter"
        # Gemini has no word for it: an answer that ends in tool calls has finished with STOP
        reason = finish_reason(provider_reason.removeprefix("FINISH_REASON_"))
        return "tool_calls" if reason == "stop" and self.blocks.called else reason

    # ── generateContent ───────────────────────────────────────────────────────

    def _candidate(self, candidate: dict[str, Any], choice: int, events: list[StreamEvent]) -> None:
        content = candidate.get("content") or {}
        for part in content.get("parts") or ():
            if isinstance(part, dict):
                events += self._part(part, choice)
                if choice == 0:
                    self._keep(part)
        provider_reason = candidate.get("finishReason") or candidate.get("finish_reason")
        if provider_reason and (choice == 0 or self.provider_reason is None):
            self.provider_reason = _name(provider_reason)
        if provider_reason:
            self.finished.add(choice)
            self._explained(candidate, choice, events)
        grounding = candidate.get("groundingMetadata") or candidate.get("grounding_metadata")
        if isinstance(grounding, dict):
            self._grounding(grounding, events)
        sources = candidate.get("citationMetadata") or candidate.get("citation_metadata") or {}
        for source in sources.get("citationSources") or sources.get("citations") or ():
            self._cite(source.get("title") or "", source.get("uri") or "", "", events)
        fetched = candidate.get("urlContextMetadata") or candidate.get("url_context_metadata") or {}
        for page in fetched.get("urlMetadata") or fetched.get("url_metadata") or ():
            url = page.get("retrievedUrl") or page.get("retrieved_url") or ""
            self._cite("", url, "", events)

    def _explained(self, candidate: dict[str, Any], choice: int, events: list[StreamEvent]) -> None:
        """What Google says about an ending that is none: shown as a refusal, in the error, or as a warning."""
        finish_message = candidate.get("finishMessage") or candidate.get("finish_message")
        if not isinstance(finish_message, str) or not finish_message or choice != 0:
            return
        reason = self.reason(self.provider_reason or "")
        if reason == "content_filter":
            events += self.blocks.refusal(finish_message)
        elif reason == "error":
            self.finish_message = finish_message
        elif reason != "stop":
            events.append(
                WarningEvent(f"{self.endpoint.provider or 'gemini'}: {finish_message[:300]}")
            )

    def _part(self, part: dict[str, Any], choice: int) -> list[StreamEvent]:
        signature = part.get("thoughtSignature") or part.get("thought_signature") or ""
        if isinstance(signature, bytes):
            signature = signature.decode("latin-1")
        events: list[StreamEvent] = []
        text = part.get("text")
        thought = bool(part.get("thought"))
        if isinstance(text, str) and thought:
            events += self.blocks.thinking(text, choice, signature=signature)
            signature = ""
        if signature:
            block = self.blocks.hidden()
            events.append(ThinkingDelta(block, "", signature=signature, choice=choice))
        if isinstance(text, str) and not thought:
            events += self.blocks.text(text, choice)
        call = part.get("functionCall") or part.get("function_call")
        if isinstance(call, dict):
            events += self._call(call)
        elif call is None and ("functionCall" in part or "function_call" in part):
            events += self._end_writing()
        code = part.get("executableCode") or part.get("executable_code")
        if isinstance(code, dict):
            events += self._run_code(code)
        result = part.get("codeExecutionResult") or part.get("code_execution_result")
        if isinstance(result, dict):
            failed = "OK" not in _name(result.get("outcome") or "OK")
            events += self.blocks.result(
                self._code or "code_execution", result, failed, "code_execution"
            )
        response = part.get("functionResponse") or part.get("function_response")
        if isinstance(response, dict):
            call_id = response.get("id") or ""
            events += self.blocks.result(call_id, response.get("response")) if call_id else ()
        for name in _MEDIA:
            if isinstance(data := part.get(name), dict):
                events += self._media(data)
        for name in ("toolCall", "tool_call"):
            if isinstance(call := part.get(name), dict):
                events += self._server_call(call)
        for name in ("toolResponse", "tool_response"):
            if isinstance(answer := part.get(name), dict):
                kind = _name(answer.get("toolType") or answer.get("tool_type") or "tool").lower()
                events += self.blocks.result(
                    answer.get("id") or kind, answer.get("response"), name=kind
                )
        if not events and not part.keys() & _MEDIA and not part.keys() <= _KNOWN_PARTS:
            events.append(self.raw(part))
        return events

    def _call(self, call: dict[str, Any]) -> list[StreamEvent]:
        more = bool(call.get("willContinue") or call.get("will_continue"))
        assignments = call.get("partialArgs") or call.get("partial_args") or ()
        name = call.get("name")
        events: list[StreamEvent] = []
        if name:
            events += self._end_writing()
            arguments = call.get("args")
            index = object()
            events += self.blocks.call(call_id=call.get("id") or "", index=index, name=name)
            call_id = events[-1].call_id  # type: ignore[union-attr]
            if not more and not assignments:
                if arguments:
                    events += self.blocks.call(call_id=call_id, arguments=arguments)
                return events + self.blocks.end_call(call_id)
            self._writer, self._writing = PathWriter(), call_id
        if self._writer is None:
            return events
        for assignment in assignments:
            text = self._writer.assign(
                assignment.get("jsonPath") or assignment.get("json_path") or "",
                _assigned(assignment),
                bool(assignment.get("willContinue") or assignment.get("will_continue")),
            )
            events += self.blocks.call(call_id=self._writing, arguments=text)
        return events if more else events + self._end_writing()

    def _end_writing(self) -> list[StreamEvent]:
        writer, self._writer = self._writer, None
        if writer is None:
            return []
        events = self.blocks.call(call_id=self._writing, arguments=writer.close())
        value = None if writer.orderly else writer.value
        if self._parts and isinstance(call := self._parts[-1].get("functionCall"), dict):
            call["args"] = writer.value
        return events + self.blocks.end_call(self._writing, value)

    def _run_code(self, code: dict[str, Any]) -> list[StreamEvent]:
        events = self.blocks.call(
            call_id=code.get("id") or "",
            index=object(),
            name="code_execution",
            arguments={
                "language": _name(code.get("language") or ""),
                "code": code.get("code") or "",
            },
            server_side=True,
        )
        self._code = events[0].call_id  # type: ignore[union-attr]
        return events + self.blocks.end_call(self._code)

    def _server_call(self, call: dict[str, Any]) -> list[StreamEvent]:
        events = self.blocks.call(
            call_id=call.get("id") or "",
            index=object(),
            name=_name(call.get("toolType") or call.get("tool_type") or "tool").lower(),
            arguments=call.get("args") or {},
            server_side=True,
        )
        return events + self.blocks.end_call(events[0].call_id)  # type: ignore[union-attr]

    def _media(self, data: dict[str, Any]) -> list[StreamEvent]:
        mime = data.get("mimeType") or data.get("mime_type") or "application/octet-stream"
        url = data.get("fileUri") or data.get("file_uri") or data.get("uri") or ""
        content = data.get("data") or ""
        if isinstance(content, bytes):
            content = base64.b64encode(content).decode()
        if content and (rate := samples_rate(mime)):
            self.blocks.sound(content, rate)
            return []
        return [ContentPart(self.blocks.new(), mime, content, url)]

    def _grounding(self, grounding: dict[str, Any], events: list[StreamEvent]) -> None:
        chunks = grounding.get("groundingChunks") or grounding.get("grounding_chunks") or ()
        supports = grounding.get("groundingSupports") or grounding.get("grounding_supports") or ()
        places: list[tuple[str, str, str]] = []
        for chunk in chunks:
            inner = next((v for v in chunk.values() if isinstance(v, dict)), {})
            places.append(_source(inner))
        quoted: set[int] = set()
        for support in supports:
            quote = (support.get("segment") or {}).get("text") or ""
            indices = support.get("groundingChunkIndices") or support.get("grounding_chunk_indices")
            for n in indices or ():
                if n < len(places):
                    quoted.add(n)
                    self._cite(places[n][0], places[n][1], quote, events)
        for n, place in enumerate(places):
            if n not in quoted:
                self._cite(place[0], place[1], place[2], events)

    def _cite(self, title: str, url: str, quote: str, events: list[StreamEvent]) -> None:
        if (title or url or quote) and (url or title, quote) not in self._cited:
            self._cited.add((url or title, quote))
            events.append(Citation(self.blocks.place(), title, url, quote))

    def _count(self, event: Usage) -> list[StreamEvent]:
        if event == self._usage or (event.input_tokens is None and event.output_tokens is None):
            return []
        self._usage = event
        return [event]

    # ── Interactions ──────────────────────────────────────────────────────────

    def _interaction(self, value: dict[str, Any]) -> list[StreamEvent]:
        kind = value["event_type"]
        index = ("step", value.get("index"))
        if kind == "step.start":
            return self._step_start(value.get("step") or {}, index)
        if kind == "step.delta":
            return self._step_delta(value, index)
        if kind == "step.stop":
            call_id = self.blocks.call_id(index)
            return self.blocks.end_call(call_id) if call_id else []
        if kind == "error":
            self.fail(value)
        elif kind in ("interaction.completed", "interaction.complete", "interaction.failed"):
            interaction = value.get("interaction") or {}
            self.provider_reason = str(interaction.get("status") or kind.rpartition(".")[2])
            if kind.endswith("failed"):
                self.fail({"error": interaction.get("error") or {"message": "it failed"}})
            figures = interaction.get("usage")
            return self._count(_interaction_usage(figures)) if isinstance(figures, dict) else []
        elif kind not in ("interaction.created", "interaction.start", "interaction.status_update"):
            return [self.raw(value)]
        return []

    def _step_start(self, step: dict[str, Any], index: Any) -> list[StreamEvent]:
        kind = step.get("type") or ""
        if kind.endswith("_call"):
            return self.blocks.call(
                call_id=step.get("id") or "",
                index=index,
                name=step.get("name") or kind.removesuffix("_call"),
                server_side=kind != "function_call",
            ) + self.blocks.call(index=index, arguments=step.get("arguments") or None)
        if kind.endswith("_result"):
            self._result_of = step.get("call_id") or ""
        if kind == "thought" and step.get("signature"):
            return self.blocks.thinking(key=index, signature=step["signature"])
        return []

    _result_of = ""

    def _step_delta(self, value: dict[str, Any], index: Any) -> list[StreamEvent]:
        delta = value.get("delta") or {}
        kind = delta.get("type") or ""
        if kind == "text":
            return self.blocks.text(delta.get("text") or "", key=index)
        if kind == "thought_signature":
            return self.blocks.thinking(key=index, signature=delta.get("signature") or "")
        if kind == "thought_summary":
            content = delta.get("content") or {}
            return self.blocks.thinking(content.get("text") or delta.get("text") or "", key=index)
        if kind in ("text_annotation", "text_annotation_delta"):
            events: list[StreamEvent] = []
            for note in delta.get("annotations") or ():
                url = note.get("url") or note.get("uri") or ""
                self._cite(note.get("title") or "", url, "", events)
            return events
        if kind == "arguments_delta":
            return self.blocks.call(
                index=index, arguments=delta.get("partial_arguments", delta.get("arguments"))
            )
        if kind.endswith("_call"):
            return self.blocks.call(
                call_id=delta.get("id") or "",
                index=index,
                name=delta.get("name") or kind.removesuffix("_call"),
                arguments=delta.get("arguments"),
                server_side=kind != "function_call",
            )
        if kind.endswith("_result"):
            call_id = delta.get("call_id") or self._result_of
            failed = bool(delta.get("is_error"))
            return self.blocks.result(call_id or "tool", delta.get("result"), failed)
        if kind in ("image", "audio", "video", "document"):
            return self._media(delta)
        return [self.raw(value)]


def _source(place: dict[str, Any]) -> tuple[str, str, str]:
    """Title, address and words of what an answer rests on; a searched file may have no more than words."""
    words = place.get("text") or ""
    facts: dict[str, Any] = {}
    for fact in place.get("customMetadata") or place.get("custom_metadata") or ():
        facts[str(fact.get("key"))] = fact.get("stringValue") or fact.get("string_value")
    url = place.get("uri") or place.get("url") or ""
    if not url:
        url = next((v for v in facts.values() if isinstance(v, str) and v.startswith("http")), "")
    store = place.get("fileSearchStore") or place.get("file_search_store") or ""
    title = place.get("title") or place.get("documentName") or facts.get("title") or ""
    if not title and not place.get("uri"):
        first = words.strip().partition("\n")[0]
        title = first if len(first) <= 80 else f"{first[:79]}…"
    return title or store, url, words


#: Names of the Python SDK, as the wire has them.
_CAMEL = {
    "thought_signature": "thoughtSignature",
    "function_call": "functionCall",
    "function_response": "functionResponse",
    "executable_code": "executableCode",
    "code_execution_result": "codeExecutionResult",
    "inline_data": "inlineData",
    "file_data": "fileData",
    "tool_call": "toolCall",
    "tool_response": "toolResponse",
    "will_continue": "willContinue",
    "partial_args": "partialArgs",
}

_KNOWN = {
    "candidates", "usageMetadata", "usage_metadata", "promptFeedback", "prompt_feedback",
    "modelVersion", "responseId",
}  # fmt: skip
_MEDIA = {"inlineData", "inline_data", "fileData", "file_data"}
_KNOWN_PARTS = {
    "text", "thought", "thoughtSignature", "thought_signature", "functionCall", "function_call",
}  # fmt: skip


def _assigned(assignment: dict[str, Any]) -> Any:
    for name in (
        "stringValue",
        "numberValue",
        "boolValue",
        "string_value",
        "number_value",
        "bool_value",
    ):
        if assignment.get(name) is not None:
            value = assignment[name]
            return int(value) if isinstance(value, float) and value.is_integer() else value
    return None


def _name(provider_reason: Any) -> str:
    """An enumeration's name, also where the SDK gives an enum."""
    return str(getattr(provider_reason, "value", provider_reason))


def _usage(figures: dict[str, Any]) -> Usage:
    def count(camel: str, snake: str) -> Any:
        return figures.get(camel, figures.get(snake))

    answer = count("candidatesTokenCount", "candidates_token_count")
    thoughts = count("thoughtsTokenCount", "thoughts_token_count")
    prompt = count("promptTokenCount", "prompt_token_count")
    tools = count("toolUsePromptTokenCount", "tool_use_prompt_token_count")
    output = None if answer is None and thoughts is None else (answer or 0) + (thoughts or 0)
    return usage(
        input_tokens=prompt if not tools else (prompt or 0) + tools,
        output_tokens=output,
        cache_read_tokens=count("cachedContentTokenCount", "cached_content_token_count"),
        reasoning_tokens=thoughts,
        details={"tool_use_prompt_tokens": tools},
    )


def _interaction_usage(figures: dict[str, Any]) -> Usage:
    output = figures.get("total_output_tokens")
    thoughts = figures.get("total_thought_tokens", figures.get("total_reasoning_tokens"))
    tools = figures.get("total_tool_use_tokens")
    prompt = figures.get("total_input_tokens")
    return usage(
        input_tokens=None if prompt is None else prompt + (tools or 0),
        output_tokens=None if output is None else output + (thoughts or 0),
        cache_read_tokens=figures.get("total_cached_tokens"),
        reasoning_tokens=thoughts,
        details={"tool_use_prompt_tokens": tools},
    )
