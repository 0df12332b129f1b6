"""One turn: from a prompt to the last answer to it, with the tool calls in between.

ask the model ──calls tools──▶ run them at once, send their results ──▶ ask again … at most max_iterations
     │
     └──answers──▶ output fits its type? ──no──▶ one repair, if asked for
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
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
    WarningEvent,
)
from nbstream.events.errors import OutputValidationError
from nbstream.fold.parts import ToolPart
from nbstream.fold.transcript import Transcript
from nbstream.runs.cassettes import request_events
from nbstream.runs.loops import running_loop
from nbstream.runs.retry import attempts

from .approval import Approval
from .call_ids import CallIds
from .calls import ToolCalls
from .history import History, Message, assistant_message, result_message
from .history import renamed as with_ids
from .schema import Schema
from .tools import Tool, as_tools
from .user_code import Interrupted

LAST_ITERATION = (
    "You have made {n} requests and may not call tools any more. "
    "Give your final answer now, from what you have found out so far."
)
REPAIR = "That does not fit: {errors}. Answer again, with nothing but the corrected JSON."
SCHEMA = "Answer with nothing but JSON that fits this schema:\n{schema}"
STOPPED = "The user stopped this call before it gave a result."
#: Finish reasons after which an answer is rarely whole, in words.
CUT = {
    "length": "the token limit was reached",
    "content_filter": "the provider's content filter cut it",
    "pause": "the provider paused it",
    "refusal": "the model refused to go on",
}


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
        self._tools = ToolCalls(tools, approval or Approval())
        self._max_iterations = max_iterations
        self._schema = schema
        self.structured = schema is not None
        self._repairs = 1 if repair else 0
        self._retries = retries
        self._history = history
        self.note = "" if history is None else history.next_turn
        self.home = running_loop()
        self._messages = list(prompt)
        self._prompts = len(self._messages)
        self._transcript = Transcript()
        self._calls: list[ToolPart] = []
        self._block = 0
        self._ids = CallIds()

    @property
    def source(self) -> Source:
        return Source(
            events=self.events,
            model=self._model.name,
            provider=self._model.provider,
            secrets=SecretsOf(self._model, self._request),
            turn=self,
        )

    # ── what a run asks of its turn ───────────────────────────────────────────

    @property
    def busy(self) -> bool:
        return self._tools.busy

    @property
    def bound(self) -> bool:
        return self._tools.bound

    def watched(self) -> None:
        self._tools.watched()

    def decide(self, question: str, approved: bool) -> bool:
        return self._tools.decide(question, approved)

    def settle(self, approval_id: str, approved: bool) -> bool:
        return self._tools.settle(approval_id, approved)

    def closing_events(self) -> list[StreamEvent]:
        events = self._tools.closing_events(self._calls)
        self._remember()
        return events

    # ── the loop ──────────────────────────────────────────────────────────────

    async def events(self) -> AsyncGenerator[StreamEvent, None]:
        self._tools.home = self.home
        try:
            async with aclosing(self._iterations()) as events:
                async for event in events:
                    yield event
        except Interrupted:
            self.interrupted = True
            yield RunEnd("stopped", incomplete=True)

    async def _iterations(self) -> AsyncGenerator[StreamEvent, None]:
        iteration = 0
        while True:
            iteration += 1
            last = iteration >= self._max_iterations
            if last and self._tools.results:
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
            self._calls = [call for call in self._transcript.tool_calls if not call.server_side]
            calls, transcript = self._calls, self._transcript
            if calls and last:
                yield WarningEvent(f"No answer within max_iterations={self._max_iterations}.")
                for call in calls:
                    yield self._tools.refuse(call, "not run: no iteration left")
            elif calls:
                async with aclosing(self._run_tools(calls)) as events:
                    async for event in events:
                        yield event
            self._settle()
            repair = None
            if self._schema is not None and (last or not calls):
                repair, mended = self._validate(transcript, end)
                if mended:
                    yield WarningEvent(f"the answer was mended: {mended}")
            usage = transcript.usage
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
        forced = self._request.tool_choice not in (None, "auto", "none") and self._tools.results
        return msgspec.structs.replace(
            self._request,
            messages=[*self._request.messages, *map(dict, self._messages)],
            tool_choice=None if forced else self._request.tool_choice,
        )

    async def _ask(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        """One request's events, with block numbers and call ids that are new in this run.

        Each is a value of its own, also where the model gives one object again and again.
        """
        self._transcript = Transcript()
        self._calls = []
        self._ids.next_answer()
        shift = self._block
        ask = partial(request_events, self._model, request)
        async with aclosing(attempts(ask, self._retries)) as events:
            async for given in events:
                new: dict[str, Any] = {}
                block = getattr(given, "block", None)
                if block is not None:
                    new["block"] = block + shift
                    if not isinstance(given, Reset):
                        self._block = max(self._block, block + shift + 1)
                if (call_id := self._ids.of(given)) is not None:
                    new["call_id"] = call_id
                if isinstance(given, RunEnd) and given.carry is not None:
                    new["carry"] = with_ids(given.carry, self._ids.renamed)
                event, mended = self._tools.check(msgspec.structs.replace(given, **new))
                if mended:
                    yield WarningEvent(mended)
                self._transcript.apply(event)
                yield event

    async def _run_tools(self, calls: list[ToolPart]) -> AsyncGenerator[StreamEvent, None]:
        async with aclosing(self._tools.run(calls)) as events:
            async for event in events:
                yield event
        images = self._tools.images
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

    def _settle(self) -> None:
        """The model's answer and its tools' results become messages."""
        if not (
            self._transcript.text
            or self._transcript.refusal
            or self._calls
            or self._transcript.carry
        ):
            return
        self._messages.append(assistant_message(self._transcript, self._calls))
        results = self._tools.results
        for call in self._calls:
            self._messages.append(
                result_message(call.call_id, results.setdefault(call.call_id, STOPPED))
            )
        self._transcript = Transcript()
        self._calls = []

    def _remember(self) -> None:
        """What was said belongs to the conversation, also where the turn was cut."""
        self._settle()
        history, self._history = self._history, None
        if history is not None and len(self._messages) > self._prompts:
            history.add(self._messages)

    def _validate(self, transcript: Transcript, end: RunEnd) -> tuple[str | None, str]:
        """Set the output and say what had to be mended, or how to ask for a repair.

        An answer that the provider calls cut, or does not call finished, counts where it is whole. Raises
        `OutputValidationError`.
        """
        assert self._schema is not None
        text, finish = transcript.text, end.finish_reason
        try:
            if why := _not_whole(transcript, end):
                raise OutputValidationError(why, text=text or transcript.refusal, errors=[why])
            self.output, mended = self._schema.read(text)
        except OutputValidationError as error:
            if not self._repairs or finish not in ("stop", "unknown"):
                raise
            self._repairs -= 1
            return REPAIR.format(errors="; ".join(map(str, error.errors))), ""
        return None, mended


def _not_whole(transcript: Transcript, end: RunEnd) -> str:
    """Why an answer that is to have a type cannot be it, as far as that shows without reading it."""
    if transcript.refusal and not transcript.text:
        return "The model refused to answer."
    if any(not call.server_side for call in transcript.tool_calls):
        return "The model called tools until its last iteration and gave no answer."
    cut = CUT.get(end.finish_reason, "it ended without a finish reason" * end.incomplete)
    # a number that was cut is a number all the same: only what closes itself says that it is whole
    if cut and not transcript.text.rstrip().endswith(("}", "]", '"', "```")):
        return f"The answer is not whole: {cut}."
    return ""


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
