"""The answer without a kernel or a script: the forms that are saved in the notebook and exported.

The HTML is what an untrusted notebook's sanitiser leaves alone: plain inline styles, `<details>`, no
script, no `<style>`, no inline SVG. Model text is rendered with raw HTML shown as text, and remote images
become links, so that opening a notebook fetches nothing.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from nbstream.events.visible import printable
from nbstream.fold.metrics import Metrics
from nbstream.fold.parts import MediaPart, Part, StepSection, TextPart, ToolPart
from nbstream.fold.recap import Recap
from nbstream.fold.transcript import Transcript, paragraph_break

from .chart import chart_html
from .pieces import definitions_of, pieces_of
from .urls import is_inline_image, is_safe_link, is_web_address

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

SHOWN_WARNINGS = 3
UNFINISHED = "unfinished when this was saved"
#: How a data frame stands in a tool's result.
_TABLE = re.compile(r"\|.*\|\n\|( --- \|)+\n")

_NONE = Markup("")
_PANEL = "margin:8px 0;padding:4px 12px;border:1px solid #8884;border-radius:8px"
_MUTED = "opacity:0.7;font-size:0.9em"
_STEP = "margin:8px 0;padding-left:12px;border-left:2px solid #8884"
_CELL = "padding:2px 16px 2px 0;text-align:left"


def to_markdown(transcript: Transcript) -> str:
    """The answer as markdown, with tool calls and an error as quotes."""
    pieces: list[str] = []
    for step, parts in transcript.sections():
        pieces.append(f"\n\n**{step.name}** ({step.cost})\n\n" if step else "\n\n")
        for part in parts:
            pieces += [_break_before(part, pieces[-1]), _part_markdown(part)]
    if note := ending(transcript):
        pieces.append(f"\n\n> {note}")
    if recap := Recap(transcript):
        pieces.append(f"\n\n---\n\n{recap.to_text()}")
    return "".join(pieces).strip("\n")


def _break_before(part: Part, before: str) -> str:
    """The empty line before another message of the same answer."""
    if not isinstance(part, TextPart) or not part.paragraph:
        return ""
    return paragraph_break(before, part.text, True)


def _part_markdown(part: Part) -> str:
    if isinstance(part, ToolPart):
        return f"\n\n> **{part.name}**(`{part.arguments_text}`) {part.outcome}\n\n"
    if isinstance(part, MediaPart):
        source = part.url or f"data:{part.mime};base64,{part.data}"
        shown = is_inline_image(source) or is_web_address(source)
        return f"![{part.alt}]({source})" if shown else f"[{part.alt or part.mime}]"
    return part.text if part.kind != "thinking" and part.choice == 0 else ""


def to_text(transcript: Transcript) -> str:
    """The answer as plain text, with the reason where it was cut, and what a workflow's steps took.

    It may be printed in a terminal: nothing in it is a command.
    """
    note = ending(transcript)
    pieces = [transcript.text, f"[{note}]" if note else "", Recap(transcript).to_text()]
    return printable("\n\n".join(filter(None, pieces)))


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
    mark = marker(uid, metrics.elapsed is not None)
    title = _NONE
    if transcript.title:
        title = Markup("<div><b>{}</b></div>").format(transcript.title)
    above = _muted(note, "white-space:pre-line") if note else _NONE
    body = _NONE.join(
        _section(step, _parts(parts, "json" if step and step.structured else format, thinking))
        for step, parts in transcript.sections()
    )
    ended = chart and metrics.elapsed is not None
    whole = Markup('<div class="nbstream-static"{}>{}{}{}{}{}{}{}{}{}</div>').format(
        mark,
        title,
        above,
        body,
        _error(transcript),
        _sources(transcript),
        _warnings(transcript),
        _recap(Recap(transcript)),
        # Never empty space: one that has not begun has nothing else to show.
        _muted(summary(transcript, metrics) or UNFINISHED),
        chart_html([("", metrics, transcript)], _MUTED) if ended else "",
    )
    return str(whole)


def marker(uid: str, ended: bool) -> Markup:
    """Says in html for which live view it stands, and whether there is more to come; nothing without `uid`."""
    if not uid:
        return _NONE
    status = _NONE if ended else Markup(' data-status="running"')
    return Markup(' data-nbstream="{}"{}').format(uid, status)


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
        return UNFINISHED if transcript.status == "running" else ""
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


def _muted(text: str, style: str = "") -> Markup:
    return Markup('<div style="{}">{}</div>').format(f"{_MUTED};{style}".rstrip(";"), text)


def _plain(text: str, style: str = "") -> Markup:
    """Text as it is, its line breaks kept."""
    return Markup('<pre style="{}">{}</pre>').format(
        f"white-space:pre-wrap;{style}".rstrip(";"), text
    )


def _folded(summary: Markup, body: Markup) -> Markup:
    return Markup('<details style="{}">{}{}</details>').format(_PANEL, summary, body)


def _section(step: StepSection | None, html: list[Markup]) -> Markup:
    if step is None:
        return _NONE.join(html)
    agent = f" {step.agent}" if step.agent and step.agent != step.name else ""
    return Markup(
        '<div style="{}"><div><b>{}</b><span style="{}">{} · {}</span></div>{}</div>'
    ).format(_STEP, step.name, _MUTED, agent, step.cost, _NONE.join(html))


def _parts(parts: list[Part], format: str, thinking: bool) -> list[Markup]:
    html: list[Markup] = []
    answer: list[str] = []

    def flush() -> None:
        if answer:
            html.append(_answer("".join(answer), format))
            answer.clear()

    for part in parts:
        if isinstance(part, TextPart) and part.kind == "text":
            if part.choice == 0:
                answer += [_break_before(part, answer[-1]) if answer else "", part.text]
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


def _answer(text: str, format: str) -> Markup:
    return _rendered(text) if format == "markdown" else _plain(text)


def _aside(part: TextPart) -> Markup:
    if part.kind == "refusal":
        return Markup('<div style="{}">{}</div>').format(_PANEL, part.text)
    seconds = max(part.until - part.time, 0.0)
    return _folded(
        Markup('<summary style="{}">Thought for {:.0f} s</summary>').format(_MUTED, seconds),
        Markup('<div style="white-space:pre-wrap;{}">{}</div>').format(
            _MUTED, part.text or "(not shown by the provider)"
        ),
    )


def _tool(part: ToolPart) -> Markup:
    arguments = part.preview or (
        part.arguments_text if part.arguments is None else _json(part.arguments)
    )
    shown = _io("Arguments", arguments) if arguments not in ("", "{}") else _NONE
    if part.result not in (None, "", "stopped"):
        result = part.result if isinstance(part.result, str) else _json(part.result)
        shown += _io("Error" if part.status == "error" else "Result", result)
    summary = Markup('<summary><b>{}</b> <span style="{}">{}</span></summary>')
    return _folded(summary.format(part.name, _MUTED, part.outcome), shown)


def _io(label: str, text: str) -> Markup:
    shown = _rendered(text) if _TABLE.match(text) else _plain(text, "margin:0 0 6px")
    return _muted(label) + shown


def _media(part: MediaPart) -> Markup:
    source = f"data:{part.mime};base64,{part.data}"
    if part.data and is_inline_image(source):
        return _image(source, part.alt)
    label = part.alt or part.mime
    if is_web_address(part.url):
        return Markup("<p>{}</p>").format(_link(part.url, label))
    return Markup("<p>[{}]</p>").format(label)


def _image(source: str, alt: str) -> Markup:
    return Markup('<img style="max-width:100%" alt="{}" src="{}">').format(alt, source)


def _link(url: str, label: str) -> Markup:
    if not is_safe_link(url):
        return Markup('<a title="{}">{}</a>').format(url[:2_000], label)
    return Markup('<a href="{}" rel="noopener noreferrer">{}</a>').format(url, label)


def _error(transcript: Transcript) -> Markup:
    error = transcript.error
    if error is None:
        return _NONE
    hint = Markup("<div>{}</div>").format(error.hint) if error.hint else ""
    return Markup('<div style="{};border-color:#d33"><b>{}</b>{}</div>').format(
        _PANEL, error.message, hint
    )


def _warnings(transcript: Transcript) -> Markup:
    messages = list(dict.fromkeys(warning.message for warning in transcript.warnings))[
        :SHOWN_WARNINGS
    ]
    return _NONE.join(_muted(message) for message in messages)


def _sources(transcript: Transcript) -> Markup:
    seen: dict[str, Markup] = {}
    for citation in transcript.citations:
        if is_web_address(citation.url):
            seen.setdefault(citation.url, _link(citation.url, citation.title or citation.url))
        elif name := citation.title or citation.quote[:80]:  # a file, which has no address
            seen.setdefault(name, Markup.escape(name))
    if not seen:
        return _NONE
    items = _NONE.join(Markup("<li>{}</li>").format(shown) for shown in seen.values())
    return Markup("<details><summary>Sources ({})</summary><ol>{}</ol></details>").format(
        len(seen), items
    )


def _recap(recap: Recap) -> Markup:
    """What the steps of a workflow took, as a table."""
    if not recap:
        return _NONE
    row = Markup('<tr><td style="{}">{}. {}</td><td style="{}">{}</td></tr>')
    rows = _NONE.join(
        row.format(_CELL, n, step.label, _CELL, step.cost)
        for n, step in enumerate(recap.steps, start=1)
    )
    return Markup('<table style="margin:8px 0">{}</table><div>{}</div>').format(rows, recap.total)


def _json(value: Any) -> str:
    """On one line where it fits."""
    try:
        line = json.dumps(value, ensure_ascii=False, default=repr)
        return line if len(line) <= 80 else _indented(value)
    except (RecursionError, ValueError):  # it holds itself, or more than a document should
        return f"[{type(value).__name__} that is nested too deep to be shown]"


def _indented(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, default=repr)


def _rendered(markdown: str) -> Markup:
    parser, env = _markdown(), {}
    if definitions := definitions_of(markdown):
        parser.parse(definitions, env)
    return Markup("".join(parser.render(piece, env) for piece in pieces_of(markdown)))


@lru_cache(maxsize=1)
def _markdown() -> MarkdownIt:
    """CommonMark with GFM's tables and strikethrough; raw HTML is text, images are links."""
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML

    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    renderer = RendererHTML()

    def image(tokens: Any, index: int, options: Any, env: Any) -> str:
        token = tokens[index]
        source, label = str(token.attrs.get("src", "")), token.content or "image"
        return _image(source, label) if is_inline_image(source) else _link(source, label)

    def link(tokens: Any, index: int, options: Any, env: Any) -> str:
        """A link that may not be opened keeps its text, and says where it went when it is pointed at."""
        token = tokens[index]
        url = str(token.attrs.get("href", ""))
        title = str(token.attrs.get("title", ""))
        if not is_safe_link(url):
            token.attrs = {"title": f"{title} ({url[:2_000]})" if title else url[:2_000]}
        elif not url.startswith("#"):
            token.attrs["rel"] = "noopener noreferrer"
        return renderer.renderToken(tokens, index, options, env)

    markdown.add_render_rule("image", lambda _self, *args: image(*args))
    markdown.add_render_rule("link_open", lambda _self, *args: link(*args))
    # every address becomes a link, and is judged where it is drawn, in one place
    markdown.validateLink = lambda _: True  # type: ignore[method-assign]
    return markdown
