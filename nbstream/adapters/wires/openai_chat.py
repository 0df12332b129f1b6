"""OpenAI chat completions, and the dialects of everyone who speaks it.

Source: https://platform.openai.com/docs/api-reference/chat-streaming and the recorded streams of the
servers named in `docs/adapters.md`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from nbstream.adapters.transport.failures import Endpoint
from nbstream.events import (
    Citation,
    ContentPart,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    Usage,
)

from .decoding import PayloadDecoder
from .figures import usage
from .sdk import plain, plain_deep


class _Delta(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    role: str | None = None
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: None = None
    tool_calls: None = None
    function_call: None = None
    name: str | None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta
    index: int = 0
    finish_reason: None = None
    logprobs: None = None
    text: None = None
    message: None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: tuple[_Choice]
    usage: None = None
    error: None = None
    citations: None = None
    search_results: None = None
    timings: None = None
    x_groq: None = None


#: Reads the chunks that carry nothing but text, which are nearly all; refuses the others.
_plain = msgspec.json.Decoder(_Chunk)


class ChatDecoder(PayloadDecoder):
    source = "openai-chat"
    one_answer = True
    inline = True

    def __init__(self, endpoint: Endpoint | None = None) -> None:
        super().__init__(endpoint)
        self.inline = self.endpoint.provider != "openai"  # whose server takes it apart itself
        self._kept: list[str] | None = None  # of a splitter that only has to know what was said
        self._block: int | None = None  # where text goes on while nothing else has come
        self._usage: Usage | None = None
        self._cited: set[str] = set()
        self._ran: dict[Any, str] = {}
        # what goes back beside text and calls: fields of the message, and of its calls by id
        self._fields: dict[str, Any] = {}
        self._of_calls: dict[str, dict[str, Any]] = {}
        self._thinking_field = ""

    def decode(self, message: Any) -> Iterable[StreamEvent]:
        data: bytes = message if isinstance(message, bytes) else message.data
        try:
            (choice,) = _plain.decode(data).choices
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._block = None
            return super().decode(message)
        self.messages += 1
        delta = choice.delta
        content = delta.content
        thinking = delta.reasoning_content or delta.reasoning
        blocks = self.blocks
        if blocks.split_surrogates or (content and thinking):
            self._block = None
            if thinking and not self._thinking_field:
                self._thinking_field = (
                    "reasoning_content" if delta.reasoning_content else "reasoning"
                )
            return [
                *blocks.thinking(thinking or "", choice.index),
                *self.text_events(content or "", choice.index),
            ]
        if content:
            if self.inline:
                kept = self._kept
                if kept is None or choice.index or "<" in content:
                    return self.text_events(content, choice.index)
                kept.append(content)
            elif choice.index:
                return self.text_events(content, choice.index)
            if (block := self._block) is None:
                block = self._block = blocks.block("text")
            return (TextDelta(block, content),)
        self._block = None
        if thinking:
            if not self._thinking_field:
                self._thinking_field = (
                    "reasoning_content" if delta.reasoning_content else "reasoning"
                )
            return (
                ThinkingDelta(
                    blocks.block("thinking", choice.index), thinking, choice=choice.index
                ),
            )
        return ()

    def chunk(self, item: Any) -> Iterable[StreamEvent]:
        """The events of a chunk object of an SDK; the usual ones without taking them apart."""
        try:
            fields, extra = item.__dict__, item.__pydantic_extra__
            (choice,) = fields["choices"]
            inner = choice.__dict__
            delta = inner["delta"]
            fields = delta.__dict__
            content = fields["content"]
        except (AttributeError, KeyError, TypeError, ValueError):
            return PayloadDecoder.read(self, plain_deep(plain(item)))
        if (
            type(content) is not str
            or fields.get("usage") is not None
            or inner.get("finish_reason") is not None
            or inner.get("logprobs") is not None
            or delta.__pydantic_extra__
            or (extra and not extra.keys().isdisjoint(_EXTRAS))
            or fields.get("tool_calls") is not None
            or fields.get("refusal") is not None
            or fields.get("function_call") is not None
        ):
            return self.read(plain(item))
        return self.text_events(content, inner.get("index") or 0)

    def text_events(
        self, text: str, choice: int = 0, logprobs: list[Any] | None = None
    ) -> list[StreamEvent]:
        self._block = None
        events = super().text_events(text, choice, logprobs)
        if self.inline:
            self._kept = None
            only = self._splitters.get(0) if len(self._splitters) == 1 else None
            if only is not None and not only.watching:
                self.inline = False
            elif only is not None and only.quiet:
                self._kept = only.kept
        return events

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        if not isinstance(value, dict):
            return [self.raw(value)]
        events: list[StreamEvent] = []
        choices = value.get("choices")
        for position, choice in enumerate(choices if isinstance(choices, list) else ()):
            if isinstance(choice, dict):
                self._choice(choice, position, events)
        self._extras(value, events)
        if error := value.get("error"):
            self.fail({"error": error})
            return events
        if value.get("object") == "error":
            self.fail(value)
            return events
        if choices is None and not events and "id" not in value and "object" not in value:
            if value.get("message") or value.get("detail"):
                self.fail(value)
                return events
            events.append(self.raw(value))
        return events

    # ── one choice ────────────────────────────────────────────────────────────

    def _choice(self, choice: dict[str, Any], position: int, events: list[StreamEvent]) -> None:
        index = choice.get("index")
        number = index if isinstance(index, int) else position
        delta = choice.get("delta") or choice.get("message")
        logprobs = _logprobs(choice.get("logprobs"))
        if isinstance(delta, dict):
            self._delta(delta, number, logprobs, events)
        elif isinstance(text := choice.get("text"), str):
            events += self.text_events(text, number, logprobs)
        provider_reason = choice.get("finish_reason")
        if (
            isinstance(provider_reason, str)
            and provider_reason
            and (number == 0 or self.provider_reason is None)
        ):
            self.provider_reason = provider_reason
        if provider_reason:
            self.finished.add(number)
        if error := choice.get("error"):
            self.fail({"error": error})

    def _carry(self) -> dict[str, Any] | None:
        field = self._thinking_field if self.blocks.called else ""
        if field == "reasoning_content" and not (self._fields or self._of_calls):
            field = ""  # as everybody has it
        if not (self._fields or self._of_calls or field):
            return None
        return {
            "wire": "chat",
            "provider": self.endpoint.provider,
            "thinking": field,
            "fields": self._fields,
            "calls": self._of_calls,
        }

    def _delta(
        self,
        delta: dict[str, Any],
        choice: int,
        logprobs: list[Any] | None,
        events: list[StreamEvent],
    ) -> None:
        blocks = self.blocks
        self._thinking(delta, choice, events)
        content = delta.get("content")
        if isinstance(content, str):
            events += self.text_events(content, choice, logprobs)
        elif isinstance(content, list):
            for part in content:
                self._part(part, choice, events)
        elif logprobs:
            events += blocks.text("", choice, logprobs=logprobs)
        if isinstance(refusal := delta.get("refusal"), str):
            events += blocks.refusal(refusal, choice)
        for call in delta.get("tool_calls") or ():
            if isinstance(call, dict):
                events += self._call(call, choice)
        if isinstance(call := delta.get("function_call"), dict):
            events += self._call({"index": 0, "function": call}, choice)
        for image in delta.get("images") or ():
            self._part(image, choice, events)
        if isinstance(audio := delta.get("audio"), dict):
            self._sound(audio, choice, events)
        for annotation in delta.get("annotations") or ():
            self._annotation(annotation, events)
        if isinstance(extra := delta.get("extra_content"), dict):  # Gemini's signature of a text
            self._fields["extra_content"] = extra
        for tool in delta.get("executed_tools") or ():
            events += self._executed(tool)

    def _call(self, call: dict[str, Any], choice: int) -> list[StreamEvent]:
        custom = not _says_something(call.get("function")) and _says_something(call.get("custom"))
        function: Any = call.get("custom" if custom else "function")
        function = function if _says_something(function) else {}
        call_id = call.get("id") or ""
        arguments = function.get("arguments", function.get("input"))
        if not (function or call_id):
            return []  # all fields there, all empty
        events = self.blocks.piece(
            call_id=call_id,
            index=call.get("index"),
            name=function.get("name") or "",
            arguments=arguments,
            choice=choice,
        )
        extra: dict[str, Any] = {
            name: call[name]
            for name in ("extra_content", "provider_specific_fields")
            if call.get(name)
        }
        if custom:
            extra["type"] = "custom"
        if extra:
            own = self._of_calls.setdefault(self.blocks.latest_call(), {})
            own |= extra
        return events

    def _thinking(self, delta: dict[str, Any], choice: int, events: list[StreamEvent]) -> None:
        # several fields may carry the same words; the first that does is the one that counts
        text = _first_text(delta, *_THINKING)
        if text and not self._thinking_field:
            self._thinking_field = next(n for n in _THINKING if delta.get(n) == text)
        if details := delta.get("reasoning_details"):
            self._fields["reasoning_details"] = _joined_details(
                self._fields.get("reasoning_details") or [], details
            )
        signature = redacted = ""
        for detail in delta.get("reasoning_details") or delta.get("thinking_blocks") or ():
            if isinstance(detail, dict):
                if not any(isinstance(delta.get(k), str) and delta[k] for k in _THINKING):
                    text += _first_text(detail, "text", "summary", "thinking")
                signature += detail.get("signature") or ""
                redacted += detail.get("data") or ""
        events += self.blocks.thinking(text, choice, signature=signature, redacted=redacted)

    def _part(self, part: Any, choice: int, events: list[StreamEvent]) -> None:
        if isinstance(part, str):
            events += self.text_events(part, choice)
            return
        kind = part.get("type") if isinstance(part, dict) else None
        if kind in ("text", "output_text"):
            events += self.text_events(part.get("text") or "", choice)
        elif kind in ("thinking", "reasoning"):
            inner = part.get("thinking") or part.get("summary") or part.get("text") or ()
            pieces = [inner] if isinstance(inner, str) else inner
            text = "".join(p if isinstance(p, str) else p.get("text") or "" for p in pieces)
            events += self.blocks.thinking(text, choice, signature=part.get("signature") or "")
        elif kind == "refusal":
            events += self.blocks.refusal(part.get("refusal") or "", choice)
        elif kind == "image_url":
            image = part.get("image_url")
            url = image.get("url") if isinstance(image, dict) else image
            if url:
                events.append(media(self.blocks.new(), url))
        else:
            events.append(self.raw(part))

    def _sound(self, audio: dict[str, Any], choice: int, events: list[StreamEvent]) -> None:
        if isinstance(words := audio.get("transcript"), str):
            events += self.blocks.text(words, choice)
        if isinstance(data := audio.get("data"), str) and data:
            try:
                self.blocks.sound(data)
            except ValueError:
                events.append(self.raw(audio))

    def _annotation(self, annotation: Any, events: list[StreamEvent]) -> None:
        cited = annotation.get("url_citation") if isinstance(annotation, dict) else None
        if isinstance(cited, dict):
            events.append(
                Citation(
                    self.blocks.place(),
                    cited.get("title") or "",
                    cited.get("url") or "",
                    cited.get("content") or "",
                )
            )
        elif isinstance(annotation, dict) and annotation.get("type") == "file":
            # a document as the provider read it; sent back, it need not be read again
            self._fields["annotations"] = [*self._fields.get("annotations", ()), annotation]
        else:
            events.append(self.raw(annotation))

    def _executed(self, tool: Any) -> list[StreamEvent]:
        """A tool that Groq ran itself: its arguments first, its output later."""
        if not isinstance(tool, dict):
            return [self.raw(tool)]
        events: list[StreamEvent] = []
        index = tool.get("index", 0)
        if index not in self._ran:
            events += self.blocks.call(
                index=("executed", index),
                name=tool.get("name") or tool.get("type") or "tool",
                arguments=tool.get("arguments"),
                server_side=True,
            )
            self._ran[index] = self.blocks.call_id(("executed", index))
        call_id = self._ran[index]
        if tool.get("output") and not self.blocks.answered(call_id):
            events += self.blocks.result(call_id, tool["output"])
        return events

    # ── the rest of a chunk ───────────────────────────────────────────────────

    def _extras(self, value: dict[str, Any], events: list[StreamEvent]) -> None:
        results = value.get("search_results")
        titles = {
            result.get("url"): result
            for result in (results if isinstance(results, list) else ())
            if isinstance(result, dict)
        }
        cited = value.get("citations")
        for item in [*(cited if isinstance(cited, list) else ()), *titles]:
            url = item if isinstance(item, str) else ""
            if url and url not in self._cited:
                self._cited.add(url)
                found = titles.get(url, {})
                events.append(
                    Citation(
                        self.blocks.place(),
                        found.get("title") or "",
                        url,
                        found.get("snippet") or "",
                    )
                )
        groq = value.get("x_groq")
        figures = value.get("usage") or (groq.get("usage") if isinstance(groq, dict) else None)
        timings = value.get("timings")
        if isinstance(figures, dict) or isinstance(timings, dict):
            event = chat_usage(figures or {}, timings)
            if event != self._usage:
                self._usage = event
                events.append(event)


_EXTRAS = {"citations", "search_results", "error", "timings", "x_groq"}
_THINKING = ("reasoning_content", "reasoning", "thinking")


def chat_usage(figures: dict[str, Any], timings: Any = None) -> Usage:
    """OpenAI's usage object, with the spellings of the others."""
    prompt = figures.get("prompt_tokens_details") or figures.get("input_tokens_details") or {}
    answer = figures.get("completion_tokens_details") or figures.get("output_tokens_details") or {}
    timings = timings if isinstance(timings, dict) else {}
    cost = figures.get("cost", figures.get("total_cost"))
    if isinstance(cost, dict):
        cost = cost.get("total_cost")
    known = {
        "prompt_tokens",
        "completion_tokens",
        "input_tokens",
        "output_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
        "input_tokens_details",
        "output_tokens_details",
        "cost",
    }
    details = {name: value for name, value in figures.items() if name not in known}
    for name, group in (("input", prompt), ("output", answer)):
        for key, value in group.items():
            if value and key not in ("cached_tokens", "reasoning_tokens", "cache_write_tokens"):
                details[f"{name}_{key}"] = value
    if timings:
        details["timings"] = timings
    return usage(
        input_tokens=figures.get(
            "prompt_tokens", figures.get("input_tokens", timings.get("prompt_n"))
        ),
        output_tokens=figures.get(
            "completion_tokens", figures.get("output_tokens", timings.get("predicted_n"))
        ),
        cache_read_tokens=prompt.get("cached_tokens", figures.get("prompt_cache_hit_tokens")),
        cache_write_tokens=prompt.get("cache_write_tokens"),
        reasoning_tokens=answer.get("reasoning_tokens", figures.get("reasoning_tokens")),
        cost=cost,
        details=details,
    )


def media(block: int, url: str, alt: str = "") -> ContentPart:
    """An image, sound or file from a URL or a `data:` URL."""
    if url.startswith("data:"):
        head, _, data = url[5:].partition(",")
        mime, _, coding = head.partition(";")
        if coding.endswith("base64"):
            return ContentPart(block, mime or "application/octet-stream", data, alt=alt)
    return ContentPart(block, "image/*", url=url, alt=alt)


def _joined_details(known: list[Any], pieces: Any) -> list[Any]:
    """OpenRouter's reasoning details: pieces of one index and type are one detail."""
    made = list(known)
    for piece in pieces if isinstance(pieces, list) else ():
        if not isinstance(piece, dict):
            continue
        last = made[-1] if made else None
        same = last is not None and all(
            last.get(n) == piece.get(n) or piece.get(n) is None for n in ("index", "type", "id")
        )
        if not same or last is None or "data" in piece:
            made.append(dict(piece))
            continue
        joined = dict(last)
        for name, value in piece.items():
            grows = name in ("text", "summary") and isinstance(value, str)
            if grows and isinstance(joined.get(name), str):
                joined[name] += value
            elif value is not None:
                joined[name] = value
        made[-1] = joined
    return made


def _says_something(function: Any) -> bool:
    return isinstance(function, dict) and any(
        function.get(name) not in (None, "") for name in ("name", "arguments", "input")
    )


def _first_text(value: dict[str, Any], *names: str) -> str:
    for name in names:
        text = value.get(name)
        if isinstance(text, str) and text:
            return text
    return ""


def _logprobs(value: Any) -> list[Any] | None:
    if not isinstance(value, dict):
        return None
    tokens = value.get("content") or value.get("refusal")
    return tokens if isinstance(tokens, list) else None
