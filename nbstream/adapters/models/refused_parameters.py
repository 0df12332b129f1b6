"""What servers refuse of the parameters: limits, names, values, thinking, streaming, the parameter itself."""

from __future__ import annotations

import re

from .refusal import Body, ErrorText, Refusal

#: Without these a request is none, or another one.
_NEEDED = {"model", "messages", "input", "contents", "prompt", "tools", "stream", "system"}
_NEEDED |= {"systemInstruction", "instructions"}
_NESTED = ("generationConfig", "options", "thinking", "extra_body")


# ── limits ────────────────────────────────────────────────────────────────────

_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens")


def find_rename(error_text: ErrorText, body: Body) -> Refusal | None:
    for name, other in (_LIMITS[:2], _LIMITS[1::-1]):
        if name not in body or "anthropic_version" in body:
            continue
        named = error_text.param == name or any(
            re.search(rf"\b{name}\b", s) for s in error_text.refused
        )
        if named and not find_limit(error_text, body):
            return Refusal("rename", name, other)
    return None


def apply_rename(body: Body, refusal: Refusal) -> Body:
    if refusal.name not in body:
        return body
    left = {name: value for name, value in body.items() if name != refusal.name}
    return {**left, refusal.value: body[refusal.name]}


def find_limit(error_text: ErrorText, body: Body) -> Refusal | None:
    holder = body.get("generationConfig") or body
    for name in _LIMITS:
        asked = holder.get(name)
        if not isinstance(asked, int) or not re.search(r"max_?\w*_?tokens", error_text.words):
            continue
        for pattern in _AT_MOST:
            if found := re.search(pattern, error_text.words):
                most = int(found[1].replace(",", ""))
                if 0 < most < asked:
                    return Refusal("limit", name, most)
    return None


_AT_MOST = (
    r"max_tokens: \d+ > (\d+)",
    r"supports? at most (\d[\d,]*)",
    r"less than or equal to\W{0,3}(\d[\d,]*)",
    r"valid range of max_\w*tokens is \[\d+, ?(\d+)\]",
    r"max(?:imum)? (?:allowed )?(?:value|number of (?:output|completion) tokens)\D{0,30}?(\d[\d,]*)",
    r"supported range is from \d+ \(inclusive\) to (\d+)",
    r"(?:must be|should be|cannot exceed|not exceed|at most|<=)\D{0,20}?(\d[\d,]*)",
)


def apply_limit(body: Body, refusal: Refusal) -> Body:
    inner = body.get("generationConfig") or {}
    if isinstance(inner.get(refusal.name), int) and inner[refusal.name] > refusal.value:
        return {**body, "generationConfig": {**inner, refusal.name: refusal.value}}
    asked = body.get(refusal.name)
    if not isinstance(asked, int) or asked <= refusal.value:
        return body
    body = {**body, refusal.name: refusal.value}
    budget = (body.get("thinking") or {}).get("budget_tokens")
    if isinstance(budget, int) and budget >= refusal.value:
        body["thinking"] = {**body["thinking"], "budget_tokens": max(1024, refusal.value - 1024)}
    return body


# ── thinking ──────────────────────────────────────────────────────────────────


def find_adaptive(error_text: ErrorText, body: Body) -> Refusal | None:
    asked = (
        (body.get("thinking") or {}).get("type") if isinstance(body.get("thinking"), dict) else None
    )
    return Refusal("adaptive") if asked == "enabled" and "adaptive" in error_text.words else None


def apply_adaptive(body: Body, _: Refusal) -> Body:
    thinking = body.get("thinking")
    if not isinstance(thinking, dict) or thinking.get("type") != "enabled":
        return body
    budget = thinking.get("budget_tokens") or 0
    effort = "low" if budget <= 2048 else "medium" if budget <= 8192 else "high"
    config = {"effort": effort, **(body.get("output_config") or {})}
    return {**body, "thinking": {"type": "adaptive"}, "output_config": config}


# ── streaming ─────────────────────────────────────────────────────────────────


def find_stream(error_text: ErrorText, body: Body) -> Refusal | None:
    if not body.get("stream"):
        return None
    named = error_text.param == "stream" or any(
        re.search(r"\bstream(ing)?\b", s.replace("stream_options", "")) for s in error_text.refused
    )
    return Refusal("stream") if named else None


def apply_stream(body: Body, _: Refusal) -> Body:
    if not body.get("stream"):
        return body
    return {k: v for k, v in body.items() if k != "stream_options"} | {"stream": False}


# ── any other parameter ───────────────────────────────────────────────────────


def find_drop(error_text: ErrorText, body: Body) -> Refusal | None:
    names = [*(n for n in body if n not in _NEEDED)]
    for holder in _NESTED:
        inner = body.get(holder)
        if isinstance(inner, dict) and holder != "thinking":
            names += [f"{holder}.{name}" for name in inner]
    names = [n for n in names if not (n == "max_tokens" and "anthropic" in error_text.words)]
    path = [_flat(step) for step in re.split(r"[.\[\]]+", error_text.param) if step]
    for name in sorted(names, key=len, reverse=True):
        if path and name not in _NESTED and _flat(name.split(".")[-1]) in (path[-1], path[0]):
            return _dropped(name, error_text, body)
    if error_text.param and not error_text.refused:
        return None
    names = [n for n in names if n not in _NESTED or n == "thinking"]
    found: list[tuple[int, str]] = []
    for sentence in error_text.refused:
        for name in names:
            if at := _named(name.split(".")[-1], sentence):
                found.append((at.start(), name))
        if found:
            break
    if not found:
        return None
    found.sort()
    # of two that do not go together, the second is left out
    both = re.search(r"cannot both|can't both|both .{0,60} cannot|not both", error_text.words)
    return _dropped(found[-1 if both else 0][1], error_text, body)


def _dropped(name: str, error_text: ErrorText, body: Body) -> Refusal | None:
    if name.split(".")[-1] in _LIMITS and find_limit(error_text, body):
        return None
    holder, _, inner = name.rpartition(".")
    value = (body[holder] if holder else body).get(inner or name)
    # where it says which values it takes, it is the value that is refused
    listed = re.search(
        r"supported values (are|include)|(must|should) be one of|expected one of", error_text.words
    )
    if listed and isinstance(value, str):
        return Refusal("drop", name, value)
    return Refusal("drop", name)


def _named(name: str, sentence: str) -> re.Match[str] | None:
    words = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name) or [name]
    forms = [r"[_ -]?".join(map(re.escape, words)).lower(), *_CALLED.get(name, ())]
    return re.search(rf"(?<![a-z0-9_-])(?:{'|'.join(forms)})(?![a-z0-9_-])", sentence)


#: What servers call a parameter beside its name.
_CALLED = {
    "frequency_penalty": ("penalty",),
    "presence_penalty": ("penalty",),
    "frequencyPenalty": ("penalty",),
    "presencePenalty": ("penalty",),
    "think": ("thinking",),
    "thinkingConfig": ("thinking", "thinking_?budget", "thinking_?level", "include_?thoughts"),
    "thinking": ("thinking",),
    "reasoning": ("reasoning", r"reasoning\.effort", r"reasoning\.summary"),
    "reasoning_effort": ("reasoning",),
    "chat_template_kwargs": ("chat_template",),
    "parallel_tool_calls": ("parallel tool use", "parallel function calls?"),
    "stop": ("stop sequences?",),
    "metadata": ("user_id",),
}


def _flat(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def apply_drop(body: Body, refusal: Refusal) -> Body:
    holder, _, name = refusal.name.rpartition(".")
    inside = body.get(holder) if holder else body
    if not isinstance(inside, dict) or name not in inside:
        return body
    if refusal.value is not None and inside[name] != refusal.value:
        return body
    left = {k: v for k, v in inside.items() if k != name}
    if not holder:
        return left
    if left:
        return {**body, holder: left}
    return {k: v for k, v in body.items() if k != holder}
