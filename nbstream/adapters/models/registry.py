"""Names of models: a string in, the model that answers to it out."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import msgspec

from nbstream.events.errors import UsageError

from .base import ChatModel
from .providers import OPENAI_COMPATIBLE, key_from_environment

_aliases: dict[str, ChatModel | str] = {}


class Entry(msgspec.Struct, frozen=True):
    """One line of `models()`. `key` is the variable to set, `ready` whether it can be used now."""

    name: str
    kind: str
    key: str = ""
    ready: bool = True


def model(name: str | ChatModel, *, base_url: str | None = None, **settings: Any) -> ChatModel:
    """The model of a name.

    An alias; `"demo"`; `"provider/model"` or `"provider:model"`; a well-known bare name such as
    `"gpt-4o-mini"`. With `base_url`, an OpenAI-compatible server there (another wire format where the name
    has that provider). Providers we have no direct path for go through litellm. `settings` are those of the
    model's class, e.g. `api_key`, `headers`, `verify`. Raises UsageError with the nearest names.
    """
    if isinstance(name, ChatModel):
        return name
    name = name.strip()
    settings = {key: value for key, value in settings.items() if value is not None}
    alias = _aliases.get(name)
    if isinstance(alias, str):
        return model(alias, base_url=base_url, **settings)
    if alias is not None:
        return alias
    if name == "demo":
        return _class("demo", "Demo")(**settings)
    provider, rest = _split(name)
    if provider in OPENAI_COMPATIBLE and rest:
        return _compatible(provider, rest, base_url, settings)
    if provider in _DIRECT and rest:
        if base_url:
            settings["base_url"] = base_url
        return _class(*_DIRECT[provider])(rest, **settings)
    if provider in _LITELLM and rest and base_url:
        settings["api_base"] = base_url
    elif base_url:
        return _class("openai_compatible", "OpenAICompatible")(base_url, name, **settings)
    if provider in _LITELLM and rest:
        return _class("litellm", "LiteLLM")(f"{provider}/{rest}", **settings)
    raise _unknown(name, provider)


def register_model(alias: str, target: ChatModel | str) -> None:
    """Makes `alias` a name for a model, or for another name."""
    if not isinstance(target, (str, ChatModel)):
        raise UsageError(
            f"cannot register a {type(target).__name__} as a model",
            hint='nb.register_model("local", nb.OpenAICompatible("http://127.0.0.1:8080/v1", "llama"))',
        )
    if isinstance(target, str) and target != alias:
        model(target)  # a name that is wrong is better refused here
    if not alias or target == alias:
        raise UsageError("an alias needs a name of its own")
    _aliases[alias] = target


def unregister_model(alias: str) -> None:
    """Forgets an alias."""
    if alias not in _aliases:
        raise UsageError(f"there is no alias {alias!r}", hint=_nearest(alias, list(_aliases)))
    del _aliases[alias]


def models() -> list[Entry]:
    """What names can be used here: aliases, then providers, each with the variable its key goes in."""
    entries = [Entry(alias, f"alias of {_shown(target)}") for alias, target in _aliases.items()]
    entries.append(Entry("demo", "offline demo"))
    for provider, keys in _KEYS.items():
        entries.append(_entry(f"{provider}/…", "direct", keys))
    for provider in OPENAI_COMPATIBLE.values():
        entries.append(_entry(f"{provider.name}/…", "OpenAI-compatible", provider.keys))
    installed = importlib.util.find_spec("litellm") is not None
    kind = "through litellm" if installed else 'needs pip install "nbstream[litellm]"'
    entries += [Entry(f"{provider}/…", kind, ready=installed) for provider in _LITELLM]
    return entries


def _entry(name: str, kind: str, keys: tuple[str, ...]) -> Entry:
    value, variable = key_from_environment(keys)
    return Entry(name, kind, variable, bool(value) or not keys)


def _compatible(
    provider: str, rest: str, base_url: str | None, settings: dict[str, Any]
) -> ChatModel:
    known = OPENAI_COMPATIBLE[provider]
    made = _class("openai_compatible", "OpenAICompatible")(
        base_url or known.url(), rest, provider=provider, **settings
    )
    if not made.key_names:
        made.key_names = known.keys
    return made


def _split(name: str) -> tuple[str, str]:
    """Provider and model of a name; a bare name's provider from its beginning."""
    for mark in "/:":
        provider, found, rest = name.partition(mark)
        provider = _SAME.get(provider.lower(), provider.lower())
        if found and rest and (provider in _ALL or mark == "/"):
            return provider, rest
    for beginning, provider in _BARE:
        if name.lower().startswith(beginning):
            return provider, name
    return name.lower(), ""


def _class(module: str, name: str) -> Callable[..., Any]:
    return getattr(importlib.import_module(f".{module}", __package__), name)


def _shown(target: ChatModel | str) -> str:
    return target if isinstance(target, str) else f"{target.provider}/{target.name}"


def _unknown(name: str, provider: str) -> UsageError:
    if "/" in name or ":" in name:
        message = f"no provider is called {provider!r}"
        names = [*_ALL, *_aliases]
    elif provider in _ALL:
        return UsageError(
            f"{name!r} is a provider, not a model", hint=f"Write {provider}/ and the model's name."
        )
    else:
        message = f"no model is called {name!r}"
        provider = name
        names = [*_aliases, "demo", *_ALL, *_WELL_KNOWN]
    return UsageError(message, hint=_nearest(provider, names) or _FORMS)


def _nearest(name: str, names: list[str]) -> str:
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    return f"Did you mean {' or '.join(close)}?" if close else ""


_FORMS = (
    "Models are named provider/model, e.g. openai/gpt-4o-mini, anthropic/claude-sonnet-4-5 or "
    'ollama/llama3.2; "demo" works offline.'
)

#: Providers with a wire format of their own: the room and the class.
_DIRECT = {
    "anthropic": ("anthropic", "Anthropic"),
    "gemini": ("gemini", "Gemini"),
    "ollama": ("ollama", "Ollama"),
    "openai-responses": ("openai_responses", "OpenAIResponses"),
}
_KEYS = {
    "anthropic": ("ANTHROPIC_API_KEY",),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "ollama": (),
    "openai-responses": ("OPENAI_API_KEY",),
}
_LITELLM = (
    "azure",
    "azure_ai",
    "bedrock",
    "vertex_ai",
    "sagemaker",
    "cohere",
    "cohere_chat",
    "replicate",
    "databricks",
    "watsonx",
    "nvidia_nim",
    "sambanova",
    "deepinfra",
    "ai21",
    "nscale",
    "github",
    "github_copilot",
    "snowflake",
    "dashscope",
    "volcengine",
    "friendliai",
    "novita",
    "hyperbolic",
    "nebius",
    "baseten",
    "cloudflare",
    "predibase",
    "oci",
    "litellm_proxy",
    "custom_openai",
    "openai_like",
    "text-completion-openai",
    "anyscale",
    "voyage",
    "featherless_ai",
    "galadriel",
    "meta_llama",
    "minimax",
    "zai",
    "vercel_ai_gateway",
    "aiml",
    "gradient_ai",
    "lambda_ai",
    "v0",
    "morph",
    "heroku",
    "clarifai",
    "petals",
    "xinference",
)
_SAME = {
    "google": "gemini",
    "claude": "anthropic",
    "gpt": "openai",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "lm_studio": "lmstudio",
    "lm-studio": "lmstudio",
    "hosted_vllm": "vllm",
    "llama.cpp": "llamacpp",
    "llama-cpp": "llamacpp",
    "grok": "xai",
    "hf": "huggingface",
}
_ALL = (*_DIRECT, *OPENAI_COMPATIBLE, *_LITELLM)
_BARE = (
    ("gpt-", "openai"),
    ("chatgpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("claude-", "anthropic"),
    ("gemini-", "gemini"),
    ("deepseek-", "deepseek"),
    ("grok-", "xai"),
    ("mistral-", "mistral"),
    ("magistral-", "mistral"),
    ("codestral-", "mistral"),
    ("sonar", "perplexity"),
)
_WELL_KNOWN = (
    "gpt-4o-mini",
    "gpt-4o",
    "gpt-4.1",
    "gpt-5",
    "gpt-5-mini",
    "o3",
    "o4-mini",
    "claude-sonnet-4-5",
    "claude-opus-4-1",
    "claude-haiku-4-5",
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "deepseek-chat",
    "deepseek-reasoner",
    "grok-4",
)
