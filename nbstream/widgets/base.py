"""What every widget of nbstream has: the front end's code, a comm, and a quick way to send.

One `Runtime` carries the front end's bundle, once per kernel; a `PageWidget` carries a few hundred bytes and
finds the runtime in the page. This is the one room that imports anywidget.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any, get_args

import anywidget
import ipywidgets
import msgspec
import traitlets as t

from nbstream.wire.bundle import bundle, bundle_id, bundled, front_end
from nbstream.wire.protocol import AskForms, Posts, Ready, RuntimeRequest, WidgetKind, request

Message = Mapping[str, Any]


class Runtime(anywidget.AnyWidget):
    """The front end's code, sent to the page once, as a message: what is state would be saved.

    `hydrates` becomes true when the page says that it mounts live views into marked html. Such a page keeps
    all views in one document, so it takes the messages of all of them in one.
    """

    bundle = t.Unicode().tag(sync=True)
    hydrates = t.Bool(False)
    _shared: Runtime | None = None
    _making = threading.Lock()

    def __init__(self) -> None:
        self._esm = bundled("loader.js")
        super().__init__(bundle=bundle_id())
        hear_while_busy(self)
        self.on_msg(self._heard)
        send(self, bundle())

    def _heard(self, _: Any, message: Any, _buffers: Any) -> None:
        if (answer := front_end(message)) is not None:
            send(self, answer)
        elif isinstance(ready := request(message, RuntimeRequest), Ready):
            self.hydrates = ready.hydrates

    @classmethod
    def shared(cls) -> Runtime:
        with cls._making:
            runtime = cls._shared
            if runtime is None or runtime.comm is None:
                runtime = cls._shared = cls()
            return runtime


class PageWidget(anywidget.AnyWidget):
    """A widget that the shared front end draws: `kind` says which, `uid` finds it in static html.

    `children` are the model ids of those it shows: some hosts load a widget only when another asks for it.
    """

    kind = t.Enum(get_args(WidgetKind), "", read_only=True).tag(sync=True)
    children = t.List(t.Unicode()).tag(sync=True)
    uid = t.Unicode(read_only=True).tag(sync=True)
    bundle = t.Unicode().tag(sync=True)
    runtime = t.Unicode().tag(sync=True)

    #: Sends the saved forms to the output again; None where there is no such output.
    renew: Callable[[], None] | None = None

    _kind: WidgetKind = ""
    _layout: ipywidgets.Layout | None = None

    def __init__(self, **traits: Any) -> None:
        if PageWidget._layout is None or PageWidget._layout.comm is None:
            PageWidget._layout = ipywidgets.Layout()
        traits.setdefault("layout", PageWidget._layout)
        super().__init__(**self._code(), **traits)
        hear_while_busy(self)
        self.on_msg(self._asked)

    def _code(self) -> dict[str, str]:
        """Sets what this widget carries of the front end; the traits that find the rest."""
        self._esm = bundled("stub.js")
        runtime = Runtime.shared()
        return {"bundle": runtime.bundle, "runtime": f"IPY_MODEL_{runtime.model_id}"}

    def _asked(self, _: Any, message: Any, _buffers: Any) -> None:
        # Where the page's widgets cannot reach each other, each is asked for the front end itself.
        if (answer := front_end(message)) is not None:
            send(self, answer)
        elif self.renew is not None and request(message, AskForms) is not None:
            self.renew()

    @t.default("kind")
    def _own_kind(self) -> str:
        return self._kind

    @t.default("uid")
    def _new_uid(self) -> str:
        return uuid.uuid4().hex[:12]

    def forms(self) -> dict[str, Any]:
        """What is saved of it, as it is now."""
        return {}

    def release(self) -> None:
        """The cell that showed this shows something else now."""
        self.close()

    def shows(self, stream: object) -> bool:
        """Whether it shows this very stream."""
        return False

    def needs(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether what it shows cannot go on while `loop` is blocked."""
        return False


# ── sending ───────────────────────────────────────────────────────────────────


def send(widget: anywidget.AnyWidget, message: Message) -> None:
    """Send a message to the views of `widget`, from any thread."""
    comm = widget.comm
    if comm is None:
        return
    kernel: Any = getattr(comm, "kernel", None)
    if not hasattr(kernel, "iopub_socket"):  # marimo's comms have something else of that name
        widget.send(message)
        return
    content = _content(comm, message)
    if Runtime._shared is not None and Runtime._shared.hydrates:
        # Half of a small message is the header of the request that it belongs to, and its own. Such a page
        # needs neither: it finds the view by its comm.
        kernel.session.send(
            kernel.iopub_socket, "comm_msg", content, ident=b"comm", header=_header(kernel)
        )
    else:
        parent = kernel.get_parent()
        kernel.session.send(kernel.iopub_socket, "comm_msg", content, parent, ident=comm.topic)


def send_all(messages: Mapping[PageWidget, Message]) -> None:
    """Send a message to each of several widgets: as one, where their page takes that."""
    runtime = Runtime._shared
    if len(messages) > 1 and runtime is not None and runtime.hydrates:
        by_uid = {widget.uid: message for widget, message in messages.items()}
        posts: Posts = {"kind": "posts", "posts": by_uid}
        send(runtime, posts)
        return
    for widget, message in messages.items():
        send(widget, message)


def _content(comm: Any, message: Message) -> bytes:
    """The content of a `comm_msg`, encoded at once: Jupyter's own encoder is ten times slower."""
    data = {"comm_id": comm.comm_id, "data": {"method": "custom", "content": message}}
    return msgspec.json.encode(data)


_numbers = itertools.count()


def _header(kernel: Any) -> dict[str, str]:
    """What the protocol asks of a header, and no more.

    The session has to be the kernel's: JupyterLab takes another one for a kernel that was started anew, and
    drops what it has not handled yet.
    """
    number = f"n{next(_numbers)}"
    session = kernel.session.session
    return {
        "msg_id": number,
        "msg_type": "comm_msg",
        "version": "5.3",
        "session": session,
        "username": "",
    }


# ── hearing ───────────────────────────────────────────────────────────────────


def hear_while_busy(widget: anywidget.AnyWidget) -> None:
    """ipykernel 7.4 answers a widget on the thread that last sent to it, which a blocked cell holds."""
    if hasattr(widget.comm, "_reply_subshell_for"):
        setattr(widget.comm, "_reply_subshell_for", None)  # noqa: B010


def kernel_is_deaf() -> bool:
    """Whether a busy cell keeps this kernel from hearing its widgets (ipykernel before 7)."""
    ipykernel = sys.modules.get("ipykernel")
    version = getattr(ipykernel, "version_info", (7,))
    return version[0] < 7
