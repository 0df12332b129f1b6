"""What a page no longer shows, in JupyterLab: several views in one message, and runs that nobody sees."""

from __future__ import annotations

import asyncio

from playwright.async_api import expect

from tests.e2e.test_stream import answer, grows
from tests.servers import chat

WORDS = [f"word{n} " for n in range(3000)]


async def test_a_run_whose_cell_is_deleted_is_stopped_unless_a_variable_holds_it(
    open_notebook, serve
):
    server = serve(chat(WORDS, delay=0.02))
    ask = f'nb.stream("Go on.", model=nb.OpenAICompatible("{server.url}/v1", "test-model"))'
    notebook = await open_notebook(
        [
            "import nbstream as nb, weakref\n"
            "_seen = []\ndef ask():\n"
            f"    stream = {ask}\n    _seen.append(weakref.ref(stream))\n    return stream\n"
            "def status():\n    return [s() and s().status for s in _seen]",
            "ask()",
            "held = ask()\nheld",
            "ask()",
            "print(status())",
        ]
    )
    await notebook.execute(0)
    for n in (1, 2, 3):
        await notebook.execute(n)
    for n in (1, 2, 3):
        await grows(answer(notebook, n), 3)
    await notebook.page.evaluate(
        """() => {
          const { content } = jupyterapp.shell.currentWidget;
          content.deselectAll();
          content.activeCellIndex = 1;
          content.extendContiguousSelectionTo(2);
          return jupyterapp.commands.execute("notebook:delete-cell");
        }"""
    )
    await grows(answer(notebook, 1), 3)
    status = notebook.output(2)
    async with asyncio.timeout(30):
        while (
            "stopped" not in await notebook.execute(2) and "None" not in await status.inner_text()
        ):
            await notebook.page.wait_for_timeout(500)
    first, second, third = eval(await status.inner_text())
    assert first in ("stopped", None)
    assert second == third == "running"
    await notebook.page.wait_for_timeout(3000)
    assert "running', 'running']" in await notebook.execute(2)
    await notebook.page.evaluate("() => jupyterapp.shell.currentWidget.content.activeCellIndex = 1")
    await notebook.page.evaluate("() => jupyterapp.commands.execute('notebook:clear-cell-output')")
    await expect(answer(notebook, 1)).to_have_count(0)
    async with asyncio.timeout(30):
        while "running', 'running']" in await notebook.execute(2):
            await notebook.page.wait_for_timeout(500)
    assert (await notebook.execute(2)).count("running") == 1
