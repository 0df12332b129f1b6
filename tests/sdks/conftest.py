"""The real libraries, talking to a loopback server.

`make test` runs all of these in an environment of their own, `.venv/sdks`; elsewhere those run whose library is
installed. litellm holds openai back, so it lives in the other environment.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

NEEDS = {
    "ag_ui": "ag_ui",
    "anthropic": "anthropic",
    "boto3": "boto3",
    "cohere": "cohere",
    "elsewhere": "claude_agent_sdk",
    "google_genai": "google.genai",
    "langchain": "langchain_openai",
    "litellm": "litellm",
    "llama_index": "llama_index.core",
    "mistral": "mistralai",
    "ollama": "ollama",
    "openai": "openai",
    "openai_agents": "agents",
    "pydantic_ai": "pydantic_ai",
}
OWN_ENVIRONMENT = Path(sys.prefix).name == "sdks"


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


collect_ignore = [
    f"test_{name}.py"
    for name, module in NEEDS.items()
    if not (OWN_ENVIRONMENT and module != "litellm") and not _installed(module)
]


@pytest.fixture
async def closing() -> AsyncIterator[AsyncExitStack]:
    """For the clients that a test makes: closed when it ends, on its own loop."""
    async with AsyncExitStack() as stack:
        yield stack
