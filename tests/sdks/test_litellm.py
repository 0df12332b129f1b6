# pyright: reportMissingImports=false
from __future__ import annotations

import pytest

import nbstream as nb
from nbstream.adapters.models.litellm import load
from tests.servers import Request, chat_event

from .serving import KEY, MESSAGES, TEXT, Serve, endless, refusing, show, tape, until_closed

# what pydantic says to litellm
pytestmark = [
    pytest.mark.usefixtures("litellm_clients"),
    pytest.mark.filterwarnings("ignore:Item .* on TypedDict class:UserWarning"),
    pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning"),
]


async def test_stream_and_model(serve: Serve) -> None:
    server = serve(tape("chat/text.sse"))
    asking = {"model": "openai/m", "api_base": server.url, "api_key": KEY, "messages": MESSAGES}
    options = {"stream": True, "stream_options": {"include_usage": True}}
    litellm = await load()
    stream = await show(litellm.acompletion(**asking, **options))
    assert (stream.text, stream.finish_reason) == (TEXT, "stop")
    response = await nb.LiteLLM("openai/m", api_base=server.url, api_key=KEY).complete("hi")
    assert (response.text, response.finish_reason) == (TEXT, "stop")


async def test_late_text_is_kept(serve: Serve) -> None:
    pieces = [
        chat_event({"content": "early"}),
        chat_event({}, "stop"),
        chat_event({"content": ", late"}),
    ]

    async def late(request: Request) -> None:
        request.start()
        for piece in pieces:
            await request.send(piece)
        await request.end()

    model = nb.LiteLLM("openai/m", api_base=serve(late).url, api_key=KEY)
    stream = nb.stream("hi", model=model)
    await stream
    assert (stream.text, stream.finish_reason) == ("early, late", "stop")


async def test_no_invented_stop(serve: Serve) -> None:
    async def truncated(request: Request) -> None:
        request.writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
        )
        request.writer.write(chat_event({"content": "half"}))
        await request.writer.drain()
        request.writer.close()

    model = nb.LiteLLM("openai/m", api_base=serve(truncated).url, api_key=KEY)
    response = await model.complete("hi")
    assert (response.text, response.finish_reason, response.partial) == ("half", "unknown", True)


async def test_stop_and_errors(serve: Serve) -> None:
    server = serve(endless)
    model = nb.LiteLLM("openai/m", api_base=server.url, api_key=KEY)
    stream = nb.stream("hi", model=model)
    async for _ in stream.text_deltas():
        break
    stream.stop()
    await until_closed(server)
    model = nb.LiteLLM("openai/m", api_base=serve(refusing).url, api_key=KEY)
    stream = nb.stream("hi", model=model, retries=0)
    with pytest.raises(nb.AuthenticationError) as caught:
        await stream
    assert KEY not in f"{caught.value} {stream.events}"
