"""What a cell shows, in a real kernel."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.kernel import TestKernel
from tests.kernel import kernel as running_kernel


@pytest.fixture(scope="module")
def shell() -> Iterator[TestKernel]:
    with running_kernel() as kernel:
        kernel.run("import nbstream as nb, asyncio\nquick = nb.Demo(speed=0)")
        yield kernel


WIDGET = "application/vnd.jupyter.widget-view+json"


def test_a_stream_on_the_last_line_renders_live_and_then_stays(shell):
    cell = shell.run("s = nb.stream('hello', model=quick)\ns")
    assert (
        WIDGET
        in next(m for m in cell.messages if m["msg_type"] == "display_data")["content"]["data"]
    )
    shell.run("_ = await s")
    assert WIDGET not in cell.outputs[0]["data"]
    assert cell.result.startswith("Hello")


def test_an_awaited_stream_gives_its_response_to_the_cell(shell):
    cell = shell.run("await nb.stream('hello', model=quick)")
    assert len(cell.outputs) == 1
    assert set(cell.outputs[0]["data"]) == {"text/html", "text/markdown", "text/plain"}


def test_show_shows_at_once_and_once(shell):
    source = "async def numbers():\n    for n in range(3):\n        yield f'{n} '\n"
    for last_line in ("nb.show(numbers())", "await nb.show(numbers())", "s = nb.show(numbers())"):
        cell = shell.run(source + last_line)
        shell.run("await asyncio.sleep(0.3)")
        assert len(cell.outputs) == 1, last_line
        assert cell.result == "0 1 2 ", last_line


@pytest.mark.parametrize("wait", ["await batch", "batch.result()"])
def test_who_waits_for_a_batch_sees_its_progress_once(shell, wait):
    cell = shell.run(
        f"batch = nb.gather(['a', 'b'], model=quick)\nanswers = {wait}\nanswers = {wait}"
    )
    assert len(cell.outputs) == 1
    assert cell.outputs[0]["data"]["text/plain"].startswith("2 of 2 answered")
    assert not shell.run("_ = await batch; batch.result()[0].status == 'done'").outputs[1:]


def test_result_inside_a_cell_shows_the_same(shell):
    cell = shell.run("s = nb.stream('hello', model=quick); display(s); s.result().text[:5]")
    assert cell.result == "'Hello'"
    assert cell.outputs[0]["data"]["text/plain"].startswith("Hello")


def test_a_cell_that_runs_again_stops_what_it_ran_before(shell):
    def run(code: str) -> None:
        message = shell.client.session.msg(
            "execute_request",
            {"code": code, "silent": False, "store_history": True, "allow_stdin": False},
            metadata={"cellId": "the-cell"},
        )
        shell.client.shell_channel.send(message)
        shell.finish(message["header"]["msg_id"])

    run("first = nb.stream('a long history', model='demo')\nfirst")
    run("second = nb.stream('a long history', model='demo')\nsecond")
    assert shell.run("first.status, second.status").result == "('stopped', 'running')"
    shell.run("second.stop()")


def test_nothing_waits_for_a_browser(shell):
    shell.run("%load_ext nbstream")
    cell = shell.run("%%stream demo --max-tokens 20\nhello")
    assert cell.status == "ok"
    assert "truncated" in cell.result


def test_an_interrupt_of_a_program_that_waits_for_an_answer_stops_the_run_alone(shell):
    source = "async def slow():\n    while True:\n        yield 'x '\n        await asyncio.sleep(0.05)\n"
    started = shell.start(source + "s = nb.show(slow())")
    time.sleep(1)
    shell.interrupt()
    shell.finish(started, timeout=20)
    assert shell.run("print(s.status)").printed == "stopped\n"
