"""What every decoder needs: numbers for blocks, identities for tool calls, whole characters."""

from __future__ import annotations

import secrets
from typing import Any, Literal

import msgspec

from nbstream.events import (
    FinishReason,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResult,
    Usage,
)
from nbstream.events.order import end_tool_call

from .sound import RATE, Sound

Kind = Literal["text", "thinking", "refusal"]

#: What is said where a provider puts a summary in the place of a long conversation.
COMPACTED = "the provider summed up the conversation so far, to make room"


class Call:
    """A tool call that is being streamed."""

    __slots__ = (
        "arguments",
        "block",
        "call_id",
        "choice",
        "index",
        "name",
        "server_side",
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


class Blocks:
    """Makes the content events of one answer.

    A stretch of one kind is a block; a change of kind opens the next. Providers that number their blocks
    pass `key`. A tool call is known by its id, else by its index, else it is the latest; it is closed by
    `end_call` or `close`, never because its arguments happen to parse. `fragile` is set once text may hold
    half a surrogate pair: the first half then waits for the second. `called` tells whether the model asked
    for a tool that is not the provider's own.
    """

    def __init__(self) -> None:
        self.fragile = False
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
            self._open[choice] = (kind, number)
            return number
        current = self._open.get(choice)
        if current is not None and current[0] == kind:
            return current[1]
        number = self._number()
        self._open[choice] = (kind, number)
        return number

    def new(self) -> int:
        """A number for a block of its own, such as an image."""
        self._open.clear()
        return self._number()

    def apart(self) -> int:
        """A number for what nobody sees: the block before it goes on."""
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

    def text(
        self, text: str, choice: int = 0, key: Any = None, logprobs: list[Any] | None = None
    ) -> list[StreamEvent]:
        if self._halves or not text.isascii():
            text = self._checked("text", choice, text)
        if not text and not logprobs:
            return []
        return [TextDelta(self.block("text", choice, key), text, choice=choice, logprobs=logprobs)]

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
        if not self.fragile:
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
        if arguments is None or arguments == "":
            fragment = ""
        elif isinstance(arguments, str):
            fragment = arguments if arguments.isascii() else join_surrogates(arguments)
        else:
            fragment = msgspec.json.encode(arguments, enc_hook=repr).decode()
        if not call.started:
            if not call.name:
                if fragment:
                    call.arguments.append(fragment)
                return []
            events = self._start(call)
            if fragment:
                call.arguments.append(fragment)
                events.append(ToolCallDelta(call.call_id, fragment))
            return events
        if not fragment:
            return []
        call.arguments.append(fragment)
        return [ToolCallDelta(call.call_id, fragment)]

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
        return "".join(call.arguments) if call else ""

    def end_call(self, call_id: str, arguments: Any = None) -> list[StreamEvent]:
        """Closes a call; nothing where it is not open. `arguments` is its value where the text is no JSON."""
        call = self._calls.pop(call_id, None)
        if call is None:
            return []
        if self._by_index.get((call.choice, call.index)) is call:
            del self._by_index[call.choice, call.index]
        if self._latest is call:
            self._latest = None
        events = [] if call.started else self._start(call)
        if arguments is not None:
            return [*events, ToolCallEnd(call.call_id, arguments)]
        return [*events, end_tool_call(call.call_id, "".join(call.arguments))]

    def result(self, call_id: str, content: Any, is_error: bool = False) -> list[StreamEvent]:
        """What a tool gave back; closes its call first."""
        events = self.end_call(call_id)
        if call_id not in self._seen:
            events += self.call(call_id=call_id, name="tool", server_side=True)
            events += self.end_call(call_id)
        self._answered.add(call_id)
        return [*events, ToolResult(call_id, content, is_error)]

    def end_calls(self) -> list[StreamEvent]:
        return [event for call_id in list(self._calls) for event in self.end_call(call_id)]

    def close(self) -> list[StreamEvent]:
        """What waits for more at the end of the stream."""
        events: list[StreamEvent] = []
        halves, self._halves = self._halves, {}
        self.fragile = False
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
        if not server_side:
            self.called = True
        return call

    def _start(self, call: Call) -> list[StreamEvent]:
        call.started = True
        call.block = self.new()
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


def join_surrogates(text: str) -> str:
    """`text` with surrogate pairs made one character and halves made U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def usage(
    *,
    input_tokens: Any = None,
    output_tokens: Any = None,
    cache_read_tokens: Any = None,
    cache_write_tokens: Any = None,
    reasoning_tokens: Any = None,
    cost: Any = None,
    details: dict[str, Any] | None = None,
) -> Usage:
    """A `usage` event from what a provider sent; what is not a number counts as not said."""
    return Usage(
        _count(input_tokens),
        _count(output_tokens),
        _count(cache_read_tokens),
        _count(cache_write_tokens),
        _count(reasoning_tokens),
        cost if isinstance(cost, (int, float)) and not isinstance(cost, bool) else None,
        details={k: v for k, v in (details or {}).items() if v not in (None, {}, [])} or None,
    )


def _count(value: Any) -> int | None:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def finish_reason(word: str) -> FinishReason:
    """Our word for a provider's; "unknown" where it has none."""
    return _FINISH.get(word.lower(), "unknown")


_FINISH: dict[str, FinishReason] = {
    word: reason
    for reason, words in {
        "stop": "stop end_turn stop_sequence eos eos_token complete completed finish finished done",
        "length": "length max_tokens max_output_tokens model_length error_limit max_length "
        "model_context_window_exceeded context_window_exceeded error_toxic_length",
        "tool_calls": "tool_calls requires_action tool_call tool_use tool-calls function_call",
        "content_filter": "content_filter content-filter content_filtered guardrail_intervened safety "
        "recitation blocklist prohibited_content spii image_safety image_prohibited_content "
        "image_recitation error_toxic language",
        "refusal": "refusal",
        "pause": "pause pause_turn",
        "stopped": "cancelled canceled aborted abort user_cancel interrupt",
        "error": "error malformed_function_call malformed_tool_use failed",
    }.items()
    for word in words.split()
}  # type: ignore[assignment]
