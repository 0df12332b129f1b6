"""The live view of a stream: widget models, their comm, and the timers that send frames.

One `Runtime` carries the front end's bundle, once per kernel; a `StreamView` carries a few hundred bytes
and finds the runtime in the page. This is the one room that imports anywidget.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import uuid
import weakref
from collections.abc import Callable
from typing import Any, ClassVar

import anywidget
import ipywidgets
import traitlets as t

from nbstream.events import RunEnd, StreamEvent
from nbstream.runs.stream import Stream
from nbstream.wire.bundle import bundle_id, bundled, front_end
from nbstream.wire.frames import DETAILS, Frame, FrameLog, figures, frame_interval, history

#: Seconds between two updates of the figures in the status line, and between two signs of life.
METRICS_INTERVAL = 0.25
BEAT_INTERVAL = 1.0


class Runtime(anywidget.AnyWidget):
    """The front end's code, sent to the page once, as a message: what is state would be saved.

    `hydrates` becomes true when the page says that it mounts live views into marked html.
    """

    bundle = t.Unicode().tag(sync=True)
    hydrates = t.Bool(False)
    _shared: Runtime | None = None

    def __init__(self) -> None:
        self._esm = bundled("loader.js")
        super().__init__(bundle=bundle_id())
        _hear_while_busy(self)
        self.on_msg(self._heard)
        self.send(front_end({"kind": "bundle"}))

    def _heard(self, _: Any, message: Any, _buffers: Any) -> None:
        if (answer := front_end(message)) is not None:
            self.send(answer)
        elif isinstance(message, dict) and message.get("kind") == "ready":
            self.hydrates = message.get("hydrates") is True

    @classmethod
    def shared(cls) -> Runtime:
        runtime = cls._shared
        if runtime is None or runtime.comm is None:
            runtime = cls._shared = cls()
        return runtime


class PageWidget(anywidget.AnyWidget):
    """A widget that the shared front end draws: `kind` says which, `uid` finds it in static html.

    `children` are the model ids of those it shows: some hosts load a widget only when another asks for it.
    """

    kind = t.Unicode().tag(sync=True)
    children = t.List(t.Unicode()).tag(sync=True)
    uid = t.Unicode(read_only=True).tag(sync=True)
    bundle = t.Unicode().tag(sync=True)
    runtime = t.Unicode().tag(sync=True)

    _layout: ipywidgets.Layout | None = None

    def __init__(self, **traits: Any) -> None:
        if PageWidget._layout is None or PageWidget._layout.comm is None:
            PageWidget._layout = ipywidgets.Layout()
        traits.setdefault("layout", PageWidget._layout)
        super().__init__(**self._code(), **traits)
        _hear_while_busy(self)
        self.on_msg(self._asked)

    def _code(self) -> dict[str, str]:
        """Sets what this widget carries of the front end; the traits that find the rest."""
        self._esm = bundled("stub.js")
        runtime = Runtime.shared()
        return {"bundle": runtime.bundle, "runtime": f"IPY_MODEL_{runtime.model_id}"}

    def _asked(self, _: Any, message: Any, _buffers: Any) -> None:
        # Where the page's widgets cannot reach each other, each is asked for the front end itself.
        if (answer := front_end(message)) is not None:
            self.send(answer)

    @t.default("uid")
    def _new_uid(self) -> str:
        return uuid.uuid4().hex[:12]

    def release(self) -> None:
        """The cell that showed this shows something else now."""
        self.close()


class StreamView(PageWidget):
    """The live view of one stream. Display it; the stream starts if it has not.

    `status`, `model` and, from the end on, `text`, `usage` and `metrics` can be observed. `value` is `text`.
    """

    status = t.Unicode("pending").tag(sync=True)
    model = t.Unicode().tag(sync=True)
    interruptible = t.Bool(False).tag(sync=True)
    options = t.Dict().tag(sync=True)
    snapshot = t.Dict().tag(sync=True)
    text = t.Unicode()
    value = t.Unicode()
    usage = t.Dict(allow_none=True)
    metrics = t.Dict()

    def __init__(self, stream: Stream, **options: Any) -> None:
        self.stream = stream
        self.frames = FrameLog()
        self._clock = _FrameClock(self)
        self._metrics_sent = 0.0
        self._measurements = 0
        self._sampled = (0, 0)
        self._said: dict[str, Any] = {}
        self._pulled = 0
        self._lock = threading.Lock()
        self._when_ended: list[Callable[[], None]] = []
        super().__init__(
            model=stream.source.model,
            interruptible=_kernel_is_deaf(),
            options={"title": stream.title, **options},
        )
        self.on_msg(self._heard)
        stream.on(self._event)
        self._pull()
        if stream.ended:
            self.flush()
            self._finish()

    def release(self) -> None:
        self.stream.stop()
        self.close()

    def when_ended(self, callback: Callable[[], None]) -> None:
        """Call `callback()` once, when the last frame has been sent."""
        self._when_ended.append(callback)
        if self.status in ("done", "stopped", "error"):
            self._call_when_ended()

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """The whole transcript rides only in a full state, as a reloaded page asks for it."""
        state = super().get_state(key, drop_defaults)
        if key is None:
            state["snapshot"] = self._snapshot()
        return state

    def _snapshot(self) -> dict[str, Any]:
        return {**self.frames.snapshot(), **self._measured(everything=True)}

    # ── kernel to view ────────────────────────────────────────────────────────

    def _pull(self) -> None:
        """Take over what the stream has and this view has not."""
        with self._lock:
            for event in self.stream.events[self._pulled :]:
                self.frames.add(event)
                self._pulled += 1

    def _event(self, event: StreamEvent) -> None:
        self._pull()
        if type(event) is RunEnd:
            self._clock.close()
            self.flush()
            self._finish()
        else:
            if self.status != "running":
                self.status = self.stream.status
            self._clock.schedule()

    def flush(self) -> bool:
        """Send the next frame now; False where there is nothing to send."""
        frame = self.frames.take()
        if frame is None:
            return False
        now = time.monotonic()
        if frame["events"][-1]["type"] == "run_end" or now - self._metrics_sent >= METRICS_INTERVAL:
            self._metrics_sent = now
            frame.update(self._measured())
        self._say(frame)
        return True

    def beat(self) -> None:
        self._say({"kind": "beat", "n": self.frames.n})

    def _finish(self) -> None:
        stream = self.stream
        with self.hold_trait_notifications():
            self.text = self.value = stream.text
            usage = stream.usage
            self.usage = {n: getattr(usage, n) for n in usage.__struct_fields__} if usage else None
            self.metrics = stream.metrics.to_dict()
        self.status = stream.status
        self._call_when_ended()

    def _call_when_ended(self) -> None:
        callbacks, self._when_ended = self._when_ended, []
        for callback in callbacks:
            callback()

    def _measured(self, everything: bool = False) -> Frame:
        """Figures and samples: those that are new since the last frame, or all."""
        metrics = self.stream.metrics
        time = self.stream.events[-1].time if self.stream.events else 0.0
        now = figures(metrics, time)
        if everything:
            return {"metrics": now, "samples": metrics.series.since(0, 0)}
        samples = metrics.series.since(*self._sampled)
        self._sampled = (metrics.series.width, len(metrics.series.counts) - 1)
        detailed = metrics.elapsed is not None or self._measurements % 4 == 0
        self._measurements += 1
        news = {
            name: value
            for name, value in now.items()
            if self._said.get(name) != value and (detailed or name not in DETAILS)
        }
        self._said.update(news)
        return {"metrics": news, "samples": samples}

    def _say(self, message: Frame) -> None:
        comm = self.comm
        kernel = getattr(comm, "kernel", None)
        if comm is None:
            return
        if kernel is None or not Runtime.shared().hydrates:
            self.send(message)
            return
        # A third of a small frame is the header of the cell's request, which such a page does not need.
        content = {"comm_id": comm.comm_id, "data": {"method": "custom", "content": message}}
        kernel.session.send(kernel.iopub_socket, "comm_msg", content, ident=comm.topic)

    # ── view to kernel ────────────────────────────────────────────────────────

    def _heard(self, _: Any, message: Any, _buffers: Any) -> None:
        kind = message.get("kind") if isinstance(message, dict) else None
        self.stream.attend()
        if kind == "hello":
            have = message.get("have")
            answer = self.frames.since(have if isinstance(have, int) else 0)
            self._say({**answer, **self._measured(everything=True)})
        elif kind == "history":
            self._say({"kind": "history", "events": history(self.stream.events)})
        elif kind == "stop":
            self.stream.stop()
            self._say({"kind": "ack", "action": "stop"})
        elif kind == "approve":
            self.stream.approve(str(message.get("call_id")), message.get("decision") == "approved")


class _FrameClock:
    """Decides when a view's next frame goes; runs on the stream's own loop."""

    streaming: ClassVar[weakref.WeakSet[_FrameClock]] = weakref.WeakSet()

    def __init__(self, view: StreamView) -> None:
        self._view = weakref.ref(view)
        self._timer: asyncio.TimerHandle | None = None
        self._sent = 0.0
        self._waiting = False

    def schedule(self) -> None:
        """Something happened: send it as soon as this view may."""
        if self._waiting:
            return
        self.streaming.add(self)
        self._waiting = True
        due = self._sent + frame_interval(len(self.streaming)) - time.monotonic()
        self._arm(max(due, 0.0))

    def close(self) -> None:
        self.streaming.discard(self)
        self._waiting = True
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self, delay: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        view = self._view()
        if view is None:
            return
        self._waiting = False
        if not view.flush():
            view.beat()
        self._sent = time.monotonic()
        self._arm(BEAT_INTERVAL)


def _hear_while_busy(widget: anywidget.AnyWidget) -> None:
    """ipykernel 7.4 answers a widget on the thread that last sent to it, which a blocked cell holds."""
    if hasattr(widget.comm, "_reply_subshell_for"):
        setattr(widget.comm, "_reply_subshell_for", None)  # noqa: B010


def _kernel_is_deaf() -> bool:
    """Whether a busy cell keeps this kernel from hearing its widgets (ipykernel before 7)."""
    ipykernel = sys.modules.get("ipykernel")
    version = getattr(ipykernel, "version_info", (7,))
    return version[0] < 7
