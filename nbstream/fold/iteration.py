"""One request of a run and its answer: when it began and spoke, how many tokens, how fast."""

from __future__ import annotations

from typing import Any, Literal

from nbstream.events import FinishReason, Usage

#: Where a number of tokens comes from, the best first: the provider's usage; the server's own timings
#: (llama.cpp, Ollama); pieces counted as they arrived, where they have the size of tokens; a tokenizer
#: that was set; a quarter of the characters. From "deltas" on it is an estimate.
TokenSource = Literal["provider", "server", "deltas", "tokenizer", "characters"]
SOURCES: tuple[TokenSource, ...] = ("provider", "server", "deltas", "tokenizer", "characters")

#: Deltas of more characters than this on average are not single tokens.
TOKEN_SIZE = 10

#: What came within so many seconds came at once (a cached or scripted answer) and has no rate.
AT_ONCE = 0.05


class Iteration:
    """One request of a run and its answer: a plain run has one, an agent one each time it asks.

    `start`, `first`, `last`: when it began, gave its first and its latest content. `decode_time`: seconds
    between its deltas, without tools. `usage`: the provider's figures, None where it gave none.
    """

    __slots__ = (
        "_resting",
        "bursts",
        "characters",
        "decode_time",
        "deltas",
        "finish_reason",
        "first",
        "last",
        "number",
        "start",
        "step",
        "thinking_deltas",
        "tokenized",
        "tool_time",
        "usage",
    )

    def __init__(self, number: int, step: str, start: float) -> None:
        self.number: int = number
        self.step: str = step
        self.start: float = start
        self.first: float | None = None
        self.last: float | None = None
        self.decode_time: float = 0.0
        self.tool_time: float = 0.0
        self.deltas: int = 0
        self.thinking_deltas: int = 0
        self.characters: int = 0
        self.tokenized: int | None = None
        self.bursts: int = 0
        self.usage: Usage | None = None
        self.finish_reason: FinishReason | None = None
        self._resting = True

    @property
    def ttft(self) -> float | None:
        """Seconds from the request to the first content."""
        return None if self.first is None else self.first - self.start

    @property
    def token_source(self) -> TokenSource:
        usage = self.usage
        if usage is not None and usage.output_tokens is not None and not usage.estimated:
            return "server" if _server_timed(usage) else "provider"
        if self.deltas and self.characters / self.deltas > TOKEN_SIZE:
            return "characters" if self.tokenized is None else "tokenizer"
        return "deltas"

    @property
    def output_tokens(self) -> int:
        """Tokens generated, thinking included."""
        source = self.token_source
        if source == "deltas":
            return self.deltas
        if source == "tokenizer":
            return self.tokenized or 0
        if source == "characters":
            return max(1, round(self.characters / 4))
        return self.usage.output_tokens or 0  # type: ignore[union-attr]

    @property
    def decoded_tokens(self) -> int:
        """The tokens that `decode_time` was spent on: neither the first ones nor thinking nobody saw."""
        hidden = 0
        if self.usage is not None and not self.thinking_deltas:
            hidden = self.usage.reasoning_tokens or 0
        return max(self.output_tokens - hidden - self.bursts, 0)

    @property
    def tokens_per_second(self) -> float | None:
        return rate_of(self.decoded_tokens, self.decode_time)

    @property
    def server_tokens_per_second(self) -> float | None:
        """The rate as the server itself measured it (llama.cpp, Ollama)."""
        details = (self.usage and self.usage.details) or {}
        timings = details.get("timings")
        if isinstance(timings, dict) and timings.get("predicted_per_second"):
            return float(timings["predicted_per_second"])
        if details.get("eval_duration") and self.usage and self.usage.output_tokens:
            return self.usage.output_tokens / (details["eval_duration"] / 1e9)
        return None

    def rest(self) -> None:
        """What comes next was not waited for by the decoder: a tool ran, or a request was made."""
        self._resting = True

    def to_dict(self) -> dict[str, Any]:
        usage = self.usage or Usage()
        return {
            "iteration": self.number,
            "step": self.step,
            "start": self.start,
            "ttft": self.ttft,
            "tokens_per_second": self.tokens_per_second,
            "output_tokens": self.output_tokens,
            "token_source": self.token_source,
            "input_tokens": usage.input_tokens,
            "cached_tokens": usage.cache_read_tokens,
            "thinking_tokens": self.thinking_tokens,
            "decode_time": self.decode_time,
            "tool_time": self.tool_time,
            "finish_reason": self.finish_reason,
        }

    @property
    def thinking_tokens(self) -> int | None:
        """Reported, or counted where thinking was streamed; None where neither."""
        reported = self.usage.reasoning_tokens if self.usage else None
        return reported if reported is not None else self.thinking_deltas or None


def rate_of(tokens: int, seconds: float) -> float | None:
    return tokens / seconds if tokens > 0 and seconds >= AT_ONCE else None


def _server_timed(usage: Usage) -> bool:
    details = usage.details or {}
    return "timings" in details or "eval_duration" in details
