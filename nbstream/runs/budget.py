"""Stops a run that has cost or lasted as much as it may; the text so far is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from nbstream.adapters.models.base import ChatModel, ChatRequest
from nbstream.events import Delta, IterationEnd, RunStart, StreamEvent, Usage
from nbstream.events.errors import UsageError
from nbstream.fold.metrics import Metrics

from .pricing import cost_of

#: Deltas between two looks at the cost.
EVERY = 16


class Budget:
    """Limits of one run: `cost` in US dollars, `seconds` of wall time; None is no limit.

    While the provider has not said what it counted, the cost is an estimate: `prompt_tokens` of input and
    the deltas that arrived. Raises `UsageError` where `cost` is set and the model's price is not known.
    """

    def __init__(
        self, *, cost: float | None, seconds: float | None, model: Any, prompt_tokens: int
    ) -> None:
        for name, limit in (("max_cost", cost), ("max_seconds", seconds)):
            if limit is not None and limit <= 0:
                raise UsageError(f"{name} must be greater than 0.")
        if cost is not None and cost_of(model.name, model.provider, Usage(1, 1)) is None:
            raise UsageError(
                f"The price of {model.name} is not known, so max_cost cannot be held.",
                hint='pip install "nbstream[prices]" knows the usual prices, or set it: nbstream.configure'
                f"(prices={{{model.name!r}: (input, output)}}), in US dollars per million tokens.",
            )
        self._cost = cost
        self._seconds = seconds
        self._prompt_tokens = prompt_tokens
        self._seen = 0

    def look(self, event: StreamEvent, metrics: Metrics, stop: Callable[[str], None]) -> None:
        """Call `stop(why)` when the budget is used up, now or later. Runs on the run's own loop."""
        if type(event) is RunStart and self._seconds is not None:
            why = f"Stopped: max_seconds={self._seconds:g} is used up."
            with suppress(RuntimeError):  # stopped before it began, outside any loop
                asyncio.get_running_loop().call_later(self._seconds, stop, why)
        elif self._cost is not None and self._due(event):
            spent = metrics.cost_with(self._prompt_tokens)
            if spent is not None and spent >= self._cost:
                stop(f"Stopped: max_cost=${self._cost:g} is used up (${spent:.4g}).")

    def _due(self, event: StreamEvent) -> bool:
        if isinstance(event, Delta):
            self._seen += 1
            return self._seen % EVERY == 0
        return isinstance(event, (Usage, IterationEnd))


def budget_for(
    model: ChatModel, request: ChatRequest, cost: float | None, seconds: float | None
) -> Budget | None:
    """The budget of a run that begins with `request`; None without a limit."""
    if cost is None and seconds is None:
        return None
    characters = sum(len(str(message.get("content") or "")) for message in request.messages)
    return Budget(cost=cost, seconds=seconds, model=model, prompt_tokens=max(1, characters // 4))
