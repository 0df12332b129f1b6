"""The conversations of a notebook's `%%stream` cells: by name, and the last one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nbstream.agents.history import History
from nbstream.events.errors import UsageError
from nbstream.events.visible import printable


@dataclass
class Chat:
    """A conversation, and what its cells need not repeat: model, system prompt, tools and who asks."""

    name: str = ""
    history: History = field(default_factory=History)
    model: Any = None
    system: str | None = None
    tools: list[Any] = field(default_factory=list)
    approve: bool = False

    @property
    def turn(self) -> str:
        """Which turn comes next, as the cell shows it; "" for the first of a nameless chat."""
        if self.name:
            return f"{self.history.next_turn or 'Turn 1'} of {self.name}"
        return self.history.next_turn


class Chats:
    def __init__(self) -> None:
        self._named: dict[str, Chat] = {}
        self._last: Chat | None = None

    def open(self, name: str | None, *, go_on: bool, remember: bool) -> Chat:
        """The chat of a cell: the one called `name`, the last one (`go_on`), or a new one."""
        if not remember:
            if name or go_on:
                raise UsageError("--no-history goes with neither -c nor --cid.")
            return Chat()
        if name:
            self._last = self._named.setdefault(name, Chat(name))
        elif self._last is None or not go_on:
            self._last = Chat()
        return self._last

    def forget(self, name: str = "") -> str:
        """Forget the chat called `name`, or all."""
        if name and name not in self._named:
            raise UsageError(f"There is no chat {name!r}.", hint="%stream chats lists them.")
        if not name or self._last is self._named.get(name):
            self._last = None
        if name:
            del self._named[name]
            return f"{name} is forgotten"
        self._named.clear()
        return "all chats are forgotten"

    def __str__(self) -> str:
        chats = list(self._named.values())
        if self._last is not None and self._last not in chats and self._last.history:
            chats.append(self._last)
        if not chats:
            return "no chats yet: -c continues the last answer, --cid NAME names a chat"
        rows = [(chat.name or "(last, -c)", chat.history) for chat in chats]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {_about(history)}" for name, history in rows)


def _about(history: History) -> str:
    turns = len(history.turns)
    first = str(history[0]["content"]) if history else ""
    shown = printable(first[:50]).replace("\n", " ")
    return f"{turns} turn{'' if turns == 1 else 's'}  {shown}"
