"""A conversation in the form of chat completions: what each server may and must be told again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

#: What a message may hold for one provider that others would refuse.
_PRIVATE = {"thinking_blocks", "reasoning_content", "reasoning"}


def chat_messages(
    messages: Sequence[dict[str, Any]], thinking: Sequence[str] = (), *, fill: bool = False
) -> list[dict[str, Any]]:
    """`messages` without what belongs to other providers.

    `thinking` names the fields in which the server wants what it thought before it called a tool; `fill`:
    also where it thought nothing.
    """
    return [_chat_message(message, thinking, fill) for message in messages]


def _chat_message(message: dict[str, Any], names: Sequence[str], fill: bool) -> dict[str, Any]:
    calls = message.get("tool_calls")
    if not calls and not _PRIVATE & message.keys():
        return message
    made = {name: value for name, value in message.items() if name not in _PRIVATE}
    if calls:
        made["tool_calls"] = [
            {name: value for name, value in call.items() if name != "thought_signature"}
            for call in calls
        ]
        thought = message.get("reasoning_content") or ""
        if thought or fill:
            made |= dict.fromkeys(names, thought)
    return made


def file_of(part: Any) -> tuple[str, str, str] | None:
    """Name, media type and base64 data of a part that is a file or a sound, None for other parts."""
    kind = part.get("type") if isinstance(part, dict) else None
    inner = part.get(kind) if kind in ("file", "input_audio") else None
    if not isinstance(inner, dict):
        return None
    if kind == "input_audio":
        return "", f"audio/{inner.get('format') or 'wav'}", inner.get("data") or ""
    head, _, data = (inner.get("file_data") or "").removeprefix("data:").partition(",")
    name = inner.get("filename") or ""
    return (name, head.partition(";")[0] or "application/pdf", data) if data else None
