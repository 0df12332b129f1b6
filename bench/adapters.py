"""What an adapter costs: CPU per chunk, from bytes to folded events, beside a bare loop and the SDKs.

    .venv/sdks/bin/python -m bench.adapters [--chunks 20000] [--passes 3]

A loopback server in a process of its own sends pre-rendered chunks, one HTTP chunk each, at full speed.
The bare loop is `httpx` `aiter_bytes`, a split and `orjson.loads`. Figures are CPU microseconds of this
process per chunk, the median of interleaved passes, and ratios to the bare loop. Peers that are not
installed are left out: litellm is in `.venv`, where openai is older.

Then 64 streams side by side, at full speed and at 20 chunks a second each, on both transports; and the
first answer of a fresh process, in wall time from its first import to the end of a one-word answer.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import multiprocessing
import os
import socket
import ssl
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Awaitable, Callable
from multiprocessing.process import BaseProcess
from typing import Any

import httpx
import orjson

import nbstream as nb
from nbstream.adapters.models.anthropic import Anthropic
from nbstream.adapters.models.base import ChatModel
from nbstream.adapters.models.ollama import Ollama
from nbstream.adapters.models.openai_compatible import OpenAICompatible
from nbstream.adapters.sources.objects import adapt
from nbstream.adapters.sources.source import Source
from nbstream.events import RunStart
from nbstream.fold.metrics import Metrics
from nbstream.fold.transcript import Transcript
from nbstream.runs.stream import Stream

KEY = "sk-0123456789abcdef"
#: Reading the authorities, once a client, is no cost of a chunk.
NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
ASK: Any = [{"role": "user", "content": "hi"}]


def chat_chunk(text: str) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": None}
    chunk = {
        "id": "chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "gpt-4o-mini-2024-07-18",
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
        "choices": [choice],
        "usage": None,
    }
    return b"data: %b\n\n" % orjson.dumps(chunk)


def anthropic_chunk(text: str) -> bytes:
    delta = {"type": "text_delta", "text": text}
    payload = {"type": "content_block_delta", "index": 0, "delta": delta}
    return b"event: content_block_delta\ndata: %b\n\n" % orjson.dumps(payload)


def ollama_chunk(text: str) -> bytes:
    message = {"role": "assistant", "content": text}
    line = {"model": "llama3.2", "created_at": "2026-01-01T00:00:00.000000Z", "message": message}
    return orjson.dumps({**line, "done": False}) + b"\n"


def _anthropic_start() -> bytes:
    usage = {"input_tokens": 9, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "c", "content": []}
    start = {"type": "message_start", "message": {**message, "usage": usage}}
    block = {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "text", "text": ""},
    }
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (p["type"].encode(), orjson.dumps(p)) for p in (start, block)
    )


def _anthropic_end() -> bytes:
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    events: list[dict[str, Any]] = [
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ]
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (p["type"].encode(), orjson.dumps(p)) for p in events
    )


WIRES: dict[str, tuple[str, Callable[[str], bytes], bytes, bytes]] = {
    "openai": (
        "text/event-stream",
        chat_chunk,
        b"",
        chat_chunk("").replace(b'"finish_reason":null', b'"finish_reason":"stop"')
        + b"data: [DONE]\n\n",
    ),
    "anthropic": ("text/event-stream", anthropic_chunk, _anthropic_start(), _anthropic_end()),
    "ollama": (
        "application/x-ndjson",
        ollama_chunk,
        b"",
        ollama_chunk("").replace(
            b'"done":false', b'"done":true,"done_reason":"stop","eval_count":9'
        ),
    ),
}


def wire_of(path: str) -> str:
    return "anthropic" if "messages" in path else "ollama" if "/api/" in path else "openai"


def serve(listener: socket.socket, chunks: int, pause: float = 0.0) -> None:
    """The server's process. It sends at full speed, or a chunk every `pause` seconds."""
    words = ["stream ", "of ", "tokens", ", naïve ", "and ", "fast", ". "]
    pieces: dict[str, list[bytes]] = {}
    for wire, (kind, make, start, end) in WIRES.items():
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
        bodies = [start, *(make(words[n % len(words)]) for n in range(chunks)), end]
        framed = [b"%x\r\n%b\r\n" % (len(b), b) for b in bodies if b]
        pieces[wire] = [head, *framed, b"0\r\n\r\n"]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().lower().split("\r\n")
                size = next(
                    (int(x.split(":")[1]) for x in lines if x.startswith("content-length")), 0
                )
                await reader.readexactly(size)
                for n, piece in enumerate(pieces[wire_of(lines[0])]):
                    writer.write(piece)
                    if pause:
                        await asyncio.sleep(pause)
                    elif n % 20 == 0:
                        await writer.drain()
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(answer, sock=listener)
        await server.serve_forever()

    asyncio.run(main())


# What is measured ─────────────────────────────────────────────────────────────


async def bare(url: str, wire: str) -> int:
    path = {"openai": "/chat/completions", "anthropic": "/messages", "ollama": "/api/chat"}[wire]
    count, buffer = 0, b""
    mark = b"\n" if wire == "ollama" else b"\n\n"
    async with (
        httpx.AsyncClient(timeout=None, verify=NOBODY) as client,
        client.stream("POST", url + path, json={}) as response,
    ):
        async for chunk in response.aiter_bytes():
            buffer += chunk
            *events, buffer = buffer.split(mark)
            for event in events:
                data = event[event.find(b"{") :]
                if data[:1] == b"{":
                    orjson.loads(data)
                    count += 1
    return count


def direct(url: str, wire: str) -> ChatModel:
    if wire == "openai":
        return OpenAICompatible(url, "m", KEY)
    if wire == "anthropic":
        return Anthropic("m", KEY, base_url=url)
    return Ollama("m", base_url=url)


async def folded(url: str, wire: str) -> int:
    transcript, metrics = Transcript(), Metrics()
    transcript.apply(RunStart("bench"))
    async for event in direct(url, wire).stream("hi"):
        transcript.apply(event)
        metrics.apply(event)
    assert transcript.finish_reason == "stop"
    return metrics.deltas


async def whole_run(url: str, wire: str) -> int:
    model = direct(url, wire)
    stream = Stream(Source(events=lambda: model.stream("hi")))
    await stream
    return stream.metrics.deltas


async def openai_sdk(url: str) -> int:
    import openai

    client = openai.AsyncOpenAI(base_url=url, api_key=KEY)
    parts: list[str] = []
    async for chunk in await client.chat.completions.create(model="m", messages=ASK, stream=True):
        parts.append(chunk.choices[0].delta.content or "")
    return len(parts)


async def shown(source: Any) -> int:
    """What `nb.show` makes of a library's stream: folded events."""
    transcript, metrics = Transcript(), Metrics()
    async for event in adapt(source).events():
        transcript.apply(event)
        metrics.apply(event)
    return metrics.deltas


async def openai_shown(url: str) -> int:
    import openai

    client = openai.AsyncOpenAI(base_url=url, api_key=KEY)
    return await shown(client.chat.completions.create(model="m", messages=ASK, stream=True))


async def anthropic_shown(url: str) -> int:
    import anthropic  # pyright: ignore[reportMissingImports]

    client = anthropic.AsyncAnthropic(base_url=url, api_key=KEY)
    asking: Any = {"model": "m", "max_tokens": 9, "messages": ASK}
    return await shown(client.messages.create(**asking, stream=True))


async def langchain_shown(url: str) -> int:
    return await shown(_langchain(url).astream("hi"))


async def anthropic_sdk(url: str) -> int:
    import anthropic  # pyright: ignore[reportMissingImports]

    client = anthropic.AsyncAnthropic(base_url=url, api_key=KEY)
    count = 0
    async for _ in await client.messages.create(model="m", max_tokens=9, messages=ASK, stream=True):
        count += 1
    return count


def _langchain(url: str) -> Any:
    from langchain_openai import ChatOpenAI  # pyright: ignore[reportMissingImports]

    return ChatOpenAI(model="m", base_url=url, api_key=KEY, stream_usage=False)  # type: ignore[call-arg]


async def langchain(url: str) -> int:
    parts = [chunk.content async for chunk in _langchain(url).astream("hi")]
    return len(parts)


async def litellm(url: str) -> int:
    from nbstream.adapters.models.litellm import load

    library = await load()
    asking = {"model": "openai/m", "api_base": url, "api_key": KEY, "messages": ASK, "stream": True}
    return len([chunk async for chunk in await library.acompletion(**asking)])


#: What is added to the name of a library whose stream is given to nb.show.
SHOWN = ", in nb.show"

Case = tuple[str, str, Callable[[], Awaitable[int]]]


def cases(url: str) -> list[Case]:
    made: list[Case] = []
    for wire in WIRES:
        made.append((wire, "bare httpx + orjson", lambda wire=wire: bare(url, wire)))
        made.append((wire, "nbstream, bytes to folded events", lambda wire=wire: folded(url, wire)))
        made.append((wire, "nbstream, a whole run", lambda wire=wire: whole_run(url, wire)))

    def peer(wire: str, name: str, module: str, case: Callable[[str], Awaitable[int]]) -> None:
        if importlib.util.find_spec(module):
            made.append((wire, name, lambda: case(url)))

    peer("openai", "openai SDK", "openai", openai_sdk)
    peer("openai", "openai SDK" + SHOWN, "openai", openai_shown)
    peer("openai", "langchain-openai", "langchain_openai", langchain)
    peer("openai", "langchain-openai" + SHOWN, "langchain_openai", langchain_shown)
    peer("openai", "litellm", "litellm", litellm)
    peer("anthropic", "anthropic SDK", "anthropic", anthropic_sdk)
    peer("anthropic", "anthropic SDK" + SHOWN, "anthropic", anthropic_shown)
    return made


def measure(chunks: int, passes: int) -> dict[tuple[str, str], list[float]]:
    """CPU microseconds a chunk of every case, pass by pass."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    context = multiprocessing.get_context("fork")
    server = context.Process(target=serve, args=(listener, chunks), daemon=True)
    server.start()
    times: dict[tuple[str, str], list[float]] = {}
    loop = asyncio.new_event_loop()  # one for all: some libraries keep their clients
    try:
        for n in range(passes + 1):
            for wire, name, case in cases(url):
                if n > 2 and name == "litellm":
                    continue
                began = time.process_time()
                count = loop.run_until_complete(_counted(case))
                if n:
                    spent = (time.process_time() - began) / count * 1e6
                    times.setdefault((wire, name), []).append(spent)
    finally:
        server.terminate()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
    return times


async def _counted(case: Callable[[], Awaitable[int]]) -> int:
    return await case()


# Many streams, and the first ──────────────────────────────────────────────────

STREAMS = 64
TRANSPORTS = ("httpx", "httptools")

#: Each in a fresh process. The address stands in the environment.
FIRST = {
    "bare httpx + orjson": """
        import asyncio, os, time
        began = time.perf_counter()
        import httpx, orjson
        async def ask():
            async with httpx.AsyncClient(timeout=None) as client, client.stream(
                "POST", os.environ["BENCH_URL"] + "/chat/completions", json={}
            ) as response:
                [line async for line in response.aiter_lines()]
        asyncio.run(ask())
    """,
    **{
        f"nbstream on {name}": f"""
        import asyncio, os, time
        began = time.perf_counter()
        import nbstream
        nbstream.configure(transport={name!r})
        async def ask():
            await nbstream.stream("hi", model=nbstream.OpenAICompatible(os.environ["BENCH_URL"], "m"))
        asyncio.run(ask())
    """
        for name in TRANSPORTS
    },
}


def started(chunks: int, pause: float = 0.0) -> tuple[BaseProcess, str]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=4 * STREAMS)
    context = multiprocessing.get_context("fork")
    server = context.Process(target=serve, args=(listener, chunks, pause), daemon=True)
    server.start()
    return server, f"http://127.0.0.1:{listener.getsockname()[1]}"


def many(chunks: int, pause: float, passes: int) -> dict[str, float]:
    """CPU microseconds a chunk with 64 streams at once."""
    server, url = started(chunks, pause)
    rows = [("bare httpx + orjson", bare, "httpx")]
    rows += [(f"nbstream, folded, on {name}", folded, name) for name in TRANSPORTS]
    rows += [(f"nbstream, a whole run, on {name}", whole_run, name) for name in TRANSPORTS]
    times: dict[str, list[float]] = {}

    async def at_once(case: Callable[[str, str], Awaitable[int]]) -> int:
        return sum(await asyncio.gather(*(case(url, "openai") for _ in range(STREAMS))))

    try:
        for n in range(passes + 1):
            for name, case, transport in rows:
                nb.configure(transport=transport)
                began = time.process_time()
                count = asyncio.run(at_once(case))
                if n:
                    spent = (time.process_time() - began) / count * 1e6
                    times.setdefault(name, []).append(spent)
    finally:
        nb.configure(transport=None)
        server.terminate()
    return {name: statistics.median(values) for name, values in times.items()}


def first(passes: int) -> dict[str, float]:
    """Milliseconds of a fresh process, from its first import to the end of an answer."""
    server, url = started(1)
    times: dict[str, list[float]] = {}
    try:
        for n in range(passes + 1):
            for name, code in FIRST.items():
                said = "\n".join(line[8:] for line in code.splitlines())
                said += "\nprint((time.perf_counter() - began) * 1e3)"
                done = subprocess.run(
                    [sys.executable, "-c", said],
                    env={**os.environ, "BENCH_URL": url},
                    capture_output=True,
                    text=True,
                    check=True,
                )
                if n:
                    times.setdefault(name, []).append(float(done.stdout))
    finally:
        server.terminate()
    return {name: statistics.median(values) for name, values in times.items()}


def side_by_side(passes: int) -> dict[str, tuple[str, dict[str, float]]]:
    return {
        f"{STREAMS} streams at full speed, CPU per chunk": ("µs", many(2_000, 0.0, passes)),
        f"{STREAMS} streams of 20 chunks a second, CPU per chunk": ("µs", many(100, 0.05, passes)),
        "The first answer of a process, wall time": ("ms", first(3 * passes)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--chunks", type=int, default=20_000)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--transports", action="store_true", help="64 streams and the first, alone")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # those of the libraries
    tables = side_by_side(options.passes)
    if options.transports:
        report(tables, options.json)
        return
    times = measure(options.chunks, options.passes)
    figures = {key: statistics.median(values) for key, values in times.items()}
    if options.json:
        print(
            json.dumps(
                {f"{wire}: {name}": value for (wire, name), value in figures.items()}
                | {
                    f"{title}: {n}": v
                    for title, (_, rows) in tables.items()
                    for n, v in rows.items()
                },
                indent=1,
            )
        )
        return
    for wire in WIRES:
        base = figures[wire, "bare httpx + orjson"]
        print(f"\n{wire} wire, CPU per chunk")
        for (w, name), value in figures.items():
            if w == wire:
                print(f"  {name:36} {value:8.1f} µs  {value / base:6.2f} ×")
    print("\nA library's stream in nb.show, folded, beside the same stream read bare")
    for (wire, name), values in times.items():
        if name.endswith(SHOWN):
            bare_values = times[wire, name.removesuffix(SHOWN)]
            ratios = [shown / bare for shown, bare in zip(values, bare_values, strict=True)]
            print(f"  {name.removesuffix(SHOWN):36} {statistics.median(ratios):17.2f} ×")
    report(tables, False)


def report(tables: dict[str, tuple[str, dict[str, float]]], as_json: bool) -> None:
    if as_json:
        print(json.dumps({title: rows for title, (_, rows) in tables.items()}, indent=1))
        return
    for title, (unit, rows) in tables.items():
        print(f"\n{title}")
        base = rows["bare httpx + orjson"]
        for name, value in rows.items():
            print(f"  {name:36} {value:8.1f} {unit}  {value / base:6.2f} ×")


if __name__ == "__main__":
    main()
