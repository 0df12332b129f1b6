"""The defaults of this session: what `nbstream.configure` sets and the environment gives."""

from __future__ import annotations

import os
from typing import Any

from .events.errors import UsageError

_SETTINGS: dict[str, str] = {
    "model": "the model where none is named",
    "system": "the system prompt",
    "temperature": "sampling temperature",
    "max_tokens": "the longest answer, in tokens",
    "top_p": "nucleus sampling",
    "timeout": "seconds for the whole run, or nbstream.Timeouts",
    "chart": 'False: no chart; "open": the chart is open from the start',
    "prices": "{model: (input, output)} in US dollars per million tokens",
    "tokenizer": "text -> number of tokens, where nobody else counts them",
    "retries": "how often a failed request is sent again before the first token",
    "transport": 'what reads from the network: "httptools", the faster, or "httpx"',
    "log": "folder in which every run is kept as it happens, for nbstream.attach",
    "record_to": "folder into which every run is recorded",
    "record_raw": "recordings keep the provider's bytes as well",
    "replay": "folder of recordings that answer in place of the model",
    "replay_mode": "auto (record what is missing), record, replay (never call), off",
    "replay_speed": "pace of a replay; 1 is as recorded, the default is at once",
}

_ENVIRONMENT = {
    "model": "NBSTREAM_MODEL",
    "replay_mode": "NBSTREAM_REPLAY_MODE",
    "transport": "NBSTREAM_TRANSPORT",
}

_values: dict[str, Any] = {}


def configure(**settings: Any) -> dict[str, Any]:
    """Set defaults for `stream()` and `%%stream`; None takes one back. Returns what is set now.

    Settings: model, system, temperature, max_tokens, top_p, timeout (seconds or `Timeouts`), retries;
    chart (False: none; "open": open from the start), prices ({model: (input, output)} in US dollars per
    million tokens), tokenizer (text -> number of tokens); transport ("httpx": all of HTTP is left to httpx; the default
    is "httptools" below it, which costs less than half the CPU); log (a folder in which every run of `stream()` is
    kept as it happens, to be followed with `attach`);
    record_to (a folder for recordings of every run), record_raw (True: with the provider's bytes); replay (a folder of recordings that answer in place of
    the model), replay_mode ("auto" records what is missing, "record", "replay" never calls the model, "off")
    and replay_speed (1 is the recorded pace; the default is at once). The environment variable
    NBSTREAM_MODEL names the model where `model` is not set, NBSTREAM_REPLAY_MODE the replay_mode,
    NBSTREAM_TRANSPORT the transport.
    """
    for name, value in settings.items():
        if name not in _SETTINGS:
            raise UsageError(
                f"There is no setting {name!r}.", hint=f"Settings: {', '.join(_SETTINGS)}."
            )
        if value is None:
            _values.pop(name, None)
        else:
            _values[name] = value
    return dict(_values)


def setting(name: str, value: Any = None) -> Any:
    """`value` where it is given, else the session's default, else None."""
    if value is not None:
        return value
    given = _values.get(name)
    if given is None and name in _ENVIRONMENT:
        return os.environ.get(_ENVIRONMENT[name]) or None
    return given
