"""Agents over HTTP: SSE, resuming, disconnects, tokens, and AG-UI's own client."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

import nbstream as nb
from nbstream.events import decode, encode
from nbstream.render.response import fold
from nbstream.serve.agui import AguiEncoder
from tests.servers import chat
from tests.test_agent import add, call, scripted

AGUI_CLIENT = Path(__file__).parent / "third_party/agui_client.mjs"


@contextmanager
def served(app: Any) -> Iterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = "http://{}:{}".format(*listener.getsockname())
        config = uvicorn.Config(app, log_level="warning", ws="none", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"{url}/stream"
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.fixture
def host() -> Iterator[Callable[..., str]]:
    with ExitStack() as stack:
        yield lambda agent, **options: stack.enter_context(served(nb.asgi_app(agent, **options)))


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        yield client


def parsed(body: str) -> list[tuple[str, Any]]:
    """The (id, data) of each event."""
    found = []
    for block in body.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if "data" in fields:
            found.append((fields.get("id", ""), json.loads(fields["data"])))
    return found


def adder() -> nb.Agent:
    model = scripted(["Let me. ", *call("add", {"a": 1, "b": 2})], ["It is 3."])
    return nb.Agent(model, [add])


async def test_sse_is_the_streams_events():
    stream = nb.stream("x", model=scripted(["a", "b"]))
    chunks = [chunk async for chunk in nb.sse(stream)]
    events = parsed(b"".join(chunks).decode())
    assert [event_id for event_id, _ in events] == [str(n) for n in range(len(stream.events))]
    assert [data for _, data in events] == [json.loads(encode(e)) for e in stream.events]


async def test_leaving_sse_stops_the_stream_and_silence_is_filled():
    stream = nb.stream("x", model=nb.Scripted(["a", "b"], delay=0.3))
    lines = nb.sse(stream, heartbeat=0.05)
    async for chunk in lines:
        if chunk.startswith(b":"):
            break
    await lines.aclose()
    assert (await stream).status == "stopped"


async def test_post_gives_our_events(host, client):
    answer = await client.post(host(adder()), json={"prompt": "1+2?"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    response = fold([decode(json.dumps(data)) for _, data in parsed(answer.text)])
    assert (response.text, response.status) == ("Let me. It is 3.", "done")
    assert response.tool_calls[0].result == 3


def test_curl(host):
    url = host(adder())
    command = ["curl", "-sN", url, "-H", "content-type: application/json"]
    done = subprocess.run([*command, "-d", '{"prompt": "1+2?"}'], capture_output=True, check=True)
    lines = done.stdout.decode().split("\n")
    assert lines[0] == "retry: 500"
    assert lines[2].startswith("id: ")
    assert lines[3].startswith('data: {"type":"run_start"')
    assert parsed(done.stdout.decode())[-1][1]["type"] == "run_end"


async def test_show_reads_it_back(host):
    url = host(adder())
    response = await nb.show(url, json={"prompt": "1+2?"})
    assert response.text == "Let me. It is 3."
    assert [(c.name, c.result) for c in response.tool_calls] == [("add", 3)]
    watched = await nb.show(url)  # the run that has just been
    assert watched.text == response.text
    over_agui = await nb.show(host(adder()), prompt="1+2?")
    assert over_agui.text == response.text
    assert over_agui.tool_calls[0].arguments == {"a": 1, "b": 2}


async def test_workflows_and_functions_are_served(host, client):
    flow = nb.Workflow([nb.Step("a", scripted("A")), nb.Step("b", handler=lambda c: c["word"])])
    answer = await client.post(host(flow), json={"prompt": "x", "context": {"word": "W"}})
    assert fold([decode(json.dumps(d)) for _, d in parsed(answer.text)]).text == "W"
    function = host(lambda prompt, context: nb.stream(prompt, model=scripted("F")))
    answer = await client.post(function, json={"prompt": "x"})
    assert fold([decode(json.dumps(d)) for _, d in parsed(answer.text)]).text == "F"


async def test_each_request_is_a_conversation_of_its_own(host, client):
    model = scripted("one", "two")
    agent = nb.Agent(model)
    url = host(agent)
    await client.post(url, json={"prompt": "a"})
    await client.post(url, json={"prompt": [{"role": "user", "content": "b"}]})
    assert [len(request.messages) for request in model.requests] == [1, 1]
    assert not agent.history


async def test_a_client_that_goes_stops_the_upstream_request(host, serve):
    upstream = serve(chat([f"word{n} " for n in range(2000)], delay=0.01))
    model = nb.OpenAICompatible(f"{upstream.url}/v1", "m")
    url = host(nb.Agent(model), linger=0.1)
    process = subprocess.Popen(
        [
            *("curl", "-sN", url, "-H", "content-type: application/json"),
            *("-d", '{"prompt": "go on"}'),
        ],
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    for _ in range(20):
        process.stdout.readline()
    process.kill()
    process.communicate()
    (request,) = upstream.requests
    deadline = time.monotonic() + 20
    while request.closed_at is None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    assert request.sent < 2000


async def test_a_client_that_comes_back_gets_the_rest(host, client):
    model = nb.Scripted([f"{n} " for n in range(40)], delay=0.02)
    url = host(nb.Agent(model), linger=10)
    first: list[tuple[str, Any]] = []
    async with client.stream("POST", url, json={"prompt": "count"}) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("id: "):
                first.append((line[4:], None))
            if len(first) == 10:
                break
    rest = await client.get(url, headers={"Last-Event-ID": first[-1][0]})
    events = parsed(rest.text)
    numbers = [int(event_id.rpartition(":")[2]) for event_id, _ in [*first, *events]]
    assert numbers == list(range(len(numbers)))
    assert events[-1][1]["finish_reason"] == "stop"
    assert len(model.requests) == 1
    again = await client.get(f"{url}?run={first[0][0].partition(':')[0]}")
    assert len(parsed(again.text)) == len(numbers)


async def test_what_is_refused(host, client):
    url = host(adder(), token="sesame")
    assert (await client.post(url, json={"prompt": "x"})).status_code == 401
    header = {"authorization": "Bearer sesame"}
    assert (await client.get(url, headers=header)).status_code == 404
    assert (await client.post(url, json={}, headers=header)).status_code == 400
    assert (await client.post(url, json=[1], headers=header)).status_code == 400
    plain = await client.post(url, content='{"prompt": "x"}', headers=header)
    assert plain.status_code == 415
    assert (await client.post(url, json={"prompt": "x"}, headers=header)).status_code == 200


async def test_beyond_this_machine_it_needs_a_token():
    for address, name, token, status in (
        ("10.0.0.5", "10.0.0.5", None, 403),
        ("127.0.0.1", "evil.example", None, 403),  # a name that was made to point here
        ("127.0.0.1", "localhost", None, 404),
        ("10.0.0.5", "10.0.0.5", "t", 404),
    ):
        transport = httpx.ASGITransport(nb.asgi_app(adder(), token=token))
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{address}") as client:
            headers = {"host": name, "authorization": "Bearer t"}
            assert (await client.get("/stream", headers=headers)).status_code == status


# ── AG-UI ─────────────────────────────────────────────────────────────────────


def ask_with_agui(url: str, prompt: str, *more: str) -> dict[str, Any]:
    node = shutil.which("node") or "node"
    done = subprocess.run(
        [node, AGUI_CLIENT, url, prompt, *more], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_aguis_own_client_takes_it(host):
    told = ask_with_agui(host(adder(), token="t"), "1+2?", "t")
    assert [kind for kind in told["events"] if kind != "CUSTOM"] == [
        "RUN_STARTED",
        "TEXT_MESSAGE_START",
        "TEXT_MESSAGE_CONTENT",
        "TEXT_MESSAGE_END",
        "TOOL_CALL_START",
        "TOOL_CALL_ARGS",
        "TOOL_CALL_END",
        "TOOL_CALL_RESULT",
        "TEXT_MESSAGE_START",
        "TEXT_MESSAGE_CONTENT",
        "TEXT_MESSAGE_END",
        "RUN_FINISHED",
    ]
    said = [message.get("content") for message in told["messages"]]
    assert "It is 3." in said
    assert "3" in said


def test_agui_takes_steps_thinking_and_nested_agents(host):
    from nbstream.events import ThinkingDelta

    inner = nb.Agent(scripted([ThinkingDelta(0, "hm"), "Inner."]), name="inner")
    outer = nb.Agent(scripted(call("inner", {"prompt": "x"}), "Outer."), [inner])
    flow = nb.Workflow([[nb.Step("a", outer), nb.Step("b", scripted(["B", " b"]))]])
    told = ask_with_agui(host(flow), "go")
    assert told["events"].count("STEP_STARTED") == told["events"].count("STEP_FINISHED") == 3
    assert "REASONING_MESSAGE_CONTENT" in told["events"]
    assert told["events"][-1] == "RUN_FINISHED"


async def test_an_error_is_a_run_error():
    stream = nb.stream("x", model=scripted(["Half", nb.AuthenticationError("no key")]), retries=0)
    with pytest.raises(nb.AuthenticationError):
        await stream
    encoder = AguiEncoder("t", "r")
    payloads = [payload for event in stream.events for payload in encoder.encode(event)]
    assert payloads[-1] == {"type": "RUN_ERROR", "message": "no key", "code": "authentication"}
    assert payloads[-2]["type"] == "TEXT_MESSAGE_END"


def test_starlette_is_an_extra():
    code = """
import sys
sys.modules["starlette"] = sys.modules["starlette.applications"] = None
import nbstream as nb
try:
    nb.asgi_app(nb.Agent("demo"))
except nb.UsageError as error:
    assert "nbstream[serve]" in str(error)
else:
    raise SystemExit(1)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
