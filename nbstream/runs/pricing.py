"""What a run costs, in US dollars, with no network. A price nobody knows is None, never 0.

First the prices you set (`nbstream.configure(prices={"my-model": (input, output)})`, dollars per million
tokens), then the table of genai-prices where that is installed (`pip install "nbstream[prices]"`).
"""

from __future__ import annotations

import importlib.util
import sys
from functools import lru_cache
from typing import Any

from nbstream.config import setting
from nbstream.events import Usage

#: Our names of providers that genai-prices calls otherwise.
_PROVIDERS = {"xai": "x-ai", "bedrock": "aws", "gemini": "google", "vertex_ai": "google"}


def cost_of(model: str, provider: str, usage: Usage, *, load: bool = True) -> float | None:
    """The cost of one response in US dollars; None where the model's price is not known.

    `load=False` uses the table of genai-prices only where it is in memory already (loading it takes half
    a second).
    """
    prices = (setting("prices") or {}).get(model)
    if prices is not None:
        given, made = prices
        return ((usage.input_tokens or 0) * given + (usage.output_tokens or 0) * made) / 1e6
    if not load and "genai_prices" not in sys.modules:
        return None
    return _from_table(model, _PROVIDERS.get(provider, provider), usage)


def _from_table(model: str, provider: str, usage: Usage) -> float | None:
    table = _table()
    if table is None or provider not in _known_providers():
        return None
    counts = {
        name: getattr(usage, name)
        for name in ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
    }
    try:
        price = table.calc_price(
            table.Usage(**{name: count for name, count in counts.items() if count is not None}),
            model_ref=model,
            provider_id=provider,
        )
    except Exception:  # the table's own errors: no such provider or model, counts that contradict
        return None
    return float(price.total_price)


@lru_cache(maxsize=1)
def _table() -> Any:
    if importlib.util.find_spec("genai_prices") is None:
        return None
    import genai_prices

    return genai_prices


@lru_cache(maxsize=1)
def _known_providers() -> frozenset[str]:
    """The table itself also takes names that only resemble a provider's."""
    from genai_prices import data_snapshot

    return frozenset(provider.id for provider in data_snapshot.get_snapshot().providers)
