"""The OpenAI Agents SDK: the events of `Runner.run_streamed`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nbstream.adapters.wires.responses import ResponsesDecoder
from nbstream.adapters.wires.sdk import plain, plain_deep
from nbstream.events import StepEnd, StepStart, StreamEvent


class AgentsDecoder(ResponsesDecoder):
    source = "openai-agents"
    _agent = ""

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        kind = value.type
        if kind == "raw_response_event":
            return super().payload(plain_deep(plain(value.data)))
        if kind == "agent_updated_stream_event":
            name = value.new_agent.name
            events: list[StreamEvent] = [StepEnd(self._agent)] if self._agent else []
            self._agent = name
            return [*events, StepStart(name, agent=name)]
        if kind == "run_item_stream_event" and value.name == "tool_output":
            raw = plain(value.item.raw_item)
            call_id = raw.get("call_id") or ""
            return self.blocks.result(call_id or "tool", plain_deep(value.item.output))
        return []

    def close(self) -> list[StreamEvent]:
        agent, self._agent = self._agent, ""
        return [*super().close(), *([StepEnd(agent)] if agent else [])]
