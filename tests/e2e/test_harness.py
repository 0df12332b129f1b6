"""JupyterLab's own behaviour that nbstream builds on, shown with a widget made here."""

import re

from playwright.async_api import expect

PROBE = '''
import asyncio, time, anywidget, traitlets
from IPython.display import display

class Probe(anywidget.AnyWidget):
    _esm = """
    export default {
      render({ model, el }) {
        let seen = 0;
        const count = document.createElement("output");
        model.on("msg:custom", () => { count.textContent = ++seen; });
        const stop = document.createElement("button");
        stop.textContent = "stop";
        stop.onclick = () => model.send({ kind: "stop" });
        el.append(count, stop);
      },
    };
    """

async def stream(seconds=20):
    stopped = asyncio.Event()
    probe = Probe()
    probe.on_msg(lambda *_: stopped.set())
    display(probe)
    n, end = 0, time.monotonic() + seconds
    while not stopped.is_set() and time.monotonic() < end:
        probe.send({"n": n})
        n += 1
        await asyncio.sleep(0.03)
    print("stopped" if stopped.is_set() else "ran to its end", n)
'''


async def test_messages_arrive_both_ways_while_an_async_cell_is_busy(open_notebook):
    notebook = await open_notebook([PROBE, "await stream()", "print('next cell')"])
    await notebook.execute(0)
    await notebook.run(1)
    await notebook.run(2)
    count = notebook.output(1).locator("output")
    await expect(count).to_have_text(re.compile(r"\d\d"))
    assert await notebook.prompt(1) == "*"
    await notebook.output(1).get_by_role("button", name="stop").click()
    await notebook.wait_done(1)
    assert "stopped" in await notebook.output(1).inner_text()
    await notebook.wait_done(2)


async def test_interrupt_button(open_notebook, kernel):
    source = "import ipykernel, time; print(ipykernel.__version__, flush=True); time.sleep(60)"
    notebook = await open_notebook([source])
    await notebook.run(0)
    await expect(notebook.output(0)).to_contain_text(".")
    await notebook.interrupt()
    await notebook.wait_done(0)
    assert "KeyboardInterrupt" in await notebook.output(0).inner_text()


async def test_save_reload_restart_theme(open_notebook):
    notebook = await open_notebook(["x = 1; print('kept')", "print('x' in globals())"])
    await notebook.execute(0)
    saved = await notebook.save()
    assert saved.cells[0].outputs[0].text == "kept\n"
    await notebook.reload()
    assert await notebook.execute(1) == "True\n"
    await notebook.restart()
    assert await notebook.execute(1) == "False\n"
    await notebook.theme("dark")
    await notebook.theme("light")
    assert (await notebook.screenshot("harness")).stat().st_size > 1000
