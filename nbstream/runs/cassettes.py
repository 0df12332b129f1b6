"""Recordings in place of calls: a folder in which each request has its own.

A request is known by its model, its messages and its parameters, so a notebook that was recorded runs
again without a key, in a class or in CI, and a changed prompt is a new request.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import AsyncGenerator
from datetime import datetime
from pathlib import Path
from typing import Literal, get_args

import msgspec

from nbstream.adapters.models.base import ChatModel, ChatRequest, SecretsOf
from nbstream.adapters.models.parameters import NAMES
from nbstream.adapters.sources.recorded import recorded
from nbstream.adapters.sources.source import Source
from nbstream.config import setting
from nbstream.events import Error, RunEnd, RunStart, StreamEvent
from nbstream.events.errors import UsageError
from nbstream.logs.recording import SUFFIX, is_whole

from .stream import Stream

Mode = Literal["auto", "record", "replay", "off"]


def recorded_source(model: ChatModel, request: ChatRequest) -> Source | None:
    """The recording that answers this request, as the session's settings say; None to call the model.

    Raises `UsageError` where only recordings may answer and there is none.
    """
    mode, path = _mode(), cassette_path(model, request)
    if path is None or mode == "record":
        return None
    if is_whole(path):
        return recorded(path, setting("replay_speed"))
    if mode == "replay":
        raise UsageError(
            f"This request was never recorded: {path.name} is not in {path.parent}.",
            hint='Record it once with nbstream.configure(replay_mode="auto"), or mend the prompt.',
        )
    return None


def record(stream: Stream, model: ChatModel, request: ChatRequest) -> None:
    """Record a stream that calls the model, where the session's settings say so."""
    raw = bool(setting("record_raw"))
    if (folder := setting("record_to")) is not None:
        stream.record(unused(Path(folder), model), raw)
    if (path := cassette_path(model, request)) is not None:
        unfinished = path.with_suffix(f".{uuid.uuid4().hex[:8]}.part")

        def keep(event: StreamEvent) -> None:
            if not isinstance(event, RunEnd):
                return
            if is_whole(unfinished):
                unfinished.replace(path)
            else:
                unfinished.unlink()

        stream.record(unfinished, raw).follow(keep)


def request_events(model: ChatModel, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
    """The events of one request of several in a run: its recording's, or the model's, recorded as well."""
    if (cassette := recorded_source(model, request)) is not None:
        return cassette.events()
    if setting("record_to") is None and cassette_path(model, request) is None:
        return model.events(request)
    return _recorded_events(model, request)


async def _recorded_events(
    model: ChatModel, request: ChatRequest
) -> AsyncGenerator[StreamEvent, None]:
    source = Source(
        events=lambda: model.events(request),
        model=model.name,
        provider=model.provider,
        secrets=SecretsOf(model, request),
    )
    stream = Stream(source, timeouts=request.timeouts, retries=0)
    record(stream, model, request)
    async for event in stream:
        if not isinstance(event, (RunStart, Error)):
            yield msgspec.structs.replace(event)


def cassette_path(model: ChatModel, request: ChatRequest) -> Path | None:
    """Where the recording of a request lies; None where recordings are off."""
    folder = setting("replay")
    if folder is None or _mode() == "off":
        return None
    asked = msgspec.to_builtins(request, enc_hook=repr)
    del asked["timeouts"]
    for name in NAMES:  # what is not asked for leaves a request the one it was
        if asked[name] is None:
            del asked[name]
    asked["model"] = f"{model.provider}/{model.name}"
    try:
        known = msgspec.json.encode(asked, order="sorted")
    except UnicodeEncodeError:  # half a character in the prompt
        known = repr(asked).encode()
    key = hashlib.sha256(known).hexdigest()[:16]
    return Path(folder) / f"{_slug(model)}-{key}{SUFFIX}"


def _mode() -> Mode:
    mode = setting("replay_mode") or "auto"
    if mode not in get_args(Mode):
        raise UsageError(
            f"There is no replay_mode {mode!r}.", hint=f"Modes: {', '.join(get_args(Mode))}."
        )
    return mode


def unused(folder: Path, model: ChatModel) -> Path:
    """A name of its own, which sorts by time."""
    moment = datetime.now().strftime("%Y%m%d-%H%M%S")
    return folder / f"{moment}-{_slug(model)}-{uuid.uuid4().hex[:6]}{SUFFIX}"


def _slug(model: ChatModel) -> str:
    return re.sub(r"[^\w.-]+", "-", model.name).strip("-.")[:60] or "model"
