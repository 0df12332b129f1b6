"""nbstream: any LLM token stream, live in a notebook cell."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .adapters.base import ChatModel as ChatModel
    from .errors import *  # noqa: F403

#: Public names, and the room each lives in. Loaded on first use: `import nbstream` stays light.
_ROOMS = {
    "events": (),
    "errors": (
        "NbstreamError",
        "UsageError",
        "ProviderError",
        "AuthenticationError",
        "RateLimitError",
        "ModelNotFoundError",
        "ContextLengthError",
        "ContentFilterError",
        "ServerError",
        "ConnectError",
        "StreamTimeoutError",
        "StreamInterruptedError",
        "ProtocolError",
        "OutputValidationError",
        "ToolError",
    ),
    "adapters.base": ("ChatModel", "ChatRequest", "Timeouts"),
}

_HOME = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    room = _HOME.get(name)
    if room is None:
        raise AttributeError(f"module 'nbstream' has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{room}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
