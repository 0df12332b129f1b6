"""An event stream at a URL: AG-UI agents, and whatever else sends events we know."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from nbstream.adapters.transport.failures import Endpoint
from nbstream.adapters.transport.http import Verify, post
from nbstream.adapters.transport.masking import (
    Secret,
    secrets_of_headers,
    secrets_of_url,
    shown_url,
)
from nbstream.adapters.transport.timeouts import Timeouts
from nbstream.adapters.wires.body import Body, body_events
from nbstream.events import StreamEvent

from .shapes import SniffingDecoder
from .source import Source


def url_source(
    url: str,
    *,
    prompt: str | None = None,
    json: Any = None,
    headers: dict[str, str] | None = None,
    verify: Verify = True,
    timeouts: Timeouts = Timeouts(),  # noqa: B008
) -> Source:
    """The events at `url`.

    With `prompt`, an AG-UI agent is asked (POST of a RunAgentInput); with `json`, that is posted; with
    neither, it is a GET.
    """
    given = {name: Secret(value) for name, value in (headers or {}).items()}
    hidden = (*secrets_of_url(url), *secrets_of_headers(given))
    endpoint = Endpoint(url=shown_url(url), secrets=hidden)
    url = Secret(url)
    if prompt is not None and json is None:
        json = agui_input(prompt)
    content = b"" if json is None else msgspec.json.encode(json)

    async def events() -> AsyncGenerator[StreamEvent, None]:
        async with post(
            endpoint,
            url,
            content,
            {"accept": "text/event-stream", **given},
            timeouts=timeouts,
            verify=verify,
            method="GET" if json is None else "POST",
        ) as answer:
            body = Body(
                SniffingDecoder(endpoint), status=answer.status, content_type=answer.content_type
            )
            stream = body_events(answer, body)
            try:
                async for event in stream:
                    yield event
            finally:
                await stream.aclose()

    return Source(events=events, provider="url", model=endpoint.url, secrets=endpoint.secrets)


def agui_input(prompt: str) -> dict[str, Any]:
    """AG-UI's RunAgentInput for one prompt."""
    return {
        "threadId": uuid.uuid4().hex,
        "runId": uuid.uuid4().hex,
        "state": {},
        "messages": [{"id": uuid.uuid4().hex, "role": "user", "content": prompt}],
        "tools": [],
        "context": [],
        "forwardedProps": {},
    }
