"""The providers that speak OpenAI's wire format: where they are and which variable holds the key."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import msgspec


class Provider(msgspec.Struct, frozen=True):
    """`keys`: environment variables, the first that is set counts. `local` ones need no key.

    `thinking`: the fields in which the server wants its thoughts back with the tool calls they led to.
    """

    name: str
    base_url: str
    keys: tuple[str, ...] = ()
    base_url_variable: str = ""
    thinking: tuple[str, ...] = ()

    @property
    def local(self) -> bool:
        return not self.keys

    def url(self) -> str:
        """The base URL: from the environment where a variable is set, else the provider's own."""
        return (self.base_url_variable and os.environ.get(self.base_url_variable)) or self.base_url


_CONTENT = ("reasoning_content",)

OPENAI_COMPATIBLE = {
    provider.name: provider
    for provider in (
        Provider("openai", "https://api.openai.com/v1", ("OPENAI_API_KEY",), "OPENAI_BASE_URL"),
        Provider(
            "groq", "https://api.groq.com/openai/v1", ("GROQ_API_KEY",), thinking=("reasoning",)
        ),
        Provider(
            "deepseek", "https://api.deepseek.com/v1", ("DEEPSEEK_API_KEY",), thinking=_CONTENT
        ),
        Provider("mistral", "https://api.mistral.ai/v1", ("MISTRAL_API_KEY",)),
        Provider("xai", "https://api.x.ai/v1", ("XAI_API_KEY",)),
        Provider("together", "https://api.together.xyz/v1", ("TOGETHER_API_KEY",)),
        Provider(
            "openrouter",
            "https://openrouter.ai/api/v1",
            ("OPENROUTER_API_KEY",),
            thinking=("reasoning",),
        ),
        Provider("perplexity", "https://api.perplexity.ai", ("PERPLEXITY_API_KEY",)),
        Provider("fireworks", "https://api.fireworks.ai/inference/v1", ("FIREWORKS_API_KEY",)),
        Provider("cerebras", "https://api.cerebras.ai/v1", ("CEREBRAS_API_KEY",)),
        Provider(
            "moonshot", "https://api.moonshot.ai/v1", ("MOONSHOT_API_KEY",), thinking=_CONTENT
        ),
        Provider("huggingface", "https://router.huggingface.co/v1", ("HF_TOKEN",)),
        Provider(
            "lmstudio", "http://127.0.0.1:1234/v1", (), "LMSTUDIO_BASE_URL", thinking=_CONTENT
        ),
        Provider(
            "vllm",
            "http://127.0.0.1:8000/v1",
            (),
            "VLLM_BASE_URL",
            thinking=("reasoning", "reasoning_content"),
        ),
        Provider(
            "llamacpp", "http://127.0.0.1:8080/v1", (), "LLAMACPP_BASE_URL", thinking=_CONTENT
        ),
    )
}

_BY_HOST = {
    urlsplit(provider.base_url).hostname: provider
    for provider in OPENAI_COMPATIBLE.values()
    if not provider.local
}


def provider_of(base_url: str) -> Provider | None:
    """The provider a base URL belongs to, None for anybody else's."""
    return _BY_HOST.get(urlsplit(base_url).hostname)


def key_from_environment(names: tuple[str, ...]) -> tuple[str, str]:
    """The key and the name of the variable it came from; "" and the first name where none is set."""
    for name in names:
        if value := os.environ.get(name, "").strip():
            return value, name
    return "", names[0] if names else ""
