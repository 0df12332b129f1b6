"""One thing that a server refuses of a request, and the text in which it says so."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

Body = dict[str, Any]

#: How a request is asked, and not what is asked.
_INTERNAL = {"stream_options", "parallel_tool_calls", "store", "include", "cache_control"}

#: What is told of each rule.
_WARNINGS = {
    "form": "the server takes no JSON schema; asked again in words",
    "alternate": "the server wants user and assistant in turn; messages were joined",
    "late": "the server wants the system prompt first; it was moved there",
    "system": "the server refused the role of the system prompt; it goes as the role {value!r}",
    "between": "the server takes no user's message after a tool's result; an assistant's goes between",
    "ids": "ids of tool calls were fitted to the server",
    "adaptive": "the model decides itself how long it thinks; asked again with an effort",
    "limit": "{name} was lowered to {value}, the most this model gives",
    "rename": "{name} goes as {value}, as the model wants it",
    "stream": "the server refused to stream; its answer comes at once",
    "drop": "{name} was left out: the model refuses it",
}


class Refusal(msgspec.Struct, frozen=True):
    """One thing a model's server refuses: the rule that found it, and what it needs to know."""

    rule: str
    name: str = ""
    value: Any = None

    def __str__(self) -> str:
        return _WARNINGS[self.rule].format(name=self.name, value=self.value)

    @property
    def loud(self) -> bool:
        """Whether it leaves out what the user asked for, and not only how it is asked."""
        return self.rule == "drop" and self.name.split(".")[-1] not in _INTERNAL


class ErrorText(NamedTuple):
    """What an error says, ready to be searched."""

    param: str
    codes: str
    words: str
    refused: list[str]
