"""From payloads to events: what the decoders of all wire formats share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from nbstream.adapters.transport.failures import Endpoint, payload_error
from nbstream.events import (
    FinishReason,
    Raw,
    RefusalDelta,
    Reset,
    RunEnd,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    WarningEvent,
)
from nbstream.events.errors import NbstreamError, ProtocolError, ProviderError
from nbstream.events.json import decode_json

from .blocks import Blocks
from .figures import finish_reason
from .inline import Piece, Splitter

#: A stream with this many unreadable messages in a row is not a stream.
MAX_GARBAGE = 50


class PayloadDecoder:
    """Payloads of one wire format in, events out; one for each answer.

    A subclass writes `payload`. `done` is set when the provider says that nothing more comes, `failure`
    when it reports an error; `provider_reason` is the provider's own finish reason.
    """

    source = ""
    #: Whether a body that begins with `[` is an array of payloads that arrives piece by piece.
    growing_array = False
    #: Makes a payload of an item of a library's stream; None where it is one.
    convert: Callable[[Any], Any] | None = None
    #: Whether a finish reason ends the text, unless `another` answer begins.
    one_answer = False
    #: Whether the text may hold reasoning between tags: open models behind a server that leaves it there.
    inline = False

    def __init__(self, endpoint: Endpoint | None = None) -> None:
        self.endpoint = endpoint or Endpoint(provider=self.source)
        self.blocks = Blocks()
        self.done = False
        self.failure: NbstreamError | None = None
        self.provider_reason: str | None = None
        self.finish_message = ""  # what the provider says about it
        self.saw_done = False  # "[DONE]", or the answer came as one whole value
        self.messages = 0
        self.finished: set[int] = set()  # the choices that gave a reason, where there are several
        self.pending_warnings: list[StreamEvent] = []  # given after the message being read
        self._splitters: dict[int, Splitter] = {}
        self._logprobs: dict[int, list[Any]] = {}  # of text that still waits for its kind
        self._first_text_block: dict[
            int, int
        ] = {}  # the first block of text that a splitter gave, by choice
        self._garbage = 0
        self._late = self._replaced = self._another = self._null = False

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        """The events of one payload, as plain dicts and lists."""
        raise NotImplementedError

    def decode(self, message: Any) -> Iterable[StreamEvent]:
        """The events of one server-sent event, or of one line."""
        data: bytes = message if isinstance(message, bytes) else message.data
        if not data or data.isspace():
            return ()
        if data == b"[DONE]" or data.strip() == b"[DONE]":
            self.done = self.saw_done = True
            return ()
        named = not isinstance(message, bytes) and message.event == "error"
        if (named or _ERROR.match(data)) and not data.lstrip().startswith((b"{", b"[")):
            text = data.decode("utf-8", "replace")
            self.fail({"error": {"message": self.endpoint.mask(text)[:1000]}})
            self.messages += 1
            return ()
        value, odd = self.parse(data)
        if odd:
            return odd
        if value is None:
            self.messages -= 1
        elif named:
            self.fail(value)
            return ()
        return self.read(value)

    def null(self) -> Iterable[StreamEvent]:
        """What to say about a message that is null."""
        self._null, told = True, self._null
        return () if told else [WarningEvent("a message that is null was passed over")]

    def read(self, value: Any, whole: bool = False) -> Iterable[StreamEvent]:
        """`payload`, or `whole`, for a value whose shape nobody has checked."""
        if value is None:
            return self.null()
        try:
            return self.whole(value) if whole else self.payload(value)
        except (TypeError, AttributeError, LookupError, ValueError, RecursionError):
            self.messages -= 1
            return self.garbage(msgspec.json.encode(value, enc_hook=repr).decode())

    def text_events(
        self, text: str, choice: int = 0, logprobs: list[Any] | None = None
    ) -> list[StreamEvent]:
        """The events of a piece of the answer's text, reasoning in it taken apart where there may be any."""
        blocks = self.blocks
        if not self.inline:
            return blocks.text(text, choice, logprobs=logprobs)
        splitter = self._splitters.get(choice)
        if splitter is None:
            splitter = self._splitters[choice] = Splitter(parsed=blocks.thought)
        if not splitter.watching:
            return blocks.text(text, choice, logprobs=logprobs)
        if logprobs:
            self._logprobs.setdefault(choice, []).extend(logprobs)
        return self._split(splitter.feed(text), choice)

    def _split(self, pieces: Iterable[Piece], choice: int) -> list[StreamEvent]:
        blocks = self.blocks
        events: list[StreamEvent] = []
        for kind, words in pieces:
            if kind == "text":
                made = blocks.text(words, choice, logprobs=self._logprobs.pop(choice, None))
                if made and choice not in self._first_text_block:
                    self._first_text_block[choice] = made[0].block  # type: ignore[union-attr]
                events += made
            elif kind == "thinking":
                events += blocks.thinking(words, choice)
            elif kind == "message":
                blocks.message()
            elif kind == "call":
                events += blocks.call(index=("inline", choice), name=words, choice=choice)
            elif kind == "arguments":
                events += blocks.call(index=("inline", choice), arguments=words, choice=choice)
            elif kind == "called":
                events += blocks.end_call(blocks.call_id(("inline", choice), choice))
            else:
                events += self._again(kind, words, choice)
        return events

    def _again(self, kind: str, words: str, choice: int) -> list[StreamEvent]:
        """What has been said was of another kind: it is withdrawn and said anew."""
        blocks = self.blocks
        first = self._first_text_block.pop(choice, None)
        events: list[StreamEvent] = []
        if first is None and kind == "back":
            first = blocks.latest()
        if first is not None:
            if blocks.latest() != first:  # other things came after it, which must not be withdrawn
                return []
            events.append(
                Reset(first, "this was reasoning" if kind == "again" else "this was text")
            )
            blocks.new()
        repeat = blocks.thinking if kind == "again" else blocks.text
        return [*events, *repeat(words, choice)]

    def take(self, item: Any) -> Iterable[StreamEvent]:
        """The events of one item of a library's stream."""
        if self.convert is not None and item is not None:
            item = self.convert(item)
        if self.provider_reason is None:
            return self.read(item)
        return self.late(self.read(item))

    def parse(self, data: bytes) -> tuple[Any, list[StreamEvent]]:
        """The value of a JSON text; or None and what to say about one that cannot be read."""
        try:
            value = decode_json(data)
        except ValueError:
            # half surrogates and bytes that are not UTF-8 cost no text here
            text = data.decode("utf-8", "replace")
            try:
                value = decode_json(text, lenient=True)
            except ValueError:
                return None, self.garbage(text)
            self.blocks.split_surrogates = True
            if not self._replaced and not _is_utf8(data):
                self._replaced = True
                self.pending_warnings.append(
                    WarningEvent("bytes that are not UTF-8 were replaced by U+FFFD")
                )
        self.messages += 1
        self._garbage = 0
        return value, []

    def fail(self, value: Any) -> None:
        """The provider reports an error: nothing more comes."""
        self.failure = payload_error(self.endpoint, value)
        self.done = True

    def garbage(self, text: str) -> list[StreamEvent]:
        self._garbage += 1
        if self._garbage > MAX_GARBAGE:
            raise ProtocolError(
                f"{self.endpoint.url or self.source} sends something that is not a token stream",
                data=self.endpoint.mask(text).encode()[:1000],
            )
        text = self.endpoint.mask(text)[:1000]
        return [
            WarningEvent("a message that could not be read was passed over", text[:200]),
            Raw(text, source=self.source),
        ]

    def another(self) -> None:
        """A further answer begins in the same stream."""
        self._another = self.provider_reason is not None
        self.provider_reason = None
        self.finished.clear()

    def late(self, events: Iterable[StreamEvent]) -> list[StreamEvent]:
        """`events` of a message that came after the finish reason, with a warning if they hold text."""
        events = list(events)
        another, self._another = self._another, False
        if self.one_answer and not (self._late or another):
            self._late = any(
                event.text and (not self.finished or event.choice in self.finished)
                for event in events
                if isinstance(event, (TextDelta, ThinkingDelta, RefusalDelta))
            )
            if self._late:
                events.insert(0, WarningEvent("text came after the finish reason; it is kept"))
        return events

    def raw(self, value: Any) -> Raw:
        """A payload that has no home."""
        return Raw(value, source=self.source)

    def whole(self, value: Any) -> Iterable[StreamEvent]:
        """The events of a complete answer that was not streamed."""
        return self.payload(value)

    def ended(self, stream: Any) -> Iterable[StreamEvent]:
        """What a library's stream object knows once it has been read to its end."""
        return ()

    def close(self) -> list[StreamEvent]:
        """What was waiting for more: half characters, half tags, open tool calls."""
        events: list[StreamEvent] = []
        finished = self.provider_reason is not None and self.reason(self.provider_reason) == "stop"
        for choice, splitter in self._splitters.items():
            events += self._split(splitter.end(finished), choice)
        self._splitters = {}
        return [*events, *self.blocks.close()]

    def end(self) -> list[StreamEvent]:
        """The `run_end`, with the provider's own reason or none. Raises what the provider reported."""
        if self.failure is not None:
            raise self.failure
        events = self._endings()
        if isinstance(end := events[-1], RunEnd) and (carry := self._carry()):
            events[-1] = msgspec.structs.replace(end, carry=carry)
        return events

    def _carry(self) -> dict[str, Any] | None:
        """What goes back to the provider with the next request, if anything does."""
        return None

    def _endings(self) -> list[StreamEvent]:
        if self.provider_reason is None and self.saw_done:
            return [RunEnd("tool_calls" if self.blocks.called else "unknown")]
        if self.provider_reason is None:
            return [
                WarningEvent("the stream ended without saying that it was finished"),
                RunEnd("unknown", incomplete=True),
            ]
        reason = self.reason(self.provider_reason)
        if reason == "error":
            who = self.endpoint.provider or "the provider"
            detail = f": {self.finish_message}" if self.finish_message else ""
            raise ProviderError(
                self.endpoint.mask(f"{who} ended the answer with {self.provider_reason!r}{detail}"),
                provider=self.endpoint.provider,
                retryable=True,  # chance; whether anything was said before is the caller's to know
            )
        return [RunEnd(reason, self.provider_reason)]

    def reason(self, provider_reason: str) -> FinishReason:
        return finish_reason(provider_reason)


#: A line that is no JSON and says what went wrong, as some servers send it instead of an error event.
_ERROR = re.compile(rb"\s*(\[?error\]?|exception)\b\s*:", re.IGNORECASE)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
