"""A kernel that computes beside a stream: the page goes on, and the recorded times are the server's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kernel import TestKernel
from tests.kernel import kernel as running_kernel
from tests.servers import chat

WORDS = [f"word{n} " for n in range(60)]

BUSY = {
    "a Python loop": "while time.monotonic() < end: sum(range(1000))",
    "numpy": "import numpy\nwhile time.monotonic() < end: numpy.linalg.svd(numpy.ones((60, 60)))",
    "sleep": "time.sleep(end - time.monotonic())",
}


@pytest.fixture(scope="module")
def shell() -> Iterator[TestKernel]:
    with running_kernel() as kernel:
        kernel.run("%load_ext nbstream\nimport nbstream as nb, time")
        kernel.run("await nb.stream('hello', model=nb.Demo(speed=0))")
        yield kernel


@pytest.mark.parametrize("work", BUSY)
def test_text_goes_on_and_times_are_true(shell, serve, work):
    server = serve(chat(WORDS, delay=0.05))
    ask = f"nb.stream('x', nb.OpenAICompatible('{server.url}/v1', 'm'))"
    cell = shell.run(
        f"s = {ask}.start()\nview = nb.StreamView(s)\n"
        "while not s.text: time.sleep(0.01)\n"
        f"end = time.monotonic() + 2.0\n{BUSY[work]}\n"
        "busy = len(s.text.split()); busy"
    )
    assert int(cell.result) > 20, "the run went on while the kernel was busy"
    heard = [
        message["content"]["data"].get("content", {})
        for message in cell.messages
        if message["msg_type"] == "comm_msg"
    ]
    frames = [each for each in heard if each.get("kind") in ("frame", "grow")]
    assert len(frames) > 20, "and so did the page"
    result = shell.run("r = s.result(); m = r.metrics; len(r.text.split()), len(m.stalls)").result
    assert result == f"({len(WORDS)}, 0)"
