"""From an answer's body to events: one loop for every wire format over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Any, Protocol

import msgspec

from nbstream.errors import NbstreamError, ProtocolError, ProviderError, StreamInterruptedError
from nbstream.events import FinishReason, Raw, RunEnd, StreamEvent, Warning

from .blocks import Blocks, finish_reason
from .failures import Endpoint, page_error, payload_error
from .http import Answer
from .sse import MAX_LINE, EventStreamDecoder

#: A stream with this many unreadable messages in a row is not a stream.
MAX_GARBAGE = 50


class Framer(Protocol):
    """Cuts bytes into messages; a message is bytes, or has `data` and `event`."""

    def feed(self, chunk: bytes) -> Sequence[Any]: ...
    def finish(self) -> Sequence[Any]: ...


class PayloadDecoder:
    """Payloads of one wire format in, events out; one for each answer.

    A subclass writes `payload`. `done` is set when the provider says that nothing more comes, `failure`
    when it reports an error; `word` is the provider's own finish reason.
    """

    source = ""

    def __init__(self, endpoint: Endpoint | None = None) -> None:
        self.endpoint = endpoint or Endpoint(provider=self.source)
        self.blocks = Blocks()
        self.done = False
        self.failure: NbstreamError | None = None
        self.word: str | None = None
        self.messages = 0
        self._garbage = 0

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        """The events of one payload, as plain dicts and lists."""
        raise NotImplementedError

    def decode(self, message: Any) -> Iterable[StreamEvent]:
        """The events of one server-sent event, or of one line."""
        data: bytes = message if isinstance(message, bytes) else message.data
        if not data or data.isspace():
            return ()
        if data == b"[DONE]" or data.strip() == b"[DONE]":
            self.done = True
            return ()
        value, odd = self.parse(data)
        if odd:
            return odd
        if not isinstance(message, bytes) and message.event == "error":
            self.fail(value)
            return ()
        return self.payload(value)

    def parse(self, data: bytes) -> tuple[Any, list[StreamEvent]]:
        """The value of a JSON text; or None and what to say about one that cannot be read."""
        try:
            value = msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # msgspec refuses half surrogates and bytes that are not UTF-8; both cost no text here
            text = data.decode("utf-8", "replace")
            try:
                value = json.loads(text)
            except (ValueError, RecursionError):
                return None, self.garbage(text)
            self.blocks.fragile = True
        except RecursionError:
            return None, self.garbage(data.decode("utf-8", "replace"))
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
            Warning("a message that could not be read was passed over", text[:200]),
            Raw(text, source=self.source),
        ]

    def raw(self, value: Any) -> Raw:
        """A payload that has no home."""
        return Raw(value, source=self.source)

    def whole(self, value: Any) -> Iterable[StreamEvent]:
        """The events of a complete answer that was not streamed."""
        return self.payload(value)

    def close(self) -> list[StreamEvent]:
        """What was waiting for more: half characters, open tool calls."""
        return self.blocks.close()

    def end(self) -> list[StreamEvent]:
        """The `run_end`, with the provider's own reason or none. Raises what the provider reported."""
        if self.failure is not None:
            raise self.failure
        if self.word is None:
            return [
                Warning("the stream ended without saying that it was finished"),
                RunEnd("unknown", incomplete=True),
            ]
        reason = self.reason(self.word)
        if reason == "error":
            who = self.endpoint.provider or "the provider"
            raise ProviderError(
                f"{who} ended the answer with {self.word!r}", provider=self.endpoint.provider
            )
        return [RunEnd(reason, self.word)]

    def reason(self, word: str) -> FinishReason:
        return finish_reason(word)


async def body_events(
    answer: Answer,
    decoder: PayloadDecoder,
    *,
    framer: Framer | None = None,
    max_line: int = MAX_LINE,
    streamed: bool = True,
) -> AsyncGenerator[StreamEvent, None]:
    """The events of an answer's body, the last of them `run_end`.

    A body that is a web page, or one JSON value where events were expected, is recognised by its first
    byte. What had arrived before a failure is given before the failure is raised.
    """
    endpoint = decoder.endpoint
    sse = framer is None
    framer = framer or EventStreamDecoder(max_line)
    head = b""
    sniffing = True
    failure: NbstreamError | None = None
    chunks = answer.chunks()
    try:
        async for chunk in chunks:
            if sniffing:
                head += chunk
                start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
                if not start and len(head) < 1024:
                    continue
                sniffing = False
                if start[:1] == b"<":
                    raise page_error(endpoint, answer.status, head + await answer.read())
                if sse and start[:1] in (b"{", b"["):
                    async for event in _whole_events(decoder, answer, head, max_line, streamed):
                        yield event
                    return
                if sse and answer.content_type not in ("text/event-stream", ""):
                    yield Warning(
                        "the stream has an unusual content type", answer.content_type[:100]
                    )
                chunk, head = head, b""
            for message in framer.feed(chunk):
                if decoder.done:
                    if decoder.failure is None:
                        yield Warning("the stream went on after its end")
                    break
                for event in decoder.decode(message):
                    yield event
            if decoder.done:
                break
    except NbstreamError as error:
        failure = error
    finally:
        await chunks.aclose()
    if not decoder.done:
        for message in _rest(framer, head, sniffing):
            try:
                for event in decoder.decode(message):
                    yield event
            except NbstreamError as error:
                failure = failure or error
    for event in decoder.close():
        yield event
    if failure is not None:
        if decoder.word is None or not isinstance(failure, StreamInterruptedError):
            raise failure
        yield Warning("the connection broke after the answer had ended", failure.message[:200])
    elif not decoder.messages and not decoder.done:
        raise _nothing(endpoint, framer)
    for event in decoder.end():
        yield event


def _rest(framer: Framer, head: bytes, sniffing: bool) -> list[Any]:
    try:
        messages = list(framer.feed(head)) if sniffing and head else []
        return [*messages, *framer.finish()]
    except NbstreamError:
        return []


async def _whole_events(
    decoder: PayloadDecoder, answer: Answer, head: bytes, limit: int, streamed: bool
) -> AsyncGenerator[StreamEvent, None]:
    body = bytearray(head)
    async for chunk in answer.chunks():
        body += chunk
        if len(body) > limit:
            raise ProtocolError(
                f"the answer is longer than {limit:,} bytes", data=bytes(body[:1000])
            )
    value, odd = decoder.parse(bytes(body).lstrip(b"\xef\xbb\xbf"))
    if odd:
        raise ProtocolError(
            f"{decoder.endpoint.url} answered with broken JSON instead of a stream",
            data=decoder.endpoint.mask(body.decode("utf-8", "replace")).encode(),
        )
    if streamed:
        yield Warning("the server did not stream; this is its whole answer at once")
    for event in decoder.whole(value):
        yield event
    for event in decoder.close():
        yield event
    for event in decoder.end():
        yield event


def _nothing(endpoint: Endpoint, framer: Framer) -> ProtocolError:
    error = ProtocolError(
        f"{endpoint.url} answered with an empty stream",
        data=getattr(framer, "rest", b""),
        hint="The server accepted the request and said nothing. Its log may tell why.",
    )
    error.retryable = True
    return error
