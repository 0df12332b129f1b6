"""`%%stream` in JupyterLab, against a model server on loopback."""

from __future__ import annotations

import asyncio
import time

import nbformat
import pytest
from playwright.async_api import Locator, expect

from tests.e2e.lab import KERNELS, KEY, KEY_NAME, Notebook, Notebook7, eventually
from tests.servers import Server, chat, chat_event

LOAD = "%load_ext nbstream"
WORDS = [f"word{n} " for n in range(3000)]


def cell(server: Server, flags: str = "", prompt: str = "Go on.") -> str:
    base = f"--api-base {server.url}/v1 --api-key-name {KEY_NAME}"
    return f"%%stream test-model {base} {flags}\n{prompt}"


def root(notebook: Notebook, n: int) -> Locator:
    return notebook.output(n).locator(".nbstream")


def answer(notebook: Notebook, n: int) -> Locator:
    return root(notebook, n).locator("[data-part=answer]")


async def grows(answer: Locator, times: int = 5) -> None:
    """The text gets longer, `times` times."""
    for _ in range(times):
        length = len(await answer.text_content() or "")
        deadline = time.monotonic() + 30
        while len(await answer.text_content() or "") <= length:
            assert time.monotonic() < deadline, "the text does not grow"
            await asyncio.sleep(0.02)


async def start(
    open_notebook,
    server: Server,
    kernel: str = "python3",
    *more: str,
    program: type[Notebook] = Notebook,
) -> Notebook:
    """A notebook whose cell 1 streams, with `more` cells queued behind it."""
    notebook = await open_notebook([LOAD, cell(server, "--out answer"), *more], kernel, program)
    await notebook.execute(0)
    for n in range(1, 2 + len(more)):
        await notebook.run(n)
    await expect(root(notebook, 1)).to_have_attribute("data-status", "running")
    await grows(answer(notebook, 1))
    assert await notebook.prompt(1) == "*"
    return notebook


async def ends(notebook: Notebook, server: Server, clicked_at: float) -> str:
    """Waits for the end of the cell and of the request, prints when; the text that was kept."""
    (request,) = server.requests
    await notebook.wait_done(1)
    done_at = time.monotonic()
    closed_at = await eventually(lambda: request.closed_at)
    print(
        f"\nfrom click to the closed connection {closed_at - clicked_at:.3f} s, "
        f"to the end of the cell {done_at - clicked_at:.3f} s"
    )
    assert done_at - clicked_at < 20  # left alone it takes a minute
    await expect(root(notebook, 1)).to_have_attribute("data-status", "stopped")
    kept = (await answer(notebook, 1).text_content() or "").strip()
    assert kept
    assert "".join(WORDS).startswith(kept)
    return kept


PROGRAMS = pytest.mark.parametrize("program", [Notebook, Notebook7])


@pytest.mark.parametrize(
    ("program", "kernel"),
    [(Notebook, "python3"), (Notebook, "ipykernel6"), (Notebook7, "python3")],
)
async def test_stop_button_ends_the_cell(open_notebook, serve, kernel, program):
    server = serve(chat(WORDS, delay=0.02))
    last = "print(answer.status, answer.text)"
    notebook = await start(open_notebook, server, kernel, last, program=program)
    if kernel != "ipykernel6":  # which hears too late that the page mounts live views by itself
        mounted = notebook.output(1).locator(".nbstream-static > .nbstream")
        await expect(mounted).to_have_attribute("data-status", "running")
    clicked_at = time.monotonic()
    await root(notebook, 1).locator("button[data-action=stop]").click()
    kept = await ends(notebook, server, clicked_at)
    if (
        kernel == KERNELS["ipykernel7"]
    ):  # ipykernel 6 can only be interrupted, which drops the queue
        await notebook.wait_done(2)
        assert (await notebook.output(2).inner_text()).strip() == f"stopped {kept}"


async def test_interrupt_ends_the_cell_and_drops_the_queue(open_notebook, serve, kernel):
    server = serve(chat(WORDS, delay=0.02))
    notebook = await start(open_notebook, server, kernel, "print('next')")
    clicked_at = time.monotonic()
    await notebook.interrupt()
    await ends(notebook, server, clicked_at)
    await asyncio.sleep(0.5)
    assert await notebook.prompt(2) == ""
    error = notebook.output(1).locator("[data-mime-type='application/vnd.jupyter.stderr']")
    lines = (await error.inner_text()).strip().splitlines()
    assert len(lines) == 1
    assert "Interrupted" in lines[0]


async def test_eight_long_streams_at_once_arrive_whole(open_notebook, serve, lab):
    def text(n: int) -> str:
        words = (f"{n}{i:06d}" + ("\n\n" if i % 50 == 49 else " ") for i in range(100_000 // 8))
        return "".join(words)[:100_000]

    def chunks(request):
        whole = text(int(request.json["messages"][-1]["content"]))
        return (whole[i : i + 4] for i in range(0, len(whole), 4))

    server = serve(chat(chunks))
    source = f"""
import nbstream as nb
model = nb.OpenAICompatible("{server.url}/v1", "test-model")
streams = [nb.stream(str(n), model=model) for n in range(8)]
for stream in streams:
    display(stream)
for stream in streams:
    await stream
print([len(stream.text) for stream in streams])
"""
    notebook = await open_notebook([source])
    await notebook.run(0)
    await notebook.wait_done(0, timeout=180)
    for n in range(8):
        await expect(root(notebook, 0).nth(n)).to_have_attribute("data-status", "done")
        shown = await answer(notebook, 0).nth(n).text_content() or ""
        words = text(n).split()
        # Paragraphs follow each other without white space in textContent.
        assert "".join(shown.split()) == "".join(words)
    assert "rate exceeded" not in lab.log.read_text()
    assert "rate exceeded" not in await notebook.output(0).inner_text()


@PROGRAMS
async def test_what_is_saved_needs_no_kernel_and_a_reload_brings_the_live_view_back(
    open_notebook, serve, lab, program
):
    server = serve(chat(["A **bold** ", "answer."]))
    notebook = await open_notebook([LOAD, cell(server)], program=program)
    await notebook.execute(0)
    await notebook.execute(1)
    live = root(notebook, 1).locator("button[data-action=copy]")
    await expect(root(notebook, 1)).to_have_attribute("data-status", "done")
    await expect(live).to_be_attached()

    saved = await notebook.save()
    (output,) = saved.cells[1].outputs
    assert set(output.data) == {"text/html", "text/markdown", "text/plain"}
    assert output.data["text/plain"] == "A **bold** answer."
    assert "<strong>bold</strong>" in output.data["text/html"]

    await notebook.reload()
    await expect(live).to_be_attached()
    await expect(answer(notebook, 1)).to_have_text("A bold answer.")

    lab.shut_down_kernels()
    await notebook.page.reload()
    await expect(notebook.output(1)).to_contain_text("A bold answer.")

    # Another machine's notebook is not trusted: JupyterLab sanitises what it shows.
    saved.cells.append(nbformat.v4.new_code_cell("changed by somebody"))
    nbformat.write(saved, lab.root / "untrusted.ipynb")
    theirs = await program.open_file(lab, notebook.page, "untrusted.ipynb")
    await expect(theirs.output(1).locator("strong")).to_have_text("bold")
    await expect(theirs.output(1)).not_to_contain_text("Error displaying widget")


async def test_the_key_is_nowhere_but_in_the_request(open_notebook, serve, lab):
    async def refuse(request):
        said = request.headers["authorization"]
        await request.respond(401, {"error": {"message": f"Incorrect API key: {said}"}})

    good, bad = serve(chat(["fine"])), serve(refuse)
    state = "import ipywidgets, json; state = json.dumps(ipywidgets.Widget.get_manager_state())"
    record = "run.jsonl"
    cells = [LOAD, cell(good, f"--record {record}"), cell(bad), state]
    check = f"""
import os
key = os.environ["{KEY_NAME}"]
print(len(state) > 1000, key in state, key in open("{record}").read())"""
    notebook = await open_notebook([*cells, check])
    wire: list[str] = []
    notebook.page.on("websocket", lambda socket: _record(socket, wire))
    await notebook.reload()
    for n in range(len(cells) + 1):
        await notebook.execute(n)
    assert (await notebook.output(4).inner_text()).strip() == "True False False"
    await expect(notebook.output(2)).to_contain_text("AuthenticationError")
    await notebook.save()

    assert good.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert any("fine" in frame for frame in wire)
    assert KEY not in "".join(wire)
    assert KEY not in notebook.path.read_text()
    assert KEY not in await notebook.page.content()
    assert KEY not in lab.log.read_text()


def _record(socket, wire: list[str]) -> None:
    def add(payload: str | bytes) -> None:
        wire.append(payload if isinstance(payload, str) else payload.decode("utf-8", "replace"))

    socket.on("framereceived", add)
    socket.on("framesent", add)


async def test_keyboard_reaches_stop(open_notebook, serve):
    server = serve(chat(WORDS, delay=0.02))
    notebook = await start(open_notebook, server)
    stop = root(notebook, 1).locator("button[data-action=stop]")
    await notebook.cell(1).locator(".jp-InputPrompt").click()
    for _ in range(30):
        if await stop.evaluate("el => el === document.activeElement"):
            break
        await notebook.page.keyboard.press("Tab")
    await expect(stop).to_be_focused()
    clicked_at = time.monotonic()
    await notebook.page.keyboard.press("Enter")
    await ends(notebook, server, clicked_at)


async def test_it_follows_the_text_until_the_user_scrolls_up(open_notebook, serve):
    server = serve(chat([f"Paragraph {n}.\n\n" for n in range(3000)], delay=0.01))
    notebook = await open_notebook([LOAD, cell(server)])
    await notebook.execute(0)
    await notebook.run(1)
    scroller = notebook.page.locator(".jp-WindowedPanel-outer").first

    async def top() -> float:
        return await scroller.evaluate("el => el.scrollTop")

    async def end_is_visible() -> bool:
        return await answer(notebook, 1).evaluate(
            "el => el.lastElementChild.getBoundingClientRect().top < innerHeight"
        )

    await expect(answer(notebook, 1)).to_contain_text("Paragraph 60.")
    assert await top() > 0
    assert await end_is_visible()
    await scroller.hover()
    await notebook.page.mouse.wheel(0, -400)
    await asyncio.sleep(0.5)
    left_at = await top()
    await grows(answer(notebook, 1), times=20)
    assert await top() == left_at
    await root(notebook, 1).locator("button[data-action=stop]").click()
    await notebook.wait_done(1)


RICH = """Here is **quicksort** in three lines:

1. pick a pivot,
2. partition,
3. recurse.

```python
def quicksort(xs):
    if not xs: return []
    p, *rest = xs
    return quicksort([x for x in rest if x < p]) + [p] + quicksort([x for x in rest if x >= p])
```

| case | time |
| --- | --- |
| average | O(n log n) |
| worst | O(n²) |
"""


LAYOUT = """el => [...el.querySelectorAll("p, ol, li, pre, code")].map((node) => {
  const { x, y, width } = node.getBoundingClientRect();
  const { color, fontSize, lineHeight, paddingLeft } = getComputedStyle(node);
  return [node.localName, Math.round(x), Math.round(y), node.localName === "code" ? 0 : Math.round(width),
    color, fontSize, lineHeight, paddingLeft];
})"""


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_the_end_changes_nothing_the_reader_sees(open_notebook, serve, theme):
    pause = asyncio.Event()

    async def handler(request):
        request.start()
        for part in RICH[: RICH.index("| case")].splitlines(keepends=True):
            await request.send(chat_event({"content": part}))
        await pause.wait()
        await request.send(chat_event({}, "stop") + b"data: [DONE]\n\n")
        await request.end()

    server = serve(handler)
    notebook = await open_notebook([LOAD, cell(server, prompt="Explain quicksort.")])
    await notebook.theme(theme)
    await notebook.execute(0)
    await notebook.run(1)
    await expect(answer(notebook, 1).locator("pre")).to_contain_text("return quicksort")
    await asyncio.sleep(1)  # code is coloured a moment after it arrives
    before = await answer(notebook, 1).evaluate(LAYOUT)
    await notebook.screenshot(f"streaming-{theme}")
    server.call_soon(pause.set)
    await notebook.wait_done(1)
    await expect(root(notebook, 1)).to_have_attribute("data-status", "done")
    await asyncio.sleep(1)
    await notebook.screenshot(f"done-{theme}")
    assert await answer(notebook, 1).evaluate(LAYOUT) == before


@PROGRAMS
async def test_a_reload_in_the_middle_goes_on(open_notebook, serve, program):
    reloaded = asyncio.Event()
    words = [f"word{n} " for n in range(200)]

    async def handler(request):
        request.start()
        for word in words[:100]:
            await request.send(chat_event({"content": word}))
        await reloaded.wait()
        for word in words[100:]:
            await request.send(chat_event({"content": word}))
        await request.send(chat_event({}, "stop") + b"data: [DONE]\n\n")
        await request.end()

    server = serve(handler)
    notebook = await open_notebook([LOAD, cell(server)], program=program)
    await notebook.execute(0)
    await notebook.run(1)
    await expect(answer(notebook, 1)).to_contain_text(words[99].strip())
    await notebook.save()
    await notebook.reload(busy=True)
    await expect(answer(notebook, 1)).to_contain_text(words[99].strip())
    await expect(root(notebook, 1)).to_have_attribute("data-status", "running")
    server.call_soon(reloaded.set)
    await expect(root(notebook, 1)).to_have_attribute("data-status", "done")
    await expect(answer(notebook, 1)).to_have_text("".join(words).strip())


async def test_stop_is_heard_while_a_blocking_call_waits(open_notebook, serve):
    server = serve(chat(WORDS, delay=0.02))
    source = f"""
import nbstream as nb
stream = nb.stream("Go on.", model=nb.OpenAICompatible("{server.url}/v1", "test-model"))
display(stream)
print(stream.result().status)
"""
    notebook = await open_notebook([source])
    await notebook.run(0)
    await grows(answer(notebook, 0))
    await root(notebook, 0).locator("button[data-action=stop]").click()
    await notebook.wait_done(0)
    await expect(root(notebook, 0)).to_have_attribute("data-status", "stopped")
    await expect(notebook.output(0)).to_contain_text("stopped")


async def test_a_further_cell_does_not_carry_the_bundle_again(open_notebook, serve):
    pause = asyncio.Event()

    async def handler(request):
        request.start()
        await pause.wait()

    first, second = serve(chat(["fine"])), serve(handler)
    notebook = await open_notebook([LOAD, cell(first), cell(second)])
    received: list[int] = []
    notebook.page.on(
        "websocket",
        lambda socket: socket.on("framereceived", lambda data: received.append(len(data))),
    )
    await notebook.reload()
    await notebook.execute(0)
    await notebook.execute(1)
    carried = sum(received)
    received.clear()
    await notebook.run(2)
    await expect(root(notebook, 2)).to_have_attribute("data-status", "running")
    await eventually(lambda: second.requests)
    await asyncio.sleep(1)
    print(f"\nthe first cell received {carried:,} bytes, a further one {sum(received):,}")
    assert sum(received) < 8_000 < carried
    await root(notebook, 2).locator("button[data-action=stop]").click()
    await notebook.wait_done(2)
