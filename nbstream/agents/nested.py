"""A run inside another run: a workflow's step, or an agent that a tool asks."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from nbstream.events import Error, RunEnd, RunStart, StepEnd, StepStart, StreamEvent
from nbstream.events.errors import NbstreamError
from nbstream.runs.iterator import StreamIterator, every_event
from nbstream.runs.stream import Stream

from .call_ids import path_segment
from .user_code import Interrupted


class Nested:
    """The events of `stream`, addressed to `step` of the outer run.

    `run` is the call_id of the tool that asks, if one does. Ids of tool calls get the place in front, so that
    two runs that call their first tool `call_1` do not mix.
    """

    def __init__(
        self, stream: Stream, step: str, *, index: int = 0, agent: str = "", run: str = ""
    ) -> None:
        self.stream = stream
        self.step = step
        structured = stream.source.turn is not None and stream.source.turn.structured
        self._head = StepStart(step, index, agent, structured, run=run)
        self._prefix = f"{run or path_segment(step)}/"

    async def events(self) -> AsyncGenerator[StreamEvent, None]:
        """Raises what ended the inner run, also `Interrupted`. Leaving it early stops the inner run."""
        began = time.monotonic()
        yield self._head
        reader = StreamIterator(self.stream, every_event)
        try:
            async for event in reader:
                if not isinstance(event, (RunStart, RunEnd, Error)):
                    yield self._addressed(event)
        except NbstreamError:
            yield self._end(began)
            raise
        finally:
            reader.close()
        yield self._end(began)
        turn = self.stream.source.turn
        if turn is not None and turn.interrupted:  # it was meant for the whole
            raise Interrupted

    def settle(self, approval_id: str, approved: bool) -> bool:
        """Answer a tool call of the inner run that waits for approval."""
        turn = self.stream.source.turn
        return turn is not None and turn.settle(approval_id, approved)

    def closing_events(self) -> list[StreamEvent]:
        """What is left to say when the outer run ends first."""
        turn = self.stream.source.turn
        if turn is None or self.stream.ended:
            return []
        return [self._addressed(event) for event in turn.closing_events()]

    def _end(self, began: float) -> StepEnd:
        duration = round(time.monotonic() - began, 4)
        return StepEnd(
            self.step,
            self._head.index,
            duration,
            self.stream.usage,
            self.stream.finish_reason,
            run=self._head.run,
        )

    def _addressed(self, event: StreamEvent) -> StreamEvent:
        place: dict[str, Any] = {
            "step": f"{self.step}/{event.step}" if event.step else self.step,
            "run": self._prefix + event.run if event.run else self._head.run,
        }
        if isinstance(event, (StepStart, StepEnd)):
            place["name"] = f"{self.step}/{event.name}"
            place["step"] = self.step
        if (call_id := getattr(event, "call_id", None)) is not None:
            place["call_id"] = self._prefix + call_id
        return msgspec.structs.replace(event, **place)
