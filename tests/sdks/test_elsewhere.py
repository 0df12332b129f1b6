# pyright: reportMissingImports=false
"""Agents that run elsewhere, with the classes of their own SDKs."""

from __future__ import annotations

from typing import Any

import a2a.types as a2a
import acp.schema as acp
import claude_agent_sdk as claude

from nbstream.adapters.sources.objects import adapt
from nbstream.runs.stream import Stream


async def show(items: Any) -> Stream:
    async def later() -> Any:
        for item in items:
            yield item

    stream = Stream(adapt(later()), retries=0)
    await stream
    return stream


def result() -> Any:
    return claude.ResultMessage(
        subtype="success",
        duration_ms=1,
        duration_api_ms=1,
        is_error=False,
        num_turns=1,
        session_id="s",
        total_cost_usd=0.01,
        usage={"input_tokens": 3, "output_tokens": 4},
    )


async def test_claude_agent_messages() -> None:
    stream = await show(
        [
            claude.SystemMessage("init", {"session_id": "s"}),
            claude.AssistantMessage(
                [
                    claude.ThinkingBlock("Hm.", "sig"),
                    claude.TextBlock("I look."),
                    claude.ToolUseBlock("c", "Read", {"path": "a"}),
                ],
                "claude",
            ),
            claude.UserMessage([claude.ToolResultBlock("c", "x = 1")]),
            claude.AssistantMessage([claude.TextBlock("It is 1.")], "claude"),
            result(),
        ]
    )
    assert (stream.text, stream.thinking) == ("I look.\n\nIt is 1.", "Hm.")
    (call,) = stream.tool_calls
    assert (call.name, call.arguments, call.result) == ("Read", {"path": "a"}, "x = 1")
    assert (stream.finish_reason, stream.usage.cost) == ("stop", 0.01)
    assert stream.transcript.raw_count == 0


async def test_claude_agent_partial_messages() -> None:
    def event(**fields: Any) -> Any:
        return claude.types.StreamEvent(uuid="u", session_id="s", event=fields)

    stream = await show(
        [
            event(type="message_start", message={"id": "m"}),
            event(type="content_block_start", index=0, content_block={"type": "text", "text": ""}),
            event(type="content_block_delta", index=0, delta={"type": "text_delta", "text": "Hel"}),
            event(type="content_block_delta", index=0, delta={"type": "text_delta", "text": "lo"}),
            event(type="content_block_stop", index=0),
            event(type="message_delta", delta={"stop_reason": "end_turn"}),
            event(type="message_stop"),
            claude.AssistantMessage([claude.TextBlock("Hello")], "claude"),
            result(),
        ]
    )
    assert (stream.text, stream.finish_reason) == ("Hello", "stop")
    assert not stream.transcript.warnings


async def test_agent_client_protocol() -> None:
    def text(said: str) -> Any:
        return acp.TextContentBlock(type="text", text=said)

    updates = [
        acp.AgentThoughtChunk(session_update="agent_thought_chunk", content=text("Hm.")),
        acp.AgentMessageChunk(session_update="agent_message_chunk", content=text("Hel")),
        acp.AgentMessageChunk(session_update="agent_message_chunk", content=text("lo")),
        acp.ToolCallStart(
            session_update="tool_call", tool_call_id="c", title="Read", raw_input={"path": "a"}
        ),
        acp.ToolCallProgress(
            session_update="tool_call_update",
            tool_call_id="c",
            status="completed",
            raw_output={"x": 1},
        ),
    ]
    for items in (updates, [acp.SessionNotification(session_id="s", update=u) for u in updates]):
        stream = await show([*items, acp.PromptResponse(stop_reason="end_turn")])
        assert (stream.text, stream.thinking, stream.finish_reason) == ("Hello", "Hm.", "stop")
        (call,) = stream.tool_calls
        assert (call.name, call.arguments, call.result) == ("Read", {"path": "a"}, {"x": 1})
        assert stream.transcript.raw_count == 0


async def test_agent_to_agent() -> None:
    def artifact(said: str, append: bool) -> Any:
        made = a2a.Artifact(artifact_id="a", parts=[a2a.Part(text=said)])
        return a2a.StreamResponse(
            artifact_update=a2a.TaskArtifactUpdateEvent(task_id="t", artifact=made, append=append)
        )

    def state(name: str) -> Any:
        status = a2a.TaskStatus(state=name)
        return a2a.StreamResponse(
            status_update=a2a.TaskStatusUpdateEvent(task_id="t", status=status)
        )

    task = a2a.Task(id="t", status=a2a.TaskStatus(state="TASK_STATE_SUBMITTED"))
    stream = await show(
        [
            a2a.StreamResponse(task=task),
            state("TASK_STATE_WORKING"),
            artifact("Hel", False),
            artifact("lo", True),
            state("TASK_STATE_COMPLETED"),
        ]
    )
    assert (stream.text, stream.finish_reason) == ("Hello", "stop")
    assert stream.transcript.raw_count == 0
