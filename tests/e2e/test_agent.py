"""Agents in JupyterLab: cards that fill while they stream, approval in a busy cell, steps, new cells."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Locator, expect

from nbstream.agents.approval import GRACE
from tests.e2e.lab import SCREENSHOTS, Notebook
from tests.model_server import Say, conversations
from tests.servers import chat

SETUP = """
%load_ext nbstream
import json, time, asyncio
import nbstream as nb
from nbstream.events import ToolCallStart, ToolCallDelta, ToolCallEnd, ThinkingDelta, Usage

def call(name, arguments, call_id="c1", block=1, size=6):
    text = json.dumps(arguments)
    pieces = [text[i:i + size] for i in range(0, len(text), size)]
    return [ToolCallStart(call_id, block, name),
            *(ToolCallDelta(call_id, piece) for piece in pieces),
            ToolCallEnd(call_id, arguments)]

@nb.tool
def search(query: str, limit: int = 3):
    "Search the library."
    for n in range(limit):
        yield f"looking at shelf {n + 1} of {limit}"
        time.sleep(0.3)
    return [{"title": f"Book {n}", "query": query} for n in range(limit)]

@nb.tool
async def weather(city: str):
    "The weather."
    await asyncio.sleep(0.5)
    return {"city": city, "sky": "sunny"}

@nb.tool
def fail():
    raise ValueError("the disk is full")

@nb.tool(approve=True)
def delete(path: str):
    "Delete a file."
    return f"{path} is gone"
"""


def root(notebook: Notebook, n: int) -> Locator:
    return notebook.output(n).locator(".nbstream")


def tool(notebook: Notebook, n: int, name: str) -> Locator:
    return root(notebook, n).locator("[data-part=tool]").filter(has_text=name)


async def picture(notebook: Notebook, n: int, name: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    await root(notebook, n).screenshot(path=SCREENSHOTS / f"{name}.png")


async def ready(open_notebook, *cells: str) -> Notebook:
    notebook = await open_notebook([SETUP, *cells])
    await notebook.execute(0)
    return notebook


SCRIPTS = {
    "plan": [
        Say(
            "I look.", [("weather", {"city": "Köln"}), ("fail", {}), ("search", {"query": "bees"})]
        ),
        Say("", [("delete", {"path": "a.txt"})]),
        Say("It is **sunny**, and nothing was deleted."),
    ],
    "go round": [Say("Once.", [("weather", {"city": "Bonn"})]), Say("That is all I know.")],
    "for ever": [Say("", [("weather", {"city": "Rom"})])],
}
MODELS = {
    "openai": 'nb.OpenAICompatible("{url}/v1", "m")',
    "anthropic": 'nb.Anthropic("claude-m", base_url="{url}/v1", api_key="sk-unit-test")',
}


@pytest.mark.parametrize("wire", MODELS)
async def test_an_agent_and_a_model_server(open_notebook, serve, wire):
    url = serve(conversations(SCRIPTS, delay=0.03)).url
    notebook = await ready(
        open_notebook,
        f"model = {MODELS[wire].format(url=url)}\n"
        "agent = nb.Agent(model, [weather, fail, search, delete], name='planner')",
        "agent.stream('plan')",
        "nb.Agent(model, [weather], max_iterations=2).stream('go round')",
        "nb.Agent(model, [weather], max_iterations=2).stream('for ever')",
        "agent.stream('and now?')",
    )
    await notebook.execute(1)
    await notebook.run(2)
    await expect(tool(notebook, 2, "search")).to_contain_text(re.compile(r"shelf \d of 3"))
    await picture(notebook, 2, f"planner-running-{wire}")
    deny = tool(notebook, 2, "delete").locator("button[data-action=deny]")
    await expect(deny).to_be_visible()
    for theme in ("dark", "light"):
        await notebook.theme(theme)
        await expect(notebook.page.locator("#jupyterlab-splash")).to_have_count(0)
        await picture(notebook, 2, f"planner-asks-{theme}-{wire}")
    await deny.focus()
    await notebook.page.keyboard.press("Enter")
    await expect(root(notebook, 2)).to_have_attribute("data-status", "done")
    cards = root(notebook, 2).locator("[data-part=tool]")
    states = [await card.get_attribute("data-status") for card in await cards.all()]
    assert states == ["done", "error", "done", "denied"]
    await expect(tool(notebook, 2, "fail")).to_contain_text("ValueError: the disk is full")
    await expect(root(notebook, 2)).to_contain_text("It is sunny, and nothing was deleted.")
    await picture(notebook, 2, f"planner-done-{wire}")

    await notebook.run(3)
    await expect(root(notebook, 3)).to_have_attribute("data-status", "done")
    await expect(root(notebook, 3)).to_contain_text("That is all I know.")
    await notebook.run(4)
    await expect(root(notebook, 4)).to_contain_text("No answer within max_iterations=2.")
    await expect(tool(notebook, 4, "weather").last).to_contain_text("no iteration left")
    await picture(notebook, 4, f"planner-for-ever-{wire}")
    await notebook.run(5)
    await expect(root(notebook, 5)).to_have_attribute("data-status", "done")
    await expect(root(notebook, 5).locator("[data-part=note]")).to_have_text("Turn 2")


async def test_tool_cards(open_notebook):
    model = """
nb.Agent(nb.Scripted(
    [ThinkingDelta(0, "Two things to look up."), "I look it up.",
     *call("search", {"query": "quicksort and its friends, " * 12, "limit": 8}, "c1", 2),
     *call("weather", {"city": "Köln"}, "c2", 3), *call("fail", {}, "c3", 4), Usage(120, 40)],
    ["Two books, and it is **sunny**.", Usage(200, 12)], delay=0.05),
    [search, weather, fail], name="librarian").stream("Find books")
"""
    notebook = await ready(open_notebook, model)
    await notebook.run(1)
    card = tool(notebook, 1, "search")
    await expect(card).to_have_attribute("data-status", "streaming")
    await expect(card.locator("pre").first).to_contain_text('{"quer')
    await expect(card.locator("pre").first).not_to_contain_text("limit")
    await expect(card).to_contain_text(re.compile(r"looking at shelf \d of 8"))
    await picture(notebook, 1, "agent-running")
    await expect(root(notebook, 1)).to_have_attribute("data-status", "done")
    states = root(notebook, 1).locator("[data-part=tool]")
    assert [await states.nth(n).get_attribute("data-status") for n in range(3)] == [
        "done",
        "done",
        "error",
    ]
    await expect(tool(notebook, 1, "fail")).to_contain_text("the disk is full")
    await expect(root(notebook, 1).locator("[data-part=answer]").last).to_contain_text("sunny")
    await picture(notebook, 1, "agent-done")


@pytest.mark.parametrize("way", ["click", "keyboard"])
async def test_approval_in_a_busy_cell(open_notebook, way):
    cell = """
agent = nb.Agent(nb.Scripted(
    ["Shall I? ", *call("delete", {"path": "a.txt"}, "c1", 1),
     *call("delete", {"path": "b.txt"}, "c2", 2)], ["As you like."], delay=0.01), [delete])
response = await agent.stream("Clean up")
"""
    # the last line blocks the cell, so the stream is shown by hand
    cell = (
        cell.replace("response = await agent.stream", "s = agent.stream")
        + "\ndisplay(s)\nresponse = await s\nprint([c.status for c in response.tool_calls])"
    )
    notebook = await ready(open_notebook, cell)
    await notebook.run(1)
    cards = root(notebook, 1).locator("[data-part=tool]")
    await expect(cards.nth(0)).to_have_attribute("data-status", "approval")
    await expect(cards.nth(1)).to_have_attribute("data-status", "approval")
    assert await notebook.prompt(1) == "*"
    await picture(notebook, 1, "agent-approval")
    approve = cards.nth(0).locator("button[data-action=approve]")
    deny = cards.nth(1).locator("button[data-action=deny]")
    if way == "click":
        await approve.click()
        await deny.click()
    else:
        await approve.focus()
        await notebook.page.keyboard.press("Enter")
        await deny.focus()
        await notebook.page.keyboard.press("Space")
    await notebook.wait_done(1)
    await expect(cards.nth(0)).to_contain_text("a.txt is gone")
    await expect(cards.nth(1)).to_have_attribute("data-status", "denied")
    await expect(notebook.output(1)).to_contain_text("['done', 'denied']")


async def test_approval_by_flag(open_notebook):
    notebook = await ready(
        open_notebook,
        'nb.register_model("m", nb.Scripted(call("weather", {"city": "Köln"}), "Sunny.", delay=0))',
        "%%stream m -T weather --approve --out answer\nHow is the weather?",
        "print(answer.tool_calls[0].result, answer.text)",
    )
    await notebook.execute(1)
    await notebook.run(2)
    await notebook.run(3)
    button = tool(notebook, 2, "weather").locator("button[data-action=approve]")
    await expect(button).to_be_visible()
    await asyncio.sleep(GRACE + 1)  # a page that shows the question gets the whole time
    await button.click()
    await notebook.wait_done(3)
    await expect(notebook.output(3)).to_contain_text("{'city': 'Köln', 'sky': 'sunny'} Sunny.")


async def test_stop_while_a_tool_runs(open_notebook):
    cell = """
async def forever():
    try:
        await asyncio.sleep(1000)
    finally:
        print("cancelled")
nb.register_model("m", nb.Scripted(call("forever", {}), "never", delay=0))
"""
    notebook = await ready(open_notebook, cell, "%%stream m -T forever\ngo", "print('next')")
    await notebook.execute(1)
    await notebook.run(2)
    await notebook.run(3)
    await expect(tool(notebook, 2, "forever")).to_be_visible()
    await root(notebook, 2).locator("button[data-action=stop]").click()
    await notebook.wait_done(3)
    await expect(root(notebook, 2)).to_have_attribute("data-status", "stopped")
    await expect(tool(notebook, 2, "forever")).to_have_attribute("data-status", "error")
    await picture(notebook, 2, "agent-stopped")


async def test_an_agent_that_asks_an_agent(open_notebook):
    cell = """
inner = nb.Agent(nb.Scripted(
    ["Let me see. ", *call("weather", {"city": "Bonn"})], ["It is sunny in Bonn."], delay=0.02),
    [weather], name="meteorologist")
outer = nb.Agent(nb.Scripted(
    ["I ask an expert.", *call("meteorologist", {"prompt": "Bonn?"})],
    ["The expert says it is sunny."], delay=0.02), [inner], name="secretary")
outer.stream("How is it in Bonn?")
"""
    notebook = await ready(open_notebook, cell)
    await notebook.run(1)
    await expect(root(notebook, 1)).to_have_attribute("data-status", "done")
    step = root(notebook, 1).locator("[data-part=step][data-name=meteorologist]")
    await expect(step).to_contain_text("It is sunny in Bonn.")
    await expect(step.locator("[data-part=tool]")).to_have_count(1)
    await expect(step).not_to_contain_text("The expert says")
    await picture(notebook, 1, "agent-nested")


async def test_a_workflow(open_notebook):
    cell = """
flow = nb.Workflow([
    nb.Step("greeter", nb.Agent(nb.Scripted(["Well hello there!", Usage(40, 12)], delay=0.02),
            name="Kai")),
    [nb.Step("analyzer", nb.Scripted("## Analysis\\n\\nA warm, welcoming introduction.")),
     nb.Step("critic", nb.Scripted("Rather short."))],
    nb.Step("calculator", handler=lambda context: f"{len(context['greeter'])} characters"),
], name="introduction")
flow.stream("Hello!")
"""
    notebook = await ready(open_notebook, cell)
    await notebook.run(1)
    await expect(root(notebook, 1)).to_have_attribute("data-status", "done")
    steps = root(notebook, 1).locator("[data-part=step]")
    names = [await steps.nth(n).get_attribute("data-name") for n in range(4)]
    assert names == ["greeter", "analyzer", "critic", "calculator"]
    await expect(steps.nth(1)).to_contain_text("A warm, welcoming introduction.")
    await expect(steps.nth(2)).to_contain_text("Rather short.")
    await expect(steps.nth(3)).to_contain_text("17 characters")
    total = root(notebook, 1).locator("[data-part=summary] tfoot")
    await expect(total).to_have_text(re.compile(r"4 steps[\d.]+ s12 tokens"))
    await picture(notebook, 1, "workflow-done")
    await notebook.save()
    await notebook.reload()
    await expect(steps.nth(3)).to_contain_text("17 characters")


async def test_structured_output(open_notebook):
    cell = """
from pydantic import BaseModel
class Poem(BaseModel):
    title: str
    lines: list[str]
text = '{"title": "Bees", "lines": ["They buzz about,", "they hum along."]}'
nb.register_model("poet", nb.Scripted([text[i:i+5] for i in range(0, len(text), 5)], delay=0.05))
"""
    notebook = await ready(open_notebook, cell, "%%stream poet --type Poem\nbees", "_.output")
    await notebook.execute(1)
    await notebook.run(2)
    await expect(root(notebook, 2)).to_contain_text("They buzz")
    await picture(notebook, 2, "output-running")
    await notebook.wait_done(2)
    await notebook.execute(3)
    await expect(notebook.output(3)).to_contain_text("Poem(title='Bees'")
    await picture(notebook, 2, "output-done")


async def test_the_first_code_block_goes_into_a_new_cell(open_notebook, serve):
    server = serve(chat(["Here:\n\n```python\n", "print(6 * 7)\n", "```\n", "Run it."]))
    notebook = await ready(
        open_notebook, f"%%stream m --api-base {server.url}/v1 -x\nSome code, please"
    )
    await notebook.execute(1)
    new = notebook.cell(2)
    await expect(new.locator(".cm-content")).to_have_text(re.compile(r"print\(6 \* 7\)"))
    await notebook.execute(2)
    await expect(notebook.output(2)).to_contain_text("42")
