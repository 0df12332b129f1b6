"""Names for what every provider has under one of its own: thinking, a forced tool, caching, a seed, a user."""

from __future__ import annotations

from typing import Any

from nbstream.events.errors import UsageError

#: What a request or a model can be given by these names, whoever the provider is.
NAMES = ("reasoning", "tool_choice", "cache", "seed", "user")

#: Tokens of thinking for an effort, where a provider counts tokens.
_BUDGETS = {
    "minimal": 1024,
    "low": 2048,
    "medium": 8192,
    "high": 24576,
    "xhigh": 32768,
    "max": 32768,
}
_OFF = (False, 0, "none", "off", "disabled")


def is_own(name: str, value: Any) -> bool:
    """Whether a value under one of the names is the provider's own form of it, which goes as it is."""
    if name == "tool_choice":
        return isinstance(value, dict) and "function" not in value
    return name in ("reasoning", "cache") and isinstance(value, dict)


def effort(reasoning: Any) -> str:
    """`reasoning` as a word: "none" is off. Raises `UsageError` for what is neither word nor number."""
    if any(reasoning is off or reasoning == off for off in _OFF):
        return "none"
    if reasoning is True:
        return "medium"
    if isinstance(reasoning, int):
        return next((word for word in ("low", "medium") if reasoning <= _BUDGETS[word]), "high")
    if isinstance(reasoning, str) and reasoning:
        return reasoning
    raise UsageError(
        f"reasoning={reasoning!r} is not understood",
        hint='It is "low", "medium", "high", a number of tokens, or False.',
    )


def budget(reasoning: Any) -> int:
    """`reasoning` in tokens; 0 is off."""
    if isinstance(reasoning, int) and not isinstance(reasoning, bool):
        return max(0, reasoning)
    word = effort(reasoning)
    if word != "none" and word not in _BUDGETS:
        raise UsageError(
            f"reasoning={reasoning!r} is not understood",
            hint=f"It is one of {', '.join(_BUDGETS)}, a number of tokens, or False.",
        )
    return _BUDGETS.get(word, 0)


def chosen(tool_choice: Any) -> tuple[str, str]:
    """`tool_choice` as a mode ("auto", "none", "required" or "tool") and the tool's name."""
    if isinstance(tool_choice, dict):
        return "tool", str((tool_choice.get("function") or {}).get("name") or "")
    if tool_choice in ("auto", "none", "required"):
        return tool_choice, ""
    if tool_choice == "any":
        return "required", ""
    if isinstance(tool_choice, str) and tool_choice:
        return "tool", tool_choice
    raise UsageError(
        f"tool_choice={tool_choice!r} is not understood",
        hint='It is "auto", "none", "required" or the name of a tool.',
    )


def chat_tool_choice(tool_choice: Any) -> Any:
    """As chat completions want it."""
    mode, name = chosen(tool_choice)
    return {"type": "function", "function": {"name": name}} if mode == "tool" else mode


def chat_reasoning(provider: str, reasoning: Any) -> dict[str, Any]:
    """The fields in which a server of chat completions wants to be told how much to think."""
    word = effort(reasoning)
    off = word == "none"
    if provider == "openrouter":
        if off:
            return {"reasoning": {"enabled": False}}
        counted = isinstance(reasoning, int) and not isinstance(reasoning, bool)
        return {"reasoning": {"max_tokens": reasoning} if counted else {"effort": word}}
    if provider in ("deepseek", "moonshot"):
        return {"thinking": {"type": "disabled" if off else "enabled"}}
    if provider in ("vllm", "llamacpp", "lmstudio"):
        switch = {"chat_template_kwargs": {"enable_thinking": not off}}
        return switch if off else {"reasoning_effort": word, **switch}
    return {"reasoning_effort": word}


def mark_cached(blocks: list[dict[str, Any]], cache: Any) -> list[dict[str, Any]]:
    """Blocks of which the last says that all up to it is to be cached; `cache="1h"` for how long."""
    if not blocks:
        return blocks
    mark = {"type": "ephemeral", **({"ttl": cache} if isinstance(cache, str) else {})}
    return [*blocks[:-1], {**blocks[-1], "cache_control": mark}]
