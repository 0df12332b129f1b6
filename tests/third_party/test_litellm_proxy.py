"""The OpenAI-compatible adapter against litellm's proxy."""

from __future__ import annotations

import pytest

import nbstream as nb
from tests.third_party.servers import PROXY_KEY


def ask(proxy: str, model: str) -> nb.Stream:
    chat = nb.OpenAICompatible(f"{proxy}/v1", model, api_key=PROXY_KEY)
    return nb.stream("hi", model=chat, retries=0)


async def test_text_and_usage(litellm_proxy):
    response = await ask(litellm_proxy, "mock")
    assert response.text == "Streamed by a proxy: **bold**, 日本語 and 👋."
    assert (response.status, response.finish_reason) == ("done", "stop")
    assert response.usage is not None
    assert response.usage.output_tokens


@pytest.mark.parametrize(
    ("model", "error"),
    [("limited", nb.RateLimitError), ("overflowing", nb.ContextLengthError)],
)
async def test_errors(litellm_proxy, model, error):
    with pytest.raises(error) as caught:
        await ask(litellm_proxy, model)
    assert caught.value.hint
    assert PROXY_KEY not in str(caught.value)
