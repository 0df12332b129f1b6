from __future__ import annotations

import re
from base64 import b64decode
from pathlib import Path
from xml.etree import ElementTree

import pytest

from nbstream.events import RunEnd, RunStart, TextDelta, stamp
from nbstream.fold.metrics import Metrics
from nbstream.fold.transcript import Transcript
from nbstream.logs.recording import read_recording
from nbstream.render.chart import chart_html, curve, speed_svg
from nbstream.render.saved import to_html

TAPES = Path(__file__).parent / "tapes"
SVG = "{http://www.w3.org/2000/svg}"


def run(name: str) -> tuple[Metrics, Transcript]:
    metrics, transcript = Metrics(), Transcript()
    for event in read_recording(TAPES / name):
        metrics.apply(event)
        transcript.apply(event)
    return metrics, transcript


def test_the_curve_is_the_schedule():
    metrics = Metrics()
    for i in range(1000):
        metrics.apply(stamp(TextDelta(0, "x"), i, 0.5 + i / 100))
    points = curve(metrics)
    assert len(points) <= 160
    assert all(value == pytest.approx(100, rel=0.05) for _, value in points)
    assert points[-1][0] == pytest.approx(10.5, abs=0.2)


def test_the_picture_is_an_svg_with_its_shades():
    metrics, transcript = run("agent.jsonl")
    svg = ElementTree.fromstring(speed_svg([("", metrics, transcript)]))
    fills = [rect.get("fill") for rect in svg.iter(f"{SVG}rect")]
    assert fills.count("#8882") == 2  # both requests waited
    assert fills.count("#c06aa244") == fills.count("#d5782a44") == 1  # thinking, the tool
    metrics, transcript = run("stall.jsonl")
    svg = ElementTree.fromstring(speed_svg([("", metrics, transcript)]))
    (stall,) = [rect for rect in svg.iter(f"{SVG}rect") if rect.get("fill") == "#d3333355"]
    assert float(stall.get("width") or 0) == pytest.approx(592 * 2 / 4.4, abs=0.2)


def test_the_saved_form_says_it_in_words_and_fetches_nothing():
    metrics, transcript = run("stall.jsonl")
    html = to_html(transcript, metrics)
    assert "a stall of 2.0 s at 1.4 s" in html
    match = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', html)
    assert match is not None
    ElementTree.fromstring(b64decode(match.group(1)))
    assert len(match.group(1)) < 8000
    assert "Speed" not in to_html(transcript, metrics, chart=False)


def test_names_are_text_and_runs_without_a_rate_are_left_out():
    metrics, _ = run("stall.jsonl")
    svg = speed_svg([("<script>", metrics, None), ("b", metrics, None)])
    assert "<script>" not in svg
    ElementTree.fromstring(svg)
    empty = Metrics()
    for event in (RunStart("r"), RunEnd("stop")):
        empty.apply(event)
    assert chart_html([("", empty, None)]) == ""
