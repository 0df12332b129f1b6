"""Where a run's events come from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import Any

import msgspec

from nbstream.events import StreamEvent, WarningEvent


class Turn:
    """What a source that runs tools has besides events.

    `output`: the validated answer, None where there is none. `structured`: the answer is JSON. `note`: what
    the cell says above the answer. `home`: the loop where the user's async code lives; None where that is the
    loop of the run. `interrupted`: the user's code raised `KeyboardInterrupt`, which stopped the turn.
    """

    output: Any = None
    structured: bool = False
    note: str = ""
    home: asyncio.AbstractEventLoop | None = None
    interrupted: bool = False

    @property
    def bound(self) -> bool:
        """Whether some of it runs at `home`, which then has to run for the turn to end."""
        return False

    @property
    def busy(self) -> bool:
        """Whether it waits for something that is no model's silence: a tool, a person, another run."""
        return False

    def watched(self) -> None:
        """Somebody can see the run and answer."""

    def decide(self, question: str, approved: bool) -> bool:
        """Answer a tool call that waits for approval; False where none of that id does.

        `question` is an approval's id, or the id of the call as the run's events have it.
        """
        return False

    def settle(self, approval_id: str, approved: bool) -> bool:
        """The same by the approval's id alone, as the runs inside a run are asked."""
        return False

    def closing_events(self) -> list[StreamEvent]:
        """What is left to say when the run ends; called once, before what is open is closed."""
        return []


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run's events come from.

    `events` starts anew each time it is called. `portable`: it may run on any event loop (a client that
    the user opened is bound to the user's). `restartable`: calling it twice asks twice, so that a failure
    before the first token can be tried again. `secrets` are masked in everything a run shows. `turn` is
    there where tools run. `recorded`: its events have their times, and its stalls are
    among them.
    """

    events: Callable[[], AsyncGenerator[StreamEvent, None]]
    model: str = ""
    provider: str = ""
    portable: bool = True
    restartable: bool = False
    secrets: Iterable[str] = ()
    turn: Turn | None = None
    recorded: bool = False

    def __repr__(self) -> str:
        return (
            f"<Source {self.provider}/{self.model}>" if self.provider else f"<Source {self.model}>"
        )

    def warned(self, message: str) -> Source:
        """The same with a warning before its first event, said once; itself where `message` is empty."""
        if not message:
            return self
        warnings = [WarningEvent(message)]

        async def events() -> AsyncGenerator[StreamEvent, None]:
            while warnings:
                yield warnings.pop()
            async with aclosing(self.events()) as given:
                async for event in given:
                    yield event

        return msgspec.structs.replace(self, events=events)
