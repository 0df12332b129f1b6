"""The live view of a stream, as a widget: it follows the run's log and sends what is new."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Callable
from typing import Any, ClassVar, get_args

import msgspec
import traitlets as t

from nbstream import host
from nbstream.events import RunEnd, StreamEvent
from nbstream.fold.transcript import Status
from nbstream.render.saved import to_html, to_markdown, to_text
from nbstream.runs.portal import aside, on_portal, portal
from nbstream.runs.stream import Stream
from nbstream.wire.frames import FrameLog, Shortener, figures, history
from nbstream.wire.protocol import (
    DETAILS,
    Ack,
    Approve,
    AskHistory,
    Beat,
    Frame,
    Grow,
    Hello,
    History,
    Measured,
    Seen,
    Snapshot,
    Stop,
    ToKernel,
    Unseen,
    Watch,
    request,
)

from .base import PageWidget, kernel_is_deaf, send
from .ticker import ticker

#: Seconds between two updates of the figures in the status line.
METRICS_INTERVAL = 0.25
#: Seconds in which another page may say that it sees a run.
GRACE = 2.0


class StreamView(PageWidget):
    """The live view of one stream. Display it; the stream starts if it has not.

    `status`, `model` and, from the end on, `text`, `usage` and `metrics` can be observed. `value` is `text`.
    While the stream runs the view holds it; after that, what it shows is packed, and the stream is free to go.
    """

    status = t.Enum(get_args(Status), "pending", read_only=True).tag(sync=True)
    model = t.Unicode(read_only=True).tag(sync=True)
    interruptible = t.Bool(False, read_only=True).tag(sync=True)
    options = t.Dict().tag(sync=True)
    snapshot = t.Dict().tag(sync=True)
    text = t.Unicode(read_only=True)
    value = t.Unicode(read_only=True)
    usage = t.Dict(allow_none=True, read_only=True)
    metrics = t.Dict(read_only=True)

    #: Whether the run is stopped when nobody can see it any more, nor hold it.
    stops_unseen = True
    _open: ClassVar[weakref.WeakSet[StreamView]] = weakref.WeakSet()

    def __init__(self, stream: Stream, **options: Any) -> None:
        self._stream: Stream | None = stream
        self._weak = weakref.ref(stream)
        self._log = stream.log
        self.frames = FrameLog(stream.events)
        self._shorter = Shortener()
        self._metrics_sent = 0.0
        self._measurements = 0
        self._sampled = (0, 0)
        self._said: dict[str, Any] = {}
        self._final: bytes | None = None
        self._when_ended: list[Callable[[], None]] = []
        self._begun = repr(stream)
        self._unseen: object | None = None
        super().__init__(options={"title": stream.title, **options})
        self.on_msg(self._heard)
        StreamView._open.add(self)
        self._follow()

    # What it begins with is in the message that opens it: one set later would be a message of its own.

    @t.default("model")
    def _own_model(self) -> str:
        return self._stream.source.model if self._stream is not None else ""

    @t.default("interruptible")
    def _own_interruptible(self) -> bool:
        return kernel_is_deaf()

    @property
    def stream(self) -> Stream:
        """The stream. Once it has ended and nobody holds it any more, another one of the same events."""
        stream = self._held
        if stream is None:
            stream = Stream.following(self._log)
            self._weak = weakref.ref(stream)
        return stream

    @property
    def _held(self) -> Stream | None:
        return self._stream or self._weak()

    def shows(self, stream: object) -> bool:
        """Whether it shows this very stream. Makes none anew, as `stream` may."""
        return self._held is stream

    def release(self) -> None:
        if self._stream is not None:
            self._stream.stop()
        self.close()

    def needs(self, loop: asyncio.AbstractEventLoop) -> bool:
        stream = self._held
        return stream is not None and not stream.ended and stream.needs(loop)

    def close(self) -> None:
        ticker.forget(self)
        StreamView._open.discard(self)
        self._stream = None
        super().close()

    def when_ended(self, callback: Callable[[], None]) -> None:
        """Call `callback()` once, when the last frame has been sent."""
        self._when_ended.append(callback)
        if self._final is not None:
            self._call_when_ended()

    def forms(self) -> dict[str, Any]:
        stream = self.stream
        transcript, metrics = stream.transcript, stream.metrics
        # As it begins, programs that log what cells show have one line of it.
        begun, self._begun = self._begun, ""
        text = to_text(transcript) if transcript.finish_reason or not begun else begun
        options = self.options
        return {
            "text/html": to_html(
                transcript,
                metrics,
                uid=self.uid,
                format=options.get("format", "markdown"),
                thinking=options.get("thinking") != "hidden",
                note=options.get("note", ""),
                chart=options.get("chart") is not False,
            ),
            "text/markdown": to_markdown(transcript),
            "text/plain": text,
        }

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """The run so far rides only in a full state, as a reloaded page asks for it."""
        state = super().get_state(key, drop_defaults)
        if key is None:
            state["snapshot"] = self._snapshot()
        return state

    def _snapshot(self, whole: bool = False) -> Snapshot:
        return {**self.frames.snapshot(whole), **self._measured(everything=True)}

    # ── kernel to view ────────────────────────────────────────────────────────

    def _follow(self) -> None:
        """Hear of what happens from now on; what has happened goes out first."""
        reference = weakref.ref(self)

        def hear(event: StreamEvent) -> None:
            if (view := reference()) is not None:
                view._event(event)

        before = self._log.follow(hear)
        if self._log.ended:
            self._end()
        elif before and self.status == "pending":
            self.set_trait("status", "running")
            ticker.news(self, self._log.events[before - 1])

    def _event(self, event: StreamEvent) -> None:
        if type(event) is RunEnd:
            # The log marks the end when all its followers have heard it.
            self._end()
        else:
            if self.status == "pending":
                self.set_trait("status", "running")
            ticker.news(self, event)

    def next_message(self) -> Frame | Grow | None:
        """The next frame, with the figures now and then; None where there is nothing new."""
        frame = self.next_frame()
        if frame is None:
            return None
        message = self._shorter(frame)
        now = time.monotonic()
        last = frame["events"][-1]["type"] == "run_end"
        if last or now - self._metrics_sent >= METRICS_INTERVAL:
            self._metrics_sent = now
            return {**message, **self._measured()}  # type: ignore[return-value]
        return message

    def next_frame(self) -> Frame | None:
        return None if self.comm is None else self.frames.take()

    def beat(self) -> Beat:
        return {"kind": "beat", "n": self.frames.n}

    def flush(self) -> None:
        """Send the next frame now."""
        if (message := self.next_message()) is not None:
            send(self, message)

    def _end(self) -> None:
        stream = self._held
        if self._final is not None or stream is None:
            return
        ticker.forget(self)
        self.flush()
        self._final = msgspec.json.encode(self._figures(stream))
        with self.hold_trait_notifications():
            self.set_trait("text", stream.text)
            self.set_trait("value", stream.text)
            usage = stream.usage
            counts = {n: getattr(usage, n) for n in usage.__struct_fields__} if usage else None
            self.set_trait("usage", counts)
            self.set_trait("metrics", stream.metrics.to_dict())
        self.set_trait("status", stream.status)
        self._call_when_ended()
        self._stream = None
        self._said.clear()

    def _call_when_ended(self) -> None:
        callbacks, self._when_ended = self._when_ended, []
        for callback in callbacks:
            callback()

    def _figures(self, stream: Stream) -> Measured:
        """All figures and samples as they are now."""
        metrics = stream.metrics
        now = self._log.events[-1].time if self._log.events else 0.0
        return {"metrics": figures(metrics, now), "samples": metrics.series.since(0, 0)}

    def _measured(self, everything: bool = False) -> Measured:
        """Figures and samples: those that are new since the last frame, or all."""
        if self._final is not None:
            return msgspec.json.decode(self._final)
        stream = self._held
        if stream is None:
            return {}
        if everything:
            return self._figures(stream)
        metrics = stream.metrics
        now = figures(metrics, self._log.events[-1].time)
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

    # ── view to kernel ────────────────────────────────────────────────────────

    def _heard(self, _: Any, message: Any, _buffers: Any) -> None:
        stream = self._held
        said = request(message, ToKernel)
        if stream is not None and not isinstance(said, Unseen):
            stream.watched()
        match said:
            case Watch():
                self._unseen = None
            case Unseen() if stream is not None and self.stops_unseen:
                self._ask_who_sees()
            case Hello(have):
                self._say_again(have)
            case AskHistory():
                aside(self._tell_history)
            case Stop():
                if stream is not None:
                    stream.stop()
                heard: Ack = {"kind": "ack", "action": "stop"}
                send(self, heard)
            case Approve(call_id, decision, approval_id) if stream is not None:
                stream.approve(approval_id or call_id, decision == "approved")

    def _ask_who_sees(self) -> None:
        """A page has lost its views. Where no other has one, the run may be nobody's."""
        self._unseen = asked = object()
        question: Seen = {"kind": "seen"}
        send(self, question)
        portal().call_soon_threadsafe(portal().call_later, GRACE, self._let_go, asked)

    def _let_go(self, asked: object) -> None:
        stream = self._held
        if stream is None or stream.ended or self._unseen is not asked:
            return
        others = [each for each in list(StreamView._open) if each.shows(stream)]
        if all(each._unseen is not None for each in others) and not host.holds(stream):
            stream.stop()

    def _tell_history(self) -> None:
        told: History = {"kind": "history", "events": history(self._log.events)}
        send(self, told)

    def _say_again(self, have: int) -> None:
        """Send what the page is missing: piece by piece, so that a long run holds nobody up."""
        pieces = self.frames.parts_since(have)
        first = True

        def go_on() -> None:
            nonlocal first
            piece = next(pieces, None)
            if piece is not None:
                measured = self._measured(everything=True) if first else {}
                first = False
                send(self, {**piece, **measured})
                portal().call_soon(go_on)

        if on_portal():
            go_on()
        else:
            portal().call_soon_threadsafe(go_on)
