"""One tool call of an answer, as its fragments arrive."""

from __future__ import annotations

from typing import Any

import msgspec

from nbstream.events import StreamEvent, ToolCallEnd, WarningEvent
from nbstream.events.json import decode_json
from nbstream.events.nearly import read_arguments

from .surrogates import join_surrogates


class Call:
    """A tool call that is being streamed."""

    __slots__ = (
        "arguments",
        "block",
        "call_id",
        "choice",
        "index",
        "name",
        "repeated",
        "server_side",
        "size",
        "started",
    )

    def __init__(self, call_id: str, index: Any, choice: int, server_side: bool) -> None:
        self.call_id = call_id
        self.index = index
        self.choice = choice
        self.server_side = server_side
        self.name = ""
        self.block = -1
        self.started = False
        self.arguments: list[str] = []
        self.size = 0
        self.repeated = False  # its name came more than once

    @property
    def text(self) -> str:
        return "".join(self.arguments)

    @property
    def complete(self) -> bool:
        """Whether its arguments are a whole JSON object."""
        return bool(self.arguments) and is_object(self.text)


def fragment_text(arguments: Any) -> str:
    if arguments is None or arguments == "":
        return ""
    if isinstance(arguments, str):
        return arguments if arguments.isascii() else join_surrogates(arguments)
    return msgspec.json.encode(arguments, enc_hook=repr).decode()


def ended(call: Call) -> list[StreamEvent]:
    """The end of a call whose arguments have all arrived; what had to be mended is said."""
    text = call.text
    if not text.strip():
        return [ToolCallEnd(call.call_id, {})]
    try:
        value, mended = read_arguments(text)
    except ValueError as error:
        return [ToolCallEnd(call.call_id, None, text, str(error))]
    end = ToolCallEnd(call.call_id, value)
    if not mended:
        return [end]
    return [WarningEvent(f"the arguments of {call.name} were mended: {mended}", text[:200]), end]


def is_object(text: str) -> bool:
    text = text.strip()
    if text[:1] != "{" or text[-1:] != "}":
        return False
    try:
        decode_json(text)
    except ValueError:
        return False
    return True


def is_another(call: Call, name: str, fragment: str, *, sure: bool) -> bool:
    """Whether a named fragment begins another call, though it is marked like `call` (`sure`: by its id)."""
    if not name or not call.complete:
        return False
    if name != call.name:
        return bool(fragment) or not sure
    if same(fragment, call.text):  # said again at its end, or called twice
        return not sure and len(call.arguments) == 1
    return is_object(fragment) or not (fragment or sure or call.repeated)


def joined_name(name: str, piece: str) -> str:
    """A name that comes in pieces, or is repeated as far as it goes."""
    return name if piece == name else piece if piece.startswith(name) else name + piece


def unsaid(call: Call, fragment: str) -> str:
    """What of a fragment is new, where it may say again all that came before."""
    if len(fragment) < call.size * 0.8:
        return fragment
    text = call.text
    if text[0] == "{" and fragment.startswith(text) and text.rstrip()[-1] not in ":,[":
        return fragment[len(text) :]  # each fragment holds the ones before
    return "" if same(fragment, text) else fragment


def same(a: str, b: str) -> bool:
    """Whether two texts are the same JSON object, however they are spaced."""
    return is_object(a) and is_object(b) and decode_json(a) == decode_json(b)
