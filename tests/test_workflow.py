"""Workflows: steps in order and side by side, handlers, failures, stop, and agent.json."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from typing import Any

import pytest

import nbstream as nb
from nbstream.events import IterationEnd, StepEnd, StepStart, TextDelta, Usage
from nbstream.hosts.terminal import TerminalView
from nbstream.render.saved import to_html, to_text
from tests.test_agent import add, call, deciding, legal, of, scripted


def steps(stream: nb.Stream) -> list[tuple[str, int]]:
    return [(event.name, event.index) for event in of(stream, StepStart)]


async def test_each_step_gets_what_the_one_before_gave():
    models = [scripted(["Hello ", "there", Usage(3, 2)]), scripted(["A greeting.", Usage(5, 3)])]
    flow = nb.Workflow(
        [
            nb.Step("greeter", nb.Agent(models[0], system="Greet.", name="Kai")),
            nb.Step("analyzer", models[1]),
            nb.Step("length", handler=lambda context: len(context["greeter"])),
            nb.Step("summary", scripted("Short."), prompt="{input}: {analyzer} {word} {length}"),
        ]
    )
    stream = flow.stream("Hi", context={"word": "W"})
    response = await stream
    assert legal(stream.events)
    assert steps(stream) == [("greeter", 0), ("analyzer", 1), ("length", 2), ("summary", 3)]
    assert models[1].requests[0].messages[-1]["content"] == "Hello there"
    assert response.text == "Short."
    assert response.output == {
        "word": "W",
        "input": "Hi",
        "greeter": "Hello there",
        "analyzer": "A greeting.",
        "length": 11,
        "summary": "Short.",
    }
    assert (response.usage.input_tokens, response.usage.output_tokens) == (8, 5)
    ends = {event.name: event for event in of(stream, StepEnd)}
    assert ends["analyzer"].usage.output_tokens == 3
    assert all(event.duration > 0 for event in ends.values())
    assert stream.transcript.steps[0].agent == "Kai"
    texts = {e.step: e.text for e in of(stream, TextDelta)}
    assert texts["length"] == "11"


async def test_the_prompt_sees_earlier_steps():
    model = scripted("ok")
    flow = nb.Workflow(
        [nb.Step("a", scripted("A")), nb.Step("b", model, prompt="{input} {a} {given}")]
    )
    await flow.run("in", context={"given": 7})
    assert model.requests[0].messages[-1]["content"] == "in A 7"
    broken = nb.Workflow([nb.Step("a", model, prompt="{missing_key}")])
    with pytest.raises(nb.UsageError, match="missing_key"):
        await broken.run("x")


async def test_handlers_of_every_kind():
    def sync(context):
        context["seen"] = True
        return {"n": 1}

    async def asynchronous(context):
        return context["sync"]["n"] + 1

    def pieces(context):
        yield "one "
        yield "two"

    async def value(context):
        yield "working…\n"
        context["result"] = 15 * 2500 / 100

    def streams(context):
        return nb.stream("x", model=scripted(["from ", "a stream"]))

    handlers = {
        "sync": sync,
        "asynchronous": asynchronous,
        "pieces": pieces,
        "value": value,
        "streams": streams,
    }
    flow = nb.Workflow([nb.Step(name, handler=handler) for name, handler in handlers.items()])
    response = await flow.run()
    output = response.output
    assert (output["sync"], output["asynchronous"]) == ({"n": 1}, 2)
    assert (output["pieces"], output["streams"]) == ("one two", "from a stream")
    assert (output["seen"], output["result"]) == (True, 375)


async def test_a_handler_may_ask_an_agent_and_its_tools_ask_too():
    agent = nb.Agent(scripted([*call("add", {"a": 1, "b": 2}), Usage(5, 2)], "Three."), [add])
    agent.approve = True
    stream = nb.Workflow([nb.Step("ask", handler=lambda context: agent.stream("1 + 2?"))]).stream()
    deciding(stream, True)
    response = await stream
    assert legal(stream.events)
    assert (response.tool_calls[0].status, response.output["ask"]) == ("done", "Three.")
    assert response.usage.output_tokens == 2


async def test_side_by_side():
    meet = threading.Barrier(2, timeout=10)

    def wait(context):
        meet.wait()
        return "met"

    flow = nb.Workflow(
        [
            [nb.Step("a", handler=wait), nb.Step("b", handler=wait)],
            nb.Step("c", handler=lambda context: context["a"] + context["b"]),
        ]
    )
    stream = flow.stream()
    assert (await stream).text == "metmet"
    assert legal(stream.events)
    assert steps(stream) == [("a", 0), ("b", 1), ("c", 2)]


async def test_agents_side_by_side_each_have_iterations():
    def agent() -> nb.Agent:
        return nb.Agent(scripted(call("add", {"a": 1, "b": 1}), "Two."), [add], approve=True)

    flow = nb.Workflow([[nb.Step("a", agent()), nb.Step("b", agent())]])
    stream = deciding(flow.stream("1+1"), True)
    response = await stream
    assert legal(stream.events)
    assert [c.call_id for c in response.tool_calls] == ["a/c1", "b/c1"]
    assert [c.status for c in response.tool_calls] == ["done", "done"]
    assert len(of(stream, IterationEnd)) == 4


async def test_a_failing_step_says_which_and_keeps_what_came_before():
    def divide(context):
        return 1 / 0

    flow = nb.Workflow([nb.Step("first", scripted("Fine.")), nb.Step("second", handler=divide)])
    stream = flow.stream("go")
    with pytest.raises(nb.NbstreamError, match="Step 'second' failed: ZeroDivisionError") as caught:
        await stream
    assert legal(stream.events)
    assert stream.text == caught.value.partial == "Fine."
    assert stream.response.output["first"] == "Fine."
    assert [step.finish_reason for step in stream.response.steps] == ["stop", "error"]
    assert "2. second: failed, " in stream.to_markdown()
    failing = scripted(["Half ", nb.AuthenticationError("no key")])
    stream = nb.Workflow([nb.Step("only", failing)]).stream("go")
    with pytest.raises(nb.AuthenticationError, match="Step 'only' failed: no key"):
        await stream
    assert stream.text == "Half "


async def test_a_failure_ends_the_steps_beside_it():
    cancelled = asyncio.Event()

    async def forever(context):
        try:
            await asyncio.sleep(100)
        finally:
            cancelled.set()

    async def fail(context):
        await asyncio.sleep(0.02)
        raise ValueError("no")

    stream = nb.Workflow([[nb.Step("a", handler=forever), nb.Step("b", handler=fail)]]).stream()
    with pytest.raises(nb.NbstreamError, match="Step 'b'"):
        await stream
    assert legal(stream.events)
    assert [step.finish_reason for step in stream.response.steps] == ["stopped", "error"]
    await asyncio.wait_for(cancelled.wait(), 10)


async def test_stop_in_the_middle():
    slow = nb.Scripted("word " * 1000, delay=0.01)
    never = scripted("never")
    stream = nb.Workflow(
        [nb.Step("a", scripted("Done.")), nb.Step("b", slow), nb.Step("c", never)]
    ).stream("go")
    stream.on(lambda e: e.step == "b" and stream.stop(), "text_delta")
    response = await stream
    assert response.status == "stopped"
    assert legal(stream.events)
    assert response.output["a"] == "Done."
    assert [step.finish_reason for step in response.steps] == ["stop", "stopped"]
    assert not never.requests


async def test_a_step_that_does_not_stream_shows_its_text_at_once():
    model = nb.Scripted(["a", "b", "c", Usage(5, 7)], delay=0.05)
    stream = nb.Workflow([nb.Step("s", model, streaming=False)]).stream("go")
    assert (await stream).text == "abc"
    assert legal(stream.events)
    times = [event.time for event in of(stream, TextDelta)]
    assert times[-1] - times[0] < times[0]
    assert (stream.metrics.output_tokens, stream.metrics.token_source) == (7, "provider")


async def test_the_saved_form_has_the_steps():
    inner = nb.Agent(scripted("Inner."), name="expert")
    outer = nb.Agent(scripted(["I ask. ", *call("expert", {"prompt": "x"})], ["Asked."]), [inner])
    beside = nb.Scripted(["Beside ", "it."], delay=0.01)
    stream = nb.Workflow([[nb.Step("a", outer), nb.Step("b", beside)]]).stream("go")
    await stream
    said = re.sub(r" \([\d.]+ s\)", "", stream.to_markdown().partition("\n\n---")[0])
    positions = [said.index(piece) for piece in ("**a**", "I ask.", "**a/expert**", "Inner.")]
    assert positions == sorted(positions)
    assert said.endswith("**a**\n\nAsked.\n\n**b**\n\nBeside it.")
    html = to_html(stream.transcript, stream.metrics)
    assert html.index("<b>a</b>") < html.index("<b>a/expert</b>") < html.index("<b>b</b>")
    assert "2 steps: " in html
    plain = nb.Agent(scripted("Only text."))
    assert (await plain.run("x"))._repr_mimebundle_()["text/markdown"] == "Only text."


async def test_a_summary_says_what_the_steps_took(capsys):
    kai = nb.Agent(scripted(["Hello there.", Usage(40, 12)]), name="Kai")
    beside = [nb.Step(name, nb.Scripted(["So ", "so.", Usage(9, 3)], delay=0.2)) for name in "ab"]
    stream = nb.Workflow([nb.Step("greeter", kai), beside]).stream("Hi")
    stream.on(TerminalView(stream))
    await stream
    lines = [re.sub(r"\d\.\d s", "… s", line) for line in to_text(stream.transcript).splitlines()]
    assert lines == [
        *("So so.", "", "1. greeter (Kai): … s, 12 tokens"),
        *("2. a (scripted): … s, 3 tokens", "3. b (scripted): … s, 3 tokens", ""),
        "3 steps: … s, 18 tokens",
    ]
    took = float(re.findall(r"3 steps: ([\d.]+) s", stream.to_html())[0])
    assert took < sum(step.duration or 0 for step in stream.steps)
    printed = capsys.readouterr().out
    assert "── a ──\nSo so.\n── b ──\nSo so.\n1. greeter" in printed
    assert "\n3 steps: " in printed
    one = nb.Workflow([nb.Step("only", scripted("Alone."))]).stream("Hi")
    await one
    assert to_text(one.transcript) == "Alone."


def test_wrong_workflows():
    with pytest.raises(nb.UsageError, match="agent or a handler"):
        nb.Step("a")
    with pytest.raises(nb.UsageError, match="needs a step"):
        nb.Workflow([])
    with pytest.raises(nb.UsageError, match="twice"):
        nb.Workflow([nb.Step("a", scripted("x")), nb.Step("a", scripted("x"))])
    with pytest.raises(nb.UsageError, match="own"):
        nb.Workflow([nb.Step("input", scripted("x"))])


# ── agent.json ────────────────────────────────────────────────────────────────

NODE = {
    "node_id": "process_request",
    "name": "Process User Request",
    "node_type": "llm_generate",
    "streaming_enabled": True,
    "system_prompt": "You are a helpful assistant.",
    "input_keys": ["user_input"],
    "output_keys": ["assistant_response"],
}


async def test_from_json(tmp_path):
    path = tmp_path / "agent.json"
    path.write_text(json.dumps({"nodes": [NODE]}))
    model = scripted(["Hi ", "there"])
    response = await nb.Workflow.from_json(path, model=model).run({"user_input": "Hello"})
    assert [m["content"] for m in model.requests[0].messages] == [
        "You are a helpful assistant.",
        "Hello",
    ]
    assert response.output["assistant_response"] == response.text == "Hi there"
    assert response.transcript.steps[0].agent == "Process User Request"


async def test_from_json_with_edges_tools_and_several_keys():
    def node(name: str, **more: Any) -> dict[str, Any]:
        return {"node_id": name, "node_type": "llm_generate", **more}

    definition = {
        "nodes": [
            node("last", input_keys=["x", "y"], streaming_enabled=False),
            node("first", node_type="llm_tool_use", tools=["add"], output_keys=["x", "y"]),
        ],
        "edges": [{"source": "first", "target": "last"}],
    }
    model = scripted(call("add", {"a": 1, "b": 1}), '{"x": 1, "y": "two"}', "Done.")
    flow = nb.Workflow.from_json(definition, model=model, tools={"add": add})
    response = await flow.run("go")
    assert response.output["x"] == 1
    assert [step.structured for step in response.steps] == [True, False]
    assert model.requests[2].messages[-1]["content"] == "x: 1\ny: two"
    assert response.text == "Done."
    with pytest.raises(nb.UsageError, match="needs the tools add"):
        nb.Workflow.from_json(definition, model=model)
    with pytest.raises(nb.UsageError, match="router"):
        nb.Workflow.from_json({"nodes": [node("a", node_type="router")]})
