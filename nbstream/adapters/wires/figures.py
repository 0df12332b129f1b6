"""What a provider says at the end of an answer: what it counted, and why it ended."""

from __future__ import annotations

from typing import Any

from nbstream.events import FinishReason, Usage


def usage(
    *,
    input_tokens: Any = None,
    output_tokens: Any = None,
    cache_read_tokens: Any = None,
    cache_write_tokens: Any = None,
    reasoning_tokens: Any = None,
    cost: Any = None,
    details: dict[str, Any] | None = None,
) -> Usage:
    """A `usage` event from what a provider sent; what is not a number counts as not said."""
    return Usage(
        _count(input_tokens),
        _count(output_tokens),
        _count(cache_read_tokens),
        _count(cache_write_tokens),
        _count(reasoning_tokens),
        cost if isinstance(cost, (int, float)) and not isinstance(cost, bool) else None,
        details={k: v for k, v in (details or {}).items() if v not in (None, {}, [])} or None,
    )


def _count(value: Any) -> int | None:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def finish_reason(provider_reason: str) -> FinishReason:
    """Our word for a provider's; "unknown" where it has none."""
    return _FINISH.get(provider_reason.lower(), "unknown")


_FINISH: dict[str, FinishReason] = {
    provider_reason: reason
    for reason, words in {
        "stop": "stop end_turn stop_sequence eos eos_token complete completed finish finished done",
        "length": "length max_tokens max_output_tokens model_length error_limit max_length "
        "model_context_window_exceeded context_window_exceeded error_toxic_length",
        "tool_calls": "tool_calls requires_action tool_call tool_use tool-calls function_call",
        "content_filter": "content_filter content-filter content_filtered guardrail_intervened safety "
        "recitation blocklist prohibited_content spii image_safety image_prohibited_content "
        "image_recitation error_toxic language model_armor jailbreak",
        "refusal": "refusal",
        "pause": "pause pause_turn",
        "stopped": "cancelled canceled aborted abort user_cancel interrupt",
        "error": "error malformed_function_call malformed_tool_use malformed_model_output "
        "malformed_response failed unexpected_tool_call too_many_tool_calls "
        "missing_thought_signature image_other no_image",
    }.items()
    for provider_reason in words.split()
}  # type: ignore[assignment]
