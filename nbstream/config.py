"""The defaults of this session: what `nbstream.configure` sets and the environment gives."""

from __future__ import annotations

import os
from typing import Any

from .errors import UsageError

_SETTINGS: dict[str, str] = {
    "model": "the model where none is named",
    "system": "the system prompt",
    "temperature": "sampling temperature",
    "max_tokens": "the longest answer, in tokens",
    "top_p": "nucleus sampling",
    "timeout": "seconds for the whole run, or nbstream.Timeouts",
    "retries": "how often a failed request is sent again before the first token",
}

_values: dict[str, Any] = {}


def configure(**settings: Any) -> dict[str, Any]:
    """Set defaults for `stream()` and `%%stream`; None takes one back. Returns what is set now.

    Settings: model, system, temperature, max_tokens, top_p, timeout, retries. The environment variable
    NBSTREAM_MODEL names the model where `model` is not set.
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
    if name == "model":
        return _values.get("model") or os.environ.get("NBSTREAM_MODEL") or None
    return _values.get(name)
