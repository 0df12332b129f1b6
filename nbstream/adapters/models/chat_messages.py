"""A conversation in the form of chat completions: what each server may and must be told again."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from nbstream.events.carry import carried
from nbstream.events.json import decode_json

#: What a message may hold for one provider that others would refuse.
_PRIVATE = {"thinking_blocks", "reasoning_content", "reasoning", "carry"}


def chat_messages(
    messages: Sequence[dict[str, Any]],
    thinking: Sequence[str] = (),
    *,
    fill: bool = False,
    provider: str = "",
) -> list[dict[str, Any]]:
    """`messages` without what belongs to other providers than `provider`.

    `thinking` names the fields in which the server wants what it thought before it called a tool; `fill`:
    also where it thought nothing.
    """
    return [_chat_message(message, thinking, fill, provider) for message in messages]


def _chat_message(
    message: dict[str, Any], names: Sequence[str], fill: bool, provider: str
) -> dict[str, Any]:
    calls = message.get("tool_calls")
    if not calls and not _PRIVATE & message.keys():
        return message
    made = {name: value for name, value in message.items() if name not in _PRIVATE}
    carry = carried(message, "chat", provider)
    if calls:
        own = carry.get("calls") or {}
        made["tool_calls"] = [_call(call, own.get(call.get("id"), {})) for call in calls]
        thought = message.get("reasoning_content") or ""
        field = carry.get("thinking")
        if field and len(names) == 1:
            names = (field,)  # the name that the server itself gave it
        if thought or fill:
            made |= dict.fromkeys(names, thought)
    return {**made, **(carry.get("fields") or {})}


def _call(call: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    made = {name: value for name, value in call.items() if name != "thought_signature"} | own
    if own.get("type") == "custom":
        function = made.pop("function")
        made["custom"] = {"name": function["name"], "input": _input(function.get("arguments"))}
    return made


def _input(arguments: Any) -> str:
    """The text of a custom tool's call, which is no JSON of its own."""
    try:
        value = decode_json(arguments or "")
    except ValueError:
        return arguments or ""
    if isinstance(value, dict) and value.keys() == {"arguments"}:
        value = value["arguments"]
    return value if isinstance(value, str) else arguments


def as_object(arguments: Any) -> dict[str, Any]:
    """The arguments of a call as the object that they have to be where they do not go as text."""
    if isinstance(arguments, str):
        with contextlib.suppress(ValueError):
            arguments = decode_json(arguments or "{}")
    if arguments is None:
        return {}
    return arguments if isinstance(arguments, dict) else {"arguments": arguments}


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
