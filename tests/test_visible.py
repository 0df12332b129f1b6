"""Nothing that models, tools and servers say acts on a terminal, hides, or reorders what stands beside it."""

from __future__ import annotations

import io
from typing import Any

import pytest

import nbstream as nb
from nbstream.events import (
    Retry,
    StepStart,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResult,
    Warning,
)
from nbstream.events.visible import isolated, printable, visible
from nbstream.hosts.terminal import TerminalView
from nbstream.render.saved import to_text

CONTROLS = [chr(code) for code in (*range(32), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"]
TURNING = list("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
ATTACKS = [
    "\x1b]52;c;ZXZpbA==\x07",
    "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "\x1b[2J\x1b[H\x1b[1A\x1b[2KApproved by user",
    "\x9b2J\x9d0;title\x9c",
    "\x1bP$qm\x1b\\",
    "secret\rhidden abc\b\b\bxyz",
    "a\u202eb",
    *CONTROLS,
]


@pytest.mark.parametrize("text", ["plain\n\ttext", "Köln 東京 שלום 👩\u200d🚀", ""])
def test_what_is_harmless_stays(text):
    assert printable(text) == text


@pytest.mark.parametrize("character", [*CONTROLS, *TURNING, "\ud83d"])
def test_what_acts_is_shown(character):
    shown = printable(f"a{character}b")
    assert character not in shown
    assert shown != "ab"
    shown.encode()


def test_a_line_break_of_two_characters_is_one():
    assert printable("a\r\nb") == "a\nb"


def test_letters_from_right_to_left_move_nothing_beside_them():
    assert isolated("שלום") == "\u2068שלום\u2069"
    assert isolated("שלום\u2069 x") == "\u2068שלום\\u2069 x\u2069"
    assert isolated("Köln") == "Köln"


@pytest.mark.parametrize(
    "hidden", ["\u200b", "\u202e", "\u00a0", "\u3164", "\ufe0f", "\U000e0041", "\x7f"]
)
def test_what_cannot_be_seen_is_spelled_out(hidden):
    shown = visible(f"a{hidden}b")
    assert hidden not in shown
    assert shown.startswith("a\\")
    assert visible("Köln 東京 שלום") == "Köln 東京 שלום"


def said(what: str, text: str) -> list[StreamEvent | Exception]:
    called: list[StreamEvent | Exception] = [
        ToolCallStart("c1", 1, text if what == "name" else "t"),
        ToolCallDelta("c1", text if what == "arguments" else "{}"),
        ToolCallEnd("c1", {}),
    ]
    return {
        "text": [TextDelta(0, text)],
        "thinking": [ThinkingDelta(0, text)],
        "name": called,
        "arguments": called,
        "result": [*called, ToolResult("c1", text)],
        "structure": [*called, ToolResult("c1", {text: [text]})],
        "failure": [*called, ToolResult("c1", text, is_error=True)],
        "step": [StepStart(text)],
        "warning": [Warning(text)],
        "retry": [Retry(1, text)],
        "error": [nb.ProviderError(text, hint=text)],
    }[what]


SAYING = ["text", "thinking", "name", "arguments", "result", "structure", "failure"]
SAYING += ["step", "warning", "retry", "error"]


@pytest.mark.parametrize("what", SAYING)
async def test_nothing_acts_on_a_terminal(what):
    for attack in ATTACKS:
        screen = io.StringIO()
        events: Any = said(what, f"<{attack}>")
        stream = nb.stream("x", model=nb.Scripted(events, delay=0), retries=0, title=attack)
        stream.on(TerminalView(stream, file=screen))
        await stream.start().until_ended()
        shown = screen.getvalue()
        assert not set(shown) & {*CONTROLS, *TURNING}, (what, attack, shown)
        assert not set(to_text(stream.transcript)) & {*CONTROLS, *TURNING}
        assert not set(repr(stream.transcript.tool_calls)) & {*CONTROLS, *TURNING}
        if stream.error is not None:
            assert not set(str(stream.error)) & {*CONTROLS, *TURNING}


async def test_names_between_colons_stay_words():
    screen = io.StringIO()
    stream = nb.stream("x", model=nb.Scripted([":warning: [bold]no[/bold]"], delay=0))
    stream.on(TerminalView(stream, file=screen))
    await stream
    assert screen.getvalue().startswith(":warning: [bold]no[/bold]")
