"""A conversation that changes models: ids and names as the next provider takes them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

Message = dict[str, Any]


class Ids(NamedTuple):
    """Which ids of tool calls a provider takes: characters, and how many; "" for any characters."""

    alphabet: str = ""
    longest: int = 0
    exactly: int = 0

    def takes(self, call_id: str) -> bool:
        if not call_id or (self.alphabet and not re.fullmatch(f"[{self.alphabet}]+", call_id)):
            return False
        if self.exactly:
            return len(call_id) == self.exactly
        return not self.longest or len(call_id) <= self.longest

    def made_of(self, call_id: str, turn: int) -> str:
        """An id of letters and digits, always the same for the same call, so that caches still hit."""
        digest = hashlib.sha256(f"{turn}:{call_id}".encode("utf-8", "replace")).hexdigest()
        if self.exactly:
            return digest[: self.exactly]
        return f"call_{digest[:24]}" if not self.longest or self.longest > 30 else digest[:8]


#: Any id, as long as no two calls have the same.
ANY = Ids()
#: Mistral's: nine letters and digits.
NINE = Ids("a-zA-Z0-9", exactly=9)
#: Anthropic's, and Claude's elsewhere.
WORD = Ids("a-zA-Z0-9_-", longest=64)


def shortened(longest: int) -> Ids:
    return Ids(longest=longest)


def fit_ids(messages: Sequence[Message], rule: Ids = ANY, provider: str = "") -> list[Message]:
    """`messages` with ids that the provider takes, no two calls with the same; a result keeps its call's.

    An answer of `provider` itself, which goes back as it came, keeps the ids that it came with.
    """
    fitted: dict[str, str] = {}
    used: set[str] = set()
    made: list[Message] = []
    for turn, message in enumerate(messages):
        if calls := message.get("tool_calls"):
            new = []
            carry = message.get("carry")
            own = isinstance(carry, dict) and provider and carry.get("provider") == provider
            for call in calls:
                given = str(call.get("id") or "")
                call_id = given
                if not own and (not rule.takes(given) or given in used):
                    call_id = rule.made_of(given, turn if given in used or not given else 0)
                    n = 0
                    while call_id in used:
                        n += 1
                        call_id = rule.made_of(f"{given}/{n}", turn)
                used.add(call_id)
                fitted[given] = call_id
                new.append(call if call_id == given else {**call, "id": call_id})
            if new != list(calls):
                message = {**message, "tool_calls": new}
        elif message.get("role") == "tool":
            given = str(message.get("tool_call_id") or "")
            call_id = fitted.get(given, given)
            if call_id != given:
                message = {**message, "tool_call_id": call_id}
        made.append(message)
    return made


def fit_names(messages: Sequence[Message]) -> list[Message]:
    """`messages` in which every function has a name that a provider takes."""
    return [_with_names(message) for message in messages]


def _with_names(message: Message) -> Message:
    calls = message.get("tool_calls")
    if not calls or all(
        wire_name(name) == name
        for call in calls
        if (name := (call.get("function") or {}).get("name")) is not None
    ):
        return message
    fitted = []
    for call in calls:
        function = call.get("function")
        if isinstance(function, dict) and "name" in function:
            call = {**call, "function": {**function, "name": wire_name(function["name"])}}
        fitted.append(call)
    return {**message, "tool_calls": fitted}


def wire_name(name: str, longest: int = 64) -> str:
    """A name as every provider takes it: letters, digits, _ and -, beginning with a letter or _."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name) and len(name) <= longest:
        return name
    clean = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_-") or "tool"
    if not clean[0].isalpha():
        clean = f"_{clean}"
    if len(clean) > longest or not re.search(r"[A-Za-z0-9]", name):
        digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:8]
        clean = f"{clean[: longest - 9]}_{digest}"
    return clean
