"""From an answer's body to events: one loop for every wire format over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Literal, Protocol

from nbstream.adapters.transport.failures import page_error
from nbstream.adapters.transport.http import HTTPResponse
from nbstream.adapters.transport.lines import ArrayDecoder
from nbstream.adapters.transport.sse import MAX_LINE, EventStreamDecoder, ServerEvent
from nbstream.adapters.transport.wiretap import wiretap
from nbstream.events import Raw, StreamEvent, TextDelta, ThinkingDelta, ToolCallStart, WarningEvent
from nbstream.events.errors import NbstreamError, ProtocolError, StreamInterruptedError
from nbstream.logs.recording import ResponseHead

from .decoding import PayloadDecoder

#: How long a stream may stay silent, in seconds, once it has given its finish reason.
LINGER = 5.0
#: The same where the reason may be wrong: it came in the midst of a thought, or text came after it.
LINGER_DOUBTFUL = 60.0


class Framer(Protocol):
    """Cuts bytes into messages; a message is bytes, or has `data` and `event`."""

    def feed(self, chunk: bytes) -> Sequence[Any]: ...
    def finish(self) -> Sequence[Any]: ...


class Body:
    """An answer's body as it arrives: bytes in, events out.

    What it is shows in its first byte: a web page, one JSON value where events were expected, or a stream.
    `done` is set when nothing more is needed; `failure` is what to raise after `finish`.
    """

    def __init__(
        self,
        decoder: PayloadDecoder,
        *,
        framer: Framer | None = None,
        status: int = 200,
        content_type: str = "",
        max_line: int = MAX_LINE,
        streamed: bool = True,
    ) -> None:
        self.decoder = decoder
        self.done = False
        self.failure: NbstreamError | None = None
        self._sse = framer is None
        self._framer = framer or EventStreamDecoder(max_line)
        self._status = status
        self._content_type = content_type
        self._max_line = max_line
        self._streamed = streamed
        self._buffer = b""
        self._kind: Literal["unknown", "stream", "page", "json"] = "unknown"

    def head(self) -> ResponseHead:
        """What a recording of the bytes must say, so that they can be read again."""
        whom = self.decoder.endpoint
        return ResponseHead(
            wire=self.decoder.source,
            provider=whom.provider,
            model=whom.model,
            url=whom.mask(whom.url),
            key_name=whom.key_name,
            status=self._status,
            content_type=self._content_type,
            streamed=self._streamed,
        )

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        """The events that `chunk` completes. Never raises: see `failure`."""
        events: list[StreamEvent] = []
        decoder = self.decoder
        try:
            if self._kind == "unknown":
                chunk = self._sniff(chunk, events)
            if self._kind == "stream":
                for message in self._framer.feed(chunk):
                    if self.done:
                        self._after_end(message, events)
                        break
                    if decoder.provider_reason is None:
                        events += decoder.decode(message)
                    else:
                        events += decoder.late(decoder.decode(message))
                    self.done = decoder.done
                if decoder.pending_warnings:
                    events += self._oddities()
            elif self._kind != "unknown":
                self._buffer += chunk
                self._check_size()
        except NbstreamError as error:
            self.failure = error
            self.done = True
        return events

    def finish(self) -> list[StreamEvent]:
        """The last events: what was waiting for more, and `run_end` unless there is a `failure`."""
        events: list[StreamEvent] = []
        decoder = self.decoder
        try:
            self._finish(events)
        except NbstreamError as error:
            self.failure = self.failure or error
        events += self._oddities()
        events += decoder.close()
        failure = self.failure
        if isinstance(failure, StreamInterruptedError) and decoder.provider_reason is not None:
            events.append(
                WarningEvent(
                    "the connection broke after the answer had ended", failure.message[:200]
                )
            )
            self.failure = None
        if self.failure is None:
            try:
                events += decoder.end()
            except NbstreamError as error:
                self.failure = error
        return events

    def _sniff(self, chunk: bytes, events: list[StreamEvent]) -> bytes:
        head = self._buffer + chunk
        start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        if not start and len(head) < 1024:
            self._buffer = head
            return b""
        self._buffer = b""
        self._kind = "stream"
        if start == b"<":
            self._kind = "page"
        elif self._sse and start == b"[" and self.decoder.growing_array:
            self._framer = ArrayDecoder(self._max_line)
        elif self._sse and start in (b"{", b"["):
            self._kind = "json"
        elif self._sse and self._content_type not in ("text/event-stream", ""):
            events.append(
                WarningEvent("the stream has an unusual content type", self._content_type[:100])
            )
        return head

    def _oddities(self) -> list[StreamEvent]:
        told, self.decoder.pending_warnings = self.decoder.pending_warnings, []
        return told

    def _check_size(self) -> None:
        if self._kind == "page" and len(self._buffer) > 64 * 1024:
            self.done = True
        elif len(self._buffer) > self._max_line:
            raise ProtocolError(
                f"the answer is longer than {self._max_line:,} bytes", data=self._buffer[:1000]
            )

    def _after_end(self, message: Any, events: list[StreamEvent]) -> None:
        data = getattr(message, "data", message).strip()
        if self.decoder.failure is None and data not in (b"[DONE]", b""):
            events.append(WarningEvent("the stream went on after its end"))

    def _finish(self, events: list[StreamEvent]) -> None:
        decoder = self.decoder
        if self._kind == "page":
            raise page_error(decoder.endpoint, self._status, self._buffer)
        if self._kind == "json" and self.failure is None:
            return self._whole(events)
        if not self.done:
            for message in self._framer.feed(self._buffer):
                events += decoder.decode(message)
            for message in self._framer.finish():
                if isinstance(message, ServerEvent) and message.data.strip() not in (
                    b"",
                    b"[DONE]",
                ):
                    events.append(
                        WarningEvent("the last message lacked its blank line; it is kept")
                    )
                events += decoder.decode(message)
            if decoder.messages and (rest := getattr(self._framer, "rest", b"")):
                events += decoder.garbage(rest.decode("utf-8", "replace"))
        if self.failure is None and not decoder.messages and not decoder.done:
            raise self._nothing()
        return None

    def _whole(self, events: list[StreamEvent]) -> None:
        decoder = self.decoder
        value, odd = decoder.parse(self._buffer.lstrip(b"\xef\xbb\xbf"))
        if odd:
            text = decoder.endpoint.mask(self._buffer.decode("utf-8", "replace"))
            raise ProtocolError(
                f"{decoder.endpoint.url} answered with broken JSON instead of a stream",
                data=text.encode(),
            )
        if self._streamed:
            events.append(
                WarningEvent("the server did not stream; this is its whole answer at once")
            )
        read = list(decoder.read(value, whole=True))
        if (
            decoder.failure is None
            and decoder.provider_reason is None
            and read
            and _says_nothing(read)
        ):
            raise ProtocolError(
                f"{decoder.endpoint.url or decoder.source} answered with JSON that is no answer",
                data=decoder.endpoint.mask(self._buffer.decode("utf-8", "replace"))[:200].encode(),
                hint="Is the base URL right?",
            )
        decoder.saw_done = True  # it came whole, so it is finished
        events += read

    def _nothing(self) -> ProtocolError:
        rest = getattr(self._framer, "rest", b"")
        text = self.decoder.endpoint.mask(rest.decode("utf-8", "replace"))
        error = ProtocolError(
            f"{self.decoder.endpoint.url or self.decoder.source} answered with an empty stream",
            data=text.encode(),
            hint="The server accepted the request and said nothing. Its log may tell why.",
        )
        error.retryable = True
        return error


def _only_thought(events: Sequence[StreamEvent]) -> bool:
    thought = any(isinstance(event, ThinkingDelta) for event in events)
    return thought and not any(isinstance(event, (TextDelta, ToolCallStart)) for event in events)


def _says_nothing(events: Sequence[StreamEvent]) -> bool:
    return all(isinstance(event, (Raw, WarningEvent)) for event in events)


async def body_events(response: HTTPResponse, body: Body) -> AsyncGenerator[StreamEvent, None]:
    """The events of an answer's body, the last of them `run_end`.

    What had arrived before a failure is given before the failure is raised.
    """
    chunks, tap = response.chunks(), wiretap(body.decoder.endpoint, body.head())
    if tap is not None:
        chunks = tap.chunks(chunks)
    broken: NbstreamError | None = None
    buffered: bool | None = None
    latest: list[StreamEvent] = []
    try:
        async for chunk in chunks:
            events = body.feed(chunk)
            latest = events or latest
            for event in events:
                yield event
            if buffered is None and (buffered := response.silence.held_back(body.decoder.messages)):
                yield WarningEvent(
                    "buffered: the answer was held back and came all at once; "
                    "a proxy or the server buffers it"
                )
            if body.done or body.decoder.provider_reason is not None:
                break
        # it has said why it finished: take what follows, but do not wait for it
        clock = asyncio.get_running_loop().time
        patience = LINGER_DOUBTFUL if _only_thought(latest) else LINGER
        deadline = clock() + patience
        while not body.done:
            try:
                chunk = await asyncio.wait_for(anext(chunks), max(deadline - clock(), 0))
            except (TimeoutError, StopAsyncIteration):
                break
            if events := body.feed(chunk):
                if any(isinstance(event, (TextDelta, ThinkingDelta)) for event in events):
                    patience = LINGER_DOUBTFUL
                deadline = clock() + patience
            for event in events:
                yield event
    except NbstreamError as error:
        body.failure = broken = error
    finally:
        await chunks.aclose()
    if tap is not None:
        tap.end(broken)
    for event in body.finish():
        yield event
    if body.failure is not None:
        raise body.failure
