"""Hosts that are not Jupyter: sandboxed frames that grant a widget little, and the kernel's side of them.

The kernel is this process. Nothing is served and nothing can be fetched: what a frame shows came through
its comms.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import comm
from comm.base_comm import BaseComm
from playwright.async_api import Frame, Locator, Page

from nbstream.widgets.base import PageWidget, Runtime

SCRIPT = Path(__file__).with_name("host.js").read_text()
URL = "http://host.invalid/"


@dataclass(frozen=True)
class Kind:
    """What a host grants."""

    name: str
    csp: str
    #: Which other widgets a widget can reach: none, all of the page, or each that it asks for.
    manager: Literal["", "page", "asked"]
    #: Whether each output has a frame of its own.
    alone: bool
    signals: bool
    #: From where it imports a widget's module.
    scripts: Literal["blob:", "data:"] = "blob:"

    @property
    def options(self) -> dict[str, Any]:
        return {"manager": self.manager, "signals": self.signals, "scripts": self.scripts}


_STRICT = (
    "default-src 'none'; script-src 'unsafe-inline' {}; style-src 'unsafe-inline'; img-src data:"
)
SPECIFICATION = Kind("specification", _STRICT.format("blob:"), "", alone=False, signals=False)
#: A page without blob: modules.
DATA = Kind("data", _STRICT.format("data:"), "", alone=True, signals=False, scripts="data:")
#: One webview for a notebook's outputs, which lets go of what is scrolled away.
VSCODE = Kind("vscode", _STRICT.format("'unsafe-eval' blob:"), "page", alone=False, signals=True)
#: A frame for each output, which loads the widgets it asks for with the state they have then.
COLAB = Kind("colab", _STRICT.format("blob:"), "asked", alone=True, signals=True)
KINDS = [SPECIFICATION, DATA, VSCODE, COLAB]


class _Comm(BaseComm):
    host: Host

    def publish_msg(
        self,
        msg_type: str,
        data: Any = None,
        metadata: Any = None,
        buffers: Any = None,
        **keys: Any,
    ) -> None:
        self.host.published(self.comm_id, msg_type, data)


class Host:
    """A page with frames of one kind."""

    def __init__(self, page: Page, kind: Kind) -> None:
        self.page, self.kind = page, kind
        self.requests: list[str] = []
        self.heard: list[dict[str, Any]] = []
        self._comms: dict[str, BaseComm] = {}
        self._frames: list[Frame] = []
        self._known: set[tuple[Frame, str]] = set()
        self._opened: list[str] = []
        self._queue: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self._pump: asyncio.Task[None] | None = None
        #: Clear: nothing that the kernel says arrives.
        self.hears = asyncio.Event()
        self.hears.set()
        #: Clear: the kernel is busy and hears nothing.
        self.listens = asyncio.Event()
        self.listens.set()
        self.may_violate = {"script-src-elem: blob"} if kind.scripts == "data:" else set()

    async def start(self, monkeypatch: Any) -> Host:
        def create(**options: Any) -> _Comm:
            made = type("Comm", (_Comm,), {"host": self})(**options)
            self._comms[made.comm_id] = made
            return made

        monkeypatch.setattr(comm, "create_comm", create)
        monkeypatch.setattr(Runtime, "_shared", None)
        monkeypatch.setattr(PageWidget, "_layout", None)
        await self.page.route("**/*", self._answer)
        await self.page.expose_binding("toKernel", self._heard)
        await self.page.goto(URL)
        self._pump = asyncio.create_task(self._deliver())
        return self

    async def close(self) -> None:
        assert self._pump
        self._pump.cancel()
        for frame in self._frames:
            assert set(await frame.evaluate("host.violations")) <= self.may_violate
        assert set(self.requests) == {URL}

    async def show(self, view: PageWidget) -> Locator:
        """The place in a frame where the widget is shown."""
        frame = await self._frame()
        wanted = self._opened if self.kind.manager == "page" else [view.model_id]
        for model in wanted:
            await self._open(frame, model)
        place = f"output{len(self._known)}-{view.uid}"
        await frame.evaluate(
            """async ([id, place]) => {
              const el = document.createElement("div");
              el.id = place;
              document.body.append(el);
              (globalThis.removers ??= {})[place] = await host.show(id, el);
            }""",
            [view.model_id, place],
        )
        return frame.locator(f"#{place}")

    async def remove(self, place: Locator) -> None:
        await place.evaluate("el => globalThis.removers[el.id]()")

    async def forbid(self, place: Locator, policy: str) -> None:
        """From now on the frame's page allows less."""
        await place.evaluate("(_, policy) => host.forbid(policy)", policy)
        self.may_violate = {"script-src-elem: blob", "script-src-elem: data"}

    async def _frame(self) -> Frame:
        if self._frames and not self.kind.alone:
            return self._frames[0]
        html = f"""<!doctype html>
            <meta http-equiv="Content-Security-Policy" content="{self.kind.csp}"><body></body>"""
        element = await self.page.evaluate_handle(
            """html => {
              const frame = document.createElement("iframe");
              frame.setAttribute("sandbox", "allow-scripts");
              frame.style = "width: 100%; height: 400px";
              frame.srcdoc = html;
              document.body.append(frame);
              return new Promise((resolve) => frame.onload = () => resolve(frame));
            }""",
            html,
        )
        frame = await element.as_element().content_frame()
        assert frame
        await frame.evaluate(SCRIPT)
        await frame.evaluate("o => { globalThis.host = startHost(o) }", self.kind.options)
        self._frames.append(frame)
        return frame

    async def _open(self, frame: Frame, model: str) -> None:
        if (frame, model) not in self._known:
            self._known.add((frame, model))
            await frame.evaluate(
                "([id, state]) => host.open(id, state)", [model, self._state(model)]
            )

    def _state(self, model: str) -> dict[str, Any]:
        from ipywidgets.widgets.widget import _instances

        return _instances[model].get_state()

    def published(self, model: str, kind: str, data: Any) -> None:
        if kind == "comm_open":
            self._opened.append(model)
        elif kind == "comm_msg":
            self._queue.put_nowait((model, data))

    async def _deliver(self) -> None:
        while True:
            model, data = await self._queue.get()
            await self.hears.wait()
            for frame in self._frames:
                if (frame, model) in self._known:
                    await frame.evaluate("([id, m]) => host.receive(id, m)", [model, data])

    async def _heard(self, source: Any, message: dict[str, Any]) -> Any:
        model = message.pop("id")
        if message["method"] == "state":
            self._known.add((source["frame"], model))
            return self._state(model)
        await self.listens.wait()
        self.heard.append(message)
        self._comms[model].handle_msg({"content": {"data": message}, "buffers": []})
        return None

    async def _answer(self, route: Any) -> None:
        self.requests.append(route.request.url)
        if route.request.url == URL:
            await route.fulfill(content_type="text/html", body="<!doctype html><body></body>")
        else:
            await route.abort()
