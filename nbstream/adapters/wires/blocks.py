"""What every decoder needs: numbers for blocks, identities for tool calls, whole characters."""

from __future__ import annotations

import secrets
from typing import Any, Literal

from nbstream.events import (
    RefusalDelta,
    Reset,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResult,
)

from .calls import Call, ended, fragment_text, is_another, joined_name, unsaid
from .sound import RATE, Sound
from .surrogates import join_surrogates

Kind = Literal["text", "thinking", "refusal"]

#: What is said where a provider puts a summary in the place of a long conversation.
COMPACTED = "the provider summed up the conversation so far, to make room"


class Blocks:
    """Makes the content events of one answer.

    A stretch of one kind is a block; a change of kind opens the next. Providers that number their blocks
    pass `key`. A tool call is known by its id, else by its index, else it is the latest; it is closed by
    `end_call` or `close`, never because its arguments happen to parse. `split_surrogates` is set once text may hold
    half a surrogate pair: the first half then waits for the second. `called` tells whether the model asked
    for a tool that is not the provider's own. `paragraph` is set where the next text is another message.
    """

    def __init__(self) -> None:
        self.split_surrogates = False
        self.paragraph = False
        self._spoke = False
        self._text_at: int | None = None
        self._next = 0
        self._open: dict[int, tuple[Kind, int]] = {}
        self._keyed: dict[tuple[Kind, Any], int] = {}
        self._halves: dict[tuple[Kind, int], str] = {}
        self._calls: dict[str, Call] = {}
        self._by_index: dict[tuple[int, Any], Call] = {}
        self._latest: Call | None = None
        self._seen: set[str] = set()
        self._answered: set[str] = set()
        self._sound: Sound | None = None
        self.called = False

    # ── text ──────────────────────────────────────────────────────────────────

    def block(self, kind: Kind, choice: int = 0, key: Any = None) -> int:
        """The number of the block that the next piece of `kind` belongs to."""
        if key is not None:
            number = self._keyed.get((kind, key))
            if number is None:
                number = self._keyed[kind, key] = self._number()
                self._note(kind, number)
            self._open[choice] = (kind, number)
            return number
        current = self._open.get(choice)
        if current is not None and current[0] == kind:
            return current[1]
        number = self._number()
        self._open[choice] = (kind, number)
        self._note(kind, number)
        return number

    def message(self) -> None:
        """Another message of the answer begins: its text is a paragraph of its own."""
        self.paragraph = self._spoke
        self._open.clear()

    @property
    def thought(self) -> bool:
        """Whether any thinking has come."""
        return any(kind == "thinking" for kind, _ in self._open.values())

    def new(self) -> int:
        """A number for a block of its own, such as an image."""
        self._open.clear()
        return self._number()

    def hidden(self) -> int:
        """A number for a block that nobody sees: the one before it goes on."""
        return self._number()

    def _number(self) -> int:
        self._next += 1
        return self._next - 1

    def following(self) -> int:
        """The number that the next new block will have."""
        return self._next

    def latest(self) -> int:
        """The block that was opened last."""
        return max(self._next - 1, 0)

    def _note(self, kind: Kind, number: int) -> None:
        if kind == "text":
            self._spoke, self._text_at = True, number

    def place(self) -> int:
        """The block that a citation without a place of its own belongs to: the text that began last."""
        return self.latest() if self._text_at is None else self._text_at

    def text(
        self, text: str, choice: int = 0, key: Any = None, logprobs: list[Any] | None = None
    ) -> list[StreamEvent]:
        if self._halves or not text.isascii():
            text = self._checked("text", choice, text)
        if not text and not logprobs:
            return []
        block = self.block("text", choice, key)
        if self.paragraph and not text.isspace():
            self.paragraph = False
            return [TextDelta(block, text, choice=choice, logprobs=logprobs, paragraph=True)]
        return [TextDelta(block, text, choice=choice, logprobs=logprobs)]

    def thinking(
        self,
        text: str = "",
        choice: int = 0,
        key: Any = None,
        signature: str = "",
        redacted: str = "",
    ) -> list[StreamEvent]:
        text = self._checked("thinking", choice, text)
        if not (text or signature or redacted):
            return []
        block = self.block("thinking", choice, key)
        return [ThinkingDelta(block, text, signature=signature, redacted=redacted, choice=choice)]

    def refusal(self, text: str, choice: int = 0, key: Any = None) -> list[StreamEvent]:
        text = self._checked("refusal", choice, text)
        return (
            [RefusalDelta(self.block("refusal", choice, key), text, choice=choice)] if text else []
        )

    def sound(self, piece: str, rate: int = RATE) -> None:
        """A piece of the answer's sound, base64; `close` gives the whole."""
        self._sound = self._sound or Sound(rate)
        self._sound.add(piece)

    def _checked(self, kind: Kind, choice: int, text: str) -> str:
        """`text` with surrogate pairs joined across pieces; a half without its other half is U+FFFD."""
        if not isinstance(text, str):
            raise TypeError("not a text")
        if not self.split_surrogates:
            return text
        text = self._halves.pop((kind, choice), "") + text
        if text.isascii():
            return text
        if "\ud800" <= text[-1] <= "\udbff":
            self._halves[kind, choice] = text[-1]
            text = text[:-1]
        return join_surrogates(text)

    # ── tool calls ────────────────────────────────────────────────────────────

    def call(
        self,
        *,
        call_id: str = "",
        index: Any = None,
        name: str = "",
        arguments: Any = None,
        choice: int = 0,
        server_side: bool = False,
    ) -> list[StreamEvent]:
        """A fragment of a tool call: its beginning, some arguments, or both."""
        if not isinstance(call_id, str) or not isinstance(name, str):
            raise TypeError("not an id or a name")
        call = self._find(call_id, index, choice)
        if call is None:
            call = self._new_call(call_id, index, choice, server_side)
        self._latest = call
        if name and not call.name:
            call.name = name
        return self._more(call, fragment_text(arguments))

    def piece(
        self,
        *,
        call_id: str = "",
        index: Any = None,
        name: str = "",
        arguments: Any = None,
        choice: int = 0,
    ) -> list[StreamEvent]:
        """A fragment of a tool call from a server that may mark it wrongly (chat completions).

        Ids may be missing, the same for all, or new in each piece; indexes missing or 0 for all; names in
        pieces or repeated; the whole call said again at its end. What the marks leave open, the arguments
        decide: whole ones need no more.
        """
        if not isinstance(call_id, str) or not isinstance(name, str):
            raise TypeError("not an id or a name")
        fragment = fragment_text(arguments)
        call = self._marked(call_id, index, name, fragment, choice)
        if call is None:
            call = self._new_call(call_id, index, choice, False)
        elif index is not None:
            self._by_index[choice, index] = call
        self._latest = call
        if name:
            call.repeated = call.repeated or name == call.name
            if not call.arguments:
                call.name = joined_name(call.name, name)
        if fragment and call.arguments and fragment[0] == "{":
            fragment = unsaid(call, fragment)
        # the name may come in pieces, so it is said with the first arguments
        return self._more(call, fragment) if fragment or call.started else []

    def _more(self, call: Call, fragment: str) -> list[StreamEvent]:
        if fragment:
            call.arguments.append(fragment)
            call.size += len(fragment)
        if not call.started:
            return self._start(call) if call.name else []
        return [ToolCallDelta(call.call_id, fragment)] if fragment else []

    def _marked(
        self, call_id: str, index: Any, name: str, fragment: str, choice: int
    ) -> Call | None:
        """The open call that a fragment goes on with, None where it begins another."""
        at = None if index is None else self._by_index.get((choice, index))
        same = self._calls.get(call_id) if call_id else None
        if same is not None and same.choice == choice:
            if at is not None and at is not same and at.call_id.startswith(call_id):
                return at  # two calls of one id, told apart by their index
            if at is None and index is not None and name and name != same.name:
                return same if same.arguments and not same.complete else None
            return None if is_another(same, name, fragment, sure=True) else same
        if at is not None and call_id and name:
            # a new id where a call stands: another call, unless the server makes a new id for each piece
            begun = bool(at.arguments) and not at.complete
            return at if begun and at.name == name else None
        if at is None and name and (call_id or index is not None):
            return None
        call = at or self._latest
        if call is None or call.choice != choice:
            return None
        if at is None and call_id and call.complete:
            return None
        return None if is_another(call, name, fragment, sure=False) else call

    def has_call(self, call_id: str) -> bool:
        """Whether a call is open."""
        return call_id in self._calls

    def seen(self, call_id: str) -> bool:
        """Whether a call has been started, open or not."""
        return call_id in self._seen

    def answered(self, call_id: str) -> bool:
        """Whether a call has its result."""
        return call_id in self._answered

    def awaiting(self) -> bool:
        """Whether a call has been made that has no result yet."""
        return bool(self._calls) or bool(self._seen - self._answered)

    def call_id(self, index: Any, choice: int = 0) -> str:
        """The id of the call at `index`, "" where there is none."""
        call = self._by_index.get((choice, index))
        return call.call_id if call else ""

    def arguments(self, call_id: str) -> str:
        """The arguments that have arrived for an open call."""
        call = self._calls.get(call_id)
        return call.text if call else ""

    def end_call(self, call_id: str, arguments: Any = None) -> list[StreamEvent]:
        """Closes a call; nothing where it is not open. `arguments` is its value where the text is no JSON."""
        call = self._calls.pop(call_id, None)
        if call is None:
            return []
        for place in [p for p, known in self._by_index.items() if known is call]:
            del self._by_index[place]
        if self._latest is call:
            self._latest = None
        if not call.name and not call.arguments:
            return []  # nobody was called, with nothing
        events = [] if call.started else self._start(call)
        if arguments is not None:
            return [*events, ToolCallEnd(call.call_id, arguments)]
        return [*events, *ended(call)]

    def result(
        self, call_id: str, content: Any, is_error: bool = False, name: str = "tool"
    ) -> list[StreamEvent]:
        """What a tool gave back; closes its call first. `name`: of a call that an earlier message made."""
        events = self.end_call(call_id)
        if call_id not in self._seen:
            events += self.call(call_id=call_id, name=name, server_side=True)
            events += self.end_call(call_id)
        self._answered.add(call_id)
        return [*events, ToolResult(call_id, content, is_error)]

    def end_calls(self) -> list[StreamEvent]:
        return [event for call_id in list(self._calls) for event in self.end_call(call_id)]

    def withdraw_calls(self, reason: str) -> list[StreamEvent]:
        """Calls that were cut off, because the message began anew: nobody is to answer them."""
        first = min((call.block for call in self._calls.values() if call.started), default=None)
        events = self.end_calls()
        return events if first is None else [*events, Reset(first, reason)]

    def latest_call(self) -> str:
        """The id of the call that the last fragment belonged to, "" where none is open."""
        return self._latest.call_id if self._latest else ""

    def close(self) -> list[StreamEvent]:
        """What waits for more at the end of the stream."""
        events: list[StreamEvent] = []
        halves, self._halves = self._halves, {}
        self.split_surrogates = False
        for kind, choice in halves:
            events += getattr(self, kind)("\ufffd", choice)
        events += self.end_calls()
        if self._sound is not None:
            events.append(self._sound.part(self.new()))
            self._sound = None
        return events

    def _find(self, call_id: str, index: Any, choice: int) -> Call | None:
        if call_id:
            return self._calls.get(call_id)
        if index is not None:
            return self._by_index.get((choice, index))
        return self._latest

    def _new_call(self, call_id: str, index: Any, choice: int, server_side: bool) -> Call:
        if not call_id or call_id in self._seen:
            call_id = f"{call_id or 'call'}_{secrets.token_hex(6)}"
        self._seen.add(call_id)
        call = Call(call_id, index, choice, server_side)
        self._calls[call.call_id] = call
        if index is not None:
            self._by_index[choice, index] = call
        return call

    def _start(self, call: Call) -> list[StreamEvent]:
        call.started = True
        call.block = self.new()
        if not call.server_side:
            self.called = True
        events: list[StreamEvent] = [
            ToolCallStart(
                call.call_id,
                call.block,
                call.name,
                server_side=call.server_side,
                choice=call.choice,
            )
        ]
        if call.arguments:
            events.append(ToolCallDelta(call.call_id, "".join(call.arguments)))
        return events
