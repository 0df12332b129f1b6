"""Anything that already streams, as the source of a run."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from typing import Any

from nbstream.errors import UsageError
from nbstream.events import StreamEvent

from .base import Source
from .shapes import Shaper, describe_source, shaper_for

ACCEPTED = """\
nb.show takes
  an async or sync iterator (or a function that returns one, or an awaitable of one) of
    strings or nbstream events,
    chunks of OpenAI (chat or Responses), Anthropic, Gemini, Ollama, Bedrock, Cohere or litellm,
    chunks or events of LangChain, LangGraph, pydantic-ai, OpenAI Agents, LlamaIndex, AG-UI, Vercel AI;
  a stream object of one of their SDKs;
  the URL of an AG-UI or other event stream, or the path of a recording."""

THREE_LINES = """\
Anything else takes three lines:
  async def text():
      async for chunk in source: yield chunk.whatever_holds_the_text
  nb.show(text())"""


def adapt(source: Any, title: str | None = None) -> Source:
    """The `Source` of anything that streams. Raises UsageError for what cannot.

    The object is read on the event loop of the run, a synchronous one in a thread of its own; at the end,
    or when the run stops, it is closed.
    """
    opened = _open(source)
    provider, model = describe_source(source)
    return Source(
        events=opened,
        model=model or title or "",
        provider=provider,
        portable=not _is_async(source),
        restartable=_is_function(source),
    )


def _is_async(source: Any) -> bool:
    return (
        hasattr(source, "__aiter__") or hasattr(source, "__aenter__") or inspect.isawaitable(source)
    )


def _is_function(source: Any) -> bool:
    return callable(source) and not hasattr(source, "__aiter__") and not hasattr(source, "__iter__")


def _open(source: Any) -> Callable[[], AsyncGenerator[StreamEvent, None]]:
    if source is None or isinstance(source, (bool, int, float)):
        raise unknown(source)
    streams = (
        "__aiter__",
        "__iter__",
        "__anext__",
        "__next__",
        "__aenter__",
        "__enter__",
        "stream_events",
        "async_response_gen",
    )
    if not (
        callable(source)
        or inspect.isawaitable(source)
        or any(hasattr(source, name) for name in streams)
    ):
        raise unknown(source)
    return lambda: _events(source)


async def _events(source: Any) -> AsyncGenerator[StreamEvent, None]:
    shaper: Shaper | None = None
    async with contextlib.AsyncExitStack() as stack:
        items = await _iterator(source, stack)
        async for item in items:
            if shaper is None:
                shaper = shaper_for(item, source)
                if shaper is None:
                    raise unknown(item, "a chunk of the stream is")
            for event in shaper.feed(item):
                yield event
            if shaper.done:
                break
        for event in shaper.finish() if shaper else _empty():
            yield event


def _empty() -> list[StreamEvent]:
    from nbstream.events import RunEnd

    return [RunEnd("stop")]


async def _iterator(given: Any, stack: contextlib.AsyncExitStack) -> AsyncIterator[Any]:
    """Whatever is given, as an async iterator that `stack` closes."""
    source: Any = given
    if _is_function(source):
        source = source()
    if inspect.isawaitable(source):
        source = await source
    if hasattr(source, "__aenter__"):
        source = await stack.enter_async_context(source)
    elif hasattr(source, "__enter__") and not hasattr(source, "__next__"):
        source = stack.enter_context(source)
    if isinstance(source, (str, bytes)):
        source = [source]
    if hasattr(source, "stream_events"):
        source = source.stream_events()
    if hasattr(source, "__aiter__"):
        iterator = aiter(source)
        stack.push_async_callback(_close, source, iterator)
        return iterator
    iterator = iter(source)
    thread = Threaded(iterator, source)
    stack.push_async_callback(thread.close)
    return thread


async def _close(*objects: Any) -> None:
    """Closes what can be closed; SDK streams keep generating otherwise."""
    for thing in objects:
        close = getattr(thing, "aclose", None) or getattr(thing, "close", None)
        if callable(close):
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
        except Exception as error:
            self._put("error", error)
        finally:
            for thing in (self._iterator, *self._owners):
                close = getattr(thing, "close", None)
                if callable(close):
                    with contextlib.suppress(Exception):
                        close()

    def _put(self, kind: str, value: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has gone: nobody reads any more
            self._loop.call_soon_threadsafe(self._items.put_nowait, (kind, value))

    async def close(self) -> None:
        """Tells the thread to stop after the item it is waiting for; it then closes the iterator."""
        self._stopped.set()
        self._room.release()
        if self._thread is None:
            await _close(*self._owners, self._iterator)
            return
        for thing in self._owners:  # an HTTP stream wakes up when it is closed from outside
            response: Any = getattr(thing, "response", None)
            if hasattr(response, "close"):
                with contextlib.suppress(Exception):
                    response.close()


def unknown(thing: Any, what: str = "this is") -> UsageError:
    kind = f"{type(thing).__module__}.{type(thing).__qualname__}".removeprefix("builtins.")
    return UsageError(
        f"nb.show does not know how to read it: {what} a {kind}",
        hint=f"{ACCEPTED}\n{THREE_LINES}",
    )
