"""Workflows: steps one after the other, or side by side, that hand on what they said."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from nbstream.adapters.models.base import ChatModel
from nbstream.adapters.sources.source import Source, Turn
from nbstream.adapters.transport.timeouts import Timeouts
from nbstream.events import (
    IterationEnd,
    RunEnd,
    StepEnd,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
)
from nbstream.events.errors import NbstreamError, UsageError
from nbstream.events.json import decode_json
from nbstream.runs.fan_in import Channel, fan_in
from nbstream.runs.loops import running_loop
from nbstream.runs.stream import Stream

from .agent import Agent
from .approval import Questions
from .nested import Nested
from .step import Context, Step
from .user_code import Interrupted


class Workflow:
    """Steps in order; a list among them runs side by side.

        flow = nb.Workflow([greeter, [analyst, critic], summarizer])
        response = await flow.stream("I want to learn about agents.")
        response.text, response.output["critic"]     # the last step's answer; everything by name

    A step that fails ends the run; what the steps before it gave stays in `stream.response.output`.
    """

    def __init__(self, steps: Iterable[Step | Sequence[Step]], *, name: str = "") -> None:
        self.stages: list[list[Step]] = [
            [each] if isinstance(each, Step) else list(each) for each in steps
        ]
        self.name = name
        names = [step.name for stage in self.stages for step in stage]
        if not names:
            raise UsageError("A workflow needs a step.")
        for called in names:
            if names.count(called) > 1 or called in _RESERVED:
                why = "twice" if called not in _RESERVED else "as the context's own"
                raise UsageError(f"The name {called!r} is used {why}.")

    @classmethod
    def from_json(
        cls,
        definition: str | Path | Mapping[str, Any],
        *,
        model: str | ChatModel | None = None,
        tools: Mapping[str, Any] | None = None,
    ) -> Workflow:
        """A workflow from an `agent.json`: its file, or what the file holds.

        Each node is a step: `node_id`, `system_prompt`, `input_keys` (read from the context), `output_keys`
        (several: the answer is a JSON object with these), `streaming_enabled`, and optionally `model` and
        `tools` (names, looked up in `tools`). `edges` ({source, target}) order the nodes; without them they
        run as listed.
        """
        if not isinstance(definition, Mapping):
            definition = decode_json(Path(definition).read_bytes())
            if not isinstance(definition, dict):
                raise UsageError("agent.json holds an object with `nodes`.")
        nodes = {node["node_id"]: node for node in definition.get("nodes") or ()}
        steps = {name: _from_node(node, model, tools or {}) for name, node in nodes.items()}
        stages: list[list[Step]] = []
        if edges := definition.get("edges"):
            order: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(nodes, ()))
            for edge in edges:
                order.add(edge["target"], edge["source"])
            order.prepare()
            while order.is_active():
                ready = order.get_ready()
                stages.append([steps[name] for name in ready])
                order.done(*ready)
        else:
            stages = [[step] for step in steps.values()]
        return cls(stages, name=definition.get("name") or definition.get("id") or "")

    def stream(
        self, input: Any = "", *, context: Mapping[str, Any] | None = None, title: str = ""
    ) -> Stream:
        """Run the steps, as one `Stream`; `response.output` is the context with what each step gave.

        `input` is what the first step gets; an object is the context itself.
        """
        given = dict(input) if isinstance(input, Mapping) else {}
        run = _Run(self.stages, {**(context or {}), **given, "input": input, "previous": input})
        source = Source(events=run.events, turn=run)
        timeouts = Timeouts(first=None, between=None)
        return Stream(source, title=title or self.name, timeouts=timeouts, retries=0)

    async def run(self, input: Any = "", **options: Any) -> Any:
        """The response, when all steps are done; options as in `stream`."""
        return await self.stream(input, **options)


_RESERVED = ("input", "previous")


class _Run(Turn):
    """One run of a workflow: the source of its events, and its turn."""

    def __init__(self, stages: list[list[Step]], context: Context) -> None:
        self.home = running_loop()
        self._stages = stages
        self._context = context
        self._nested: dict[str, Nested] = {}
        self._questions = Questions()
        self._watched = False

    async def events(self) -> AsyncGenerator[StreamEvent, None]:
        try:
            async with aclosing(self._steps()) as events:
                async for event in events:
                    yield self._questions.note(event)
        except Interrupted:
            self.interrupted = True
            yield RunEnd("stopped", incomplete=True)

    async def _steps(self) -> AsyncGenerator[StreamEvent, None]:
        index = 0
        for stage in self._stages:
            running: list[tuple[Step, Nested]] = []
            for step in stage:
                running.append((step, self._open(step, index)))
                index += 1
            try:
                producers = [partial(_follow, step, nested) for step, nested in running]
                async with aclosing(fan_in(producers)) as events:
                    async for event in events:
                        yield event
            finally:
                for step, nested in running:
                    if nested.stream.status == "done":
                        self._take(step, nested)
        yield RunEnd("stop")

    def _open(self, step: Step, index: int) -> Nested:
        stream = step.open(self._context)
        agent = step.agent.name or stream.source.model if step.agent else ""
        if stream.source.turn is not None:
            stream.source.turn.home = self.home
        nested = self._nested[step.name] = Nested(stream, step.name, index=index, agent=agent)
        if self._watched:
            stream.watched()
        return nested

    def _take(self, step: Step, nested: Nested) -> None:
        """Hand on what a finished step gave."""
        response = nested.stream.response
        value = response.text if response.output is None else response.output
        self._context[step.name] = self._context["previous"] = value
        if len(step.outputs) == 1:
            self._context[step.outputs[0]] = value
        elif isinstance(value, dict):
            self._context.update({name: value.get(name) for name in step.outputs})

    # ── what a run asks of its turn ───────────────────────────────────────────

    @property
    def output(self) -> Context:  # type: ignore[override]
        return {key: value for key, value in self._context.items() if key != "previous"}

    @property
    def busy(self) -> bool:
        return True  # each step keeps its own time

    @property
    def bound(self) -> bool:
        return any(step.bound for stage in self._stages for step in stage)

    def closing_events(self) -> list[StreamEvent]:
        return [event for nested in self._nested.values() for event in nested.closing_events()]

    def watched(self) -> None:
        self._watched = True
        for nested in list(self._nested.values()):
            nested.stream.watched()

    def decide(self, question: str, approved: bool) -> bool:
        return self.settle(self._questions.approval_id(question), approved)

    def settle(self, approval_id: str, approved: bool) -> bool:
        return any(nested.settle(approval_id, approved) for nested in list(self._nested.values()))


async def _follow(step: Step, nested: Nested, events: Channel[StreamEvent]) -> None:
    """Send what a step says; where it does not stream, its text when that is whole."""
    buffered: list[StreamEvent] = []
    try:
        async with aclosing(nested.events()) as inner:
            async for event in inner:
                if not step.streaming and isinstance(event, (TextDelta, ThinkingDelta)):
                    buffered.append(event)
                    continue
                if isinstance(event, (IterationEnd, StepEnd)):
                    for late in buffered:
                        await events.send(late)
                    buffered.clear()
                await events.send(event)
    except NbstreamError as error:
        raise _failed(step, error) from None


def _failed(step: Step, error: NbstreamError) -> NbstreamError:
    error.message = f"Step {step.name!r} failed: {error.message}"
    error.args = (error.message,)
    error.hint = error.hint or "stream.response.output holds what the steps before it gave."
    return error


def _from_node(
    node: Mapping[str, Any], model: str | ChatModel | None, tools: Mapping[str, Any]
) -> Step:
    name = node["node_id"]
    kind = node.get("node_type", "llm_generate")
    if not kind.startswith("llm"):
        raise UsageError(f"Node {name!r}: node_type {kind!r} is not one that a model answers.")
    wanted = node.get("tools") or ()
    if missing := [each for each in wanted if each not in tools]:
        raise UsageError(
            f"Node {name!r} needs the tools {', '.join(missing)}.",
            hint="Workflow.from_json(…, tools={name: function})",
        )
    inputs, outputs = node.get("input_keys") or (), tuple(node.get("output_keys") or ())
    agent = Agent(
        node.get("model") or model,
        [tools[each] for each in wanted],
        name=node.get("name") or "",
        system=node.get("system_prompt"),
        output_type=_object_of(outputs) if len(outputs) > 1 else None,
        use_history=False,
    )
    if len(inputs) == 1:
        prompt = f"{{{inputs[0]}}}"
    else:
        prompt = "\n".join(f"{key}: {{{key}}}" for key in inputs) or "{previous}"
    streaming = bool(node.get("streaming_enabled", False))
    return Step(name, agent, prompt=prompt, outputs=outputs, streaming=streaming)


def _object_of(keys: Sequence[str]) -> dict[str, Any]:
    return {
        "title": "output",
        "type": "object",
        "properties": {key: {} for key in keys},
        "required": list(keys),
    }
