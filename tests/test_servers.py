import asyncio
import socket
import time

import httpx
import pytest

from tests.servers import chat


async def test_chat_streams_and_records(serve):
    server = serve(chat(["Hel", "lo 👋"], usage={"prompt_tokens": 1, "completion_tokens": 2}))
    lines = []
    async with httpx.AsyncClient() as client:
        for _ in range(2):  # the connection is kept alive
            body = {"model": "m", "stream": True}
            async with client.stream("POST", f"{server.url}/v1/chat/completions", json=body) as r:
                lines = [line async for line in r.aiter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    assert '"content": "lo 👋"' in lines[2]
    assert [r.json["model"] for r in server.requests] == ["m", "m"]
    assert server.requests[0].finished_at
    assert server.requests[0].closed_at is None


async def test_closing_early_is_recorded_and_ends_the_handler(serve):
    server = serve(chat(["x"] * 10_000, delay=0.01))
    async with httpx.AsyncClient() as client:
        body = {"stream": True}
        async with client.stream("POST", f"{server.url}/v1/chat/completions", json=body) as r:
            async for _ in r.aiter_bytes():
                break
        left_at = time.monotonic()
        (request,) = server.requests
        while request.closed_at is None:
            await asyncio.sleep(0.01)
    assert request.closed_at - left_at < 5
    sent = request.sent
    await asyncio.sleep(0.1)
    assert request.sent == sent


async def test_reset_and_tls(serve, self_signed):
    async def reset(request):
        request.start()
        await request.send(b"data: half")
        request.reset()

    plain, tls = serve(reset), serve(chat(["x"]), tls=self_signed)
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ReadError):
            await client.get(plain.url)
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await client.get(tls.url)
    async with httpx.AsyncClient(verify=False) as client:
        models = await client.get(f"{tls.url}/v1/models")
    assert models.json()["data"][0]["id"] == "test-model"


@pytest.mark.parametrize("host", ["203.0.113.1", "example.org"])
def test_only_loopback_is_reachable(host):
    with pytest.raises(OSError, match="no network but loopback"):
        socket.create_connection((host, 80))
