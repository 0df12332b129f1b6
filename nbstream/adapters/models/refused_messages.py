"""What servers refuse of the conversation: roles, their order, ids of tool calls."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .fitting import NINE, fit_ids, shortened
from .refusal import Body, ErrorText, Refusal

#: What an assistant says where a server wants one between a tool's result and the user.
BETWEEN = "I have the result."


# ── roles ─────────────────────────────────────────────────────────────────────


def find_system(error_text: ErrorText, body: Body) -> Refusal | None:
    words = f"{' '.join(error_text.refused)}"
    if not _ROLE.search(words) and not re.search(r"\[\d+\]\.role$", error_text.param):
        return None
    roles = {m.get("role") for m in _messages(body)}
    if "developer" in roles and ("developer" in words or "system" not in roles):
        return Refusal("system", value="system")
    return Refusal("system", value="user")


_ROLE = re.compile(
    r"\brole\W{0,5}(of )?\W{0,3}(system|developer)|(system|developer)\W{0,3}(role|message|prompt|instruction)"
    r"|does not support '(system|developer)'|only user,?( assistant)?.{0,30} roles"
    r"|unknown variant .?(system|developer)|(role|variant)s?\W.{0,40}\b(system|developer)\b"
    r"|(system|developer) (messages?|prompts?|instructions?)"
)


def apply_system(body: Body, refusal: Refusal) -> Body:
    if refusal.value == "system":
        return _with_messages(
            body,
            lambda m: {**m, "role": "system"} if m.get("role") == "developer" else m,
        )
    if parts := (body.get("systemInstruction") or {}).get("parts"):
        body = {k: v for k, v in body.items() if k != "systemInstruction"}
        contents = list(body["contents"])
        at = next((n for n, c in enumerate(contents) if c.get("role") == "user"), None)
        if at is None:
            return {**body, "contents": [{"role": "user", "parts": parts}, *contents]}
        contents[at] = {**contents[at], "parts": [*parts, *contents[at]["parts"]]}
        return {**body, "contents": contents}
    messages = _messages(body)
    told = [m.get("content") for m in messages if m.get("role") in _INSTRUCTING]
    if not told:
        return body
    rest = [m for m in messages if m.get("role") not in _INSTRUCTING]
    content = told[0]
    for more in told[1:]:
        content = joined_content(content, more)
    at = next((n for n, m in enumerate(rest) if m.get("role") == "user"), None)
    if at is None:
        rest.insert(0, {"role": "user", "content": content})
    else:
        rest[at] = {**rest[at], "content": joined_content(content, rest[at].get("content"))}
    return {**body, "input" if "input" in body else "messages": rest}


_INSTRUCTING = ("system", "developer")


def find_late(error_text: ErrorText, body: Body) -> Refusal | None:
    if re.search(r"system message must be (at the beginning|the first|first)", error_text.words):
        return Refusal("late")
    return None


def apply_late(body: Body, refusal: Refusal) -> Body:
    messages = _messages(body)
    told = [m for m in messages if m.get("role") in _INSTRUCTING]
    if not told or [messages[0]] == told:
        return body
    content = told[0].get("content")
    for more in told[1:]:
        content = joined_content(content, more.get("content"))
    rest = [m for m in messages if m.get("role") not in _INSTRUCTING]
    first = {**told[0], "content": content}
    return {**body, "input" if "input" in body else "messages": [first, *rest]}


def find_between(error_text: ErrorText, body: Body) -> Refusal | None:
    refuses = re.search(
        r"unexpected role 'user' after role 'tool'|'user' after .{0,20}'tool'", error_text.words
    )
    return Refusal("between") if refuses else None


def apply_between(body: Body, _: Refusal | None = None) -> Body:
    """An assistant's word between a tool's result and what the user says next."""
    messages: list[Any] = []
    for message in body["messages"]:
        if message.get("role") == "user" and messages and messages[-1].get("role") == "tool":
            messages.append({"role": "assistant", "content": BETWEEN})
        messages.append(message)
    return {**body, "messages": messages} if len(messages) > len(body["messages"]) else body


def find_alternate(error_text: ErrorText, body: Body) -> Refusal | None:
    alternate = re.search(r"roles must alternate|must alternate between", error_text.words)
    return Refusal("alternate") if alternate else None


def apply_alternate(body: Body, _: Refusal) -> Body:
    """Neighbours of one role are one message, and the instructions are the user's."""
    body = apply_system(body, Refusal("system", value="user"))
    messages: list[Any] = []
    for message in body.get("messages") or ():
        before = messages[-1] if messages else {}
        plain = not message.get("tool_calls") and not before.get("tool_calls")
        if plain and message.get("role") == before.get("role") and message.get("role") != "tool":
            content = joined_content(before.get("content"), message.get("content"))
            messages[-1] = {**before, "content": content}
        else:
            messages.append(message)
    return {**body, "messages": messages} if messages else body


def _messages(body: Body) -> list[Any]:
    return [m for m in body.get("messages") or body.get("input") or () if isinstance(m, dict)]


def _with_messages(body: Body, change: Callable[[Any], Any]) -> Body:
    key = "input" if "input" in body else "messages"
    return {**body, key: [change(message) for message in body.get(key) or ()]}


def joined_content(before: Any, after: Any) -> Any:
    """Two contents as one, texts with an empty line between."""
    if not before or not after:
        return before or after
    if isinstance(before, str) and isinstance(after, str):
        return f"{before}\n\n{after}"
    kind = "input_text" if _responses(before) or _responses(after) else "text"

    def parts(content: Any) -> list[Any]:
        return [{"type": kind, "text": content}] if isinstance(content, str) else list(content)

    return [*parts(before), *parts(after)]


def _responses(content: Any) -> bool:
    return isinstance(content, list) and any(
        isinstance(part, dict) and str(part.get("type")).startswith("input_") for part in content
    )


# ── ids ───────────────────────────────────────────────────────────────────────


def find_ids(error_text: ErrorText, body: Body) -> Refusal | None:
    if re.search(r"tool call id.{0,80}(length of 9|a-z, a-z, 0-9)", error_text.words):
        return Refusal("ids", value=9)
    long = re.search(
        r"tool_calls?\b.{0,20}\bid\W.{0,40}too long.{0,120}maximum length (\d+)", error_text.words
    )
    long = long or re.search(
        r"call_id\W.{0,40}too long.{0,120}maximum length (\d+)", error_text.words
    )
    return Refusal("ids", value=int(long[1])) if long else None


def apply_ids(body: Body, refusal: Refusal) -> Body:
    if "messages" not in body:
        return body
    rule = NINE if refusal.value == 9 else shortened(refusal.value)
    return {**body, "messages": fit_ids(body["messages"], rule)}
