"""Speed in JupyterLab: metrics against the server's own record, the chart, comparisons, batches."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable

import pytest
from playwright.async_api import Locator, expect

from tests.e2e.lab import KEY_NAME, Notebook
from tests.servers import Request, chat, chat_event

LOAD = "%load_ext nbstream"


class Schedule:
    """A server that sends one delta at each of `times` (seconds after the request) and writes down when it did."""

    def __init__(self, times: Iterable[float]) -> None:
        self.times = list(times)
        self.asked = 0.0
        self.sent: list[float] = []

    async def __call__(self, request: Request) -> None:
        self.asked = time.monotonic()
        request.start()
        await request.send(chat_event({"role": "assistant", "content": ""}))
        for n, at in enumerate(self.times):
            await asyncio.sleep(max(0.0, self.asked + at - time.monotonic()))
            await request.send(chat_event({"content": f"w{n} "}))
            self.sent.append(time.monotonic() - self.asked)
        await request.send(chat_event({}, "stop"))
        usage = {"prompt_tokens": 7, "completion_tokens": len(self.times)}
        await request.send(b"data: %b\n\n" % json.dumps({"choices": [], "usage": usage}).encode())
        await request.send(b"data: [DONE]\n\n")
        await request.end()

    @property
    def gaps(self) -> list[float]:
        return [b - a for a, b in zip(self.sent, self.sent[1:], strict=False)]

    @property
    def rate(self) -> float:
        return (len(self.sent) - 1) / (self.sent[-1] - self.sent[0])


def every(seconds: float, count: int, first: float = 0.1) -> list[float]:
    return [first + n * seconds for n in range(count)]


SCHEDULES: dict[str, Callable[[], list[float]]] = {
    "constant": lambda: every(0.02, 150),
    "bursts": lambda: [0.1 + burst * 0.5 + n * 0.002 for burst in range(5) for n in range(20)],
    "stall of 2 s": lambda: every(0.02, 50) + every(0.02, 50, 0.1 + 49 * 0.02 + 2.0),
    "slow first token": lambda: every(0.02, 100, 2.0),
}


def cell(url: str, flags: str = "") -> str:
    return f"%%stream test-model --api-base {url}/v1 --api-key-name {KEY_NAME} {flags}\nGo on."


def chart(notebook: Notebook, n: int) -> Locator:
    return notebook.output(n).locator("[data-part=chart]")


async def figures(notebook: Notebook, n: int) -> dict:
    return json.loads((await notebook.execute(n)).strip())


@pytest.mark.parametrize("name", SCHEDULES)
async def test_metrics_are_the_servers_schedule(open_notebook, serve, name):
    schedule = Schedule(SCHEDULES[name]())
    server = serve(schedule)
    dump = "import json\nprint(json.dumps({**r.metrics.to_dict(), 'spans': r.metrics.stalls}))"
    warm = serve(chat(["warm"]))  # the first request of a kernel also loads the HTTP client
    notebook = await open_notebook([LOAD, cell(warm.url), cell(server.url, "--out r"), dump])
    for n in range(3):
        await notebook.execute(n)
    seen = await figures(notebook, 3)
    print(f"\n{name}: rate {seen['tokens_per_second']:.1f}, the server's {schedule.rate:.1f}")
    assert seen["output_tokens"] == len(schedule.sent) and seen["token_source"] == "provider"
    assert seen["input_tokens"] == 7 and seen["cost"] is None
    # The kernel connects before the server sees the request, so only later is possible, by little.
    assert schedule.sent[0] - 0.05 <= seen["ttft"] <= schedule.sent[0] + 0.5
    assert seen["tokens_per_second"] == pytest.approx(schedule.rate, rel=0.1)
    assert seen["gap_max"] == pytest.approx(max(schedule.gaps), abs=0.15)
    stalls = [gap for gap in schedule.gaps if gap >= 1]
    assert [length for _, length in seen["spans"]] == [
        pytest.approx(gap, abs=0.15) for gap in stalls
    ]


async def test_the_chart_draws_what_the_server_did(open_notebook, serve):
    schedule = Schedule(SCHEDULES["stall of 2 s"]())
    server = serve(schedule)
    notebook = await open_notebook([LOAD, cell(server.url), cell(server.url, "--no-chart")])
    await notebook.execute(0)
    await notebook.run(1)
    toggle = notebook.output(1).locator("button[data-action=chart]")
    await toggle.click()
    await expect(chart(notebook, 1).locator("canvas")).to_be_visible()
    await notebook.wait_done(1)
    plot = chart(notebook, 1).locator(".nbs-plot")
    label = await plot.get_attribute("aria-label") or ""
    assert "100 tokens" in label and "a stall of 2." in label
    for theme, colour in (("light", (0, 114, 178)), ("dark", (86, 180, 233))):
        await notebook.theme(theme)
        await asyncio.sleep(0.3)
        assert await ink(chart(notebook, 1).locator("canvas"), colour) > 300
        await notebook.screenshot(f"speed-{theme}")
    await plot.press("End")
    readout = chart(notebook, 1).locator("[data-part=readout]")
    await expect(readout).to_contain_text("100 tokens")
    assert "tok/s" in await readout.inner_text()
    await notebook.execute(2)
    await expect(notebook.output(2).locator(".nbstream")).to_be_visible()
    await expect(notebook.output(2).locator("button[data-action=chart]")).to_have_count(0)


async def test_the_slider_shows_the_text_as_it_stood_then(open_notebook, serve):
    server = serve(Schedule(every(0.02, 100)))
    notebook = await open_notebook([LOAD, cell(server.url)])
    await notebook.execute(0)
    await notebook.execute(1)
    view = notebook.output(1).locator(".nbstream[data-status=done]")
    await view.locator("button[data-action=chart]").click()
    slider = view.locator("[data-part=scrub] input")
    end = float(await slider.get_attribute("max") or 0)
    first = end - 2.0  # the server sends for two seconds
    answer = view.locator("[data-part=answer]:visible")
    for share in (0.25, 0.75, 0.5):
        await slider.evaluate(
            "(el, value) => { el.value = value; el.dispatchEvent(new Event('input')); }",
            first + 2 * share,
        )
        await expect(answer).to_contain_text(f"w{round(100 * share) - 12} ")
        await expect(answer).not_to_contain_text(f"w{round(100 * share) + 12} ")
    await notebook.screenshot("scrub")
    await view.locator("[data-action=speed]").click()
    await view.locator("[data-action=replay]").click()
    await expect(answer).to_contain_text("w99")
    await expect(answer).to_have_count(1)


async def test_the_saved_notebook_keeps_the_picture(open_notebook, serve):
    server = serve(Schedule(every(0.02, 60)))
    notebook = await open_notebook([LOAD, cell(server.url)])
    await notebook.execute(0)
    await notebook.execute(1)
    await expect(notebook.output(1).locator(".nbstream[data-status=done]")).to_be_visible()
    saved = await notebook.save()
    html = "".join(saved.cells[1].outputs[0].data["text/html"])
    assert "data:image/svg+xml;base64," in html and "tokens per second on average" in html


async def test_four_models_at_once_and_one_dies(open_notebook, serve):
    words = [f"w{n} " for n in range(400)]

    async def dies(request: Request) -> None:
        request.start()
        await request.send(chat_event({"content": "half an answer"}))
        await asyncio.sleep(0.3)
        request.reset()

    servers = [serve(chat(words, delay=0.005)) for _ in range(4)]
    broken = serve(dies)
    urls = [server.url for server in (*servers, broken)]
    source = f"""
import nbstream as nb
group = nb.compare("Go on.", models=[
    nb.OpenAICompatible(url + "/v1", f"model-{{n}}") for n, url in enumerate({urls!r})
])
group
"""
    check = "import json\nprint(json.dumps([s.text == s2 for s, s2 in zip(group.streams, [group.streams[0].text] * 4)] + [group.winner.source.model]))"
    notebook = await open_notebook([source, check])
    await notebook.execute(0)
    group = notebook.output(0).locator(".nbstream-group")
    await expect(group.locator(".nbstream")).to_have_count(5)
    await expect(group).to_have_attribute("data-status", "done")
    await expect(group.locator("[data-part=chart] canvas")).to_have_count(1)
    panes = group.locator(".nbs-pane")
    for n in range(4):
        assert (await panes.nth(n).locator("[data-part=answer]").inner_text()).split() == [
            word.strip() for word in words
        ]
        await expect(panes.nth(n).locator("[data-part=error]")).to_have_count(0)
    await expect(panes.nth(4).locator("[data-part=error]")).to_have_count(1)
    await expect(panes.nth(4)).to_contain_text("half an answer")
    await group.locator("[data-action=winner]").nth(2).click()
    await expect(panes.nth(2)).to_have_class("nbs-pane nbs-winner")
    await notebook.screenshot("compare-light")
    await notebook.theme("dark")
    await notebook.screenshot("compare-dark")
    assert await figures(notebook, 1) == [True, True, True, True, "model-2"]
    html = "".join((await notebook.save()).cells[0].outputs[0].data["text/html"])
    assert "★ model-2" in html and "w399" in html
    await notebook.reload()
    await expect(notebook.output(0).locator(".nbstream-group .nbstream")).to_have_count(5)
    await expect(notebook.output(0).locator(".nbs-winner")).to_have_count(1)


async def test_compare_in_a_cell(open_notebook, serve):
    server = serve(chat(["one ", "two"], delay=0.02))
    source = cell(server.url, "--compare a,b --out group").replace("test-model ", "")
    notebook = await open_notebook(
        [LOAD, source, "print(group.names, [r.text for r in group.responses])"]
    )
    await notebook.execute(0)
    await notebook.execute(1)
    await expect(notebook.output(1).locator(".nbstream-group .nbstream")).to_have_count(2)
    assert (await notebook.execute(2)).strip() == "['a', 'b'] ['one two', 'one two']"


async def test_gather_shows_progress_and_opens_an_item(open_notebook, serve):
    async def answer(request: Request) -> None:
        number = request.json["messages"][-1]["content"]
        if number.endswith("7"):
            await request.respond(400, {"error": {"message": f"no {number}"}})
        else:
            await chat([f"answer {number} ", "is ", "here"], delay=0.05)(request)

    server = serve(answer)
    source = f"""
import nbstream as nb
model = nb.OpenAICompatible("{server.url}/v1", "test-model")
batch = nb.gather([str(n) for n in range(200)], model, concurrency=32, retries=0)
batch
"""
    check = "import json\nprint(json.dumps([r.text for r in await batch]))"
    notebook = await open_notebook([source, check])
    await notebook.execute(0)
    batch = notebook.output(0).locator(".nbs-batch")
    await expect(batch.locator("[data-state=r]").first).to_be_visible()
    texts = await figures(notebook, 1)
    assert texts == ["" if n % 10 == 7 else f"answer {n} is here" for n in range(200)]
    await expect(batch).to_have_attribute("data-status", "done")
    await expect(batch.locator("[data-part=progress]")).to_contain_text(
        "200 of 200 prompts · 20 failed"
    )
    await batch.locator("[data-action=open]").nth(42).click()
    await expect(batch.locator(".nbstream [data-part=answer]")).to_contain_text("answer 42 is here")
    await expect(batch.locator(".nbs-opened-label")).to_have_text("43. 42")
    await batch.locator("[data-action=open]").nth(47).click()
    await expect(batch.locator(".nbstream [data-part=error]")).to_contain_text("no 47")
    await notebook.screenshot("gather")


async def ink(canvas: Locator, colour: tuple[int, int, int]) -> int:
    """How many pixels of the canvas have about this colour."""
    return await canvas.evaluate(
        """(canvas, [r, g, b]) => {
          const { width, height } = canvas;
          const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
          let count = 0;
          for (let i = 0; i < data.length; i += 4)
            if (data[i + 3] > 40 && Math.abs(data[i] - r) < 12 && Math.abs(data[i + 1] - g) < 12
                && Math.abs(data[i + 2] - b) < 12) count++;
          return count;
        }""",
        list(colour),
    )
