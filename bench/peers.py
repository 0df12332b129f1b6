"""What people write in a cell instead: the same deltas over httpx, shown in the usual ways."""

from __future__ import annotations

#: Defines `deltas(prompt)` and the ways to show them, each `await show(prompt)`.
SETUP = '''
import anywidget, asyncio, httpx, ipywidgets, json, os, traitlets
from IPython.display import Markdown, display
client = httpx.AsyncClient(timeout=60)

async def deltas(prompt, client=client):
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": prompt}]}
    async with client.stream("POST", "{url}/v1/chat/completions", json=body) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data: {"):
                if text := json.loads(line[6:])["choices"][0]["delta"].get("content"):
                    yield text

async def printed(prompt):
    async for text in deltas(prompt):
        print(text, end="", flush=True)

class Text(anywidget.AnyWidget):
    _esm = """export default { render({ model, el }) {
      el.style.whiteSpace = "pre-wrap";
      model.on("msg:custom", (text) => el.append(text));
    } }"""

async def anywidget_per_delta(prompt, client=client):
    widget = Text()
    display(widget)
    async for text in deltas(prompt, client):
        widget.send(text)

async def update_display_markdown(prompt):
    handle, whole = display(Markdown(""), display_id=True), ""
    async for text in deltas(prompt):
        whole += text
        handle.update(Markdown(whole))

async def ipywidgets_html(prompt):
    widget, whole = ipywidgets.HTML(), ""
    display(widget)
    async for text in deltas(prompt):
        whole += text
        widget.value = whole

print(os.getpid())
'''

#: Their names in the tables, and in the kernel.
SHOWS = {
    "print(flush=True)": "printed",
    "anywidget, each delta": "anywidget_per_delta",
    "update_display(Markdown)": "update_display_markdown",
    "ipywidgets.HTML": "ipywidgets_html",
}


def setup(url: str) -> str:
    return SETUP.replace("{url}", url)
