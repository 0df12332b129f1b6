"""A conversation: its turns, each from a prompt to the last answer to it.

A message of the assistant may hold, beside what everybody's form says, a `carry`: the answer in its
provider's own form, which that provider gets back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, overload

from nbstream.events.carry import fingerprint
from nbstream.events.errors import UsageError
from nbstream.events.json import decode_json

Message = dict[str, Any]


class History(Sequence[Message]):
    """The messages so far, in the OpenAI chat form without the system prompt; `turns` groups them.

    A turn that was stopped keeps what had been said; one that failed before a word is not kept.
    """

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        self.turns: list[list[Message]] = []
        for message in messages:
            if message.get("role") == "user" or not self.turns:
                self.turns.append([])
            self.turns[-1].append(message)

    def add(self, turn: list[Message]) -> None:
        self.turns.append(turn)

    def clear(self) -> None:
        self.turns.clear()

    @property
    def next_turn(self) -> str:
        """`Turn 3`, as the cell shows it; "" before the first."""
        return f"Turn {len(self.turns) + 1}" if self.turns else ""

    def fork(self, turns: int | None = None) -> History:
        """A copy of the first `turns` turns (negative: without the last ones); all where None."""
        copy = History()
        copy.turns = [list(turn) for turn in self.turns[:turns]]
        return copy

    @property
    def messages(self) -> list[Message]:
        return [message for turn in self.turns for message in turn]

    def __len__(self) -> int:
        return sum(map(len, self.turns))

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> list[Message]: ...
    def __getitem__(self, index: Any) -> Any:
        return self.messages[index]

    def __repr__(self) -> str:
        return f"<History of {len(self.turns)} turns, {len(self)} messages>"


def as_messages(prompt: str | Iterable[Message]) -> list[Message]:
    """A prompt as messages."""
    if isinstance(prompt, str):
        return [{"role": "user", "content": prompt}]
    messages: list[Message] = []
    for message in prompt:
        if not isinstance(message, Mapping):
            raise UsageError(
                f"A message is an object with role and content, not {type(message).__name__}."
            )
        messages.append(dict(message))
    return messages


def assistant_message(transcript: Any, calls: Sequence[Any] = ()) -> Message:
    """The assistant's message that a model's answer amounts to, with the tool `calls` it made."""
    message: Message = {"role": "assistant", "content": transcript.text or transcript.refusal}
    if calls:
        signatures = _signatures(transcript.parts)
        message["tool_calls"] = [
            {
                "id": call.call_id,
                "type": "function",
                "function": {
                    "name": call.name,
                    "arguments": _arguments(call),
                },
                **signatures.get(call.call_id, {}),
            }
            for call in calls
        ]
        if transcript.thinking:
            message["reasoning_content"] = transcript.thinking
    signed = [
        {"type": "redacted_thinking", "data": part.redacted}
        if part.redacted
        else {"type": "thinking", "thinking": part.text, "signature": part.signature}
        for part in transcript.parts
        if part.kind == "thinking" and (part.signature or part.redacted)
    ]
    if signed:
        message["thinking_blocks"] = signed
    if transcript.carry:
        message["carry"] = {**transcript.carry, "of": fingerprint(message["content"])}
    return message


def renamed(value: Any, names: dict[str, str]) -> Any:
    """A `carry` in which calls have the ids that they have in this run."""
    if isinstance(value, dict):
        return {
            names.get(key, key): names.get(inner, inner)
            if key in _IDS and isinstance(inner, str)
            else renamed(inner, names)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [renamed(inner, names) for inner in value]
    return value


_IDS = {"id", "call_id", "tool_use_id"}


def _signatures(parts: Sequence[Any]) -> dict[str, Message]:
    """Gemini signs a call with a thought of no words right before it, and wants that back with the call."""
    return {
        part.call_id: {"thought_signature": before.signature}
        for before, part in pairwise(parts)
        if part.kind == "tool"
        and before.kind == "thinking"
        and before.signature
        and not before.text
    }


def _arguments(call: Any) -> str:
    """The arguments as the text of a JSON object, which every server takes, whatever the model wrote."""
    if call.error or call.arguments is None:
        return "{}"
    if text := _own_words(call):
        return text
    arguments = call.arguments
    given = arguments if isinstance(arguments, dict) else {"arguments": arguments}
    try:
        return json.dumps(given, ensure_ascii=False)
    except (RecursionError, TypeError, ValueError):
        return "{}"


def _own_words(call: Any) -> str:
    """What the model wrote, where that is an object of JSON: a server's cache knows it."""
    text = call.arguments_text
    try:
        return text if text and isinstance(decode_json(text), dict) else ""
    except ValueError:
        return ""


def result_message(call_id: str, text: str) -> Message:
    return {"role": "tool", "tool_call_id": call_id, "content": text}
