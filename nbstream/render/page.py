"""A run as one HTML file: the live view with its chart and slider, offline, for whoever gets the file.

The file carries the front end and the run's events, and may not fetch anything. Without scripts it shows
the static form.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256

import msgspec
from markupsafe import Markup

from nbstream.events import StreamEvent
from nbstream.fold.metrics import Metrics
from nbstream.fold.transcript import Transcript
from nbstream.wire.bundle import bundled
from nbstream.wire.frames import figures, history
from nbstream.wire.protocol import Format, ModuleName, SavedPage

from .saved import to_html

_FENCE = re.compile(r"^[ >]*(?:```+|~~~+)[ ]*([^\s`]+)", re.MULTILINE)
#: Languages of code blocks that need no further module.
_KNOWN = frozenset(
    "python py javascript js typescript ts json bash sh shell yaml yml html xml r diff text".split()
)
_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0; background: light-dark(#fff, #17191d); color: light-dark(#222, #ddd); }
main { max-width: 54rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; font: 14px/1.6 system-ui, sans-serif; }
.nbstream [data-action="load-image"] { display: none; }
"""
_PAGE = Markup("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>{answer}</main>
<script type="application/json" id="nbstream-run">{data}</script>
<script>{script}</script>
</body>
</html>
""")


def to_page(
    transcript: Transcript,
    metrics: Metrics,
    events: Sequence[StreamEvent],
    format: Format = "markdown",
) -> str:
    """The run so far as a whole document. `format`: how the answer reads, "markdown" or "json"."""
    script = bundled("saved.js")
    now = events[-1].time if events else 0.0
    texts = "\n".join((transcript.text, transcript.thinking))
    saved: SavedPage = {
        "code": bundled("nbstream.js"),
        "css": bundled("nbstream.css"),
        "options": {"chart": "open", "title": transcript.title, "format": format},
        "modules": {name: bundled(f"module-{name}.js") for name in _modules(texts)},
        "events": history(events),
        "metrics": figures(metrics, now),
        "samples": metrics.series.since(0, 0),
    }
    data = msgspec.json.encode(saved).decode().replace("<", "\\u003c")
    whole = _PAGE.format(
        policy=Markup(_policy(script)),
        title=transcript.title or transcript.model or "nbstream",
        style=Markup(_STYLE),
        answer=Markup(to_html(transcript, metrics, format=format)),
        data=Markup(data),
        script=Markup(script),
    )
    return str(whole)


def _policy(script: str) -> str:
    """No request leaves the page, and no script runs but ours."""
    known = b64encode(sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{known}' blob:; style-src 'unsafe-inline'; "
        "img-src data: blob:; media-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _modules(text: str) -> list[ModuleName]:
    """What the page needs beyond the first load: the chart, perhaps formulas, rarer languages."""
    languages = {name.lower() for name in _FENCE.findall(text)}
    formulas = bool(re.search(r"\$|\\\(|\\\[", text)) or "math" in languages
    wanted: dict[ModuleName, bool] = {
        "chart": True,
        "math": formulas,
        "languages": bool(languages - _KNOWN),
    }
    return [name for name, needed in wanted.items() if needed]
