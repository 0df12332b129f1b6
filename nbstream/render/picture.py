"""The speed chart as a still picture: what stays in a saved notebook. Readable on light and dark pages."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape

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


def chart_html(runs: Sequence[tuple[str, Metrics, Transcript | None]], style: str = "") -> str:
    """The chart of ended runs (name, metrics, transcript for its shades) in a fold; "" without a rate."""
    drawn = [run for run in runs if run[1].tokens_per_second is not None]
    if not drawn:
        return ""
    source = b64encode(speed_svg(drawn).encode()).decode()
    said = "; ".join(_words(name, metrics) for name, metrics, _ in drawn)
    return (
        f'<details style="{style}"><summary>Speed</summary>'
        f'<img style="max-width:100%" alt="{escape(said)}" src="data:image/svg+xml;base64,{source}">'
        "</details>"
    )


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

    shapes: list[str] = []
    if len(runs) == 1:
        _, metrics, transcript = runs[0]
        for colour, start, stop in _shades(metrics, transcript):
            width = max(float(x(stop)) - float(x(start)), 1)
            shapes.append(
                f'<rect x="{x(start)}" y="{_TOP}" width="{width:.1f}" height="{up}" fill="{colour}"/>'
            )
        if metrics.ttft is not None:
            at = x(metrics.ttft)
            shapes.append(f'<path d="M{at} {_TOP}v{up}" stroke="#2e9e4a" stroke-width="1.5"/>')
    for step in (0.5, 1.0):
        value = top / 1.1 * step
        shapes.append(
            f'<path d="M{_LEFT} {y(value)}h{across}" stroke="#8883"/>'
            f'<text x="{_LEFT - 5}" y="{y(value)}" dy="4" text-anchor="end">{value:.0f}</text>'
        )
    shapes.append(f'<path d="M{_LEFT} {y(0)}h{across}" stroke="#8886"/>')
    for i in range(5):
        at = end * i / 4
        anchor = "end" if i == 4 else "middle"
        shapes.append(
            f'<text x="{x(at)}" y="{HEIGHT - 5}" text-anchor="{anchor}">{at:.{1 if end < 20 else 0}f} s</text>'
        )
    for i, (points, (name, _, _)) in enumerate(zip(curves, runs, strict=True)):
        if not points:
            continue
        colour, dash = COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)]
        path = "L".join(f"{x(time)} {y(value)}" for time, value in points)
        shapes.append(
            f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="1.8" '
            f'stroke-dasharray="{dash}" stroke-linejoin="round"/>'
        )
        if len(runs) > 1:
            shapes.append(
                f'<text x="{WIDTH - _RIGHT}" y="{_TOP + 10 + 13 * i}" text-anchor="end" '
                f'style="fill:{colour}">{escape(name)}</text>'
            )
    shapes.append(f'<text x="{_LEFT}" y="{_TOP - 1}">tok/s</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}"><style>text{{font:11px sans-serif;fill:{_GREY}}}</style>'
        f"{''.join(shapes)}</svg>"
    )


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
