"""The kinds of tool call in OpenAI Responses: who runs them, and what they were called with."""

from __future__ import annotations

from typing import Any

#: A call that waits for the user's consent.
APPROVAL = "mcp_approval_request"

_CLIENT = {
    "function_call",
    "custom_tool_call",
    "computer_call",
    "local_shell_call",
    "apply_patch_call",
    APPROVAL,
}


def is_call(kind: str) -> bool:
    """Whether an item of this kind is a call of a tool; `program` is code that calls some."""
    return kind.endswith("_call") or kind in (APPROVAL, "program")


def server_side(item: dict[str, Any]) -> bool:
    """Whether OpenAI runs the tool itself."""
    kind = item.get("type")
    if kind in ("shell_call", "tool_search_call"):
        environment = item.get("environment")
        place = environment.get("type", "") if isinstance(environment, dict) else ""
        return place.startswith("container") or item.get("execution") == "server"
    return kind not in _CLIENT


def call_arguments(kind: str, item: dict[str, Any]) -> tuple[Any, Any]:
    """The arguments of a finished call, and their value where their text is not JSON."""
    if kind == "custom_tool_call":
        return item.get("input"), item.get("input") or ""
    if kind in ("code_interpreter_call", "program"):
        return item.get("code"), {"code": item.get("code") or ""}
    if kind == "shell_call":
        action = item.get("action") or {}
        return "\n".join(action.get("commands") or ()), action
    for name in ("arguments", "action", "operation", "queries"):
        if item.get(name) is not None:
            value = item[name]
            return ({"queries": value} if name == "queries" else value), None
    return None, None
