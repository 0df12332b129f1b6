"""Conversations, tools, attachments and types of `%%stream`, in a real kernel."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from nbstream.magic.magics import first_code
from tests.kernel import Cell, TestKernel
from tests.kernel import kernel as running_kernel
from tests.servers import Server, chat

SETUP = """
%load_ext nbstream
import nbstream as nb
from nbstream.events import ToolCallStart, ToolCallEnd
def add(a: int, b: int) -> int:
    "Add."
    return a + b
calls = [ToolCallStart("c1", 0, "add"), ToolCallEnd("c1", {"a": 1, "b": 2})]
nb.register_model("caller", nb.Scripted(calls, "It is 3.", calls, "It is 3.", delay=0))
nb.register_model("json", nb.Scripted('{"a": 1, "b": "x"}', delay=0))
class Blind(nb.Scripted):
    features = frozenset({"streaming"})
nb.register_model("blind", Blind("I see nothing.", delay=0))
"""


@pytest.fixture(scope="module")
def shell() -> Iterator[TestKernel]:
    with running_kernel() as kernel:
        assert kernel.run(SETUP).status == "ok"
        yield kernel


@pytest.fixture
def server(serve) -> Server:
    return serve(chat(["I ", "said."]))


def ask(shell: TestKernel, server: Server, flags: str, prompt: str) -> Cell:
    cell = shell.run(f"%%stream m --api-base {server.url}/v1 {flags}\n{prompt}")
    assert cell.status == "ok", cell.error
    return cell


def sent(server: Server, n: int = -1) -> list[str]:
    return [message["content"] for message in server.requests[n].json["messages"]]


def test_continue_goes_on_with_the_last_answer(shell, server):
    ask(shell, server, "-s Brief.", "one")
    cell = ask(shell, server, "-c", "two")
    assert sent(server) == ["Brief.", "one", "I said.", "two"]
    assert "Turn 2" in cell.outputs[0]["data"]["text/html"]
    ask(shell, server, "", "three")
    assert sent(server) == ["three"]
    ask(shell, server, "--no-history", "unseen")
    shell.run("%%stream -c\nfour")  # the model is the chat's
    assert sent(server) == ["three", "I said.", "four"]


def test_named_chats_go_on_side_by_side(shell, server):
    for name, prompt in (("x", "x1"), ("y", "y1"), ("x", "x2")):
        cell = ask(shell, server, f"--cid {name}", prompt)
    assert sent(server) == ["x1", "I said.", "x2"]
    assert "Turn 2 of x" in cell.outputs[0]["data"]["text/html"]
    listed = shell.run("%stream chats").printed
    assert [line.split()[:2] for line in listed.splitlines()] == [["x", "2"], ["y", "1"]]
    assert "forgotten" in shell.run("%stream reset x").printed
    ask(shell, server, "--cid x", "anew")
    assert sent(server) == ["anew"]
    assert "no chat 'z'" in shell.run("%stream reset z").error
    shell.run("%stream reset")
    assert "no chats yet" in shell.run("%stream chats").printed


def test_tools_of_the_notebook(shell):
    cell = shell.run("%%stream caller -T add\ngo")
    assert cell.outputs[0]["data"]["text/plain"] == "It is 3."
    assert shell.run("_.tool_calls[0].result").result == "3"
    shell.run("toolbox = [add]")
    shell.run("%%stream caller -T toolbox\ngo")
    assert shell.run("_.tool_calls[0].result").result == "3"
    assert "Did you mean add?" in shell.run("%%stream caller -T ad\ngo").error


def test_continue_keeps_the_tools_and_who_asks(shell, server):
    shell.run("def other(): ...")
    ask(shell, server, "-T add --approve", "one")
    ask(shell, server, "-c", "two")
    assert [tool["function"]["name"] for tool in server.requests[-1].json["tools"]] == ["add"]
    assert "approve: True" in shell.run("%%stream -c --dry-run\nthree").printed
    ask(shell, server, "-c -T other", "three")
    assert [tool["function"]["name"] for tool in server.requests[-1].json["tools"]] == ["other"]


def test_a_run_without_a_browser_denies_what_asks(shell):
    shell.run('nb.register_model("caller", nb.Scripted(calls, "Denied, then.", delay=0))')
    shell.run("%%stream caller -T add --approve\ngo")
    assert shell.run("_.tool_calls[0].status").result == "'denied'"


def test_types_of_the_notebook(shell):
    shell.run("from pydantic import BaseModel\nclass Pair(BaseModel):\n    a: int\n    b: str")
    shell.run("%%stream json --type Pair --out pair\ngo")
    assert shell.run("pair.output").result == "Pair(a=1, b='x')"
    assert "OutputValidationError" in shell.run("%%stream json --type int\ngo").error
    shell.run('typed = nb.stream("go", model="json", output_type=Pair)')
    cell = shell.run("display(typed)\npair = await typed")
    assert "<pre" in cell.outputs[0]["data"]["text/html"]  # JSON, not markdown


def test_attachments(shell, server, tmp_path):
    (tmp_path / "notes.txt").write_text("some notes")
    (tmp_path / "dot.png").write_bytes(b"\x89PNG")
    shell.run("import pandas\nframe = pandas.DataFrame({'n': [1]})")
    ask(shell, server, f"-a {tmp_path}/notes.txt -a frame -a {tmp_path}/dot.png", "look")
    (content,) = sent(server)
    assert [part["type"] for part in content] == ["text", "text", "text", "image_url"]
    assert content[1]["text"] == "notes.txt:\n\nsome notes"
    assert content[2]["text"].startswith("frame:\n\n| n |")
    assert content[3]["image_url"]["url"] == "data:image/png;base64,iVBORw=="
    assert "no such file" in shell.run("%%stream json -a nothing.txt\nlook").error
    error = shell.run(f"%%stream blind -a {tmp_path}/dot.png\nlook").error
    assert "takes no images" in error


def test_fix_asks_about_the_last_error(shell, server):
    shell.run("divisor = 0\n1 / divisor")
    cell = shell.run(f"%stream fix m --api-base {server.url}/v1")
    assert cell.status == "ok", cell.error
    (prompt,) = sent(server)
    assert "divisor = 0\n1 / divisor" in prompt
    assert "ZeroDivisionError" in prompt


def test_dry_run_shows_the_conversation(shell, server):
    ask(shell, server, "--cid d", "one")
    printed = shell.run("%%stream --cid d --dry-run\ntwo").printed
    assert "user: one" in printed
    assert printed.rstrip().endswith("two")


def test_extract_fills_a_new_cell(shell, serve):
    server = serve(chat(["Look:\n\n```python\nx = 1\n```\nDone."]))
    line = f"%%stream m --api-base {server.url}/v1 -x\ncode please"
    reply = shell.client.execute_interactive(line, timeout=30, output_hook=lambda _: None)
    (payload,) = reply["content"]["payload"]
    assert (payload["source"], payload["text"]) == ("set_next_input", "x = 1")


def test_the_first_code_block():
    assert first_code("a\n```py\nx\n\ny\n```\n```\nz\n```") == "x\n\ny"
    assert first_code("````\n```\nx\n```\n````") == "```\nx\n```"
    assert first_code("none `here`") is None
    assert json.loads(first_code("```json\n{}\n```") or "") == {}
