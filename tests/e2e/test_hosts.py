"""The built front end in hosts that grant little: see hosts.py."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

import nbstream as nb
from nbstream.widgets.group import GroupView
from tests.e2e.hosts import COLAB, KINDS, SPECIFICATION, VSCODE, Host, Kind
from tests.e2e.lab import new_page
from tests.e2e.test_stream import grows

WORDS = [f"word{n} " for n in range(2000)]


@pytest_asyncio.fixture(loop_scope="session")
async def open_host(browser: Browser, monkeypatch) -> AsyncIterator[Callable]:
    hosts: list[Host] = []

    async def open_host(kind: Kind) -> Host:
        hosts.append(await Host(await new_page(browser), kind).start(monkeypatch))
        return hosts[-1]

    yield open_host
    for host in hosts:
        await host.close()
        await host.page.context.close()


def view_of(chunks, delay: float = 0.0) -> nb.StreamView:
    view = nb.StreamView(nb.stream("Go on.", nb.Scripted(chunks, delay=delay)))
    view.stream.start()
    return view


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_it_streams_and_stop_reaches_the_kernel(open_host, kind):
    host = await open_host(kind)
    view = view_of(WORDS, delay=0.02)
    place = await host.show(view)
    root = place.locator(".nbstream")
    await expect(root).to_have_attribute("data-status", "running")
    await grows(root.locator("[data-part=answer]"))
    await root.locator("button[data-action=stop]").click()
    await expect(root).to_have_attribute("data-status", "stopped")
    assert view.stream.status == "stopped"
    await expect(root.locator("[data-part=answer]")).to_have_text(view.stream.text.strip())


async def test_a_stop_that_is_not_heard_says_what_helps(open_host):
    host = await open_host(COLAB)
    view = view_of(WORDS, delay=0.02)
    place = await host.show(view)
    await grows(place.locator("[data-part=answer]"))
    host.listens.clear()
    await place.locator("button[data-action=stop]").click()
    await expect(place).to_contain_text("the notebook's own stop ends it now")
    host.listens.set()
    await expect(place.locator(".nbstream")).to_have_attribute("data-status", "stopped")
    await expect(place).not_to_contain_text("the notebook's own stop")


@pytest.mark.parametrize("kind", [SPECIFICATION, VSCODE], ids=lambda kind: kind.name)
async def test_what_was_scrolled_away_comes_back_complete(open_host, kind):
    host = await open_host(kind)
    view = view_of(WORDS[:300], delay=0.01)
    first = await host.show(view)
    await grows(first.locator("[data-part=answer]"))
    await host.remove(first)
    await view.stream.more(len(view.stream.events) + 20)
    again = await host.show(view)
    await grows(again.locator("[data-part=answer]"))
    await expect(again.locator(".nbstream")).to_have_attribute("data-status", "done")
    expected = "".join(WORDS[:300]).strip()
    await expect(again.locator("[data-part=answer]")).to_have_text(expected)
    await host.remove(again)
    late = await host.show(view)
    await expect(late.locator("[data-part=answer]")).to_have_text(expected)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_outputs_side_by_side(open_host, kind):
    host = await open_host(kind)
    views = [view_of(WORDS[:100], delay=0.01), view_of(WORDS[100:200], delay=0.01)]
    places = [await host.show(view) for view in views]
    for place, view in zip(places, views, strict=True):
        await expect(place.locator(".nbstream")).to_have_attribute("data-status", "done")
        await expect(place.locator("[data-part=answer]")).to_have_text(view.stream.text.strip())


@pytest.mark.parametrize("kind", [VSCODE, COLAB], ids=lambda kind: kind.name)
async def test_a_comparison_loads_the_widgets_of_its_streams(open_host, kind):
    host = await open_host(kind)
    models = [nb.Scripted(WORDS[n : n + 50], delay=0.01) for n in (0, 50)]
    group = nb.compare([nb.stream("Go on.", model) for model in models])
    place = await host.show(GroupView(group))
    group.start()
    for n, stream in enumerate(group.streams):
        pane = place.locator(".nbstream").nth(n)
        await expect(pane).to_have_attribute("data-status", "done")
        await expect(pane.locator("[data-part=answer]")).to_have_text(stream.text.strip())


@pytest.mark.parametrize("kind", [SPECIFICATION, VSCODE], ids=lambda kind: kind.name)
async def test_a_page_that_forbids_the_front_end_says_so(open_host, kind):
    host = await open_host(kind)
    host.hears.clear()
    place = await host.show(view_of(["fine"]))
    await host.forbid(place, "script-src 'unsafe-inline'")
    host.hears.set()
    await expect(place).to_contain_text("does not let nbstream's front end run")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_what_only_some_answers_need_comes_over_the_comm(open_host, kind):
    host = await open_host(kind)
    view = view_of(["So $x^2$ it is.\n\n```ruby\ndef a\nend\n```\n"])
    place = await host.show(view)
    await expect(place.locator("math")).to_have_count(1)
    await expect(place.locator("pre code span").first).to_be_visible()
    asked = [m["content"] for m in host.heard if m["content"].get("kind") == "module"]
    assert {each["name"] for each in asked} >= {"math", "languages"}
