"""Anything that already streams, as the source of a run."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import re
import threading
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from nbstream.adapters.models.litellm import invented_finish
from nbstream.adapters.transport.failures import Endpoint
from nbstream.adapters.transport.lines import ArrayDecoder, LineDecoder
from nbstream.adapters.transport.sse import MAX_LINE, EventStreamDecoder
from nbstream.adapters.wires.bedrock import EventStreamFramer
from nbstream.adapters.wires.body import Body, Framer
from nbstream.adapters.wires.decoding import PayloadDecoder
from nbstream.adapters.wires.sdk import sdk_error
from nbstream.events import RunEnd, StreamEvent
from nbstream.events.errors import UsageError

from .recorded import recorded
from .shapes import SniffingDecoder, decoder_of
from .source import Source
from .url import url_source

ACCEPTED = """\
nb.show takes an async or sync iterator, a function that returns one, or an awaitable of one, of
  strings, bytes of an event stream, or nbstream events;
  chunks of OpenAI (chat and Responses), Anthropic, Gemini, Ollama, Bedrock, Cohere, Mistral or litellm;
  messages or events of LangChain, LangGraph, pydantic-ai, OpenAI Agents, LlamaIndex, AG-UI, Vercel AI,
  Claude's agent SDK, the Agent Client Protocol, A2A; what vLLM, mlx-lm, transformers and llama.cpp give here;
  chunks with `content` and `is_final`, or events with `type` and `content`;
and the URL of an AG-UI or other event stream, or the Path of a recording or of a saved event stream."""

THREE_LINES = """\
Anything else takes three lines:
  async def text():
      async for chunk in source: yield chunk.whatever_holds_the_text
  nb.show(text())"""


def adapt(source: Any, title: str | None = None, **request: Any) -> Source:
    """The `Source` of anything that streams. Raises UsageError for what cannot.

    An object is read on the event loop of the run, a synchronous one in a thread of its own; when the run
    ends or stops, it is closed. For a URL, `request` may hold `prompt`, `json`, `headers` and `verify`.
    """
    if isinstance(source, os.PathLike):
        path = Path(source)
        if ".jsonl" in path.suffixes:
            return recorded(path, request.get("speed"))
        source = lambda: _file(path)  # noqa: E731
    if isinstance(source, str):
        if re.match(r"https?://\S+$", source):
            return url_source(source, **request)
        if source.endswith((".jsonl", ".jsonl.gz")) and Path(source).exists():
            return recorded(source, request.get("speed"))
    if isinstance(source, dict) and "stream" in source:  # boto3 gives its stream inside a dict
        source = source["stream"]
    if not _streams(source):
        raise unknown(source)
    return Source(
        events=lambda: _events(source),
        provider=_library(source),
        model=title or "",
        portable=not _is_async(source),
        restartable=_is_function(source),
    )


def _file(path: Path) -> Iterator[bytes]:
    """A saved event stream, or JSON values line by line."""
    with path.open("rb") as file:
        while chunk := file.read(64 * 1024):
            yield chunk


def _is_async(source: Any) -> bool:
    return any(hasattr(source, name) for name in ("__aiter__", "__aenter__", "__await__"))


def _is_function(source: Any) -> bool:
    return callable(source) and not any(
        hasattr(source, name) for name in ("__aiter__", "__iter__", "__aenter__", "__enter__")
    )


def _streams(source: Any) -> bool:
    if isinstance(source, (dict, type)):
        return False
    return _is_function(source) or any(hasattr(source, name) for name in _STREAMING)


#: What an object that streams has, in the order in which it is asked.
_STREAMING = (
    "stream_events",
    "aiter_bytes",
    "iter_bytes",
    "__await__",
    "__aenter__",
    "__enter__",
    "async_response_gen",
    "response_gen",
    "__aiter__",
    "__iter__",
)


async def _events(source: Any) -> AsyncGenerator[StreamEvent, None]:
    decoder: PayloadDecoder | None = None
    body: Body | None = None
    endpoint = Endpoint(provider=_library(source))
    async with contextlib.AsyncExitStack() as stack:
        stream: Any = None
        try:
            stream = await _open(source, stack)
            async for item in _iterator(stream, stack):
                if decoder is None and body is None:
                    if item is None:
                        continue
                    if (framer := _wire(item)) is not None:
                        body = Body(SniffingDecoder(endpoint), framer=framer)
                    elif (decoder := decoder_of(item)) is not None:
                        decoder.endpoint = endpoint
                        decoder.blocks.split_surrogates = True
                    else:
                        raise unknown(item, "a chunk of this stream is")
                if decoder is not None:
                    for event in decoder.take(item):
                        yield event
                    if decoder.done:
                        break
                elif body is not None:
                    for event in body.feed(_bytes(item)):
                        yield event
                    if body.done:
                        break
        except (GeneratorExit, asyncio.CancelledError):
            raise
        except BaseException as error:  # user code may raise SystemExit too
            reading = body.decoder if body else decoder
            for event in reading.close() if reading else ():
                yield event
            if not isinstance(error, Exception):
                raise
            raise sdk_error(error, endpoint, answered=reading is not None) from error
        if body is not None:
            for event in body.finish():
                yield event
            if body.failure is not None:
                raise body.failure
            return
        if decoder is None:
            yield RunEnd("stop")
            return
        for event in decoder.ended(stream):
            yield event
        if invented_finish(stream):
            decoder.provider_reason = None
        for event in [*decoder.close(), *decoder.end()]:
            yield event


async def _open(given: Any, stack: contextlib.AsyncExitStack) -> Any:
    """The object to iterate over, entered where it is a context manager."""
    source: Any = given
    if _is_function(source):
        source = source()
    if hasattr(source, "__await__") and not hasattr(source, "stream_events"):
        source = await source
    if hasattr(source, "__aenter__"):
        source = await stack.enter_async_context(source)
    elif hasattr(source, "__enter__") and not hasattr(source, "__next__"):
        source = stack.enter_context(source)
    return source


def _iterator(stream: Any, stack: contextlib.AsyncExitStack) -> AsyncIterator[Any]:
    """Whatever streams, as an async iterator that `stack` closes."""
    source = _streaming_part(stream)
    if hasattr(source, "__aiter__"):
        iterator = aiter(source)
        stack.push_async_callback(_close, iterator, source, stream)
        return iterator
    if not hasattr(source, "__iter__"):
        raise unknown(source)
    thread = Threaded(iter(source), source, stream)
    stack.push_async_callback(thread.close)
    return thread


def _streaming_part(stream: Any) -> Any:
    """What to iterate over, of an object that may have several things to iterate over."""
    if isinstance(stream, (str, bytes)):
        return [stream]
    if hasattr(stream, "stream_events"):
        return stream.stream_events()
    if hasattr(stream, "stream_text") and not hasattr(stream, "__anext__"):
        return stream.stream_text(delta=True)
    for name in ("aiter_bytes", "iter_bytes"):
        if hasattr(stream, name):
            return getattr(stream, name)()
    if hasattr(stream, "async_response_gen"):
        generator = stream.async_response_gen
        return generator() if callable(generator) else generator
    if hasattr(stream, "response_gen"):
        return stream.response_gen
    return stream


async def _close(*objects: Any) -> None:
    """Closes what can be closed: an SDK's stream goes on generating otherwise."""
    done: set[int] = set()
    for thing in objects:
        close = getattr(thing, "aclose", None) or getattr(thing, "close", None)
        if callable(close) and id(thing) not in done:
            done.add(id(thing))
            with contextlib.suppress(Exception):
                result = close()
                if inspect.isawaitable(result):
                    await result


class Threaded:
    """A synchronous iterator as an asynchronous one: read in a thread, a few items ahead at most."""

    def __init__(self, iterator: Iterator[Any], *owners: Any) -> None:
        self._iterator = iterator
        self._owners = owners
        self._loop = asyncio.get_running_loop()
        self._items: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self._room = threading.Semaphore(16)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def __aiter__(self) -> Threaded:
        return self

    async def __anext__(self) -> Any:
        if self._thread is None:
            self._thread = threading.Thread(target=self._read, name="nbstream-source", daemon=True)
            self._thread.start()
        kind, value = await self._items.get()
        self._room.release()
        if kind == "item":
            return value
        if kind == "error":
            raise value
        raise StopAsyncIteration

    def _read(self) -> None:
        try:
            for item in self._iterator:
                self._room.acquire()
                if self._stopped.is_set():
                    break
                self._put("item", item)
            self._put("end", None)
        except BaseException as error:  # user code may raise SystemExit too
            self._put("error", error)
        finally:
            self._close_all()

    def _put(self, kind: str, value: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has gone: nobody reads any more
            self._loop.call_soon_threadsafe(self._items.put_nowait, (kind, value))

    async def close(self) -> None:
        """Tells the thread to stop after the item it waits for; it then closes the iterator."""
        self._stopped.set()
        self._room.release()
        if self._thread is None:
            self._close_all()
        for thing in self._owners:  # a stream over HTTP wakes up when its response is closed
            response: Any = getattr(thing, "response", None)
            if hasattr(response, "close") and not inspect.iscoroutinefunction(response.close):
                with contextlib.suppress(Exception):
                    response.close()

    def _close_all(self) -> None:
        for thing in (self._iterator, *self._owners):
            close = getattr(thing, "close", None)
            if callable(close):
                with contextlib.suppress(Exception):
                    close()


def _wire(item: Any) -> Framer | None:
    """What frames a stream that comes as raw text or bytes; None for plain text and objects."""
    if isinstance(item, str):
        return EventStreamDecoder() if re.match(r"(data|event|id|retry): ?\S", item) else None
    if isinstance(item, (bytes, bytearray)):
        if re.match(rb"\s*(\xef\xbb\xbf)?(data|event|id|retry|):", item):
            return EventStreamDecoder()
        if re.match(rb"\s*\{", item):
            return LineDecoder()
        if re.match(rb"\s*\[\s*(\{|$)", item):  # Gemini without `alt=sse`
            return ArrayDecoder(MAX_LINE)
        if _is_aws(item):
            return EventStreamFramer()
    return None


def _is_aws(item: bytes | bytearray) -> bool:
    """Whether bytes begin an AWS event stream: two lengths, and a checksum of them."""
    if len(item) < 12:
        return bool(item) and item[0] == 0
    return zlib.crc32(item[:8]) == int.from_bytes(item[8:12], "big")


def _bytes(item: Any) -> bytes:
    """A piece of an event stream; a line that lost its end (`iter_lines`) gets it back."""
    if isinstance(item, str):
        line = item.encode("utf-8", "replace")
        return line if line.endswith((b"\n", b"\r")) else line + b"\n"
    return bytes(item)


def _library(source: Any) -> str:
    module = type(source).__module__.partition(".")[0]
    return "" if module in ("builtins", "__main__", "collections", "types") else module


def unknown(thing: Any, what: str = "this is") -> UsageError:
    kind = f"{type(thing).__module__}.{type(thing).__qualname__}".removeprefix("builtins.")
    return UsageError(
        f"nb.show does not know how to read it: {what} {kind}",
        hint=f"{ACCEPTED}\n{THREE_LINES}",
    )
