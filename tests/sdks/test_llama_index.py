# pyright: reportMissingImports=false
from __future__ import annotations

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.llms.mock import MockLLM

from .serving import show


async def test_chat_and_completion() -> None:
    llm = MockLLM(max_tokens=4)
    chat = await llm.astream_chat([ChatMessage(content="one two three")])
    assert (await show(chat)).text == "text text text text"
    assert (await show(llm.stream_complete("one two three"))).text == "text text text text"
