"""What an event costs to create, fold and encode, beside the other ways Python has to write a record.

    python -m bench.events

Nanoseconds of one text delta, best of five; the ratio is to msgspec.Struct, which nbstream uses.
"""

from __future__ import annotations

import dataclasses
import json
import timeit
from collections.abc import Callable

import msgspec
import orjson
import pydantic

from nbstream import events
from nbstream.fold.metrics import Metrics
from nbstream.fold.transcript import Transcript


@dataclasses.dataclass(slots=True)
class Slots:
    block: int
    text: str
    seq: int = 0
    time: float = 0.0
    type: str = "text_delta"


@dataclasses.dataclass(slots=True, frozen=True)
class Frozen:
    block: int
    text: str
    seq: int = 0
    time: float = 0.0
    type: str = "text_delta"


class Model(pydantic.BaseModel):
    block: int
    text: str
    seq: int = 0
    time: float = 0.0
    type: str = "text_delta"


def ns(action: Callable[[], object], number: int = 100_000) -> float:
    return min(timeit.repeat(action, number=number, repeat=5)) / number * 1e9


def row(title: str, times: dict[str, float]) -> None:
    ours = next(iter(times.values()))
    print(title)
    for name, time in times.items():
        print(f"  {name:36} {time:8.0f} ns  {time / ours:6.1f}x")


def main() -> None:
    struct, slots = events.TextDelta(0, "word "), Slots(0, "word ")
    model, plain = Model(block=0, text="word "), dataclasses.asdict(slots)
    row(
        "create",
        {
            "msgspec.Struct, frozen": ns(lambda: events.TextDelta(0, "word ")),
            "dataclass(slots)": ns(lambda: Slots(0, "word ")),
            "dataclass(slots, frozen)": ns(lambda: Frozen(0, "word ")),
            "pydantic.BaseModel": ns(lambda: Model(block=0, text="word ")),
        },
    )
    row(
        "encode to JSON",
        {
            "msgspec.Struct": ns(lambda: events.encode(struct)),
            "dataclass(slots), orjson": ns(lambda: orjson.dumps(slots)),
            "pydantic.BaseModel": ns(model.model_dump_json),
            "dict, json": ns(lambda: json.dumps(plain)),
        },
    )
    data = events.encode(struct)
    row(
        "decode from JSON, the union checked",
        {
            "msgspec": ns(lambda: events.decode(data)),
            "pydantic.BaseModel, one class": ns(lambda: Model.model_validate_json(data)),
            "json.loads, unchecked": ns(lambda: json.loads(data)),
        },
    )
    transcript, metrics = Transcript(), Metrics()
    row(
        "fold",
        {
            "transcript": ns(lambda: transcript.apply(struct)),
            "metrics": ns(lambda: metrics.apply(struct)),
            "stamp": ns(lambda: events.stamp(struct, 1, 0.5)),
        },
    )
    size = len(msgspec.json.encode(struct))
    print(f"a text delta of 5 characters is {size} bytes of JSON")


if __name__ == "__main__":
    main()
