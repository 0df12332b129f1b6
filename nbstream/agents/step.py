"""A step of a workflow: an agent with its prompt, or a handler, and the run it is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

import msgspec

from nbstream.adapters.models.base import ChatModel
from nbstream.adapters.sources.source import Source, Turn
from nbstream.adapters.transport.timeouts import Timeouts
from nbstream.events import Error, RunEnd, RunStart, StreamEvent, TextDelta, Usage
from nbstream.events.errors import UsageError
from nbstream.runs.fan_in import Channel, fan_in
from nbstream.runs.iterator import StreamIterator, every_event
from nbstream.runs.stream import Stream

from .agent import Agent
from .fill import fill
from .results import result_of
from .user_code import Interrupted, call_user, is_async

Context = dict[str, Any]


class Step:
    """One step: an agent (or a model) that gets a prompt, or a handler that gets the context.

        Step("greeter", agent)                              # gets the workflow's input
        Step("critic", other, prompt="Criticise: {greeter}")
        Step("count", handler=lambda context: len(context["greeter"]))

    `prompt` is filled from the context: the input as `{input}`, what was given as `context=`, and each
    earlier step by its name. Without one, a step gets what the step before it gave. `handler(context)` may be
    sync, async, or a generator whose strings are shown as they come; it may return anything, also a `Stream`.
    `outputs`: names under which the answer is handed on besides the step's own; several take apart an answer
    that is an object. `streaming=False` shows the text when it is whole.
    """

    def __init__(
        self,
        name: str,
        agent: Agent | ChatModel | str | None = None,
        *,
        prompt: str = "{previous}",
        handler: Callable[..., Any] | None = None,
        outputs: Sequence[str] = (),
        streaming: bool = True,
    ) -> None:
        if (agent is None) == (handler is None):
            raise UsageError(f"Step {name!r} needs an agent or a handler, one of the two.")
        self.name = name
        self.agent: Agent | None = (
            agent if isinstance(agent, Agent) or agent is None else Agent(agent)
        )
        self.prompt = prompt
        self.handler = handler
        self.outputs: tuple[str, ...] = tuple(outputs)
        self.streaming = streaming

    @property
    def bound(self) -> bool:
        """Whether code of it is async, and so runs on the loop of the user's code."""
        if self.agent is not None:
            return self.agent.bound
        return self.handler is not None and is_async(self.handler)

    def open(self, context: Context) -> Stream:
        """The stream of this step."""
        if self.agent is not None:
            prompt, notes = fill(self.prompt, context)
            if notes:
                named = notes[0].partition(" was left")[0]
                raise UsageError(
                    f"Step {self.name!r}: its prompt names {named}, which the context does not have.",
                    hint=f"The context has {', '.join(context)}.",
                )
            return self.agent.stream(prompt)
        assert self.handler is not None
        handled = _Handled(self.handler, context, self.name)
        source = Source(events=handled.events, turn=handled)
        return Stream(source, timeouts=Timeouts(first=None, between=None), retries=0)

    def __repr__(self) -> str:
        return f"Step({self.name!r})"


class _Handled(Turn):
    """A handler's run: the strings it yields, or its value, as text; `output` is the value."""

    def __init__(self, handler: Callable[..., Any], context: Context, name: str) -> None:
        self._work = partial(handler, context)
        self._name = name
        self._stream: Stream | None = None
        self._watched = False

    @property
    def bound(self) -> bool:
        return is_async(self._work)

    @property
    def busy(self) -> bool:
        return True

    async def events(self) -> AsyncGenerator[StreamEvent, None]:
        try:
            async with aclosing(self._handle()) as events:
                async for event in events:
                    yield event
        except Interrupted:
            self.interrupted = True
            yield RunEnd("stopped", incomplete=True)

    async def _handle(self) -> AsyncGenerator[StreamEvent, None]:
        result = _HandlerResult(None)

        async def call(yielded: Channel[_HandlerResult]) -> None:
            nonlocal result
            result = await call_user(
                self._work, self._name, yielded.push, self.home, _HandlerResult
            )

        pieces: list[str] = []
        async with aclosing(fan_in([call])) as yielded:
            async for piece in yielded:
                pieces.append(piece.text)
                yield TextDelta(0, pieces[-1])
        value = result.value
        if isinstance(value, Stream):
            async with aclosing(self._follow(value)) as events:
                async for event in events:
                    yield event
            response = value.response
            value = response.text if response.output is None else response.output
        elif pieces and value == pieces[-1]:
            value = "".join(pieces)
        elif not pieces and value is not None:
            yield TextDelta(0, result.text)
            yield Usage(0, 0)
        self.output = value
        yield RunEnd("stop")

    async def _follow(self, stream: Stream) -> AsyncGenerator[StreamEvent, None]:
        self._stream = stream
        turn = stream.source.turn
        if turn is not None and turn.home is None:
            turn.home = self.home
        if self._watched:
            stream.watched()
        reader = StreamIterator(stream, every_event)
        try:
            async for event in reader:
                if not isinstance(event, (RunStart, RunEnd, Error)):
                    yield msgspec.structs.replace(event)
        finally:
            reader.close()
        if turn is not None and turn.interrupted:
            raise Interrupted

    def closing_events(self) -> list[StreamEvent]:
        turn = self._stream.source.turn if self._stream and not self._stream.ended else None
        return turn.closing_events() if turn else []

    def watched(self) -> None:
        self._watched = True
        if self._stream is not None:
            self._stream.watched()

    def decide(self, question: str, approved: bool) -> bool:
        return self._stream is not None and self._stream.approve(question, approved)

    def settle(self, approval_id: str, approved: bool) -> bool:
        turn = self._stream.source.turn if self._stream is not None else None
        return turn is not None and turn.settle(approval_id, approved)


class _HandlerResult:
    """What a handler gave, and its text, which is had where the handler runs: that is code of the user's too."""

    def __init__(self, value: Any) -> None:
        self.value = value
        if isinstance(value, str):
            self.text = value
        else:
            self.text = "" if isinstance(value, Stream) else result_of(value).text
