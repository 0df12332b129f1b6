"""A recording as the source of a run: the same events at the same pace, each with the time it had."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import msgspec

from nbstream.adapters.transport.failures import Endpoint
from nbstream.adapters.wires.body import Body, Framer
from nbstream.adapters.wires.decoding import PayloadDecoder
from nbstream.events import Error, Retry, RunEnd, RunStart, Stall, StreamEvent, WarningEvent
from nbstream.events.errors import NbstreamError, UsageError, error_from_event
from nbstream.logs.recording import (
    Line,
    ResponseBytes,
    ResponseEnd,
    ResponseHead,
    ResponseLine,
    read_lines,
)

from .source import Source


def recorded(path: str | Path, speed: float | None = 1.0) -> Source:
    """The source of the recording at `path`, at `speed` times its pace; None gives everything at once,
    with the times it had.

    It is read from disk as it plays. Where it has the provider's bytes and they are one request's, they go
    through the adapter again. Raises `UsageError` where the file is no recording.
    """
    if speed is not None and speed <= 0:
        raise UsageError("speed must be greater than 0.", hint="Use None for at once.")
    first = next(read_lines(path), None)
    head = first if isinstance(first, RunStart) else RunStart("")

    async def play() -> AsyncGenerator[StreamEvent, None]:
        clock = asyncio.get_running_loop().time
        began = clock()
        read = _Again().events if _is_raw(path) else _as_it_was
        for number, line in enumerate(read_lines(path)):
            time = line.time / (speed or 1.0)
            wait = began + time - clock() if speed is not None else 0.0
            if wait > 0.001 or number % 256 == 0:
                await asyncio.sleep(max(wait, 0.0))
            for event in read(line):
                yield msgspec.structs.replace(event, seq=0, time=time)
            if isinstance(line, RunEnd):
                return

    return Source(events=play, model=head.model, provider=head.provider, recorded=True)


def _is_raw(path: str | Path) -> bool:
    """Whether the bytes say it all: an agent's requests do not, tools ran between them."""
    for line in read_lines(path):
        if isinstance(line, ResponseHead):
            return line.wire in _wires()
        if not isinstance(line, (RunStart, Retry, Stall, WarningEvent)):
            break
    return False


def _as_it_was(line: Line) -> Sequence[StreamEvent]:
    return () if isinstance(line, (RunStart, ResponseLine)) else (line,)


class _Again:
    """Reads recorded bytes anew. What the run itself said (waits, retries, its stop) stays as it was."""

    def __init__(self) -> None:
        self._body: Body | None = None
        self._warned: set[str] = set()
        self._failure: NbstreamError | None = None

    def events(self, line: Line) -> Iterator[StreamEvent]:
        """What a line of the recording gives. Raises what an answer had failed with."""
        if isinstance(line, ResponseHead):
            self._body = _body(line)
        elif isinstance(line, ResponseBytes):
            yield from self._read(self._body.feed(line.data) if self._body else ())
        elif isinstance(line, ResponseEnd) and self._body:
            if line.error is not None:
                self._body.failure = error_from_event(line.error)
            yield from self._read(self._body.finish())
            self._failure = self._body.failure
        elif isinstance(line, Retry):
            self._failure = None
            yield line
        elif isinstance(line, (Error, RunEnd)):
            if self._failure is not None:
                raise self._failure
            yield line
        elif (
            isinstance(line, (Stall, WarningEvent))
            and getattr(line, "message", "") not in self._warned
        ):
            yield line

    def _read(self, events: Iterable[StreamEvent]) -> Iterator[StreamEvent]:
        for event in events:
            if isinstance(event, WarningEvent):
                self._warned.add(event.message)
            yield event


def _body(head: ResponseHead) -> Body:
    decoder, framer = _wires()[head.wire]
    endpoint = Endpoint(
        provider=head.provider, url=head.url, model=head.model, key_name=head.key_name
    )
    return Body(
        decoder(endpoint),
        framer=framer() if framer else None,
        status=head.status,
        content_type=head.content_type,
        streamed=head.streamed,
    )


@lru_cache(maxsize=1)
def _wires() -> dict[str, tuple[type[PayloadDecoder], type[Framer] | None]]:
    """What reads the bytes of each wire format."""
    from nbstream.adapters.transport.lines import LineDecoder
    from nbstream.adapters.wires.anthropic_messages import MessagesDecoder
    from nbstream.adapters.wires.gemini_content import GeminiDecoder
    from nbstream.adapters.wires.ollama_chat import OllamaDecoder
    from nbstream.adapters.wires.openai_chat import ChatDecoder
    from nbstream.adapters.wires.responses import ResponsesDecoder

    from .shapes import SniffingDecoder

    plain = (ChatDecoder, ResponsesDecoder, MessagesDecoder, GeminiDecoder, SniffingDecoder)
    return {
        OllamaDecoder.source: (OllamaDecoder, LineDecoder),
        **{decoder.source: (decoder, None) for decoder in plain},
    }
