"""One turn: from a prompt to the last answer to it, with the tool calls in between.

ask the model ──calls tools──▶ run them at once, send their results ──▶ ask again … at most max_iterations
     │
     └──answers──▶ output fits its type? ──no──▶ one repair, if asked for
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from functools import partial
from typing import Any

import msgspec

from nbstream.adapters.models.base import ChatModel, ChatRequest, SecretsOf
from nbstream.adapters.sources.source import Source, Turn
from nbstream.events import (
    ContentPart,
    IterationEnd,
    IterationStart,
    Reset,
    RunEnd,
    StreamEvent,
    ToolApproval,
    ToolCallEnd,
    ToolProgress,
    ToolResult,
    Warning,
)
from nbstream.events.errors import NbstreamError, OutputValidationError, ToolError
from nbstream.events.nearly import fit
from nbstream.fold.parts import ToolPart
from nbstream.fold.transcript import Transcript
from nbstream.runs.cassettes import request_events
from nbstream.runs.retry import attempts
from nbstream.runs.stream import Stream

from .approval import Approval
from .history import History, Message, result_message, said
from .history import renamed as with_ids
from .nested import Nested
from .results import Image, result_of
from .schema import Schema
from .tools import Tool, as_tools

LAST_ITERATION = (
    "You have made {n} requests and may not call tools any more. "
    "Give your final answer now, from what you have found out so far."
)
REPAIR = "That does not fit: {errors}. Answer again, with nothing but the corrected JSON."
SCHEMA = "Answer with nothing but JSON that fits this schema:\n{schema}"
NOT_RUN = {
    "denied": "The user did not allow this call.",
    "timeout": "Nobody answered whether this call may run, so it did not.",
}
STOPPED = "The user stopped this call before it gave a result."

Emit = Callable[[StreamEvent], None]


class AgentTurn(Turn):
    """The source of one turn's events: `request` is what goes before, `prompt` the turn's first messages."""

    def __init__(
        self,
        model: ChatModel,
        request: ChatRequest,
        prompt: Iterable[Message],
        *,
        tools: Iterable[Tool] = (),
        max_iterations: int = 10,
        schema: Schema | None = None,
        repair: bool = False,
        approval: Approval | None = None,
        retries: int = 2,
        history: History | None = None,
    ) -> None:
        self._model = model
        self._request = request
        self._tools = {tool.wire_name: tool for tool in tools}
        self._max_iterations = max_iterations
        self._schema = schema
        self.structured = schema is not None
        self._repairs = 1 if repair else 0
        self._repair: str | None = None
        self._approval = approval or Approval()
        self._retries = retries
        self._history = history
        self.note = "" if history is None else history.next_turn
        self._messages = list(prompt)
        self._prompts = len(self._messages)
        self._said = Transcript()
        self._calls: list[ToolPart] = []
        self._results: dict[str, str] = {}
        self._running: dict[str, tuple[Tool, float]] = {}
        self._nested: dict[str, Nested] = {}
        self._block = 0
        self._ids: set[str] = set()
        self._consents: set[str] = set()  # calls of the provider's that wait for consent
        self._steps: dict[str, int] = {}

    @property
    def source(self) -> Source:
        return Source(
            events=self.events,
            model=self._model.name,
            provider=self._model.provider,
            portable=all(tool.threaded for tool in self._tools.values()),
            secrets=SecretsOf(self._model, self._request),
            turn=self,
        )

    # ── what a run asks of its turn ───────────────────────────────────────────

    @property
    def busy(self) -> bool:
        return bool(self._running or self._approval.waiting)

    def attend(self) -> None:
        self._approval.attended = True
        for nested in list(self._nested.values()):
            nested.stream.attend()

    def decide(self, call_id: str, approved: bool) -> bool:
        return self._approval.decide(call_id, approved) or any(
            nested.decide(call_id, approved) for nested in list(self._nested.values())
        )

    def farewell(self) -> list[StreamEvent]:
        events = [event for nested in self._nested.values() for event in nested.farewell()]
        for call in self._calls:
            if call.call_id in self._results:
                continue
            tool, began = self._running.get(call.call_id, (None, None))
            if tool is not None and tool.threaded and call.call_id not in self._nested:
                events.append(
                    Warning(
                        f"{tool.name} runs in a thread, which cannot be cancelled: it goes on, "
                        "and its result is dropped."
                    )
                )
            events.append(ToolResult(call.call_id, "stopped", True, _since(began)))
        self._remember()
        return events

    # ── the loop ──────────────────────────────────────────────────────────────

    async def events(self) -> AsyncGenerator[StreamEvent, None]:
        iteration = 0
        while True:
            iteration += 1
            last = iteration >= self._max_iterations
            if last and self._results:
                content = LAST_ITERATION.format(n=iteration - 1)
                self._messages.append({"role": "user", "content": content})
            yield IterationStart(iteration)
            end = RunEnd("unknown", incomplete=True)
            first_block = self._block
            async with aclosing(self._ask(self._next_request())) as events:
                async for event in events:
                    if isinstance(event, RunEnd):
                        end = event
                    else:
                        yield event
            self._calls = [call for call in self._said.tool_calls if not call.server_side]
            calls, usage, text = self._calls, self._said.usage, self._said.text
            if calls and last:
                yield Warning(f"No answer within max_iterations={self._max_iterations}.")
                for call in calls:
                    yield self._result(call.call_id, "not run: no iteration left", error=True)
            elif calls:
                async with aclosing(self._run_tools(calls)) as events:
                    async for event in events:
                        yield event
            self._settle()
            repair = None
            if self._schema and not calls and end.finish_reason in ("stop", "unknown"):
                async with aclosing(self._validated(text, end)) as events:
                    async for event in events:
                        yield event
                repair, self._repair = self._repair, None
            if usage is not None:
                usage = msgspec.structs.replace(usage, seq=0, time=0.0)
            yield IterationEnd(iteration, usage, end.finish_reason, end.carry)
            if repair is not None:
                self._messages.append({"role": "user", "content": repair})
                yield Reset(first_block, "the answer did not fit its type")
            elif last or not calls:
                yield msgspec.structs.replace(end, carry=None)  # the iteration has it
                return

    def _next_request(self) -> ChatRequest:
        # a tool that must be called has been: asked for again, it would be called for ever
        forced = self._request.tool_choice not in (None, "auto", "none") and self._results
        return msgspec.structs.replace(
            self._request,
            messages=[*self._request.messages, *map(dict, self._messages)],
            tool_choice=None if forced else self._request.tool_choice,
        )

    async def _ask(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        """One request's events, with block numbers and call ids that are new in this run."""
        self._said = Transcript()
        self._calls = []
        shift = self._block
        renamed: dict[str, str] = {}
        ask = partial(request_events, self._model, request)
        async with aclosing(attempts(ask, self._retries)) as events:
            async for event in events:
                changes: dict[str, Any] = {}
                block = getattr(event, "block", None)
                if block is not None:
                    if shift:
                        changes["block"] = block + shift
                    if block + shift >= self._block and not isinstance(event, Reset):
                        self._block = block + shift + 1
                new = ""
                if (call_id := getattr(event, "call_id", None)) is not None:
                    new = renamed.get(call_id) or self._new_id(call_id)
                    if new != call_id:
                        changes["call_id"] = new
                    renamed[call_id] = new
                if isinstance(event, ToolCallEnd):
                    part = self._said.call(new)
                    name = part.name if part else ""
                    value, fitted = self._fitted(name, event.arguments)
                    if fitted:
                        changes["arguments"] = value
                        yield Warning(f"JSON inside a string was read in the arguments of {name}")
                elif isinstance(event, RunEnd) and event.carry is not None:
                    changes["carry"] = with_ids(event.carry, renamed)
                elif isinstance(event, ToolApproval) and event.decision == "requested":
                    self._approval.ask(new)
                    self._consents.add(new)
                if changes:
                    event = msgspec.structs.replace(event, **changes)
                self._said.apply(event)
                yield event

    def _fitted(self, name: str, arguments: Any) -> tuple[Any, bool]:
        """Arguments in which a model encoded an object or a list as a string, decoded before anyone sees them."""
        tool = self._tools.get(name)
        if tool is None or not isinstance(arguments, dict):
            return arguments, False
        return fit(arguments, tool.schema.json)

    def _new_id(self, call_id: str) -> str:
        """Some servers number their calls anew in each answer."""
        new, n = call_id, 1
        while new in self._ids:
            n += 1
            new = f"{call_id}-{n}"
        self._ids.add(new)
        return new

    def _settle(self) -> None:
        """The model's answer and its tools' results become messages."""
        if not (self._said.text or self._said.refusal or self._calls or self._said.carry):
            return
        self._messages.append(said(self._said, self._calls))
        for call in self._calls:
            self._messages.append(
                result_message(call.call_id, self._results.setdefault(call.call_id, STOPPED))
            )
        self._said = Transcript()
        self._calls = []

    def _remember(self) -> None:
        """What was said belongs to the conversation, also where the turn was cut."""
        self._settle()
        history, self._history = self._history, None
        if history is not None and len(self._messages) > self._prompts:
            history.add(self._messages)

    async def _validated(self, text: str, end: RunEnd) -> AsyncGenerator[StreamEvent, None]:
        """Set the output, or say in `_repair` how to ask for it. Raises `OutputValidationError`."""
        assert self._schema is not None
        try:
            self.output, mended = self._schema.read(text)
            if mended:
                yield Warning(f"the answer was mended: {mended}")
        except OutputValidationError as error:
            if end.incomplete:
                return  # it was cut off, which the run says itself
            if not self._repairs:
                raise
            self._repairs -= 1
            self._repair = REPAIR.format(errors="; ".join(map(str, error.errors)))

    # ── tools ─────────────────────────────────────────────────────────────────

    async def _run_tools(self, calls: list[ToolPart]) -> AsyncGenerator[StreamEvent, None]:
        """Runs all calls at once; events come as they happen."""
        queue: asyncio.Queue[StreamEvent | None] = asyncio.Queue()
        images: dict[str, tuple[Image, ...]] = {}
        tasks = [asyncio.ensure_future(self._run(call, queue.put_nowait, images)) for call in calls]
        for task in tasks:
            task.add_done_callback(lambda _: queue.put_nowait(None))
        left = len(tasks)
        try:
            while left:
                event = await queue.get()
                if event is None:
                    left -= 1
                else:
                    yield event
            for task in tasks:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
        shown = [(call, image) for call in calls for image in images.get(call.call_id, ())]
        for call, image in shown:
            yield ContentPart(
                self._block, image.mime, image.data, alt=f"from {call.name}", run=call.call_id
            )
            self._block += 1
        if shown and self._model.supports("vision"):
            self._settle()
            parts = [{"type": "image_url", "image_url": {"url": image.url}} for _, image in shown]
            self._messages.append({"role": "user", "content": parts})

    async def _run(self, call: ToolPart, emit: Emit, images: dict[str, tuple[Image, ...]]) -> None:
        """One call to its result; a failing tool is told to the model and ends nothing."""
        call_id = call.call_id
        began: float | None = None
        try:
            if call_id in self._consents:  # the provider runs it, and asks first
                decision = await self._approval.answer(call_id)
                emit(ToolApproval(call_id, decision))
                allowed = decision == "approved"
                text = "approved" if allowed else NOT_RUN[decision]
                emit(self._result(call_id, text, error=not allowed))
                return
            tool = self._tool(call)
            if await self._approval.needed(tool, call.arguments):
                self._approval.ask(call_id)
                emit(ToolApproval(call_id, "requested"))
                decision = await self._approval.answer(call_id)
                emit(ToolApproval(call_id, decision))
                if decision != "approved":
                    emit(self._result(call_id, NOT_RUN[decision], error=True))
                    return
            began = time.monotonic()
            self._running[call_id] = tool, began
            value = await tool.run(
                call.arguments, lambda value: emit(ToolProgress(call_id, result_of(value).content))
            )
            if isinstance(value, Stream):
                value = await self._follow(value, call, emit)
            result = result_of(value)
            images[call_id] = result.images
            emit(self._result(call_id, result.content, text=result.text, began=began))
        except NbstreamError as error:
            emit(self._result(call_id, error.message, error=True, began=began))
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
            emit(self._result(call_id, message, error=True, began=began))
        finally:
            self._running.pop(call_id, None)

    def _tool(self, call: ToolPart) -> Tool:
        if call.error:
            raise ToolError(f"The arguments are not JSON: {call.error}")
        tool = self._tools.get(call.name)
        if tool is None:
            names = ", ".join(self._tools)
            raise ToolError(f"There is no tool {call.name!r}. Tools: {names}.")
        return tool

    async def _follow(self, stream: Stream, call: ToolPart, emit: Emit) -> Any:
        """A tool that answers with a stream: its events are shown, its answer is the result."""
        name = stream.title or call.name
        n = self._steps[name] = self._steps.get(name, 0) + 1
        step = name if n == 1 else f"{name} {n}"
        nested = self._nested[call.call_id] = Nested(stream, step, agent=name, run=call.call_id)
        if self._approval.attended:
            stream.attend()
        async with aclosing(nested.events()) as events:
            async for event in events:
                emit(event)
        response = stream.response
        return response.text if response.output is None else response.output

    def _result(
        self,
        call_id: str,
        content: Any,
        *,
        text: str | None = None,
        error: bool = False,
        began: float | None = None,
    ) -> ToolResult:
        text = str(content) if text is None else text
        self._results[call_id] = f"Error: {text}" if error else text
        return ToolResult(call_id, content, error, _since(began))


def _since(began: float | None) -> float | None:
    return None if began is None else round(time.monotonic() - began, 4)


def turn(
    model: ChatModel,
    request: ChatRequest,
    prompt: Iterable[Message],
    *,
    tools: Iterable[Any] = (),
    output_type: Any = None,
    **options: Any,
) -> Source:
    """The source of a turn: `request` is what goes before, `prompt` the turn's first messages.

    Raises `UsageError` for what is not a tool or a type.
    """
    runnable = as_tools(tools)
    schema = None if output_type is None else Schema.of(output_type)
    request = _request_for(model, request, runnable, schema)
    model.load()
    return AgentTurn(model, request, prompt, tools=runnable, schema=schema, **options).source


def request_for(
    model: ChatModel, request: ChatRequest, tools: Iterable[Any], output_type: Any
) -> ChatRequest:
    """The request that asks for such an answer, and tells of the tools.

    Raises `UsageError` for what is not a tool or a type.
    """
    schema = None if output_type is None else Schema.of(output_type)
    return _request_for(model, request, as_tools(tools), schema)


def _request_for(
    model: ChatModel, request: ChatRequest, tools: list[Tool], schema: Schema | None
) -> ChatRequest:
    if tools:
        request = msgspec.structs.replace(request, tools=[tool.spec for tool in tools])
        by_name = {tool.name: tool.wire_name for tool in tools}
        if isinstance(request.tool_choice, str) and request.tool_choice in by_name:
            request = msgspec.structs.replace(request, tool_choice=by_name[request.tool_choice])
    return request if schema is None else _asking_for(schema, request, model)


def _asking_for(schema: Schema, request: ChatRequest, model: ChatModel) -> ChatRequest:
    """The request for an answer of this form, in the model's own way where it has one."""
    if model.supports("json"):
        return msgspec.structs.replace(request, output_schema=schema.json)
    words = SCHEMA.format(schema=msgspec.json.encode(schema.json).decode())
    messages = list(request.messages)
    if messages and messages[0]["role"] == "system":
        messages[0] = {**messages[0], "content": f"{messages[0]['content']}\n\n{words}"}
    else:
        messages.insert(0, {"role": "system", "content": words})
    return msgspec.structs.replace(request, messages=messages)
