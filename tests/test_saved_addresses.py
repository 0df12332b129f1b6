"""Addresses in a saved answer: what the live view would open, and nothing else."""

from __future__ import annotations

import re

import pytest

import nbstream as nb
from nbstream.events import Citation, ContentPart, RunEnd, RunStart, TextDelta
from nbstream.render.response import fold
from nbstream.render.saved import to_html

OPENED = [
    "https://example.com/a?b=c#d",
    "http://10.0.0.1:80",
    "HTTPS://EXAMPLE.COM",
    "mailto:a@b.c",
    "#note",
]
REFUSED = [
    "page.html",
    "/login",
    "../x",
    "?next=1",
    "//host/x",
    "/\\\\host",
    "blob:https://example.com/1",
    "data:text/html;base64,PHNjcmlwdD4=",
    "data:image/svg+xml;base64,PHN2Zz4=",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "&#106;avascript:alert(1)",
    "vbscript:x",
    "file:///etc/passwd",
    "ftp://host/x",
    "vscode://file/x",
    "https:host",
    "https://",
    "http:///x",
]


def saved(*events) -> str:
    folded = fold([RunStart("r"), *events, RunEnd("stop")])
    return to_html(folded.transcript, folded.metrics)


def addresses(html: str) -> list[str]:
    return re.findall(r"""(?:href|src|srcset|action|background|poster)\s*=\s*"([^"]*)""", html)


@pytest.mark.parametrize("url", OPENED)
def test_what_opens(url):
    for text in (f"[go]({url})", f"<{url}>" if ":" in url else f"[go]({url})"):
        (found,) = addresses(saved(TextDelta(0, text)))
        assert found.lower().startswith(url.lower()[:10])


@pytest.mark.parametrize("url", REFUSED)
def test_what_does_not(url):
    texts = [
        f"[go](<{url}>)",
        f"![go](<{url}>)",
        f"[go][1]\n\n[1]: <{url}>",
        f"| a |\n| --- |\n| [go](<{url}>) |",
    ]
    for text in texts:
        html = saved(TextDelta(0, text))
        assert addresses(html) == []
        assert "go" in html
    assert (
        addresses(saved(TextDelta(0, "x"), Citation(0, "t", url), Citation(0, "t", url=url))) == []
    )
    assert addresses(saved(TextDelta(0, "x"), ContentPart(1, "image/png", url=url))) == []


def test_images_that_stand_in_the_address():
    png = "data:image/png;base64,iVBORw0="
    assert addresses(saved(TextDelta(0, f"![p]({png})"))) == [png]
    assert addresses(saved(ContentPart(0, "image/png", "iVBORw0="))) == [png]
    for mime in ("image/svg+xml", 'image/png" onerror="x', "text/html"):
        assert addresses(saved(ContentPart(0, mime, "iVBORw0="))) == []
    (link,) = addresses(saved(TextDelta(0, "![p](https://example.com/p.png)")))
    assert link == "https://example.com/p.png"  # a link: nothing is fetched by looking


def test_no_tag_of_the_models_is_one():
    html = saved(
        TextDelta(0, "<script>alert(1)</script> <img src=x onerror=alert(1)> <a href='/x'>y</a>")
    )
    assert "<script" not in html and "<img" not in html and addresses(html) == []


def test_what_holds_itself_is_saved_all_the_same():
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    events = [
        nb.events.ToolCallStart("c", 0, "t"),
        nb.events.ToolCallEnd("c", deep),
        nb.events.ToolResult("c", deep),
    ]
    assert "nested too deep" in saved(*events)
