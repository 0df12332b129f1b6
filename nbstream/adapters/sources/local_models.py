"""Models that run in this process: what vLLM and mlx-lm give, object by object."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nbstream.adapters.transport.failures import Endpoint
from nbstream.adapters.wires.decoding import PayloadDecoder
from nbstream.adapters.wires.figures import usage
from nbstream.events import StreamEvent


class VllmDecoder(PayloadDecoder):
    """vLLM's `RequestOutput`: the text so far each time, or what is new of it, as it was asked for."""

    source = "vllm"
    inline = True

    def __init__(self, endpoint: Endpoint | None = None) -> None:
        super().__init__(endpoint)
        self._texts: dict[int, str] = {}
        self._tokens: dict[int, int] = {}
        self._cumulative: bool | None = None

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        events: list[StreamEvent] = []
        for output in value.outputs or ():
            choice = output.index or 0
            events += self.text_events(self._new(choice, output.text or ""), choice)
            self._count(choice, output)
            provider_reason = output.finish_reason
            if provider_reason and (choice == 0 or self.provider_reason is None):
                self.provider_reason = str(provider_reason)
        if value.finished:
            prompt = getattr(value, "prompt_token_ids", None)
            events.append(
                usage(
                    input_tokens=len(prompt) if prompt else None,
                    output_tokens=sum(self._tokens.values()) or None,
                    cache_read_tokens=getattr(value, "num_cached_tokens", None),
                )
            )
        return events

    def _new(self, choice: int, text: str) -> str:
        before = self._texts.get(choice, "")
        if self._cumulative is None and before and text:
            self._cumulative = len(text) >= len(before) and text.startswith(before)
        if self._cumulative is False:
            return text
        if not text.startswith(before):  # what is new, and by chance the same at first
            self._cumulative = False
            return text
        self._texts[choice] = text
        return text[len(before) :]

    def _count(self, choice: int, output: Any) -> None:
        ids = getattr(output, "token_ids", None)
        size = len(ids) if ids is not None else 0
        known = self._tokens.get(choice, 0)
        self._tokens[choice] = known + size if self._cumulative is False else max(known, size)


class MlxDecoder(PayloadDecoder):
    """mlx-lm's `GenerationResponse`: a piece of text with the figures so far."""

    source = "mlx-lm"
    inline = True

    def payload(self, value: Any) -> Iterable[StreamEvent]:
        events = self.text_events(value.text or "")
        if provider_reason := getattr(value, "finish_reason", None):
            self.provider_reason = str(provider_reason)
            timings = {
                "prompt_per_second": getattr(value, "prompt_tps", None),
                "predicted_per_second": getattr(value, "generation_tps", None),
            }
            events.append(
                usage(
                    input_tokens=getattr(value, "prompt_tokens", None),
                    output_tokens=getattr(value, "generation_tokens", None),
                    details={"timings": timings} if any(timings.values()) else None,
                )
            )
        return events
