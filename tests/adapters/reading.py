"""Bytes through a decoder, without a network: what the adapters' tests share."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

from nbstream.adapters.transport.failures import Endpoint
from nbstream.adapters.transport.lines import LineDecoder
from nbstream.adapters.wires.anthropic_messages import MessagesDecoder
from nbstream.adapters.wires.bedrock import BedrockDecoder, EventStreamFramer
from nbstream.adapters.wires.body import Body
from nbstream.adapters.wires.cohere import CohereDecoder
from nbstream.adapters.wires.decoding import PayloadDecoder
from nbstream.adapters.wires.gemini_content import GeminiDecoder
from nbstream.adapters.wires.ollama_chat import OllamaDecoder
from nbstream.adapters.wires.openai_chat import ChatDecoder
from nbstream.adapters.wires.responses import ResponsesDecoder
from nbstream.events import RunStart, StreamEvent
from nbstream.events.order import Order
from nbstream.render.response import Response, fold

DECODERS: dict[str, type[PayloadDecoder]] = {
    "chat": ChatDecoder,
    "responses": ResponsesDecoder,
    "anthropic": MessagesDecoder,
    "gemini": GeminiDecoder,
    "ollama": OllamaDecoder,
    "bedrock": BedrockDecoder,
    "cohere": CohereDecoder,
}

ENDPOINT = Endpoint(provider="test", url="http://test/v1", model="m")


def body_of(wire: str, **settings: Any) -> Body:
    framer = {"ollama": LineDecoder, "bedrock": EventStreamFramer}.get(wire)
    return Body(DECODERS[wire](ENDPOINT), framer=framer() if framer else None, **settings)


def read(body: Body, pieces: Iterable[bytes]) -> list[StreamEvent]:
    """All events of a body, checked for legal order; `body.failure` tells how it ended."""
    events: list[StreamEvent] = []
    for piece in pieces:
        events += body.feed(piece)
        if body.done:
            break
    events += body.finish()
    check_order(events)
    return events


def check_order(events: Iterable[StreamEvent]) -> None:
    order = Order()
    order.violation(RunStart("test"))
    for event in events:
        assert not order.violation(event), f"{order.violation(event)}: {event}"


def response_of(events: list[StreamEvent]) -> Response:
    return fold([RunStart("test"), *events])


def cuts(data: bytes, seed: int) -> list[bytes]:
    """`data` in pieces of random size."""
    dice = random.Random(seed)
    pieces, at = [], 0
    while at < len(data):
        size = dice.choice((1, 2, 3, 7, 20, 100, 1000, 5000))
        pieces.append(data[at : at + size])
        at += size
    return pieces


def one_by_one(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]
