"""nbstream: any LLM token stream, live in a notebook cell."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .adapters.models.anthropic import Anthropic as Anthropic
    from .adapters.models.base import ChatModel as ChatModel
    from .adapters.models.base import ChatRequest as ChatRequest
    from .adapters.models.demo import Demo as Demo
    from .adapters.models.gemini import Gemini as Gemini
    from .adapters.models.litellm import LiteLLM as LiteLLM
    from .adapters.models.ollama import Ollama as Ollama
    from .adapters.models.openai_compatible import OpenAICompatible as OpenAICompatible
    from .adapters.models.openai_responses import OpenAIResponses as OpenAIResponses
    from .adapters.models.registry import model as model
    from .adapters.models.registry import models as models
    from .adapters.models.registry import register_model as register_model
    from .adapters.models.registry import unregister_model as unregister_model
    from .adapters.models.scripted import Scripted as Scripted
    from .adapters.transport.timeouts import Timeouts as Timeouts
    from .agents.agent import Agent as Agent
    from .agents.history import History as History
    from .agents.tools import Tool as Tool
    from .agents.tools import tool as tool
    from .agents.workflow import Step as Step
    from .agents.workflow import Workflow as Workflow
    from .api import attach as attach
    from .api import compare as compare
    from .api import gather as gather
    from .api import record_to as record_to
    from .api import replay as replay
    from .api import show as show
    from .api import stream as stream
    from .batches.batch import StreamBatch as StreamBatch
    from .batches.group import StreamGroup as StreamGroup
    from .config import configure as configure
    from .events import StreamEvent as StreamEvent
    from .events.errors import AuthenticationError as AuthenticationError
    from .events.errors import ConnectError as ConnectError
    from .events.errors import ContentFilterError as ContentFilterError
    from .events.errors import ContextLengthError as ContextLengthError
    from .events.errors import ModelNotFoundError as ModelNotFoundError
    from .events.errors import NbstreamError as NbstreamError
    from .events.errors import OutputValidationError as OutputValidationError
    from .events.errors import ProtocolError as ProtocolError
    from .events.errors import ProviderError as ProviderError
    from .events.errors import RateLimitError as RateLimitError
    from .events.errors import ServerError as ServerError
    from .events.errors import StreamInterruptedError as StreamInterruptedError
    from .events.errors import StreamTimeoutError as StreamTimeoutError
    from .events.errors import ToolError as ToolError
    from .events.errors import UsageError as UsageError
    from .render.response import Response as Response
    from .runs.stream import Stream as Stream
    from .serve.app import asgi_app as asgi_app
    from .serve.app import sse as sse
    from .widgets.chart import MetricsTable as MetricsTable
    from .widgets.chart import RateChart as RateChart
    from .widgets.stream import StreamView as StreamView

#: Public names, and the room each lives in. Loaded on first use: `import nbstream` stays light.
_ROOMS = {
    "events": ("StreamEvent",),
    "events.errors": (
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
    "adapters.models.anthropic": ("Anthropic",),
    "agents.agent": ("Agent",),
    "adapters.models.base": ("ChatModel", "ChatRequest"),
    "adapters.transport.timeouts": ("Timeouts",),
    "adapters.models.demo": ("Demo",),
    "adapters.models.litellm": ("LiteLLM",),
    "adapters.models.gemini": ("Gemini",),
    "adapters.models.ollama": ("Ollama",),
    "adapters.models.openai_compatible": ("OpenAICompatible",),
    "adapters.models.openai_responses": ("OpenAIResponses",),
    "adapters.models.registry": ("model", "models", "register_model", "unregister_model"),
    "adapters.models.scripted": ("Scripted",),
    "batches.batch": ("StreamBatch",),
    "widgets.chart": ("MetricsTable", "RateChart"),
    "config": ("configure",),
    "batches.group": ("StreamGroup",),
    "agents.history": ("History",),
    "render.response": ("Response",),
    "runs.stream": ("Stream",),
    "serve.app": ("asgi_app", "sse"),
    "api": ("attach", "compare", "gather", "record_to", "replay", "show", "stream"),
    "agents.tools": ("Tool", "tool"),
    "widgets.stream": ("StreamView",),
    "agents.workflow": ("Step", "Workflow"),
}

_HOME = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    room = _HOME.get(name)
    if room is None:
        raise AttributeError(f"module 'nbstream' has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{room}", __name__), name)
    if room not in ("events", "events.errors"):
        importlib.import_module(".hosts", __name__)  # what is shown finds who shows it
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext nbstream`: registers `%%stream` and `%stream`."""
    from .magic.magics import register

    register(shell)


def unload_ipython_extension(shell: Any) -> None:
    """`%unload_ext nbstream`."""
    from .magic.magics import unregister

    unregister(shell)
