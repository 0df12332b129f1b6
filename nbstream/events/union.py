"""The one data type that flows through nbstream: a closed union of small frozen values.

Adapters make events, folds read them, recordings store them, the wire carries them and the browser
folds the same values again (`js/src/protocol/events.ts` is generated from this file). There is no second
vocabulary. This file knows no socket, no clock and no provider.

JSON form: one object, `type` first, fields at their default left out. Unknown fields are ignored; an
unknown `type` is kept as `raw`.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec

from .json import decode_json

FinishReason = Literal[
    "stop",
    "length",
    "tool_calls",
    "content_filter",
    "stopped",
    "refusal",
    "pause",
    "error",
    "unknown",
]
Decision = Literal["requested", "approved", "denied", "timeout"]
ErrorKind = Literal[
    "usage",
    "provider",
    "authentication",
    "rate_limit",
    "model_not_found",
    "context_length",
    "content_filter",
    "server",
    "connect",
    "timeout",
    "interrupted",
    "protocol",
    "output_validation",
    "tool",
    "internal",
]


class Event(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag_field="type"
):
    """What every event has.

    `seq` counts from 0 without gaps. `time` is in seconds since the run began, taken when the bytes
    arrived. `run` and `step` name what the event belongs to inside a comparison or workflow.
    """

    seq: int = 0
    time: float = 0.0
    run: str = ""
    step: str = ""


class Delta(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An event that adds text to something open; neighbours can be merged into one.

    `count` is the number of provider deltas merged into this one and `until` the `time` of the last
    of them (0 where nothing was merged), so a merged event folds to the same transcript.
    """

    count: int = 1
    until: float = 0.0


class RunStart(Event, frozen=True, omit_defaults=True, gc=False, tag="run_start"):
    """The first event. `started_at` is Unix time in seconds."""

    run_id: str
    model: str = ""
    provider: str = ""
    title: str = ""
    started_at: float = 0.0


class StepStart(Event, frozen=True, omit_defaults=True, gc=False, tag="step_start"):
    """`structured`: what the step answers is JSON."""

    name: str
    index: int = 0
    agent: str = ""
    structured: bool = False


class StepEnd(Event, frozen=True, omit_defaults=True, gc=False, tag="step_end"):
    """`duration` in seconds, `usage` what the step's models used, `finish_reason` where the source says it."""

    name: str
    index: int = 0
    duration: float = 0.0
    usage: Usage | None = None
    finish_reason: FinishReason | None = None


class Usage(Event, frozen=True, omit_defaults=True, gc=False, tag="usage"):
    """Token counts of one response, in tokens; `None` means the provider did not say (never 0).

    The last value wins: providers send cumulative figures. `input_tokens` includes cached input,
    `output_tokens` includes reasoning. `cost` is in US dollars. `estimated` marks figures that did
    not come from the provider.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost: float | None = None
    estimated: bool = False
    details: dict[str, Any] | None = None


class IterationStart(Event, frozen=True, omit_defaults=True, gc=False, tag="iteration_start"):
    iteration: int


class IterationEnd(Event, frozen=True, omit_defaults=True, gc=False, tag="iteration_end"):
    """`carry` as in `RunEnd`, of this request's answer."""

    iteration: int
    usage: Usage | None = None
    finish_reason: FinishReason = "unknown"
    carry: dict[str, Any] | None = None


class TextDelta(Delta, frozen=True, omit_defaults=True, gc=False, tag="text_delta"):
    """New text of the answer. `block` numbers the parts of a run; `choice` is for n > 1.

    `paragraph`: it begins another message of the same answer.
    """

    block: int
    text: str
    choice: int = 0
    logprobs: list[Any] | None = None
    paragraph: bool = False


class ThinkingDelta(Delta, frozen=True, omit_defaults=True, gc=False, tag="thinking_delta"):
    """New reasoning text.

    `signature` and `redacted` are the provider's opaque values that must go back with the next request.
    """

    block: int
    text: str = ""
    signature: str = ""
    redacted: str = ""
    choice: int = 0


class RefusalDelta(Delta, frozen=True, omit_defaults=True, gc=False, tag="refusal_delta"):
    block: int
    text: str
    choice: int = 0


class ToolCallStart(Event, frozen=True, omit_defaults=True, gc=False, tag="tool_call_start"):
    """`server_side`: the provider runs the tool itself."""

    call_id: str
    block: int
    name: str = ""
    server_side: bool = False
    choice: int = 0


class ToolCallDelta(Delta, frozen=True, omit_defaults=True, gc=False, tag="tool_call_delta"):
    """A fragment of the arguments, as raw JSON text."""

    call_id: str
    arguments: str


class ToolCallEnd(Event, frozen=True, omit_defaults=True, gc=False, tag="tool_call_end"):
    """`arguments` is the parsed value; where the text did not parse it is None and `error` says why."""

    call_id: str
    arguments: Any = None
    text: str = ""
    error: str = ""


class ToolApproval(Event, frozen=True, omit_defaults=True, gc=False, tag="tool_approval"):
    """A tool call asks a person, or was answered.

    `approval_id` names the question: nothing that a model says can be one, so that no answer reaches another
    call. `arguments_text`, where it asks, are the checked arguments with which the tool will run, to the last
    digit, and whatever cannot be seen in them as escapes.
    """

    call_id: str
    decision: Decision
    approval_id: str = ""
    arguments_text: str = ""


class ToolProgress(Event, frozen=True, omit_defaults=True, gc=False, tag="tool_progress"):
    call_id: str
    content: Any


class ToolResult(Event, frozen=True, omit_defaults=True, gc=False, tag="tool_result"):
    """`content` is any JSON value; `duration` in seconds."""

    call_id: str
    content: Any = None
    is_error: bool = False
    duration: float | None = None


class ContentPart(Event, frozen=True, omit_defaults=True, gc=False, tag="content_part"):
    """An image, sound or file. `data` is base64; either `data` or `url` is set."""

    block: int
    mime: str
    data: str = ""
    url: str = ""
    alt: str = ""


class Citation(Event, frozen=True, omit_defaults=True, gc=False, tag="citation"):
    block: int
    title: str = ""
    url: str = ""
    quote: str = ""


class Retry(Event, frozen=True, omit_defaults=True, gc=False, tag="retry"):
    """The request is sent again; only before the first token. `wait` in seconds."""

    attempt: int
    reason: str
    wait: float = 0.0


class Reset(Event, frozen=True, omit_defaults=True, gc=False, tag="reset"):
    """Everything from `block` on is withdrawn and will be said anew."""

    block: int
    reason: str = ""


class WarningEvent(Event, frozen=True, omit_defaults=True, gc=False, tag="warning"):
    """Something odd that cost no text. `detail` is bounded."""

    message: str
    detail: str = ""


class Stall(Event, frozen=True, omit_defaults=True, gc=False, tag="stall"):
    """Nothing arrived for `idle` seconds; `first` while still waiting for the first token."""

    idle: float
    first: bool = False


class Error(Event, frozen=True, omit_defaults=True, gc=False, tag="error"):
    """Why the run failed; `body` is the provider's own text, bounded and free of keys."""

    kind: ErrorKind
    message: str
    hint: str = ""
    retryable: bool = False
    status: int | None = None
    body: str = ""


class RunEnd(Event, frozen=True, omit_defaults=True, gc=False, tag="run_end"):
    """Exactly once, last. `provider_reason` is the provider's own word.

    `incomplete` is true where the stream ended without saying that it was finished. `carry` is what the
    provider wants back with the next request, in its own form; nobody else reads it.
    """

    finish_reason: FinishReason
    provider_reason: str = ""
    incomplete: bool = False
    carry: dict[str, Any] | None = None


class Raw(Event, frozen=True, omit_defaults=True, gc=False, tag="raw"):
    """A payload that has no home above: counted, kept, shown only in the debug view."""

    payload: Any
    source: str = ""


StreamEvent = (
    RunStart
    | StepStart
    | StepEnd
    | IterationStart
    | IterationEnd
    | TextDelta
    | ThinkingDelta
    | RefusalDelta
    | ToolCallStart
    | ToolCallDelta
    | ToolCallEnd
    | ToolApproval
    | ToolProgress
    | ToolResult
    | ContentPart
    | Citation
    | Usage
    | Retry
    | Reset
    | WarningEvent
    | Stall
    | Error
    | RunEnd
    | Raw
)

#: The classes of the union, in the order of its definition.
EVENT_TYPES: tuple[type[Event], ...] = get_args(StreamEvent)

#: Events after which a retry would say something twice.
CONTENT_EVENTS = (
    TextDelta,
    ThinkingDelta,
    RefusalDelta,
    ToolCallStart,
    ToolCallDelta,
    ToolCallEnd,
    ContentPart,
)

_encoder = msgspec.json.Encoder(enc_hook=repr)
_decoder = msgspec.json.Decoder(StreamEvent)
_KNOWN = {str(cls.__struct_config__.tag) for cls in EVENT_TYPES}


def event_type(event: Event) -> str:
    """The literal `type` of an event, e.g. `"text_delta"`."""
    return str(event.__struct_config__.tag)


def encode(event: StreamEvent) -> bytes:
    """One event as a JSON object, `type` first. A value JSON cannot hold becomes its `repr`."""
    return _encoder.encode(event)


def decode(data: bytes | str) -> StreamEvent:
    """The event of one JSON object.

    An unknown `type` becomes a `Raw` event. Raises `ValueError` where the text is not a JSON object
    or a field has the wrong type.
    """
    try:
        return _decoder.decode(data)
    except RecursionError:
        raise ValueError("JSON is nested too deep") from None
    except msgspec.ValidationError:
        value = decode_json(data)
        if isinstance(value, dict) and value.get("type") not in _KNOWN:
            return Raw(value, source="unknown event type")
        raise


def to_builtins(event: StreamEvent) -> dict[str, Any]:
    """One event as plain dicts and lists, the same shape as its JSON form."""
    return msgspec.to_builtins(event, enc_hook=repr)


def stamp(event: StreamEvent, seq: int, time: float) -> StreamEvent:
    """The event at its place in the run, as a new value: a source may give the same object many times."""
    return msgspec.structs.replace(event, seq=seq, time=time)
