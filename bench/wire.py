"""What a streamed answer costs between kernel and browser, beside what people use today.

    python -m bench.wire [CHARACTERS]       (default 100,000, in 4-character chunks, at full speed)

One real kernel; every message on its IOPub socket is counted with all its frames. `stream` is what the
answer costs while it streams, `saved` the display data that stay in the notebook.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import venv
from collections import Counter
from pathlib import Path

import zmq
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

from bench.text import chunks_of
from tests.servers import Server, chat

#: Chunks of the answer that is streamed at 100 chunks a second instead.
PACED = 1000

#: chatlas wants another openai than litellm allows, so it gets an environment of its own.
CHATLAS = Path(sys.prefix) / "chatlas"

SETUP = """
from IPython.display import HTML, Markdown, display
import ipywidgets, nbstream as nb
from nbstream.widgets.stream import Runtime
%load_ext nbstream
Runtime.shared().hydrates = True  # as JupyterLab says
chunks = {chunks!r}
"""

METHODS = {
    "%%stream": "%%stream -m test-model --api-base {url}/v1\nhello",
    "%%stream, 100 chunks/s": "%%stream -m test-model --api-base {paced}/v1\nhello",
    "8 x nbstream at once": """
model = nb.OpenAICompatible("{url}/v1", "test-model")
streams = [nb.stream("hello", model=model) for _ in range(8)]
for stream in streams:
    display(stream)
for stream in streams:
    await stream
assert all(stream.text == "".join(chunks) for stream in streams)""",
    "update_display(Markdown)": """
handle, text = display(Markdown(""), display_id=True), ""
for chunk in chunks:
    text += chunk
    handle.update(Markdown(text))""",
    "ipywidgets.HTML": """
widget, text = ipywidgets.HTML(), ""
display(widget)
for chunk in chunks:
    text += chunk
    widget.value = text""",
}

CHATLAS_SETUP = "import chatlas"
CHATLAS_METHOD = """
chat = chatlas.ChatOpenAICompletions(base_url="{url}/v1", api_key="x", model="test-model")
_ = chat.chat("hello", echo="output")"""


class Kernel:
    """A kernel and an IOPub reader that loses nothing."""

    def __init__(self, python: str | Path) -> None:
        command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        self.manager = KernelManager()
        self.manager._kernel_spec = KernelSpec(
            argv=command, display_name="bench", language="python"
        )
        self.manager.start_kernel()
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self.socket = self.client.iopub_channel.socket
        self.socket.setsockopt(zmq.RCVHWM, 0)

    def run(self, code: str, timeout: float = 600) -> tuple[Counter, Counter, float]:
        counts: Counter[str] = Counter()
        sizes: Counter[str] = Counter()
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
                    return counts, sizes, time.monotonic() - began
            elif kind != "execute_input":
                counts[kind] += 1
                sizes[kind] += sum(len(frame) for frame in frames)
        raise SystemExit(f"no answer within {timeout} s")


def chatlas_python() -> Path:
    python = CHATLAS / "bin" / "python"
    if not python.exists():
        print("(installing chatlas into an environment of its own)", flush=True)
        venv.create(CHATLAS, with_pip=True)
        packages = ["chatlas", "openai", "ipykernel"]
        subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
    return python


class Table:
    """Rows beside the first one."""

    def __init__(self, characters: int) -> None:
        self.characters = characters
        self.first = 0.0
        print(f"{'':26}{'messages':>9}{'a second':>10}{'stream B/char':>15}{'saved B/char':>14}")

    def row(self, name: str, counts: Counter, sizes: Counter, seconds: float) -> None:
        total = self.characters * (8 if name.startswith("8") else 1)
        if "chunks/s" in name:
            total = min(total, 4 * PACED)
        saved = 0 if counts["update_display_data"] > 100 else sizes["update_display_data"]
        streamed = (sum(sizes.values()) - saved) / total
        self.first = self.first or streamed
        messages = sum(counts.values())
        print(
            f"{name:26}{messages:9,}{messages / seconds:10.0f}{streamed:15.2f}{saved / total:14.2f}"
            f"{streamed / self.first:10.1f}x",
            flush=True,
        )


def main(characters: int) -> None:
    chunks = chunks_of(characters, 4)
    print(f"{characters:,} characters in {len(chunks):,} chunks of 4, at full speed\n")
    paced = chat(chunks[:PACED], delay=0.01)
    with Server(chat(chunks)) as server, Server(paced) as slow:
        kernel = Kernel(sys.executable)
        kernel.run(SETUP.format(chunks=chunks))
        kernel.run(METHODS["%%stream"].format(url=server.url))  # imports, the bundle
        table = Table(characters)
        for name, code in METHODS.items():
            code = code.replace("{url}", server.url).replace("{paced}", slow.url)
            table.row(name, *kernel.run(code))
        _, further, _ = kernel.run("%%stream demo --max-tokens 0\nhello")
        kernel.manager.shutdown_kernel(now=True)
        kernel = Kernel(chatlas_python())
        kernel.run(CHATLAS_SETUP)
        table.row("chatlas", *kernel.run(CHATLAS_METHOD.replace("{url}", server.url)))
        kernel.manager.shutdown_kernel(now=True)
    light = further["comm_open"] + further["display_data"]
    print(f"\na further %%stream cell: {light:,} bytes before its first token")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
