# pyright: reportMissingImports=false
from __future__ import annotations

import asyncio
from typing import Any

import boto3

from .serving import Serve, show, tape


async def test_converse_stream(serve: Serve) -> None:
    server = serve(tape("bedrock/converse.bin", "application/vnd.amazon.eventstream"))
    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="AKIA0123456789",
        aws_secret_access_key="0123456789abcdef",
    )
    asking: Any = {
        "modelId": "m",
        "messages": [{"role": "user", "content": [{"text": "hi"}]}],
    }
    stream = await show(await asyncio.to_thread(client.converse_stream, **asking))
    client.close()
    assert stream.text == "Hello there 🚀"
    assert stream.usage is not None
