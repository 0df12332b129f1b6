"""The tool calls of a turn: checked once, approved, run at once, and what became of each.

arguments ─ check ─▶ keywords ─▶ guard ─▶ card ─▶ function        all of them see the same checked value
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

import msgspec

from nbstream.events import (
    StreamEvent,
    ToolApproval,
    ToolCallEnd,
    ToolCallStart,
    ToolProgress,
    ToolResult,
    WarningEvent,
)
from nbstream.events.errors import ToolError
from nbstream.events.json import MAX_DEPTH, decode_json, depth_exceeds
from nbstream.events.nearly import fit
from nbstream.fold.parts import ToolPart
from nbstream.runs.fan_in import Channel, fan_in
from nbstream.runs.stream import Stream

from .approval import Approval, Questions, preview
from .nested import Nested
from .results import Image, Result, plain, result_of
from .tools import Tool
from .user_code import Interrupted, Loop, described

NOT_RUN = {
    "denied": "The user did not allow this call.",
    "timeout": "Nobody answered whether this call may run, so it did not.",
}

Events = Channel[StreamEvent]


class ToolCalls:
    """`results` is what the model is told of each call, `images` what goes along, by the call's id.

    `home` is the loop where the user's async code lives.
    """

    def __init__(self, tools: Iterable[Tool], approval: Approval) -> None:
        self.home: Loop | None = None
        self.results: dict[str, str] = {}
        self.images: dict[str, tuple[Image, ...]] = {}
        self._tools = {tool.wire_name: tool for tool in tools}
        self._approval = approval
        self._names: dict[str, str] = {}
        self._checked: dict[str, dict[str, Any] | ToolError] = {}
        self._given: dict[str, Any] = {}
        self._consents: dict[str, str] = {}
        self._questions = Questions()
        self._open = 0
        self._running: dict[str, tuple[Tool, float]] = {}
        self._nested: dict[str, Nested] = {}
        self._steps: dict[str, int] = {}

    # ── what a run asks ───────────────────────────────────────────────────────

    @property
    def busy(self) -> bool:
        return self._open > 0

    @property
    def bound(self) -> bool:
        tools = self._tools.values()
        return any(tool.bound for tool in tools) or self._approval.bound(tools)

    def watched(self) -> None:
        self._approval.watched = True
        for nested in list(self._nested.values()):
            nested.stream.watched()

    def decide(self, question: str, approved: bool) -> bool:
        return self.settle(self._questions.approval_id(question), approved)

    def settle(self, approval_id: str, approved: bool) -> bool:
        return self._approval.decide(approval_id, approved) or any(
            nested.settle(approval_id, approved) for nested in list(self._nested.values())
        )

    def closing_events(self, calls: Sequence[ToolPart]) -> list[StreamEvent]:
        """What is left to say of `calls` when the run ends before they have a result."""
        events = [event for nested in self._nested.values() for event in nested.closing_events()]
        for call in calls:
            if call.call_id in self.results:
                continue
            tool, began = self._running.get(call.call_id, (None, None))
            if tool is not None and tool.threaded and call.call_id not in self._nested:
                events.append(
                    WarningEvent(
                        f"{tool.name} runs in a thread, which cannot be cancelled: it goes on, "
                        "and its result is dropped."
                    )
                )
            events.append(ToolResult(call.call_id, "stopped", True, _since(began)))
        return events

    # ── arguments ─────────────────────────────────────────────────────────────

    def check(self, event: StreamEvent) -> tuple[StreamEvent, str]:
        """Follow a model's events; where arguments are complete they are checked, once and for all.

        The event that says so has the checked values from then on, so that what is logged is what runs. With
        it comes what had to be mended, "" where nothing had.
        """
        if isinstance(event, ToolCallStart) and not event.server_side:
            self._names[event.call_id] = event.name
        if isinstance(event, ToolApproval) and event.decision == "requested":
            return self._consent(event), ""
        if not isinstance(event, ToolCallEnd) or event.call_id not in self._names:
            return event, ""
        name = self._names[event.call_id]
        given, mended = _unquoted(event.arguments), ""
        if name in self._tools and isinstance(given, dict):
            given, fitted = fit(given, self._tools[name].schema.json)
            mended = f"JSON inside a string was read in the arguments of {name}" * fitted
        try:
            tool = self._tool(name, event.error)
            keywords = self._checked[event.call_id] = tool.check(given)
        except ToolError as error:
            self._checked[event.call_id] = error
            if not depth_exceeds(event.arguments, MAX_DEPTH):
                self._given[event.call_id] = event.arguments
                return event, mended
            # a model of the user's own gave it: whoever walks it would not come to its end
            return msgspec.structs.replace(event, arguments=None, error=error.message), ""
        given = given if isinstance(given, Mapping) else {}
        shown = plain({name: value for name, value in keywords.items() if name in given})
        return msgspec.structs.replace(event, arguments=shown), mended

    def _consent(self, event: ToolApproval) -> StreamEvent:
        """A tool that the provider runs, and asks about first."""
        approval_id = self._consents[event.call_id] = self._approval.ask()
        arguments = preview(self._given.pop(event.call_id, {}))
        return self._questions.note(
            msgspec.structs.replace(event, approval_id=approval_id, arguments_text=arguments)
        )

    def _tool(self, name: str, fault: str) -> Tool:
        if fault:
            raise ToolError(f"The arguments are not JSON: {fault}")
        tool = self._tools.get(name)
        if tool is None:
            names = ", ".join(tool.name for tool in self._tools.values())
            raise ToolError(f"There is no tool {name!r}. Tools: {names}.")
        return tool

    def _prepared(self, call: ToolPart) -> tuple[Tool, dict[str, Any]]:
        checked = self._checked.pop(call.call_id, None)
        if checked is None:
            raise ToolError(f"The arguments are not JSON: {call.error or 'they never came'}")
        if isinstance(checked, ToolError):
            raise checked
        return self._tools[call.name], checked

    # ── running ───────────────────────────────────────────────────────────────

    async def run(self, calls: Sequence[ToolPart]) -> AsyncGenerator[StreamEvent, None]:
        """Runs all calls at once; events come as they happen. Raises `Interrupted`."""
        producers = [partial(self._run, call) for call in calls]
        async with aclosing(fan_in(producers)) as events:
            async for event in events:
                yield event

    def refuse(self, call: ToolPart, why: str) -> ToolResult:
        """The result of a call that is not run."""
        return self._result(call.call_id, why, error=True)

    async def _run(self, call: ToolPart, events: Events) -> None:
        """One call to its result; a failing tool is told to the model and ends nothing."""
        call_id = call.call_id
        began: float | None = None
        self._open += 1
        try:
            if (approval_id := self._consents.pop(call_id, None)) is not None:
                decision = await self._answer(call_id, approval_id, events)
                allowed = decision == "approved"
                text = "approved" if allowed else NOT_RUN[decision]
                await events.send(self._result(call_id, text, error=not allowed))
                return
            tool, keywords = self._prepared(call)
            if await self._approval.needed(tool, keywords, self.home):
                decision = await self._ask(call_id, preview(keywords), events)
                if decision != "approved":
                    await events.send(self._result(call_id, NOT_RUN[decision], error=True))
                    return
            began = time.monotonic()
            self._running[call_id] = tool, began

            def progress(value: Stream | Result) -> None:
                content = repr(value) if isinstance(value, Stream) else value.content
                events.push(ToolProgress(call_id, content))

            value: Stream | Result = await tool.call(
                keywords, progress, home=self.home, convert=_converted
            )
            result = await self._follow(value, call, events) if isinstance(value, Stream) else value
            self.images[call_id] = result.images
            await events.send(self._result(call_id, result.content, text=result.text, began=began))
        except (Interrupted, asyncio.CancelledError):
            raise
        except KeyboardInterrupt:
            raise Interrupted from None
        except BaseException as error:
            await events.send(self._result(call_id, described(error), error=True, began=began))
        finally:
            self._open -= 1
            self._running.pop(call_id, None)

    async def _ask(self, call_id: str, arguments: str, events: Events) -> str:
        """Ask a person whether a call may run with these arguments, and wait for the answer."""
        approval_id = self._approval.ask()
        await events.send(
            self._questions.note(ToolApproval(call_id, "requested", approval_id, arguments))
        )
        return await self._answer(call_id, approval_id, events)

    async def _answer(self, call_id: str, approval_id: str, events: Events) -> str:
        decision = await self._approval.answer(approval_id)
        await events.send(self._questions.note(ToolApproval(call_id, decision, approval_id)))
        return decision

    async def _follow(self, stream: Stream, call: ToolPart, events: Events) -> Result:
        """A tool that answers with a stream: its events are shown, its answer is the result."""
        name = stream.title or call.name
        n = self._steps[name] = self._steps.get(name, 0) + 1
        step = name if n == 1 else f"{name} {n}"
        turn = stream.source.turn
        if turn is not None and turn.home is None:
            turn.home = self.home
        nested = self._nested[call.call_id] = Nested(stream, step, agent=name, run=call.call_id)
        if self._approval.watched:
            stream.watched()
        async with aclosing(nested.events()) as inner:
            async for event in inner:
                await events.send(self._questions.note(event))
        response = stream.response
        return result_of(response.text if response.output is None else response.output)

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
        self.results[call_id] = f"Error: {text}" if error else text
        return ToolResult(call_id, content, error, _since(began))


def _unquoted(arguments: Any) -> Any:
    """Arguments that a model sent as JSON within a JSON string."""
    if not isinstance(arguments, str):
        return arguments
    try:
        return decode_json(arguments)
    except ValueError:
        return arguments


def _converted(value: Any) -> Stream | Result:
    """A value as its result; a stream is followed instead."""
    return value if isinstance(value, Stream) else result_of(value)


def _since(began: float | None) -> float | None:
    return None if began is None else round(time.monotonic() - began, 4)
