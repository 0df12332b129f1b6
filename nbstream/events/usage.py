"""Arithmetic on token usage: a figure that nobody gave is None, never 0."""

from __future__ import annotations

from typing import Any

from .union import Usage

USAGE_COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost",
)


def add_usage(a: Usage | None, b: Usage | None) -> Usage | None:
    """The sum of two usages; a figure that neither gave stays None."""
    if a is None or b is None:
        return a or b
    sums: dict[str, Any] = {}
    for name in USAGE_COUNTS:
        x, y = getattr(a, name), getattr(b, name)
        sums[name] = y if x is None else x if y is None else x + y
    return Usage(**sums, estimated=a.estimated or b.estimated)


def tokens_of(usage: Usage | None) -> list[str]:
    """`["245 tokens"]` of output, or nothing where there was none, or nobody counted."""
    counted = usage.output_tokens if usage else None
    return [] if not counted else [f"{counted} token{'' if counted == 1 else 's'}"]


def usage_dict(usage: Usage | None) -> dict[str, Any] | None:
    return {name: getattr(usage, name) for name in USAGE_COUNTS} if usage else None
