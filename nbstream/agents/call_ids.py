"""The names of tool calls in a run: ours, whatever a model calls them."""

from __future__ import annotations

from nbstream.events import StreamEvent, ToolCallStart


class CallIds:
    """Gives each tool call of a run an id that no other has, not even one in a run inside this one.

    Servers number their calls anew in each answer, or use one id twice in the same; what is approved, shown
    and answered under it must be one call all the same.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._now: dict[str, str] = {}

    def next_answer(self) -> None:
        """Another answer begins: ids that come again mean other calls."""
        self._now.clear()

    def of(self, event: StreamEvent) -> str | None:
        """The call that an event of the model's belongs to; None where it belongs to none."""
        given = getattr(event, "call_id", None)
        if given is None:
            return None
        if given not in self._now or isinstance(event, ToolCallStart):
            self._now[given] = self._new(path_segment(given))
        return self._now[given]

    @property
    def renamed(self) -> dict[str, str]:
        """The ids of this answer's calls by those that the model gave them."""
        return dict(self._now)

    def _new(self, name: str) -> str:
        new, n = name, 1
        while new in self._taken:
            n += 1
            new = f"{name}-{n}"
        self._taken.add(new)
        return new


def path_segment(name: str) -> str:
    """The name without the slash that divides a call from the run it is in; no two names become one."""
    return name.replace("%", "%25").replace("/", "%2F")
