# pyright: reportMissingImports=false
from __future__ import annotations

from ag_ui import core

from .serving import show


async def test_events() -> None:
    events = [
        core.RunStartedEvent(thread_id="t", run_id="r"),
        core.TextMessageStartEvent(message_id="m", role="assistant"),
        core.TextMessageContentEvent(message_id="m", delta="Hello"),
        core.ToolCallStartEvent(tool_call_id="c", tool_call_name="f"),
        core.ToolCallArgsEvent(tool_call_id="c", delta="{}"),
        core.ToolCallEndEvent(tool_call_id="c"),
        core.ToolCallResultEvent(message_id="x", tool_call_id="c", content="done"),
        core.RunFinishedEvent(thread_id="t", run_id="r"),
    ]
    stream = await show(events)
    assert (stream.text, stream.finish_reason) == ("Hello", "stop")
    assert stream.tool_calls[0].result == "done"
