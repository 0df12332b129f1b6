"""The speed chart as an SVG image: what stays in a saved notebook. Readable on light and dark pages."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

from markupsafe import Markup

from nbstream.fold.metrics import Metrics
from nbstream.fold.parts import TextPart, ToolPart
from nbstream.fold.transcript import Transcript

WIDTH, HEIGHT = 640, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 8, 10, 20
_POINTS = 160
_WINDOW = 0.5
_GREY = "#888"
COLOURS = ("#2a88c8", "#d5782a", "#1f9e7c", "#c06aa2", "#a08a10", "#777")
DASHES = ("", "7 4", "2 3", "9 3 2 3", "4 2", "1 3")


def chart_html(runs: Sequence[tuple[str, Metrics, Transcript | None]], style: str = "") -> Markup:
    """The chart of ended runs (name, metrics, transcript for its shades) in a fold; "" without a rate."""
    drawn = [run for run in runs if run[1].tokens_per_second is not None]
    if not drawn:
        return Markup("")
    source = b64encode(speed_svg(drawn).encode()).decode()
    summary = "; ".join(_words(name, metrics) for name, metrics, _ in drawn)
    return Markup(
        '<details style="{}"><summary>Speed</summary>'
        '<img style="max-width:100%" alt="{}" src="data:image/svg+xml;base64,{}"></details>'
    ).format(style, summary, source)


def speed_svg(runs: Sequence[tuple[str, Metrics, Transcript | None]]) -> str:
    """Tokens a second over the seconds of each run, as an SVG of some kilobytes."""
    curves = [curve(metrics) for _, metrics, _ in runs]
    end = max((metrics.elapsed or metrics.last or 1.0) for _, metrics, _ in runs) or 1.0
    top = max((value for points in curves for _, value in points), default=1.0) * 1.1 or 1.0
    across, up = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM

    def x(time: float) -> str:
        return f"{_LEFT + across * min(time / end, 1):.1f}"

    def y(value: float) -> str:
        return f"{_TOP + up * (1 - min(value / top, 1)):.1f}"

    shapes: list[Markup] = []
    if len(runs) == 1:
        _, metrics, transcript = runs[0]
        shade = Markup('<rect x="{}" y="{}" width="{:.1f}" height="{}" fill="{}"/>')
        for colour, start, stop in _shades(metrics, transcript):
            width = max(float(x(stop)) - float(x(start)), 1)
            shapes.append(shade.format(x(start), _TOP, width, up, colour))
        if metrics.ttft is not None:
            first = Markup('<path d="M{} {}v{}" stroke="#2e9e4a" stroke-width="1.5"/>')
            shapes.append(first.format(x(metrics.ttft), _TOP, up))
    line = Markup('<path d="M{} {}h{}" stroke="{}"/>')
    for step in (0.5, 1.0):
        value = top / 1.1 * step
        label = Markup('<text x="{}" y="{}" dy="4" text-anchor="end">{:.0f}</text>')
        shapes.append(line.format(_LEFT, y(value), across, "#8883"))
        shapes.append(label.format(_LEFT - 5, y(value), value))
    shapes.append(line.format(_LEFT, y(0), across, "#8886"))
    for i in range(5):
        at = end * i / 4
        label = Markup('<text x="{}" y="{}" text-anchor="{}">{:.{}f} s</text>')
        anchor = "end" if i == 4 else "middle"
        shapes.append(label.format(x(at), HEIGHT - 5, anchor, at, 1 if end < 20 else 0))
    for i, (points, (name, _, _)) in enumerate(zip(curves, runs, strict=True)):
        if not points:
            continue
        colour, dash = COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)]
        path = "L".join(f"{x(time)} {y(value)}" for time, value in points)
        drawn = Markup(
            '<path d="M{}" fill="none" stroke="{}" stroke-width="1.8" '
            'stroke-dasharray="{}" stroke-linejoin="round"/>'
        )
        shapes.append(drawn.format(path, colour, dash))
        if len(runs) > 1:
            legend = Markup('<text x="{}" y="{}" text-anchor="end" style="fill:{}">{}</text>')
            shapes.append(legend.format(WIDTH - _RIGHT, _TOP + 10 + 13 * i, colour, name))
    shapes.append(Markup('<text x="{}" y="{}">tok/s</text>').format(_LEFT, _TOP - 1))
    whole = Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{0}" height="{1}">'
        "<style>text{{font:11px sans-serif;fill:{2}}}</style>{3}</svg>"
    ).format(WIDTH, HEIGHT, _GREY, Markup("").join(shapes))
    return str(whole)


def curve(metrics: Metrics) -> list[tuple[float, float]]:
    """(time, tokens a second over the last half second) of a run, at most 160 of them."""
    series, each = metrics.series, metrics.tokens_per_delta
    width = series.width / 1000
    first = next((i for i, count in enumerate(series.counts) if count), None)
    if first is None:
        return []
    back = max(round(_WINDOW / width), 2)
    sums = [0]
    for count in series.counts[first:]:
        sums.append(sums[-1] + count)
    points: list[tuple[float, float]] = []
    for n in range(2, len(sums)):
        since = max(n - back, 0)
        points.append(((first + n) * width, (sums[n] - sums[since]) * each / ((n - since) * width)))
    if len(points) > 2 and metrics.last is not None and points[-1][0] > metrics.last:
        points.pop()  # the last bin is not full
    step = max(1, -(-len(points) // _POINTS))
    return [
        (points[i][0], sum(value for _, value in points[i : i + step]) / len(points[i : i + step]))
        for i in range(0, len(points), step)
    ]


def _shades(metrics: Metrics, transcript: Transcript | None) -> list[tuple[str, float, float]]:
    shades = [("#8882", each.start, each.first) for each in metrics.iterations if each.first]
    for part in transcript.parts if transcript else ():
        if isinstance(part, TextPart) and part.kind == "thinking":
            shades.append(("#c06aa244", part.time, part.until))
        elif isinstance(part, ToolPart):
            shades.append(("#d5782a44", part.time, part.until))
    return shades + [("#d3333355", start, start + gap) for start, gap in metrics.stalls]


def _words(name: str, metrics: Metrics) -> str:
    facts = [f"first token after {metrics.ttft or 0:.2f} s"]
    facts.append(f"{metrics.tokens_per_second or 0:.0f} tokens per second on average")
    facts += [f"a stall of {gap:.1f} s at {start:.1f} s" for start, gap in metrics.stalls]
    return f"{name}: " * bool(name) + ", ".join(facts)
