"""What a streamed answer costs between kernel and browser, beside what people use today.

    python -m bench.wire [--against PATH] [CHARACTERS]      (default 100,000, in 4-character chunks)

Real kernels that believe to be shown in JupyterLab; every message on the IOPub socket is counted with all its frames,
and none is lost: neither end has a high-water mark, and what the kernel sent must be what came. First an answer of
1,000 chunks at 100 chunks a second, as from a model, then the whole at full speed, as from a cache. `streamed` are the
bytes a character while it streams, `saved` those of the display data that stay in the notebook; `x` is `streamed` beside
nbstream's. The last line is what a further cell costs before its first token.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import venv
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import zmq
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

from bench import peers
from bench.checkout import Checkout, arguments, checkouts
from bench.text import chunks_of
from tests.servers import Request, Server, chat

#: Chunks of the answer that comes at 100 chunks a second.
PACED = 1000

#: chatlas wants another openai than litellm allows, so it gets an environment of its own.
CHATLAS = Path(sys.prefix) / "chatlas"

#: As JupyterLab says of itself: it mounts live views into saved html.
OURS = """
import gc, ipywidgets, nbstream as nb
%load_ext nbstream
model = nb.OpenAICompatible("{url}/v1", "m")
_ = await nb.stream("short", model=model)
display(s := nb.stream("short", model=model))
_ = await s
for each in gc.get_objects():
    if issubclass(type(each), ipywidgets.Widget) and each.has_trait("hydrates"):
        each.hydrates = True"""
MAGIC = "%%stream m --api-base {url}/v1\n{name}"
EIGHT = """
streams = [nb.stream("{name}", model=model) for _ in range(8)]
for stream in streams:
    display(stream)
for stream in streams:
    await stream
assert len({stream.text for stream in streams}) == 1 and streams[0].text"""

CHATLAS_SETUP = """
import chatlas
chat = chatlas.ChatOpenAICompletions(base_url="{url}/v1", api_key="x", model="m")"""
CHATLAS_CELL = '_ = chat.chat("{name}", echo="output")'

#: Runs in every kernel: another address for its messages, without a high-water mark, and a count of what is sent.
OPEN = """
import threading, zmq
from collections import Counter
from jupyter_client.session import Session
thread, opened = get_ipython().kernel.iopub_thread, threading.Event()
def open_another():
    thread.socket.setsockopt(zmq.SNDHWM, 0)
    thread.socket.bind("tcp://127.0.0.1:*")
    opened.set()
thread.schedule(open_another)
opened.wait(10)
sent = Counter()
def counted(self, stream, kind, *args, send=Session.send, **kwargs):
    sent[kind if isinstance(kind, str) else kind["header"]["msg_type"]] += 1
    return send(self, stream, kind, *args, **kwargs)
Session.send = counted
print(thread.socket.getsockopt_string(zmq.LAST_ENDPOINT))"""


class Way(NamedTuple):
    """One way to show an answer: a row of the tables."""

    name: str
    python: Path
    env: dict[str, str] | None
    setup: str
    cell: str
    streams: int = 1


class Sent(NamedTuple):
    """The messages of one cell, by kind."""

    counts: Counter[str]
    sizes: Counter[str]
    printed: str
    seconds: float


class Kernel:
    """A kernel and an IOPub reader that loses nothing."""

    def __init__(self, way: Way) -> None:
        command = [str(way.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        self.manager = KernelManager()
        self.manager._kernel_spec = KernelSpec(
            argv=command, display_name="bench", language="python"
        )
        self.manager.start_kernel(**({"env": way.env} if way.env else {}))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self.socket = self.client.iopub_channel.socket
        address = self.run(OPEN).printed.split()[-1]
        self.socket = zmq.Context.instance().socket(zmq.SUB)
        self.socket.set(zmq.RCVHWM, 0)
        self.socket.set(zmq.SUBSCRIBE, b"")
        self.socket.connect(address)
        while not self.socket.poll(200):  # until the subscription is there
            self.client.kernel_info()
        self.run(way.setup)

    def run(self, code: str, timeout: float = 600) -> Sent:
        counts: Counter[str] = Counter()
        sizes: Counter[str] = Counter()
        printed = ""
        began = time.monotonic()
        message_id = self.client.execute(code)
        while self.socket.poll(timeout * 1000):
            frames = self.socket.recv_multipart()
            _, parts = self.client.session.feed_identities(frames)
            kind = json.loads(parts[1])["msg_type"]
            content = json.loads(parts[4])
            if kind == "error":
                raise SystemExit("\n".join(content["traceback"]))
            if kind == "status":
                parent = json.loads(parts[2]).get("msg_id")
                if content["execution_state"] == "idle" and parent == message_id:
                    return Sent(counts, sizes, printed, time.monotonic() - began)
            elif kind not in ("execute_input", "iopub_welcome"):
                counts[kind] += 1
                sizes[kind] += sum(len(frame) for frame in frames)
                printed += content.get("text", "") if kind == "stream" else ""
        raise SystemExit(f"no answer within {timeout} s")

    def counted(self, code: str) -> Sent:
        """Runs it, and makes sure that everything which was sent came."""
        self.run("sent.clear()")
        sent = self.run(code)
        kinds = json.loads(self.run("import json; print(json.dumps(sent))").printed)
        for kind, count in sent.counts.items():
            if kinds[kind] != count:
                raise SystemExit(f"{count} of {kinds[kind]} {kind} messages came")
        return sent

    def close(self) -> None:
        self.socket.close()
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


class Answers:
    """A handler that answers each prompt with the chunks of its name, as fast as that one is."""

    def __init__(self, characters: int) -> None:
        self.chunks = chunks_of(characters, 4)
        self.handlers = {
            "short": chat(["word"]),
            "paced": chat(self.chunks[:PACED], delay=0.01),
            "whole": chat(self.chunks),
        }

    async def __call__(self, request: Request) -> None:
        content = request.json["messages"][-1]["content"]
        name = content if isinstance(content, str) else content[0]["text"]
        await self.handlers[name.strip()](request)


def ways(found: list[Checkout], url: str) -> list[Way]:
    here, theirs = Path(sys.executable), peers.setup(url)
    rows = []
    for each in found:
        setup, cell = OURS.replace("{url}", url), MAGIC.replace("{url}", url)
        rows.append(Way(each.name, here, each.env, setup, cell))
        rows.append(Way(f"8 x {each.name} at once", here, each.env, setup, EIGHT, 8))
    for name, show in peers.SHOWS.items():
        rows.append(Way(name, here, found[0].env, theirs, f'await {show}("{{name}}")'))
    if python := chatlas_python():
        setup = CHATLAS_SETUP.replace("{url}", url)
        rows.append(Way("chatlas", python, None, setup, CHATLAS_CELL))
    return rows


def chatlas_python() -> Path | None:
    python = CHATLAS / "bin" / "python"
    if not python.exists():
        print("(installing chatlas into an environment of its own)", flush=True)
        packages = ["chatlas", "openai", "ipykernel"]
        try:
            venv.create(CHATLAS, with_pip=True)
            subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
        except subprocess.CalledProcessError:
            print("(no chatlas: it could not be installed)", flush=True)
            return None
    return python


def main(found: list[Checkout], characters: int) -> None:
    answers = Answers(characters)
    totals = {"paced": 4 * PACED, "whole": characters}
    titles = {
        "paced": "1,000 chunks, 100 a second",
        "whole": f"{characters:,} characters at once",
    }
    lines: dict[str, list[str]] = {name: [] for name in totals}
    first: dict[str, float] = {}
    light: dict[str, int] = {}
    with Server(answers) as server:
        for way in ways(found, server.url):
            kernel = Kernel(way)
            for name, total in totals.items():
                sent = kernel.counted(way.cell.replace("{name}", name))
                total *= way.streams
                updates = sent.counts["update_display_data"]
                saved = 0 if updates > 100 else sent.sizes["update_display_data"]
                streamed = (sum(sent.sizes.values()) - saved) / total
                first.setdefault(name, streamed)
                messages = sum(sent.counts.values())
                lines[name].append(
                    f"  {way.name:28}{messages:9,}{messages / sent.seconds:10.0f}{streamed:11.2f}"
                    f"{streamed / first[name]:9,.1f}x{saved / total:8.2f}"
                )
            if way.cell.startswith("%%stream"):
                sizes = kernel.counted("%%stream demo --max-tokens 0\nhello").sizes
                light[way.name] = sizes["comm_open"] + sizes["display_data"]
            kernel.close()
    for name, rows in lines.items():
        print(
            f"{titles[name]:30}{'messages':>9}{'a second':>10}{'streamed':>11}{'x':>10}{'saved':>8}"
        )
        print("\n".join(rows) + "\n")
    for name, size in light.items():
        print(f"a further cell of {name}: {size:,} bytes before its first token")


if __name__ == "__main__":
    parser = arguments(__doc__ or "", rounds=1)
    parser.add_argument("characters", type=int, nargs="?", default=100_000)
    options = parser.parse_args()
    main(checkouts(options.against), options.characters)
