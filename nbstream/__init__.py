"""nbstream: any LLM token stream, live in a notebook cell."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .adapters.anthropic import Anthropic as Anthropic
    from .adapters.base import ChatModel as ChatModel
    from .adapters.base import ChatRequest as ChatRequest
    from .adapters.base import Timeouts as Timeouts
    from .adapters.demo import Demo as Demo
    from .adapters.gemini import Gemini as Gemini
    from .adapters.litellm import LiteLLM as LiteLLM
    from .adapters.ollama import Ollama as Ollama
    from .adapters.openai_compatible import OpenAICompatible as OpenAICompatible
    from .adapters.openai_responses import OpenAIResponses as OpenAIResponses
    from .adapters.registry import model as model
    from .adapters.registry import models as models
    from .adapters.registry import register_model as register_model
    from .adapters.registry import unregister_model as unregister_model
    from .adapters.scripted import Scripted as Scripted
    from .agent import Agent as Agent
    from .batch import StreamBatch as StreamBatch
    from .batch import gather as gather
    from .charts import MetricsTable as MetricsTable
    from .charts import RateChart as RateChart
    from .config import configure as configure
    from .errors import AuthenticationError as AuthenticationError
    from .errors import ConnectError as ConnectError
    from .errors import ContentFilterError as ContentFilterError
    from .errors import ContextLengthError as ContextLengthError
    from .errors import ModelNotFoundError as ModelNotFoundError
    from .errors import NbstreamError as NbstreamError
    from .errors import OutputValidationError as OutputValidationError
    from .errors import ProtocolError as ProtocolError
    from .errors import ProviderError as ProviderError
    from .errors import RateLimitError as RateLimitError
    from .errors import ServerError as ServerError
    from .errors import StreamInterruptedError as StreamInterruptedError
    from .errors import StreamTimeoutError as StreamTimeoutError
    from .errors import ToolError as ToolError
    from .errors import UsageError as UsageError
    from .events import StreamEvent as StreamEvent
    from .group import StreamGroup as StreamGroup
    from .group import compare as compare
    from .history import History as History
    from .response import Response as Response
    from .run import Stream as Stream
    from .serve import asgi_app as asgi_app
    from .serve import sse as sse
    from .start import record_to as record_to
    from .start import replay as replay
    from .start import show as show
    from .start import stream as stream
    from .tools import Tool as Tool
    from .tools import tool as tool
    from .widget import StreamView as StreamView
    from .workflow import Step as Step
    from .workflow import Workflow as Workflow

#: Public names, and the room each lives in. Loaded on first use: `import nbstream` stays light.
_ROOMS = {
    "events": ("StreamEvent",),
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
    "adapters.anthropic": ("Anthropic",),
    "agent": ("Agent",),
    "adapters.base": ("ChatModel", "ChatRequest", "Timeouts"),
    "adapters.demo": ("Demo",),
    "adapters.litellm": ("LiteLLM",),
    "adapters.gemini": ("Gemini",),
    "adapters.ollama": ("Ollama",),
    "adapters.openai_compatible": ("OpenAICompatible",),
    "adapters.openai_responses": ("OpenAIResponses",),
    "adapters.registry": ("model", "models", "register_model", "unregister_model"),
    "adapters.scripted": ("Scripted",),
    "batch": ("StreamBatch", "gather"),
    "charts": ("MetricsTable", "RateChart"),
    "config": ("configure",),
    "group": ("StreamGroup", "compare"),
    "history": ("History",),
    "response": ("Response",),
    "run": ("Stream",),
    "serve": ("asgi_app", "sse"),
    "start": ("record_to", "replay", "show", "stream"),
    "tools": ("Tool", "tool"),
    "widget": ("StreamView",),
    "workflow": ("Step", "Workflow"),
}

_HOME = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    room = _HOME.get(name)
    if room is None:
        raise AttributeError(f"module 'nbstream' has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{room}", __name__), name)
    if room not in ("events", "errors"):
        for displays in ("cell", "marimo"):
            importlib.import_module(f".{displays}", __name__)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext nbstream`: registers `%%stream` and `%stream`."""
    from .magic import register

    register(shell)


def unload_ipython_extension(shell: Any) -> None:
    """`%unload_ext nbstream`."""
    from .magic import unregister

    unregister(shell)
