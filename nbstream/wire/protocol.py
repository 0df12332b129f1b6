"""What kernel and page say to each other, and what they both must know.

`js/protocol.py` makes the page's types of it. A name in `typescript` stands for a type that is made elsewhere.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec

from nbstream.fold.iteration import TokenSource
from nbstream.fold.tables import Row
from nbstream.fold.transcript import Status

# ── figures ───────────────────────────────────────────────────────────────────


class Figures(msgspec.Struct, frozen=True):
    """What the page shows of `stream.metrics`; times in seconds, null where unknown.

    `stall_spans`: start and length of each stall. `gap_bins`: bin and number of the waits between deltas.
    `iteration_spans`: step, number, start, first and last content of each request.
    """

    ttft: float | None = None
    ttfv: float | None = None
    elapsed: float | None = None
    input_tokens: int | None = None
    cached_tokens: int | None = None
    thinking_tokens: int | None = None
    output_tokens: int = 0
    token_source: TokenSource = "deltas"
    tokens_per_second: float | None = None
    server_tokens_per_second: float | None = None
    current_rate: float | None = None
    cost: float | None = None
    decode_time: float = 0.0
    tool_time: float = 0.0
    gap_p50: float | None = None
    gap_p95: float | None = None
    gap_p99: float | None = None
    gap_max: float | None = None
    deltas: int = 0
    stall_spans: list[tuple[float, float]] = []
    gap_bins: list[tuple[int, int]] = []
    iteration_spans: list[tuple[str, int, float, float | None, float | None]] = []


#: Figures that only an open chart shows: once a second is enough.
DETAILS = ("gap_p50", "gap_p95", "gap_p99", "gap_bins", "decode_time", "iteration_spans")

#: Figures as they travel: what is unknown or has not changed is left out.
News = Annotated[dict[str, Any], msgspec.Meta(extra={"typescript": "Partial<Figures>"})]
WireEvent = Annotated[dict[str, Any], msgspec.Meta(extra={"typescript": "WireEvent"})]


# ── kernel to page ────────────────────────────────────────────────────────────


class Measured(TypedDict, total=False):
    """`samples`: the width of a bin in milliseconds, the number of the first bin, and the bins."""

    metrics: News
    samples: list[int]


class Frame(Measured):
    """What happened since the frame before."""

    kind: Literal["frame"]
    n: int
    events: list[WireEvent]


class Grow(Measured):
    """A frame that only goes on with the delta which the frame before ended with.

    `delta`: its text, how many deltas it was, the time of the first and of the last (0 where it is one).
    """

    kind: Literal["grow"]
    n: int
    delta: tuple[str, int, float, float]


class Frames(Measured):
    """The frames after one, up to another. Of several pieces all but the last say which frame they reach."""

    kind: Literal["frames"]
    after: int
    n: int
    until: NotRequired[int]
    events: list[WireEvent]


class Beat(TypedDict):
    """Nothing new; `n` is the latest frame."""

    kind: Literal["beat"]
    n: int


class History(TypedDict):
    """The run in pieces of a moment each."""

    kind: Literal["history"]
    events: list[WireEvent]


class Ack(TypedDict):
    """It was heard."""

    kind: Literal["ack"]
    action: Literal["stop"]


class Seen(TypedDict):
    """Does anybody see the run? Who does says watch."""

    kind: Literal["seen"]


#: What a stream's widget hears.
FromKernel = Frame | Grow | Frames | Beat | History | Ack | Seen

Point = Annotated[
    list[float],
    msgspec.Meta(extra={"typescript": "[series: number, time: number, value: number]"}),
]


class Points(TypedDict):
    kind: Literal["points"]
    points: list[Point]


class Clear(TypedDict):
    kind: Literal["clear"]


ChartMessage = Points | Clear

ModuleName = Literal["chart", "languages", "math"]


class Bundle(TypedDict):
    """The front end."""

    kind: Literal["bundle"]
    code: str
    css: str


class Module(TypedDict):
    """A part of the front end that is not in the first load."""

    kind: Literal["module"]
    name: ModuleName
    code: str


class Posts(TypedDict):
    """Messages for several widgets, by their uids."""

    kind: Literal["posts"]
    posts: Annotated[
        dict[str, Any], msgspec.Meta(extra={"typescript": "Record<string, FromKernel>"})
    ]


#: What the widget of the front end hears.
RuntimeMessage = Bundle | Module | Posts


# ── page to kernel ────────────────────────────────────────────────────────────


class Request(msgspec.Struct, tag_field="kind"):
    pass


class Hello(Request, tag="hello"):
    """A view that has all frames up to `have`."""

    have: int


class Stop(Request, tag="stop"):
    pass


class AskHistory(Request, tag="history"):
    pass


class Watch(Request, tag="watch"):
    """Somebody sees the run."""


class Unseen(Request, tag="unseen"):
    """Every view of the run has left the page, which is still there."""


class Approve(Request, tag="approve"):
    """A decision: on the question of that id, where the kernel gave one."""

    call_id: str
    decision: Literal["approved", "denied"]
    approval_id: str = ""


class AskPoints(Request, tag="hello"):
    """A chart that has none."""


class AskBundle(Request, tag="bundle"):
    pass


class AskForms(Request, tag="forms"):
    """The saved forms again: a page that was loaded meanwhile has missed them."""


class AskModule(Request, tag="module"):
    name: ModuleName


class Ready(Request, tag="ready"):
    """The front end runs. `hydrates`: in one document, in which it finds the places of views."""

    hydrates: bool


class Rerun(Request, tag="rerun"):
    index: int


class PickWinner(Request, tag="winner"):
    index: int | None


class Open(Request, tag="open"):
    index: int | None


RuntimeRequest = AskBundle | AskModule | Ready
ToKernel = AskBundle | Hello | Stop | AskHistory | Watch | Unseen | Approve
GroupRequest = Stop | Rerun | PickWinner
BatchRequest = Stop | Open


def request(message: object, kinds: Any) -> Any:
    """A message of the page as one of `kinds`, a request or a union of them; None for anything else."""
    if not isinstance(message, dict) or "kind" not in message:
        return None
    try:
        return msgspec.convert(message, kinds)
    except (msgspec.ValidationError, RecursionError):
        return None


# ── state ─────────────────────────────────────────────────────────────────────

WidgetKind = Literal["", "group", "batch", "chart", "table"]

#: How an answer reads.
Format = Literal["markdown", "text", "code", "json"]

#: Waits, runs, is done, failed, was stopped.
BatchState = Literal[".", "r", "d", "e", "s"]


class Snapshot(Measured, total=False):
    """The run so far, up to frame `n`; 0 where it is too long for a widget's state."""

    n: int
    events: list[WireEvent]


class Options(TypedDict, total=False):
    """How a stream's view looks."""

    chart: bool | Literal["open"]
    thinking: Literal["auto", "hidden"]
    format: Format
    title: str
    note: str


class Progress(TypedDict, total=False):
    """Of a batch; the rate is that of the last seconds."""

    tokens: int
    elapsed: float
    tokens_per_second: float
    cost: float


class RuntimeTraits(TypedDict):
    """`bundle`: which front end this is."""

    bundle: str


class WidgetTraits(RuntimeTraits):
    """What every widget has.

    `runtime`: `IPY_MODEL_<id>` of the widget that carries the bundle; empty where each carries it.
    `children`: the ids of the widgets that this one shows.
    """

    kind: WidgetKind
    uid: str
    runtime: str
    children: list[str]


class StreamTraits(WidgetTraits):
    """`interruptible`: Stop must interrupt the kernel, which cannot hear messages while a cell runs.

    `snapshot` is filled only when a front end asks for the full state, e.g. after a reload.
    """

    status: Status
    model: str
    interruptible: bool
    options: Options
    snapshot: Snapshot


class GroupTraits(WidgetTraits):
    """`panes`: the uids of the streams' widgets. `winner`: the place of the picked one, or -1."""

    panes: list[str]
    names: list[str]
    winner: int


class BatchTraits(WidgetTraits):
    """`states`: a `BatchState` for each prompt. `opened`: the uid of the stream's widget that is shown."""

    states: str
    labels: list[str]
    figures: Progress
    opened: str


class ChartTraits(WidgetTraits):
    title: str
    unit: str
    series: list[str]
    snapshot: list[Point]


class TableTraits(WidgetTraits):
    rows: list[Row]


class SavedPage(TypedDict):
    """What a page carries that holds one run."""

    code: str
    css: str
    options: Options
    modules: Annotated[
        dict[str, str], msgspec.Meta(extra={"typescript": "Partial<Record<ModuleName, string>>"})
    ]
    events: list[WireEvent]
    metrics: News
    samples: list[int]
