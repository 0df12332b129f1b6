"""What was checked is what runs: one value for guard, card, execution and log; one answer for one call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, field_validator

import nbstream as nb
from nbstream.agents.call_ids import CallIds
from nbstream.events import (
    Reset,
    StreamEvent,
    TextDelta,
    ToolApproval,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResult,
)
from tests.test_agent import call, legal, of, scripted

RAN: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    RAN.clear()


def delete(path: str, dry_run: bool = True) -> str:
    RAN.append((path, dry_run))
    return "ok"


def pay(amount: int) -> str:
    RAN.append(amount)
    return "ok"


def many(ids: set[int]) -> str:
    RAN.append(ids)
    return "ok"


class Kind(Enum):
    hard = "h"


class Trap(BaseModel):
    path: str

    @field_validator("path")
    @classmethod
    def leave(cls, value: str) -> str:
        raise SystemExit(value)


def answering(stream: nb.Stream, *approved: bool) -> nb.Stream:
    answers = iter(approved)

    def answer(event: Any) -> None:
        if event.decision == "requested":
            assert stream.approve(event.approval_id, next(answers))

    return stream.on(answer, "tool_approval")


def really(path: str, dry_run: bool = True) -> bool:
    return not dry_run


@pytest.mark.parametrize(
    ("function", "guard", "arguments"),
    [
        *[(delete, really, {"path": "/", "dry_run": no}) for no in ("false", "off", "no", 0, "0")],
        (delete, lambda **given: not given["dry_run"], {"path": "/", "dry_run": "F"}),
        (pay, lambda amount: amount > 100, {"amount": "1000"}),
        (pay, lambda amount: type(amount) is int and amount > 100, {"amount": 1000.0}),
        (many, lambda ids: 7 in ids, {"ids": ["7"]}),
    ],
)
async def test_a_guard_sees_what_would_run(function, guard, arguments):
    for made in (
        lambda model: nb.Agent(model, [nb.tool(approve=guard)(function)]),
        lambda model: nb.Agent(model, [function], approve=lambda _, given: guard(**given)),
    ):
        stream = answering(
            made(scripted(call(function.__name__, arguments), "ok")).stream("x"), False
        )
        await stream
        assert [event.decision for event in of(stream, ToolApproval)] == ["requested", "denied"]
        assert not RAN


async def test_a_guard_sees_defaults_and_need_not_name_what_it_does_not_look_at():
    for guard in (lambda dry_run: dry_run, lambda path: path == "/"):
        tool = nb.tool(approve=guard)(delete)
        stream = answering(
            nb.Agent(scripted(call("delete", {"path": "/"}), "ok"), [tool]).stream("x"), True
        )
        await stream
        assert RAN == [("/", True)]
        RAN.clear()


async def test_card_log_and_function_have_the_same_value():
    big = 2**53 + 1

    @nb.tool(approve=True)
    def book(amount: int, to: Path, kind: Kind, note: str, mode: Literal["a"] = "a") -> str:
        RAN.append((amount, to, kind, note, mode))
        return "booked"

    sent = {"amount": str(big), "to": "/a/../b", "kind": "h", "note": "x\u202ey\u200b\x9b\u3164"}
    stream = answering(nb.Agent(scripted(call("book", sent), "ok"), [book]).stream("x"), True)
    response = await stream
    assert [(big, Path("/a/../b"), Kind.hard, sent["note"], "a")] == RAN
    asked = of(stream, ToolApproval)[0]
    assert asked.arguments_text.isprintable() or "\n" in asked.arguments_text
    assert str(big) in asked.arguments_text
    for sign in ("\\u202e", "\\u200b", "\\x9b", "\\u3164", '"mode": "a"'):
        assert sign in asked.arguments_text
    (part,) = response.tool_calls
    assert part.arguments == {**sent, "amount": big}
    assert part.preview == asked.arguments_text
    assert "\u202e" not in stream.to_html().partition("<script")[0]
    # the conversation keeps the model's own words
    assert json.loads(part.arguments_text) == sent


async def test_a_tool_that_changes_its_arguments_changes_no_event():
    def eat(order: dict[str, Any]) -> int:
        order.clear()
        return 1

    stream = nb.Agent(scripted(call("eat", {"order": {"a": 1}}), "ok"), [eat]).stream("x")
    await stream
    assert of(stream, ToolCallEnd)[0].arguments == {"order": {"a": 1}}


async def test_a_validator_that_leaves_is_a_wrong_argument():
    def trap(trap: Trap) -> None:
        RAN.append(1)

    stream = nb.Agent(scripted(call("trap", {"trap": {"path": "x"}}), "ok"), [trap]).stream("x")
    assert (await stream).text == "ok"
    assert "Wrong arguments: SystemExit: x" in of(stream, ToolResult)[0].content


async def test_arguments_nested_too_deep_are_told_to_the_model():
    deep: Any = 1
    for _ in range(3000):
        deep = {"a": deep}

    def take(a: dict[str, Any]) -> None:
        RAN.append(1)

    events = [
        ToolCallStart("c1", 1, "take"),
        ToolCallEnd("c1", None, "{…", "JSON is nested more than 100 levels deep"),
        ToolCallStart("c2", 2, "take"),
        ToolCallEnd("c2", {"a": deep}),  # from a model of the user's own
    ]
    stream = nb.Agent(scripted(events, "ok"), [take]).stream("x")
    assert (await stream).text == "ok"
    for result in of(stream, ToolResult):
        assert "nested more than 100 levels" in result.content
    assert not RAN
    stream.to_html()
    stream.to_markdown()
    with pytest.raises(nb.ToolError, match="nested more than 100 levels"):
        nb.tool(take).check({"a": deep})


# ── one answer for one call ───────────────────────────────────────────────────


async def test_two_calls_of_one_id_are_two():
    async def look(path: str) -> str:
        RAN.append(("look", path))
        return "x"

    async def wipe(path: str) -> str:
        RAN.append(("wipe", path))
        return "x"

    both = [*call("look", {"path": "a"}), *call("wipe", {"path": "/"}, "c1", 2)]
    stream = nb.Agent(scripted(both, "ok"), [look, wipe], approve=True).stream("x")
    answering(stream, True, False)
    response = await stream
    assert legal(stream.events)
    assert RAN == [("look", "a")]
    assert [(part.name, part.status) for part in response.tool_calls] == [
        ("look", "done"),
        ("wipe", "denied"),
    ]
    asked = [event for event in of(stream, ToolApproval) if event.decision == "requested"]
    assert len({event.approval_id for event in asked}) == len({e.call_id for e in asked}) == 2


def nested() -> tuple[nb.Agent, nb.Agent]:
    def look() -> str:
        RAN.append("look")
        return "x"

    def wipe() -> str:
        RAN.append("wipe")
        return "x"

    inner = nb.Agent(scripted(call("look", {}, "x1"), "end"), [look], approve=True, name="helper")
    both = [*call("helper", {"prompt": "p"}), *call("wipe", {}, "c1/x1", 2)]
    return inner, nb.Agent(scripted(both, "end"), [inner, wipe], approve=["wipe"])


@pytest.mark.parametrize("by", ["approval_id", "call_id"])
async def test_an_outer_id_spelled_like_a_nested_one_is_another(by):
    _, outer = nested()
    stream = outer.stream("x")
    asked: dict[str, str] = {}

    def answer(event: Any) -> None:
        if event.decision == "requested":
            asked["wipe" if event.step == "" else "look"] = getattr(event, by)
            if len(asked) == 2:
                assert not stream.approve("x1")  # the nested run's own name for it
                assert stream.approve(asked["look"], True)
                assert stream.approve(asked["wipe"], False)

    stream.watched()
    await asyncio.wait_for(stream.on(answer, "tool_approval"), 20)
    assert legal(stream.events)
    assert RAN == ["look"]
    assert len({part.call_id for part in stream.transcript.tool_calls}) == 3


async def test_steps_whose_names_run_into_ids_are_kept_apart():
    def ask(name: str, call_id: str) -> nb.Agent:
        def run() -> None:
            RAN.append(name)

        return nb.Agent(
            scripted(call("run", {}, call_id), "end"), [nb.tool(name="run")(run)], approve=True
        )

    steps = [nb.Step("a", ask("first", "b/x")), nb.Step("a/b", ask("second", "x"))]
    stream = nb.Workflow([steps]).stream("x")
    waiting: list[Any] = []

    def answer(event: Any) -> None:
        if event.decision == "requested":
            waiting.append(event)
            if len(waiting) == 2:
                for each in waiting:
                    assert stream.approve(each.call_id, each.step == "a")

    stream.watched()
    await asyncio.wait_for(stream.on(answer, "tool_approval"), 20)
    assert legal(stream.events)
    assert RAN == ["first"]


async def test_nobody_answers_before_it_asks_or_afterwards():
    stream = nb.Agent(scripted(call("pay", {"amount": 1}), "ok"), [pay], approve=True).stream("x")
    assert not stream.approve("c1")
    answering(stream, True)
    await stream
    asked = of(stream, ToolApproval)[0]
    assert not stream.approve("c1") and not stream.approve(asked.approval_id)
    assert RAN == [1]


def test_ids_are_ours():
    ids = CallIds()
    given: list[StreamEvent] = [
        ToolCallStart("c1", 0),
        ToolCallDelta("c1", "{}"),
        ToolCallStart("c1", 1),
        ToolCallDelta("c1", "{}"),
        ToolCallStart("c1-2", 2),
        ToolCallStart("a/b", 3),
        ToolCallStart("a%2Fb", 4),
        TextDelta(0, "x"),
        Reset(0),
    ]
    assert [ids.of(event) for event in given] == [
        *("c1", "c1", "c1-2", "c1-2", "c1-2-2", "a%2Fb", "a%252Fb", None, None)
    ]
    ids.next_answer()
    assert ids.of(ToolCallEnd("c1", {})) == "c1-3"


# ── schemas ───────────────────────────────────────────────────────────────────


class Frame: ...


class Node(BaseModel):
    name: str
    children: list[Node] = []


def test_a_parameter_that_no_model_can_give_is_named():
    scope: dict[str, Any] = {}
    code = "from __future__ import annotations\ndef late(frame: OnlyForTypes) -> str: return ''\n"
    exec(code + "def fine(n: int) -> OnlyForTypes: return ''", scope)

    def odd(n: int, frame: Frame) -> None: ...
    def called(done: Callable[[int], int]) -> None: ...

    for function, word in ((scope["late"], "'frame'"), (odd, "'frame'"), (called, "'done'")):
        with pytest.raises(nb.UsageError, match=word):
            nb.tool(function)
    assert nb.tool(scope["fine"]).spec["function"]["parameters"]["properties"] == {
        "n": {"type": "integer"}
    }
    with pytest.raises(nb.UsageError, match="no JSON schema"):
        nb.Agent("demo", output_type=Frame)


async def test_a_type_that_holds_itself_has_an_object_at_its_root():
    for text in ('{"value": {"name": "r", "children": [{"name": "c"}]}}', '{"name": "r"}'):
        model = scripted([text])
        response = await nb.stream("x", model=model, output_type=Node)
        assert response.output.name == "r"
        assert model.requests[0].output_schema["type"] == "object"
        assert model.requests[0].output_schema["properties"]["children"]
