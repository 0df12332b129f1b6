"""What a streamed answer costs between kernel and browser, beside what people use today.

    python bench/wire.py [CHARACTERS]       (default 100,000, in 4-character chunks, at full speed)

One real kernel; every message on its IOPub socket is counted with all its frames. `stream` is what the
answer costs while it streams, `saved` the display data that stay in the notebook.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter

from jupyter_client.manager import start_new_kernel

from bench.text import chunks_of
from tests.servers import Server, chat

SETUP = """
import asyncio
from IPython.display import HTML, Markdown, display
import ipywidgets, nbstream as nb
%load_ext nbstream
chunks = {chunks!r}
"""

METHODS = {
    "%%stream": "%%stream -m test-model --api-base {url}/v1\nhello",
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
    "chatlas": """
import chatlas
chat = chatlas.ChatOpenAICompletions(base_url="{url}/v1", api_key="x", model="test-model")
_ = chat.chat("hello", echo="output")""",
}


class Kernel:
    """A kernel and an IOPub reader that loses nothing."""

    def __init__(self) -> None:
        self.manager, self.client = start_new_kernel(kernel_name="python3")
        self.socket = self.client.iopub_channel.socket
        self.socket.setsockopt(24, 0)  # RCVHWM

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


def main(characters: int) -> None:
    chunks = chunks_of(characters, 4)
    print(f"{characters:,} characters in {len(chunks):,} chunks of 4, at full speed\n")
    print(f"{'':24} {'messages':>9} {'a second':>9} {'stream B/char':>14} {'saved B/char':>13} {'x':>8}")
    with Server(chat(chunks)) as server:
        kernel = Kernel()
        kernel.run(SETUP.format(chunks=chunks))
        kernel.run(METHODS["%%stream"].format(url=server.url))  # imports, the bundle
        baseline = 0.0
        for name, code in METHODS.items():
            counts, sizes, seconds = kernel.run(code.replace("{url}", server.url))
            total = characters * (8 if name.startswith("8") else 1)
            updates = name == "update_display(Markdown)" or name == "chatlas"
            saved = 0 if updates else sizes["update_display_data"] + sizes["display_data"]
            streamed = sum(sizes.values()) - saved
            baseline = baseline or streamed / total
            messages = sum(counts.values())
            print(
                f"{name:24} {messages:9,} {messages / seconds:9.0f} {streamed / total:14.2f} "
                f"{saved / total:13.2f} {streamed / total / baseline:7.1f}x"
            )
        _, sizes, _ = kernel.run("%%stream demo --max-tokens 0\nhello")
        print(f"\na further %%stream cell with no text: {sum(sizes.values()):,} bytes in all")
        kernel.manager.shutdown_kernel(now=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
