"""The answer without a kernel or a script: the forms that are saved in the notebook and exported.

The HTML is what an untrusted notebook's sanitiser leaves alone: plain inline styles, `<details>`, no
script, no `<style>`, no inline SVG. Model text is rendered with raw HTML shown as text, and remote images
become links, so that opening a notebook fetches nothing.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, Any

from nbstream.events.visible import printable
from nbstream.fold.metrics import Metrics
from nbstream.fold.parts import MediaPart, Part, Step, TextPart, ToolPart
from nbstream.fold.recap import Recap
from nbstream.fold.transcript import Transcript

from .picture import chart_html

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

#: Data URLs of images above this many characters stay out of the saved notebook.
MAX_IMAGE = 2_000_000
SHOWN_WARNINGS = 3
#: How a data frame stands in a tool's result.
_TABLE = re.compile(r"\|.*\|\n\|( --- \|)+\n")

_PANEL = "margin:8px 0;padding:4px 12px;border:1px solid #8884;border-radius:8px"
_MUTED = "opacity:0.7;font-size:0.9em"
_STEP = "margin:8px 0;padding-left:12px;border-left:2px solid #8884"


def to_markdown(transcript: Transcript) -> str:
    """The answer as markdown, with tool calls and an error as quotes."""
    pieces: list[str] = []
    for step, parts in transcript.sections():
        pieces.append(f"\n\n**{step.name}** ({step.cost})\n\n" if step else "\n\n")
        pieces += [_part_markdown(part) for part in parts]
    if note := ending(transcript):
        pieces.append(f"\n\n> {note}")
    if recap := Recap(transcript):
        pieces.append(f"\n\n---\n\n{recap.to_text()}")
    return "".join(pieces).strip("\n")


def _part_markdown(part: Part) -> str:
    if isinstance(part, ToolPart):
        return f"\n\n> **{part.name}**(`{part.arguments_text}`) {part.outcome}\n\n"
    if isinstance(part, MediaPart):
        source = part.url or f"data:{part.mime};base64,{part.data}"
        return f"![{part.alt}]({source})" if len(source) < MAX_IMAGE else f"[{part.mime}]"
    return part.text if part.kind != "thinking" and part.choice == 0 else ""


def to_text(transcript: Transcript) -> str:
    """The answer as plain text, with the reason where it was cut, and what a workflow's steps took.

    It may be printed in a terminal: nothing in it is a command.
    """
    note = ending(transcript)
    said = [transcript.text, f"[{note}]" if note else "", Recap(transcript).to_text()]
    return printable("\n\n".join(filter(None, said)))


def to_html(
    transcript: Transcript,
    metrics: Metrics,
    *,
    uid: str = "",
    format: str = "markdown",
    thinking: bool = True,
    note: str = "",
    chart: bool = True,
) -> str:
    """The whole run as one self-contained piece of HTML; `uid` names the live model it stands for.

    A run that has ended is followed by its speed chart, folded, unless `chart` is False.
    """
    marker = f' data-nbstream="{escape(uid)}"' if uid else ""
    title = f"<div><b>{escape(transcript.title)}</b></div>" if transcript.title else ""
    above = f'<div style="{_MUTED};white-space:pre-line">{escape(note)}</div>' if note else ""
    body = "".join(
        _section(step, _parts(parts, "json" if step and step.structured else format, thinking))
        for step, parts in transcript.sections()
    )
    ended = chart and metrics.elapsed is not None
    picture = chart_html([("", metrics, transcript)], _MUTED) if ended else ""
    return (
        f'<div class="nbstream-static"{marker}>{title}{above}{body}{_error(transcript)}{_sources(transcript)}'
        f"{_warnings(transcript)}{Recap(transcript).to_html()}"
        f'<div style="{_MUTED}">{escape(summary(transcript, metrics))}</div>{picture}</div>'
    )


def summary(transcript: Transcript, metrics: Metrics) -> str:
    """One line: model, tokens, rate, waiting, time, and how it ended."""
    sign = "~" if metrics.estimated else ""
    facts = [transcript.model] if transcript.model else []
    if metrics.output_tokens:
        facts.append(f"{sign}{metrics.output_tokens:,} tokens")
    if metrics.tokens_per_second is not None:
        facts.append(f"{sign}{metrics.tokens_per_second:,.0f} tok/s")
    if metrics.ttft is not None:
        facts.append(f"first token {metrics.ttft:.2f} s")
    if metrics.elapsed is not None:
        facts.append(f"{metrics.elapsed:.1f} s")
    if (note := ending(transcript)) and not transcript.error:
        facts.append(note)
    return " · ".join(facts)


def ending(transcript: Transcript) -> str:
    """Why the answer is not whole, in a few words; "" where it is."""
    if transcript.error is not None:
        return f"{transcript.error.message}"
    if transcript.finish_reason is None:
        return "unfinished when this was saved" if transcript.status == "running" else ""
    if reason := _ENDINGS.get(transcript.finish_reason):
        return reason
    return "ended without a finish reason" if transcript.incomplete else ""


_ENDINGS = {
    "length": "truncated: the token limit was reached",
    "stopped": "stopped",
    "content_filter": "cut by the provider's content filter",
    "refusal": "refused",
    "pause": "paused by the provider",
}


def _section(step: Step | None, html: list[str]) -> str:
    if step is None:
        return "".join(html)
    agent = f" {escape(step.agent)}" if step.agent and step.agent != step.name else ""
    head = f'<b>{escape(step.name)}</b><span style="{_MUTED}">{agent} · {step.cost}</span>'
    return f'<div style="{_STEP}"><div>{head}</div>{"".join(html)}</div>'


def _parts(parts: list[Part], format: str, thinking: bool) -> list[str]:
    html: list[str] = []
    answer: list[str] = []

    def flush() -> None:
        if answer:
            html.append(_answer("".join(answer), format))
            answer.clear()

    for part in parts:
        if isinstance(part, TextPart) and part.kind == "text":
            if part.choice == 0:
                answer.append(part.text)
            continue
        if isinstance(part, TextPart) and part.kind == "thinking":
            shown = thinking and (
                part.text or part.redacted
            )  # a signature alone is for the provider
            if not shown:
                continue
        flush()
        if isinstance(part, TextPart):
            html.append(_aside(part))
        elif isinstance(part, ToolPart):
            html.append(_tool(part))
        else:
            html.append(_media(part))
    flush()
    return html


def _answer(text: str, format: str) -> str:
    if format == "markdown":
        return _markdown().render(text)
    return f'<pre style="white-space:pre-wrap">{escape(text)}</pre>'


def _aside(part: TextPart) -> str:
    if part.kind == "refusal":
        return f'<div style="{_PANEL}">{escape(part.text)}</div>'
    seconds = max(part.until - part.time, 0.0)
    shown = escape(part.text) or "(not shown by the provider)"
    return (
        f'<details style="{_PANEL}"><summary style="{_MUTED}">Thought for {seconds:.0f} s</summary>'
        f'<div style="white-space:pre-wrap;{_MUTED}">{shown}</div></details>'
    )


def _tool(part: ToolPart) -> str:
    arguments = part.arguments_text if part.arguments is None else _json(part.arguments)
    shown = _io("Arguments", arguments) if arguments not in ("", "{}") else ""
    if part.result not in (None, "", "stopped"):
        result = part.result if isinstance(part.result, str) else _json(part.result)
        shown += _io("Error" if part.status == "error" else "Result", result)
    return (
        f'<details style="{_PANEL}"><summary><b>{escape(part.name)}</b> '
        f'<span style="{_MUTED}">{part.outcome}</span></summary>{shown}</details>'
    )


def _io(label: str, text: str) -> str:
    if _TABLE.match(text):
        shown = _markdown().render(text)
    else:
        shown = f'<pre style="white-space:pre-wrap;margin:0 0 6px">{escape(text)}</pre>'
    return f'<div style="{_MUTED}">{label}</div>{shown}'


def _media(part: MediaPart) -> str:
    if part.mime.startswith("image/") and part.data and len(part.data) < MAX_IMAGE:
        source = f"data:{escape(part.mime)};base64,{escape(part.data)}"
        return f'<img style="max-width:100%" alt="{escape(part.alt)}" src="{source}">'
    label = escape(part.alt or part.mime)
    if part.url.startswith(("https://", "http://")):
        return f'<p><a href="{escape(part.url)}" rel="noopener noreferrer">{label}</a></p>'
    return f"<p>[{label}]</p>"


def _error(transcript: Transcript) -> str:
    error = transcript.error
    if error is None:
        return ""
    hint = f"<div>{escape(error.hint)}</div>" if error.hint else ""
    return f'<div style="{_PANEL};border-color:#d33"><b>{escape(error.message)}</b>{hint}</div>'


def _warnings(transcript: Transcript) -> str:
    said = list(dict.fromkeys(warning.message for warning in transcript.warnings))[:SHOWN_WARNINGS]
    return "".join(f'<div style="{_MUTED}">{escape(message)}</div>' for message in said)


def _sources(transcript: Transcript) -> str:
    seen: dict[str, str] = {}
    for citation in transcript.citations:
        if citation.url.startswith(("https://", "http://")):
            seen.setdefault(citation.url, citation.title or citation.url)
    if not seen:
        return ""
    items = "".join(
        f'<li><a href="{escape(url)}" rel="noopener noreferrer">{escape(title)}</a></li>'
        for url, title in seen.items()
    )
    return f"<details><summary>Sources ({len(seen)})</summary><ol>{items}</ol></details>"


def _json(value: Any) -> str:
    """On one line where it fits."""
    line = json.dumps(value, ensure_ascii=False, default=repr)
    return (
        line if len(line) <= 80 else json.dumps(value, ensure_ascii=False, indent=2, default=repr)
    )


@lru_cache(maxsize=1)
def _markdown() -> MarkdownIt:
    """CommonMark with GFM's tables and strikethrough; raw HTML is text, images are links."""
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])

    def image(tokens: Any, index: int, options: Any, env: Any) -> str:
        token = tokens[index]
        source, label = str(token.attrs.get("src", "")), escape(token.content or "image")
        if source.startswith("data:image/") and len(source) < MAX_IMAGE:
            return f'<img style="max-width:100%" alt="{label}" src="{escape(source)}">'
        return f'<a href="{escape(source)}" rel="noopener noreferrer">{label}</a>'

    markdown.add_render_rule("image", lambda _self, *args: image(*args))
    return markdown
