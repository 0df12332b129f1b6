"""One output of a cell: the forms that can be saved, and the live view in their place."""

from __future__ import annotations

import asyncio
import time
import uuid
import weakref
from contextlib import suppress
from typing import Any

import msgspec

from nbstream.events import StreamEvent, TextDelta
from nbstream.runs.portal import aside, portal
from nbstream.widgets.base import PageWidget, Runtime

from .headless import hold
from .shell import request, shell, show_data

#: Seconds after the first text, and between two, in which a notebook's copy of a growing answer is renewed.
SAVE_INTERVAL = 1.0
#: The copy is renewed each time the answer has doubled, from so many characters on.
FIRST_SIZE = 200
#: Copies may take so much of the time.
SHARE = 0.1

WIDGET = "application/vnd.jupyter.widget-view+json"


class Output:
    """Where the page mounts live views into marked html, it is given no widget: a notebook that is opened
    without its kernel then shows what had arrived instead of an error. Elsewhere the widget stands beside
    the forms until the end.
    """

    def __init__(self, view: PageWidget) -> None:
        self._view: PageWidget | None = view
        self._weak = weakref.ref(view)
        self._id = uuid.uuid4().hex
        self._runtime = Runtime.shared()
        self._request: dict[str, Any] = {}
        self._frozen = self._settled = False
        self._saving = self._renewing = False
        self._size = 0
        self._save_at = FIRST_SIZE
        self._not_before = 0.0

    @property
    def settled(self) -> bool:
        """Whether the final forms have been sent."""
        return self._settled

    def show(self, background: bool = False) -> None:
        self._request = request()
        if (view := self._view) is not None:
            view.renew = self._renew
        show_data(self._data(), self._id)
        if not self._runtime.hydrates:
            self._runtime.observe(self._page_hydrates, "hydrates")
        if not background:
            hold(self, self._request)

    def grow(self, event: StreamEvent) -> None:
        """Renew the copy that a notebook saves now and then: a kernel may die. On the thread of the run."""
        if not isinstance(event, TextDelta):
            return
        first = self._size == 0
        self._size += len(event.text)
        if self._saving or not self._runtime.hydrates:
            return
        if first or (self._size >= self._save_at and time.monotonic() >= self._not_before):
            self._saving = True
            delay = 0.7 * SAVE_INTERVAL if first else 0.0
            loop = portal()
            loop.call_soon_threadsafe(loop.call_later, delay, aside, self._save)

    def freeze(self) -> None:
        """The run has ended, or its result has changed: from here on the output is the saved forms."""
        self._frozen = True
        with suppress(ValueError):
            self._runtime.unobserve(self._page_hydrates, "hydrates")
        aside(self._settle)

    def needs(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether what it shows cannot go on while `loop` is blocked."""
        return self._view is not None and self._view.needs(loop)

    def release(self) -> None:
        """Stop what it shows."""
        if self._view is not None:
            self._view.release()

    def _save(self) -> None:
        if self._frozen:
            return
        began = time.monotonic()
        self._save_at = max(2 * self._size, FIRST_SIZE)
        self._update()
        now = time.monotonic()
        self._not_before = now + max(SAVE_INTERVAL, (now - began) / SHARE)
        self._saving = False

    def _settle(self) -> None:
        try:
            self._update()
        finally:
            self._settled = True
            # What it showed is free to go, unless it may change again.
            if self._view is not None and not getattr(self._view, "changes", False):
                self._view = None

    def _renew(self) -> None:
        """A page asks for the forms: it was not there when they were sent."""
        if not self._renewing:
            self._renewing = True
            aside(self._send_again)

    def _send_again(self) -> None:
        self._renewing = False
        self._update()

    def _page_hydrates(self, _: Any) -> None:
        with suppress(ValueError):
            self._runtime.unobserve(self._page_hydrates, "hydrates")
        if not self._frozen:
            aside(self._update)

    def _data(self) -> dict[str, Any]:
        view = self._weak()
        data = view.forms() if view is not None else {}
        if view is not None and not self._frozen and not self._runtime.hydrates:
            model = view.model_id
            data[WIDGET] = {"version_major": 2, "version_minor": 0, "model_id": model}
        return data

    def _update(self) -> None:
        """Send the forms as they are now. Made and encoded on this thread: no loop waits for a long answer."""
        if self._weak() is None:
            return
        here = shell()
        kernel = getattr(here, "kernel", None)
        if kernel is None:
            return
        # One after the other: encoding holds the interpreter, between two of them others go on.
        data = {mime: msgspec.Raw(_json(value)) for mime, value in self._data().items()}
        content = msgspec.json.encode(
            {"data": data, "metadata": {}, "transient": {"display_id": self._id}}
        )
        kernel.session.send(
            kernel.iopub_socket,
            "update_display_data",
            content,
            self._request,
            ident=getattr(here.display_pub, "topic", None),
        )


def _json(value: Any) -> bytes:
    if isinstance(value, str) and not value.isascii():
        value = value.encode("utf-8", "replace").decode()  # half a surrogate pair
    return msgspec.json.encode(value)
