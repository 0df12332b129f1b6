"""Agents: the loop, tools at once, approval, stop, nesting, output types and histories."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterable
from typing import Any

import pytest
from pydantic import BaseModel

import nbstream as nb
from nbstream.adapters.models.base import ChatRequest
from nbstream.events import (
    ContentPart,
    IterationEnd,
    IterationStart,
    RefusalDelta,
    Reset,
    RunEnd,
    StepEnd,
    StepStart,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    ToolApproval,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolProgress,
    ToolResult,
    Usage,
    Warning,
)
from nbstream.events.order import Order
from nbstream.wire.frames import FrameLog


def call(name: str, arguments: Any = None, call_id: str = "c1", block: int = 1) -> list[Any]:
    text = json.dumps(arguments or {})
    return [
        ToolCallStart(call_id, block, name),
        ToolCallDelta(call_id, text),
        ToolCallEnd(call_id, arguments or {}),
    ]


def scripted(*answers: Any) -> nb.Scripted:
    return nb.Scripted(*answers, delay=0)


def legal(events: Iterable[StreamEvent]) -> bool:
    order = Order()
    return not any(order.violation(event) for event in events) and not order.closing()


def of(stream: nb.Stream, *types: type) -> list[Any]:
    return [event for event in stream.events if isinstance(event, types)]


@nb.tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@nb.tool
async def fail():
    raise ValueError("the disk is full")


# ── the loop ──────────────────────────────────────────────────────────────────


async def test_iterations_tools_and_usage():
    model = scripted(
        ["Let me see. ", *call("add", {"a": 1, "b": 2}), Usage(10, 5)],
        [*call("add", {"a": 3, "b": 4}), Usage(20, 6)],  # the same call_id again
        ["It is 7.", Usage(30, 7)],
    )
    agent = nb.Agent(model, [add], system="Be brief.")
    stream = agent.stream("1 + 2 + 4?")
    response = await stream
    assert legal(stream.events)
    assert response.text == "Let me see. It is 7."
    assert [event.iteration for event in of(stream, IterationStart)] == [1, 2, 3]
    ends = of(stream, IterationEnd)
    assert [(e.usage.input_tokens, e.finish_reason) for e in ends] == [
        (10, "tool_calls"),
        (20, "tool_calls"),
        (30, "stop"),
    ]
    assert (response.usage.input_tokens, response.usage.output_tokens) == (60, 18)
    assert [(c.name, c.arguments, c.result, c.status) for c in response.tool_calls] == [
        ("add", {"a": 1, "b": 2}, 3, "done"),
        ("add", {"a": 3, "b": 4}, 7, "done"),
    ]
    blocks = [part.block for part in response.transcript.parts]
    assert len(set(blocks)) == len(blocks)
    assert response.finish_reason == "stop"
    assert [m["role"] for m in model.requests[-1].messages] == [
        *("system", "user", "assistant", "tool", "assistant", "tool")
    ]
    ids = [m["tool_call_id"] for m in model.requests[-1].messages if m["role"] == "tool"]
    assert len(set(ids)) == 2
    assert model.requests[0].tools == [add.spec]


async def test_parallel_calls_run_at_once_and_answer_in_order():
    meet = threading.Barrier(2, timeout=10)

    def wait(n: int) -> str:
        meet.wait()
        time.sleep(0.05 if n == 1 else 0)
        return f"result {n}"

    calls = [*call("wait", {"n": 1}), *call("wait", {"n": 2}, "c2", 2)]
    model = scripted(calls, "Both.")
    stream = nb.Agent(model, [wait]).stream("go")
    response = await stream
    assert [c.result for c in response.tool_calls] == ["result 1", "result 2"]
    assert [r.call_id for r in of(stream, ToolResult)] == ["c2", "c1"]  # as they came
    tools = [m["content"] for m in model.requests[1].messages if m["role"] == "tool"]
    assert tools == ["result 1", "result 2"]  # as they were asked for


async def test_what_fails_is_told_to_the_model():
    broken = [
        ToolCallStart("c4", 4, "add"),
        ToolCallEnd("c4", None, '{"a": ', "unexpected end"),
    ]
    model = scripted(
        [
            *call("fail"),
            *call("nowhere", {}, "c2", 2),
            *call("add", {"a": "x"}, "c3", 3),
            *broken,
        ],
        "I see.",
    )
    stream = nb.Agent(model, [add, fail]).stream("go")
    response = await stream
    assert legal(stream.events)
    assert [c.status for c in response.tool_calls] == ["error"] * 4
    said = [m["content"] for m in model.requests[1].messages if m["role"] == "tool"]
    assert said[0] == "Error: ValueError: the disk is full"
    assert said[1] == "Error: There is no tool 'nowhere'. Tools: add, fail."
    assert "Wrong arguments" in said[2]
    assert "not JSON" in said[3]
    asked = model.requests[1].messages[1]["tool_calls"]
    assert [json.loads(c["function"]["arguments"]) for c in asked] == [{}, {}, {"a": "x"}, {}]


async def test_progress_and_durations():
    def steps():
        yield "half"
        yield {"done": 1}
        return "all"

    stream = nb.Agent(scripted(call("steps"), "ok"), [steps]).stream("go")
    await stream
    assert [e.content for e in of(stream, ToolProgress)] == ["half", {"done": 1}]
    (result,) = of(stream, ToolResult)
    assert (result.content, result.is_error) == ("all", False)
    assert result.duration >= 0


async def test_max_iterations_asks_for_a_final_answer():
    model = scripted(call("add", {"a": 1, "b": 1}), call("add", {"a": 1, "b": 1}), "Two, it seems.")
    response = await nb.Agent(model, [add], max_iterations=3).stream("go")
    assert response.text == "Two, it seems."
    last = model.requests[2].messages[-1]
    assert last["role"] == "user"
    assert "final answer" in last["content"]
    assert "final answer" not in str(model.requests[1].messages)


async def test_a_model_that_never_stops_calling_is_ended():
    stream = nb.Agent(scripted(call("add", {"a": 1, "b": 1})), [add], max_iterations=2).stream("go")
    response = await stream
    assert len(of(stream, IterationStart)) == 2
    assert [c.status for c in response.tool_calls] == ["done", "error"]
    assert "max_iterations=2" in of(stream, Warning)[0].message
    assert response.finish_reason == "tool_calls"


async def test_each_request_is_tried_again_before_its_first_token():
    overloaded = nb.RateLimitError("slow down", status=429, retry_after=0)
    model = scripted([overloaded], call("add", {"a": 1, "b": 1}), [overloaded], "Two.")
    stream = nb.Agent(model, [add]).stream("go")
    assert (await stream).text == "Two."
    assert legal(stream.events)
    assert len(stream.transcript.retries) == 2


async def test_an_error_in_a_later_iteration_keeps_what_was_said():
    model = scripted(["First. ", *call("add", {"a": 1, "b": 1})], ["Sec", nb.ServerError("boom")])
    agent = nb.Agent(model, [add])
    stream = agent.stream("go")
    with pytest.raises(nb.ServerError) as caught:
        await stream
    assert caught.value.partial == "First. Sec"
    assert legal(stream.events)
    assert [m["role"] for m in agent.history] == ["user", "assistant", "tool", "assistant"]


async def test_signed_thinking_goes_back():
    think = ThinkingDelta(0, "hmm", signature="sig")
    model = scripted([think, *call("add", {"a": 1, "b": 1})], "ok")
    await nb.Agent(model, [add]).stream("go")
    assert model.requests[1].messages[1]["thinking_blocks"] == [
        {"type": "thinking", "thinking": "hmm", "signature": "sig"}
    ]


async def test_images_are_shown_and_sent():
    class Picture:
        def _repr_png_(self):
            return b"\x89PNG"

    def draw():
        return Picture()

    model = scripted(call("draw"), "A picture.")
    stream = nb.Agent(model, [draw]).stream("go")
    await stream
    (part,) = of(stream, ContentPart)
    assert (part.mime, part.data, part.run) == ("image/png", "iVBORw==", "c1")
    assert model.requests[1].messages[-1]["content"][0]["type"] == "image_url"


async def test_arguments_of_20_kb_appear_while_they_stream():
    code = json.dumps({"code": "x" * 20_000})
    pieces = [code[i : i + 20] for i in range(0, len(code), 20)]
    model = scripted(
        [
            ToolCallStart("c1", 0, "run"),
            *(ToolCallDelta("c1", piece) for piece in pieces),
            ToolCallEnd("c1", json.loads(code)),
        ],
        "done",
    )

    def run(code: str) -> int:
        return len(code)

    stream = nb.Agent(model, [run]).stream("go")
    lengths: list[int] = []
    stream.on(lambda e: lengths.append(len(e.arguments)), "tool_call_delta")
    response = await stream
    assert sum(lengths) == len(code)  # nothing is sent twice
    assert len(lengths) == len(pieces)
    assert response.tool_calls[0].result == 20_000
    log = FrameLog()
    sent = 0
    for event in stream.events:
        log.add(event)
        frame = log.take()  # the worst case: a frame for each event
        assert frame is not None
        sent += sum(len(e["arguments"]) for e in frame["events"] if e["type"] == "tool_call_delta")
    assert sent == len(code)


async def test_a_recorded_agent_needs_no_model(tmp_path):
    def asked(*answers: Any) -> tuple[nb.Scripted, nb.Agent]:
        model = scripted(*answers)
        return model, nb.Agent(model, [add])

    nb.configure(replay=tmp_path, replay_speed=None)
    try:
        _, agent = asked(call("add", {"a": 1, "b": 1}), "Two.")
        recorded = agent.stream("go")
        await recorded
        model, agent = asked("never asked")
        stream = agent.stream("go")
        assert (await stream).text == "Two."
        assert not model.requests
        shape = [type(event).__name__ for event in stream.events]
        assert shape == [type(event).__name__ for event in recorded.events]
        assert legal(stream.events)
        nb.configure(replay_mode="replay")
        with pytest.raises(nb.UsageError, match="never recorded"):
            await agent.run("something else")
    finally:
        nb.configure(replay=None, replay_mode=None, replay_speed=None)


# ── stop ──────────────────────────────────────────────────────────────────────


async def test_stop_cancels_async_tools():
    cancelled = asyncio.Event()

    async def forever():
        try:
            await asyncio.sleep(100)
        finally:
            cancelled.set()

    agent = nb.Agent(scripted(["Wait. ", *call("forever")], "never"), [forever])
    stream = agent.stream("go")
    stream.on(lambda _: asyncio.get_running_loop().call_later(0.05, stream.stop), "tool_call_end")
    response = await stream
    await asyncio.wait_for(cancelled.wait(), 10)
    assert response.status == "stopped"
    assert legal(stream.events)
    (stopped,) = response.tool_calls
    assert (stopped.status, stopped.result) == ("error", "stopped")
    assert stopped.duration and stopped.duration > 0.04
    assert not of(stream, Warning)
    assert [m["role"] for m in agent.history] == ["user", "assistant", "tool"]


async def test_stop_abandons_threads_and_says_so():
    go_on, finished = threading.Event(), threading.Event()

    def stuck():
        go_on.wait(10)
        finished.set()

    stream = nb.Agent(scripted(call("stuck"), "never"), [stuck]).stream("go")
    stream.on(lambda _: asyncio.get_running_loop().call_later(0.05, stream.stop), "tool_call_end")
    response = await stream
    assert not finished.is_set()
    assert response.status == "stopped"
    assert legal(stream.events)
    assert "stuck runs in a thread" in of(stream, Warning)[0].message
    go_on.set()
    assert await asyncio.to_thread(finished.wait, 10)


async def test_stop_between_iterations():
    model = scripted(call("add", {"a": 1, "b": 1}), "never")
    stream = nb.Agent(model, [add]).stream("go")
    stream.on(lambda _: stream.stop(), "iteration_end")
    response = await stream
    assert response.status == "stopped"
    assert legal(stream.events)
    assert len(model.requests) == 1


async def test_a_slow_tool_is_no_stall_and_no_timeout(monkeypatch):
    monkeypatch.setattr("nbstream.runs.writer.STALL_AFTER", 0.05)

    async def slow():
        await asyncio.sleep(0.3)

    timeouts = nb.Timeouts(first=0.15, between=0.15)
    stream = nb.Agent(scripted(call("slow"), "ok"), [slow]).stream("go", timeout=timeouts)
    assert (await stream).text == "ok"
    assert "stall" not in [type(event).__name__.lower() for event in stream.events]


# ── approval ──────────────────────────────────────────────────────────────────


def deciding(stream: nb.Stream, approved: bool) -> nb.Stream:
    def answer(event: ToolApproval) -> None:
        if event.decision == "requested":
            assert stream.approve(event.call_id, approved)

    return stream.on(answer, "tool_approval")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "approve", [True, ["add"], "add", lambda name, arguments: arguments["a"] == 1]
)
async def test_approved_and_denied(approve):
    for yes, status, result in ((True, "done", 2), (False, "denied", None)):
        model = scripted(call("add", {"a": 1, "b": 1}), "ok")
        stream = deciding(nb.Agent(model, [add], approve=approve).stream("go"), yes)
        response = await stream
        assert legal(stream.events)
        (tool,) = response.tool_calls
        assert tool.status == status
        if yes:
            assert tool.result == result
        else:
            assert "did not allow" in model.requests[1].messages[-1]["content"]
        decisions = [event.decision for event in of(stream, ToolApproval)]
        assert decisions == ["requested", "approved" if yes else "denied"]


async def test_only_the_chosen_tools_ask():
    agent = nb.Agent(scripted(call("add", {"a": 1, "b": 1}), "ok"), [add, fail], approve=["fail"])
    stream = agent.stream("go")
    await stream
    assert not of(stream, ToolApproval)
    careful = nb.tool(approve=lambda a, b: a > 5)(add.function)
    for a, asks in ((1, False), (6, True)):
        agent = nb.Agent(scripted(call("add", {"a": a, "b": 1}), "ok"), [careful])
        stream = deciding(agent.stream("go"), True)
        await stream
        assert bool(of(stream, ToolApproval)) is asks


@pytest.mark.parametrize(
    ("default", "decision", "status"), [(False, "timeout", "denied"), (True, "approved", "done")]
)
async def test_nobody_there_takes_the_default(monkeypatch, default, decision, status):
    monkeypatch.setattr("nbstream.agents.approval.GRACE", 0.05)
    model = scripted(call("add", {"a": 1, "b": 1}), "ok")
    stream = nb.Agent(model, [add], approve=True, approval_default=default).stream("go")
    response = await asyncio.wait_for(stream, 10)
    assert [e.decision for e in of(stream, ToolApproval)] == ["requested", decision]
    assert response.tool_calls[0].status == status
    assert not stream.approve("c1")  # too late
    told = model.requests[1].messages[-1]["content"]
    assert told == "2" if default else "Nobody answered" in told


async def test_stop_while_it_asks():
    model = scripted(call("add", {"a": 1, "b": 1}), "ok")
    stream = nb.Agent(model, [add], approve=True).stream("go")
    stream.watched()
    stream.on(lambda _: stream.stop(), "tool_approval")
    response = await stream
    assert legal(stream.events)
    assert response.tool_calls[0].status == "error"


# ── nested agents ─────────────────────────────────────────────────────────────


async def test_an_agent_asks_an_agent():
    inner = nb.Agent(
        scripted(["Inner. ", *call("add", {"a": 1, "b": 1}), Usage(1, 1)], ["Two.", Usage(2, 2)]),
        [add],
        name="mathematician",
        approve=True,
    )
    both = [
        *call("mathematician", {"prompt": "1+1"}),
        *call("mathematician", {"prompt": "again"}, "c2", 2),
    ]
    outer_model = scripted(["I ask. ", *both, Usage(10, 10)], ["They say two.", Usage(20, 20)])
    stream = deciding(nb.Agent(outer_model, [inner]).stream("go"), True)
    response = await stream
    assert legal(stream.events)
    assert response.text == "I ask. They say two."
    starts = of(stream, StepStart)
    assert {(s.name, s.run) for s in starts} == {("mathematician", "c1"), ("mathematician 2", "c2")}
    assert all(end.usage.input_tokens in (2, 3) for end in of(stream, StepEnd))
    said = [m["content"] for m in outer_model.requests[1].messages if m["role"] == "tool"]
    assert said[0].endswith("Two.")
    nested = [c for c in response.tool_calls if "/" in c.call_id]
    assert {c.call_id for c in nested} >= {"c1/c1"}
    assert {c.step for c in nested} <= {"mathematician", "mathematician 2"}
    assert not inner.history  # each call is a conversation of its own


async def test_what_is_said_after_the_tools_is_a_paragraph_of_its_own():
    inner = nb.Agent(scripted("Inner words."), name="expert")
    model = scripted(["I ask.", *call("expert", {"prompt": "?"})], ["So it is."])
    stream = nb.Agent(model, [inner]).stream("go")
    pieces = [text async for text in stream.text_deltas()]
    assert "".join(pieces) == stream.text == "I ask.\n\nSo it is."


@pytest.mark.parametrize("within", ["agent", "workflow", "handler"])
async def test_stop_leaves_no_nested_question_open(within):
    asking = scripted(call("add", {"a": 1, "b": 1}), "never")
    inner = nb.Agent(asking, [add], approve=True, name="expert")
    outer = nb.Agent(scripted(call("expert", {"prompt": "?"}), "never"), [inner])
    step = {"workflow": nb.Step("ask", outer), "handler": nb.Step("ask", handler=lambda _: stream)}
    stream = outer.stream("go")
    run = stream if within == "agent" else nb.Workflow([step[within]]).stream("go")
    run.watched()
    run.on(lambda _: run.stop(), "tool_approval")
    response = await run
    assert legal(run.events)
    assert [call.result for call in response.tool_calls] == ["stopped", "stopped"]


async def test_stop_reaches_the_nested_agent():
    inner_model = nb.Scripted("word " * 1000, delay=0.01)
    inner = nb.Agent(inner_model, name="inner")
    stream = nb.Agent(scripted(call("inner", {"prompt": "x"}), "ok"), [inner]).stream("go")
    stream.on(lambda e: e.step and stream.stop(), "text_delta")
    response = await stream
    assert response.status == "stopped"
    assert legal(stream.events)
    count = len(stream.events)
    await asyncio.sleep(0.1)
    assert len(stream.events) == count


async def test_a_failing_nested_agent_is_a_failing_tool():
    def ask(prompt: str) -> nb.Stream:
        return nb.stream(prompt, model=scripted(["so far", nb.AuthenticationError("no key")]))

    model = scripted(call("ask", {"prompt": "x"}), "I could not.")
    stream = nb.Agent(model, [ask]).stream("go")
    response = await stream
    assert legal(stream.events)
    assert (response.text, response.status) == ("I could not.", "done")
    assert response.tool_calls[0].result == "no key"
    assert response.tool_calls[0].status == "error"


# ── output types ──────────────────────────────────────────────────────────────


class Poem(BaseModel):
    title: str
    lines: list[str]


GOOD = '{"title": "Bees", "lines": ["buzz"]}'


async def test_output_is_validated():
    model = scripted([GOOD[:10], GOOD[10:]])
    response = await nb.stream("bees", model=model, output_type=Poem)
    assert response.output == Poem(title="Bees", lines=["buzz"])
    assert response.text == GOOD
    assert model.requests[0].output_schema["title"] == "Poem"


@pytest.mark.parametrize(
    ("output_type", "text", "output"),
    [
        (list[int], '{"value": [1, 2]}', [1, 2]),
        ({"type": "object", "required": ["a"]}, '```json\n{"a": 1}\n```', {"a": 1}),
        (dict[str, int], '{"a": 1}', {"a": 1}),
    ],
)
async def test_output_types(output_type, text, output):
    response = await nb.stream("x", model=scripted([text]), output_type=output_type)
    assert response.output == output


async def test_what_does_not_fit_is_an_error_with_the_text():
    for text, said in (('{"title": 3}', "lines"), ("no JSON", "not JSON")):
        stream = nb.stream("bees", model=scripted([text]), output_type=Poem)
        with pytest.raises(nb.OutputValidationError, match=said) as caught:
            await stream
        assert caught.value.text == text
        assert caught.value.errors
        assert stream.text == text
        assert legal(stream.events)


@pytest.mark.parametrize("end", ["length", "unknown", "content_filter", "pause", None])
async def test_an_answer_without_a_good_end_counts_where_it_is_whole(end):
    def model(text: str) -> nb.Scripted:
        class Ending(nb.Scripted):
            async def events(self, request: ChatRequest):
                yield TextDelta(0, text)
                if end is not None:
                    yield RunEnd(end, incomplete=True)

        return Ending("x", delay=0)

    response = await nb.stream("bees", model=model(GOOD), output_type=Poem)
    assert response.output == Poem(title="Bees", lines=["buzz"])
    for text, output_type in ((GOOD[:20], Poem), ("12", int), ("", Poem)):
        with pytest.raises(nb.OutputValidationError) as caught:
            await nb.stream("bees", model=model(text), output_type=output_type)
        assert caught.value.text == text
        assert caught.value.errors


async def test_a_refusal_and_calls_without_end_are_no_output():
    with pytest.raises(nb.OutputValidationError, match="refused") as caught:
        await nb.stream("x", model=scripted([RefusalDelta(0, "No.")]), output_type=Poem)
    assert caught.value.text == "No."
    model = scripted(call("add", {"a": 1, "b": 1}))
    stream = nb.Agent(model, [add], max_iterations=2, output_type=Poem).stream("go")
    with pytest.raises(nb.OutputValidationError, match="gave no answer"):
        await stream
    assert legal(stream.events)


async def test_arguments_that_are_no_object_go_back_as_one():
    for given in ([1], "x", None, 7):
        said = [
            ToolCallStart("c1", 1, "add"),
            ToolCallDelta("c1", json.dumps(given)),
            ToolCallEnd("c1", given),
        ]
        model = scripted(said, "ok")
        await nb.Agent(model, [add]).run("go")
        (asked,) = model.requests[1].messages[1]["tool_calls"]
        assert isinstance(json.loads(asked["function"]["arguments"]), dict)
    quoted = json.dumps(json.dumps({"a": 1, "b": 2}))
    said = [ToolCallStart("c1", 1, "add"), ToolCallDelta("c1", quoted)]
    model = scripted([*said, ToolCallEnd("c1", json.loads(quoted))], "ok")
    response = await nb.Agent(model, [add]).run("go")
    assert response.tool_calls[0].result == 3
    (asked,) = model.requests[1].messages[1]["tool_calls"]
    assert json.loads(asked["function"]["arguments"]) == {"a": 1, "b": 2}


async def test_one_repair():
    model = scripted(['{"title": "Bees"}'], [GOOD])
    stream = nb.stream("bees", model=model, output_type=Poem, repair=True)
    response = await stream
    assert response.output.lines == ["buzz"]
    assert response.text == GOOD
    assert len(of(stream, Reset)) == 1
    assert "lines" in model.requests[1].messages[-1]["content"]
    model = scripted(["{}"])
    with pytest.raises(nb.OutputValidationError):
        await nb.stream("bees", model=model, output_type=Poem, repair=True)
    assert len(model.requests) == 2


async def test_a_model_without_json_mode_is_told_in_words():
    class Plain(nb.Scripted):
        features = frozenset({"streaming"})

    model = Plain([GOOD], delay=0)
    response = await nb.Agent(model, system="Be brief.", output_type=Poem).stream("bees")
    assert response.output.title == "Bees"
    assert model.requests[0].output_schema is None
    assert "Be brief." in model.requests[0].messages[0]["content"]
    assert '"lines"' in model.requests[0].messages[0]["content"]


async def test_tools_and_output_together():
    model = scripted(call("add", {"a": 1, "b": 1}), ['{"value": 2}'])
    assert (await nb.stream("go", model=model, tools=[add], output_type=int)).output == 2


async def test_schemas_as_tools_are_passed_on():
    model = scripted(call("add", {"a": 1}))
    response = await nb.stream("go", model=model, tools=[add.spec])
    assert model.requests[0].tools == [add.spec]
    assert response.tool_calls[0].status == "called"


# ── conversations ─────────────────────────────────────────────────────────────


def contents(request: ChatRequest) -> list[str]:
    return [message["content"] for message in request.messages]


async def test_history_reset_and_fork():
    model = scripted("one", "two", "three", "four")
    agent = nb.Agent(model, system="S", temperature=0.5)
    await agent.run("a")
    await agent.run("b")
    assert contents(model.requests[1]) == ["S", "a", "one", "b"]
    assert len(agent.history.turns) == 2
    fork = agent.fork(1)
    await fork.run("c")
    assert contents(model.requests[2]) == ["S", "a", "one", "c"]
    assert len(agent.history) == 4
    agent.reset()
    await agent.run("d", use_history=False)
    assert contents(model.requests[3]) == ["S", "d"]
    assert not agent.history
    assert model.requests[3].temperature == 0.5


async def test_the_cell_says_which_turn_it_is():
    def note(stream: nb.Stream) -> str:
        assert stream.source.turn is not None
        return stream.source.turn.note

    agent = nb.Agent(scripted("Well."))
    assert note(agent.stream("one")) == ""
    await agent.run("one")
    assert note(agent.stream("two")) == "Turn 2"
    assert note(agent.stream("alone", use_history=False)) == ""
    agent.reset()
    assert note(agent.stream("anew")) == ""


async def test_context_fills_the_prompt():
    model = scripted("ok")
    await nb.Agent(model, system="You are {who}.").run(
        'Say {word} {"a": 1}', context={"who": "Kai", "word": "hi"}
    )
    assert contents(model.requests[0]) == ["You are Kai.", 'Say hi {"a": 1}']


async def test_a_stopped_turn_is_remembered_and_a_failed_one_is_not():
    model = nb.Scripted(["said ", "more"], [nb.AuthenticationError("no")], "ok", delay=0.2)
    agent = nb.Agent(model)
    stream = agent.stream("a")
    stream.on(lambda _: stream.stop(), "text_delta")
    await stream
    with pytest.raises(nb.AuthenticationError):
        await agent.run("b")
    assert [m["content"] for m in agent.history] == ["a", "said "]


def test_wrong_calls():
    with pytest.raises(nb.UsageError):
        nb.Agent("no-such-model-anywhere")
    with pytest.raises(nb.UsageError, match="max_iterations"):
        nb.Agent(max_iterations=0)
    with pytest.raises(nb.UsageError, match="approve"):
        nb.Agent(approve=3)  # type: ignore[arg-type]
    with pytest.raises(nb.UsageError, match="empty"):
        nb.Agent().stream("")


def test_result_without_a_loop():
    response = (
        nb.Agent(scripted(call("add", {"a": 1, "b": 1}), "Two."), [add]).stream("go").result()
    )
    assert (response.text, response.tool_calls[0].result) == ("Two.", 2)
    assert isinstance(response.events[-1], RunEnd)
    assert any(isinstance(event, TextDelta) for event in response.events)
