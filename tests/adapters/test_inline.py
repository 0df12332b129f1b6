"""Reasoning that models write into their text: taken out, live, however the text is cut."""

from __future__ import annotations

import random

import pytest

from nbstream.adapters.transport.failures import Endpoint
from nbstream.adapters.wires.openai_chat import ChatDecoder
from nbstream.events import Reset, RunStart, StreamEvent, ThinkingDelta
from nbstream.render.response import Response, fold
from tests.adapters.reading import body_of, check_order, read, response_of
from tests.servers import chat_event

#: What a model writes: (text, the answer, its reasoning)
REASONS = {
    "qwen": ("<think>\nTwo and two.\n</think>\n\nFour.", "Four.", "Two and two."),
    "in one line": ("<think>Two and two.</think>Four.", "Four.", "Two and two."),
    "nothing thought": ("<think>\n\n</think>\n\nFour.", "Four.", ""),
    "white space before it": ("\n <think>Sum.</think>Four.", "Four.", "Sum."),
    "thinking": ("<thinking>Sum.</thinking>\nFour.", "Four.", "Sum."),
    "thought": ("<thought>Sum.</thought>Four.", "Four.", "Sum."),
    "capitals": ("<Think>Sum.</Think>Four.", "Four.", "Sum."),
    "seed": ("<seed:think>Sum.</seed:think>Four.", "Four.", "Sum."),
    "magistral": ("[THINK]Sum.[/THINK]Four.", "Four.", "Sum."),
    "kimi": ("◁think▷Sum.◁/think▷Four.", "Four.", "Sum."),
    "open thoughts": (
        "<|begin_of_thought|>\nSum.\n<|end_of_thought|>\n\n<|begin_of_solution|>\nFour.\n<|end_of_solution|>",
        "Four.",
        "Sum.",
    ),
    "command": (
        "<|START_THINKING|>Sum.<|END_THINKING|><|START_RESPONSE|>Four.<|END_RESPONSE|>",
        "Four.",
        "Sum.",
    ),
    "twice": ("<think>One.</think>\n<think>Two.</think>Four.", "Four.", "One.\n\nTwo."),
    "angles inside": (
        "<think>a < b </thin> </thinks></think>x < y",
        "x < y",
        "a < b </thin> </thinks>",
    ),
    "cut off": ("<think>\nTwo and", "", "Two and"),
    "the closing tag alone": ("Two and two.\n</think>\n\nFour.", "Four.", "Two and two."),
    "alone in one line": ("Two and two.</think>Four.", "Four.", "Two and two."),
    "alone, thinking": ("Sum it.\n</thinking>\nFour.", "Four.", "Sum it."),
    "nothing but the closing tag": ("</think>\n\nFour.", "Four.", ""),
    "harmony": (
        "<|channel|>analysis<|message|>Sum.<|end|><|start|>assistant<|channel|>final<|message|>Four.<|return|>",
        "Four.",
        "Sum.",
    ),
    "harmony from its start": (
        "<|start|>assistant<|channel|>final<|message|>Four.",
        "Four.",
        "",
    ),
    "harmony with a word before": (
        "<|channel|>commentary<|message|>Let me see.<|end|><|start|>assistant<|channel|>final<|message|>Four.",
        "Let me see.\n\nFour.",
        "",
    ),
    "harmony without its marks": (
        "analysisTwo and two.assistantfinalFour.",
        "Four.",
        "Two and two.",
    ),
}

TALK = [
    "Use <think> to begin and </think> to end.",
    "The closing tag </think> comes last.",
    "It ends with `</think>`\nand goes on.",
    "```\nreasoning\n</think>\n```\nSee?",
    'The tag is "</think>"\n',
    "<think> is a tag that opens reasoning.",
    "<thin ice>",
    "<b>bold</b> and a < b",
    "[THINKING] of you",
    "analysis of the text",
    "x</thinking-tank>",
    "<|im_start|>",
    "<",
    "  ",
]


def said(pieces: list[str], provider: str = "test") -> tuple[Response, list[StreamEvent]]:
    body = body_of("chat")
    body.decoder = ChatDecoder(Endpoint(provider=provider))
    data = [chat_event({"content": piece}) for piece in pieces]
    events = read(body, [*data, chat_event({}, "stop"), b"data: [DONE]\n\n"])
    return response_of(events), events


def every_cut(text: str) -> list[list[str]]:
    dice = random.Random(7)
    cuts = [[text], list(text)]
    for _ in range(6):
        places = sorted(dice.sample(range(1, len(text)), min(len(text) - 1, dice.randint(1, 6))))
        cuts.append([text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)])
    return cuts


@pytest.mark.parametrize("name", REASONS)
def test_reasoning_is_thinking_however_it_is_cut(name: str) -> None:
    text, answer, thought = REASONS[name]
    for pieces in every_cut(text):
        response, _ = said(pieces)
        assert (response.text, response.thinking.strip()) == (answer, thought), pieces


@pytest.mark.parametrize("text", TALK)
def test_text_about_the_tags_stays_text(text: str) -> None:
    for pieces in every_cut(text) if len(text) > 1 else [[text]]:
        response, _ = said(pieces)
        assert (response.text, response.thinking) == (text, ""), pieces


def test_it_is_split_live() -> None:
    decoder = ChatDecoder(Endpoint(provider="test"))
    events = list(decoder.decode(chat_event({"content": "<think>one "})[6:].strip()))
    events += decoder.decode(chat_event({"content": "two"})[6:].strip())
    assert "".join(e.text for e in events if isinstance(e, ThinkingDelta)) == "one two"


def test_what_was_shown_as_the_answer_is_withdrawn() -> None:
    response, events = said(["Okay, the", " user asks.\n", "</thi", "nk>", "\n\nParis."])
    assert [type(e) for e in events].count(Reset) == 1
    assert response.text == "Paris."


def test_openais_own_answers_are_left_alone() -> None:
    response, _ = said(["<think>Sum.</think>Four."], provider="openai")
    assert response.text == "<think>Sum.</think>Four."


def test_a_server_that_takes_it_apart_itself_is_trusted() -> None:
    body = body_of("chat")
    pieces = [{"reasoning_content": "Sum."}, {"content": "</think>\n\nWrite <think>"}]
    events = read(body, [*map(chat_event, pieces), chat_event({}, "stop")])
    response = response_of(events)
    assert (response.text, response.thinking) == ("Write <think>", "Sum.")


def test_harmony_calls_are_calls() -> None:
    text = (
        "<|channel|>analysis<|message|>Ask.<|end|><|start|>assistant<|channel|>commentary "
        'to=functions.add <|constrain|>json<|message|>{"a": 1}<|call|>'
    )
    for pieces in every_cut(text):
        response, _ = said(pieces)
        assert [(c.name, c.arguments) for c in response.tool_calls] == [("add", {"a": 1})]
        assert (response.text, response.thinking) == ("", "Ask.")


def test_each_choice_for_itself() -> None:
    decoder = ChatDecoder(Endpoint(provider="test"))
    events: list[StreamEvent] = [RunStart("r")]
    for index, text in ((0, "<thi"), (1, "Hel"), (0, "nk>a</think>b"), (1, "lo <b>")):
        choice = {"index": index, "delta": {"content": text}}
        events += decoder.read({"choices": [choice]})
    events += decoder.close()
    check_order(events[1:])
    parts = fold(events).transcript.parts
    assert [(p.kind, p.choice, p.text) for p in parts] == [
        ("text", 1, "Hello <b>"),
        ("thinking", 0, "a"),
        ("text", 0, "b"),
    ]
