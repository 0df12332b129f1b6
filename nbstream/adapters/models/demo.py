"""An offline model with a few set pieces, so that everything can be tried with no key."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import AsyncGenerator, Iterable
from typing import Any, ClassVar

import msgspec

from nbstream.events import (
    RunEnd,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResult,
    Usage,
)
from nbstream.events.errors import ServerError

from . import demo_texts as texts
from .base import ChatModel, ChatRequest, Feature

#: Tokens per second at speed 1.
RATE = 60.0


class Demo(ChatModel):
    """Answers offline, by words in the prompt, and says that it is a demo.

    "think" shows thinking, "weather" or "tool" a tool call, "long" a long answer, "table", "code" or
    "math" a page with all of them, "fail" or "error" an error in the middle. `speed` multiplies the usual
    60 tokens a second; 0 means no waiting. The same `seed` gives the same rhythm.
    """

    provider = "demo"
    name = "demo"
    features: ClassVar[frozenset[Feature]] = frozenset({"streaming", "tools", "thinking"})

    def __init__(self, speed: float = 1.0, seed: int = 7) -> None:
        self.speed = speed
        self.seed = seed

    async def events(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        prompt = _last_prompt(request)
        rhythm = _Rhythm(self.speed, self.seed)
        tokens = 0
        limit = request.max_tokens
        read = max(1, sum(len(str(m.get("content") or "")) for m in request.messages) // 4)
        finish = "stop"
        await rhythm.first()
        for event in _scene(request, prompt):
            if isinstance(event, Exception):
                raise event
            if isinstance(event, (TextDelta, ThinkingDelta, ToolCallDelta)):
                if limit is not None and tokens >= limit:
                    finish = "length"
                    break
                await rhythm.next()
                tokens += 1
            elif isinstance(event, ToolResult):
                await rhythm.pause(0.6)
            elif isinstance(event, ToolCallEnd) and request.tools:
                finish = "tool_calls"
            yield event
        yield Usage(read, tokens)
        yield RunEnd(finish, finish)


class _Rhythm:
    """Waits between tokens: an even rate with small irregularities."""

    def __init__(self, speed: float, seed: int) -> None:
        self._step = 1 / (RATE * speed) if speed > 0 else 0.0
        self._random = random.Random(seed)
        self._due = time.monotonic()

    async def first(self) -> None:
        await self.pause(0.25)

    async def next(self) -> None:
        jitter = self._random.lognormvariate(-0.08, 0.4)
        await self._wait(self._step * jitter)

    async def pause(self, seconds: float) -> None:
        await self._wait(seconds * self._step * RATE)

    async def _wait(self, seconds: float) -> None:
        self._due += seconds
        delay = self._due - time.monotonic()
        if delay > 0.001:
            await asyncio.sleep(delay)
        elif not seconds:
            await asyncio.sleep(0)
        if delay < -0.5:  # the loop was busy: go on from here instead of rushing
            self._due = time.monotonic()


def _last_prompt(request: ChatRequest) -> str:
    for message in reversed(request.messages):
        if message.get("role") == "user":
            content = message.get("content") or ""
            if isinstance(content, str):
                return content
            return " ".join(part.get("text") or "" for part in content if isinstance(part, dict))
    return ""


def _scene(request: ChatRequest, prompt: str) -> Iterable[StreamEvent | Exception]:
    words = set(re.findall(r"[a-z]+", prompt.lower()))
    if request.tools:
        return _with_tools(request, prompt)
    if words & {"error", "fail", "fails", "failure", "broken"}:
        return _failing()
    if words & {"weather", "tool", "tools"}:
        return _weather()
    if any(word.startswith(("think", "reason")) for word in words):
        return _thinking()
    if words & {"long", "essay", "history"}:
        return _say(texts.LONG)
    if words & {
        "table",
        "code",
        "markdown",
        "math",
        "maths",
        "formula",
        "list",
        "lists",
        "quicksort",
    }:
        return _say(texts.PAGE)
    return _say(texts.about(prompt))


def tokens_of(text: str) -> list[str]:
    """Pieces of about the size of a model's tokens; joined they are the text."""
    return re.findall(r" ?\w{1,7}|\n+|\s|[^\w\s]+", text)


def _say(text: str, block: int = 0) -> Iterable[StreamEvent]:
    return (TextDelta(block, token) for token in tokens_of(text))


def _thinking() -> Iterable[StreamEvent]:
    yield from (ThinkingDelta(0, token) for token in tokens_of(texts.THOUGHTS))
    yield from _say(texts.AFTER_THOUGHT, block=1)


def _weather() -> Iterable[StreamEvent]:
    yield from _say(texts.BEFORE_TOOL)
    call = "demo_weather_1"
    yield ToolCallStart(call, 1, "get_weather", server_side=True)
    arguments = '{"city": "Reykjavík", "days": 3, "units": "celsius"}'
    yield from (ToolCallDelta(call, token) for token in tokens_of(arguments))
    yield ToolCallEnd(call, msgspec.json.decode(arguments))
    yield ToolResult(call, texts.FORECAST, duration=0.6)
    yield from _say(texts.AFTER_TOOL, block=2)


def _failing() -> Iterable[StreamEvent | Exception]:
    yield from _say(texts.BEFORE_ERROR)
    yield ServerError(
        "the demo server is overloaded (on purpose)",
        status=529,
        provider="demo",
        hint="You asked for a failure. The text that had arrived stays.",
        retryable=False,
    )


def _with_tools(request: ChatRequest, prompt: str) -> Iterable[StreamEvent]:
    """Calls one of the user's own tools, then tells what it gave back."""
    results = [m.get("content") for m in request.messages if m.get("role") == "tool"]
    if results:
        yield from _say(texts.told(results))
        return
    functions = [tool.get("function", tool) for tool in request.tools or ()]
    chosen = next((f for f in functions if f["name"].lower() in prompt.lower()), functions[0])
    yield from _say(texts.will_call(chosen["name"]))
    call = f"demo_{chosen['name']}_{random.randrange(16**8):08x}"
    yield ToolCallStart(call, 1, chosen["name"])
    arguments = _arguments(chosen.get("parameters") or {}, prompt)
    text = msgspec.json.encode(arguments).decode()
    yield from (ToolCallDelta(call, token) for token in tokens_of(text))
    yield ToolCallEnd(call, arguments)


def _arguments(schema: dict[str, Any], prompt: str) -> dict[str, Any]:
    """Plausible arguments: numbers, quotes and capitalised words of the prompt, in order."""
    numbers = [float(n) if "." in n else int(n) for n in re.findall(r"-?\d+(?:\.\d+)?", prompt)]
    names = re.findall(r"[\"'“](.+?)[\"'”]", prompt) or re.findall(r"(?<!^)\b[A-Z]\w+", prompt)
    arguments: dict[str, Any] = {}
    properties = schema.get("properties") or {}
    for name in schema.get("required") or properties:
        kind = properties.get(name, {})
        if options := kind.get("enum"):
            arguments[name] = options[0]
        elif kind.get("type") in ("integer", "number"):
            arguments[name] = numbers.pop(0) if numbers else 1
        elif kind.get("type") == "boolean":
            arguments[name] = True
        elif kind.get("type") == "array":
            arguments[name] = numbers or names
        elif kind.get("type") == "object":
            arguments[name] = {}
        else:
            arguments[name] = names.pop(0) if names else prompt.strip()
    return arguments
