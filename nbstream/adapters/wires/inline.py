"""Reasoning that stands inside the text, as a model writes it whose server does not take it apart.

`<think>…</think>` and its kin, also with the closing tag alone (chat templates of DeepSeek R1 and
Qwen3-Thinking open it themselves), and OpenAI's Harmony channels (gpt-oss). Source: the models' cards,
https://cookbook.openai.com/articles/openai-harmony
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

#: A piece of the answer: words of a kind; "again": the text so far was thinking, these words; "back": the
#: thinking so far was text, these words; "message": what follows is another message; "call": the name of
#: a tool that is called, "arguments": a piece of what with, "called": that was all.
Kind = Literal["text", "thinking", "again", "back", "message", "call", "arguments", "called"]
Piece = tuple[Kind, str]

_NAMES = ("think", "thinking", "thought", "thoughts", "reasoning", "seed:think", "longcat_think")
#: What opens reasoning at the beginning of an answer, with what closes it.
OPENERS: dict[str, str] = {
    **{f"<{name}>": f"</{name}>" for name in _NAMES},
    "[think]": "[/think]",
    "◁think▷": "◁/think▷",
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "<|start_thinking|>": "<|end_thinking|>",
    "<|channel>thought": "<channel|>",
}
_CLOSERS = tuple(OPENERS.values())
_HARMONY = ("<|channel|>", "<|start|>", "<|message|>")
#: What may stand around the answer itself, after the reasoning.
_WRAPPERS = {
    "<|begin_of_solution|>": "<|end_of_solution|>",
    "<|start_response|>": "<|end_response|>",
}
_STARTS = (*OPENERS, *_CLOSERS, *_HARMONY)
_LONE = re.compile("|".join(re.escape(f"</{name}>") for name in _NAMES), re.IGNORECASE)
_OPENING = re.compile("|".join(re.escape(f"<{name}>") for name in _NAMES), re.IGNORECASE)
_TOKEN = re.compile(r"<\|(start|channel|message|end|return|call|constrain)\|>")
#: gpt-oss without its special tokens: "analysisThe user …assistantfinalHello"
_BARE_FINAL = "assistantfinal"

#: An answer whose text has grown so long was not reasoning, whatever comes.
MAX_KEPT = 4_000_000


class Splitter:
    """The text of one choice, in pieces cut anywhere, as pieces of one kind each.

    A tag counts where a model would put it: the opening one before the first word, the closing one alone
    where reasoning can end. A text that talks about the tags stays text. `watching` is False once nothing
    can change any more; `kept` then is None, and else the text said so far, which may turn out to have
    been reasoning.
    """

    def __init__(self, *, parsed: bool = False) -> None:
        """`parsed`: the server has taken reasoning apart itself, so no opening tag is one."""
        self.watching = True
        self.kept: list[str] | None = None
        self._size = 0
        self._state = self._start
        self._buffer = ""
        self._parsed = parsed
        self._close = self._wrap = ""
        self._fresh = False  # reasoning has begun and said nothing yet
        self._spaced = False
        self._thought: list[str] = []
        self._header = ""
        self._channel: Kind | None = None
        self._spoke = False

    def feed(self, text: str) -> list[Piece]:
        text, self._buffer = self._buffer + text, ""
        return [piece for piece in self._state(text, False) if piece[1] or piece[0] != "text"]

    def end(self, finished: bool) -> list[Piece]:
        """What waited for more; `finished`: the model ended its answer itself."""
        if not self.watching:
            return []
        text, self._buffer = self._buffer, ""
        pieces: list[Piece] = list(self._state(text, True))
        if self._state == self._think and finished and self._spaced:
            # "<think> is a tag …": never closed, so it was the text that began with it
            words = "".join([*self._thought, *(piece[1] for piece in pieces)])
            pieces = [("back", self._opener + words)]
        self._stop()
        return [piece for piece in pieces if piece[1] or piece[0] != "text"]

    @property
    def quiet(self) -> bool:
        """Whether text without `<` passes as it is, and only has to be kept."""
        return self._state == self._pass and not self._buffer and not self._bare

    # ── states: each takes what has arrived and whether that is all ────────────

    _opener = ""
    _bare = False

    def _start(self, text: str, last: bool) -> Iterator[Piece]:
        stripped = text.lstrip()
        low = stripped[:24].lower()
        begun = any(t.startswith(low) for t in _STARTS if len(low) < len(t))
        if not last and (
            not stripped or begun or (len(stripped) < 8 and "analysis".startswith(stripped))
        ):
            self._buffer = text
            return
        for opener, closer in OPENERS.items():
            if low.startswith(opener) and not self._parsed:
                self._opener = stripped[: len(opener)]
                yield from self._open(stripped[len(opener) :], closer, last)
                return
        for closer in _CLOSERS:
            if low.startswith(closer):
                yield from self._after(stripped[len(closer) :], last)
                return
        if low.startswith(_HARMONY):
            self._state = self._harmony
            self._channel = None
            yield from self._harmony(stripped, last)
            return
        if self._parsed:
            self._stop()
            yield "text", text
            return
        self._bare = stripped.startswith("analysis")
        self._state, self.kept = self._pass, []
        yield from self._pass(text, last)

    def _open(self, text: str, closer: str, last: bool) -> Iterator[Piece]:
        self._state, self._close, self._fresh = self._think, closer, True
        self._thought = []
        self._spaced = False
        yield from self._think(text, last)

    def _think(self, text: str, last: bool) -> Iterator[Piece]:
        if self._fresh and text:
            if not self._thought:
                self._spaced = self._spaced or text[0] == " "
            text = text.lstrip("\n") if text.strip() or not last else ""
            if not text:
                return
            self._fresh = False
        at = text.lower().find(self._close)
        if at < 0:
            cut = len(text) if last else _whole(text, self._close)
            self._buffer = text[cut:]
            if cut:
                self._thought.append(text[:cut])
                yield "thinking", text[:cut]
            return
        self._thought = []
        if words := text[:at].rstrip():
            yield "thinking", words
        yield from self._after(text[at + len(self._close) :], last)

    def _after(self, text: str, last: bool) -> Iterator[Piece]:
        """Behind reasoning: more of it, or the answer without the empty lines between."""
        self._state = self._after
        stripped = text.lstrip()
        low = stripped[:24].lower()
        known = (*OPENERS, *_WRAPPERS)
        if not last and (
            not stripped or any(t.startswith(low) for t in known if len(low) < len(t))
        ):
            self._buffer = stripped
            return
        for opener, closer in OPENERS.items():
            if low.startswith(opener) and not self._parsed:
                self._opener = stripped[: len(opener)]
                yield "thinking", "\n\n"
                yield from self._open(stripped[len(opener) :], closer, last)
                return
        for opener, closer in _WRAPPERS.items():
            if low.startswith(opener):
                self._state, self._wrap, self._fresh = self._body, closer, True
                yield from self._body(stripped[len(opener) :], last)
                return
        self._stop()
        yield "text", stripped

    def _body(self, text: str, last: bool) -> Iterator[Piece]:
        if self._fresh:
            text = text.lstrip()
            self._fresh = not text
        at = text.lower().find(self._wrap)
        if at >= 0:
            self._stop()
            yield "text", text[:at].rstrip() + text[at + len(self._wrap) :].strip()
            return
        cut = len(text) if last else _whole(text, self._wrap)
        self._buffer = text[cut:]
        yield "text", text[:cut]

    def _pass(self, text: str, last: bool) -> Iterator[Piece]:
        """Text, unless a closing tag shows that it was reasoning."""
        assert self.kept is not None
        if self._bare and (at := text.find(_BARE_FINAL)) >= 0:
            words = "".join([*self.kept, text[:at]]).removeprefix("analysis")
            yield "again", words
            yield from self._after(text[at + len(_BARE_FINAL) :], last)
            return
        if found := _LONE.search(text):
            if found.end() == len(text) and not last:
                self._buffer = text
                return
            before = "".join([*self.kept, text[: found.start()]])
            if _ends_reasoning(before, text[found.end() :]):
                yield "again", before.rstrip()
                yield from self._after(text[found.end() :], last)
            else:
                self._stop()
                yield "text", text
            return
        if _OPENING.search(text):
            self._stop()
            yield "text", text
            return
        cut = len(text) if last else min(_partial(text), _whole(text, _BARE_FINAL, self._bare))
        self._buffer = text[cut:]
        self.kept.append(text[:cut])
        self._size += cut
        if self._size > MAX_KEPT:
            self._stop()
        yield "text", text[:cut]

    def _harmony(self, text: str, last: bool) -> Iterator[Piece]:
        at = 0
        for token in _TOKEN.finditer(text):
            yield from self._spoken(text[at : token.start()])
            at = token.end()
            name = token[1]
            if name == "message":
                yield from self._headed()
            elif name in ("start", "channel"):
                if self._channel is not None:
                    yield from self._closed()
                self._header += f" {name} "
            elif name == "constrain":
                self._header += " "
            else:
                yield from self._closed()
        rest = text[at:]
        mark = rest.rfind("<")
        if not last and mark >= 0 and any(t.startswith(rest[mark:]) for t in _TOKENS):
            self._buffer = rest[mark:]
            rest = rest[:mark]
        yield from self._spoken(rest)
        if last:
            if self._channel is None and self._header.strip() and "start" not in self._header:
                yield "text", self._header.strip()
            yield from self._closed()

    def _spoken(self, text: str) -> Iterator[Piece]:
        if not text:
            return
        if self._channel is None:
            self._header += text
            return
        yield self._channel, text
        self._spoke = self._spoke or self._channel == "text"

    def _headed(self) -> Iterator[Piece]:
        words, self._header = self._header.split(), ""
        called = next((w.partition("=")[2] for w in words if w.startswith("to=")), "")
        if called.startswith("functions."):
            self._channel = "arguments"
            yield "call", called.removeprefix("functions.")
        else:
            self._channel = "thinking" if "analysis" in words or called else "text"
            if self._channel == "text" and self._spoke:
                yield "message", ""

    def _closed(self) -> Iterator[Piece]:
        channel, self._channel = self._channel, None
        self._header = ""
        if channel == "arguments":
            yield "called", ""

    def _stop(self) -> None:
        self.watching, self.kept = False, None


_TOKENS = tuple(
    f"<|{name}|>" for name in ("start", "channel", "message", "end", "return", "call", "constrain")
)


def _whole(text: str, tag: str, applies: bool = True) -> int:
    """How much of `text` cannot be the beginning of `tag`, nor white space before it."""
    if not applies:
        return len(text)
    low = text.lower()
    for size in range(min(len(tag) - 1, len(text)), 0, -1):
        if low.endswith(tag[:size]):
            text = text[:-size]
            break
    return len(text.rstrip()) if tag[0] != "a" else len(text)


def _partial(text: str) -> int:
    """How much of `text` cannot be the beginning of a tag."""
    at = text.rfind("<")
    if at < 0 or len(text) - at > 16:
        return len(text)
    tail = text[at:].lower()
    begun = any(f"</{name}>".startswith(tail) or f"<{name}>".startswith(tail) for name in _NAMES)
    return at if begun else len(text)


def _ends_reasoning(before: str, after: str) -> bool:
    """Whether a closing tag that nothing opened ends reasoning, and is not one that is talked about."""
    if before.count("```") % 2 or (before and before[-1] in "`\"'“‘«("):
        return False
    if after[:1] in ("`", '"', "'", "”", "’", "»", ")"):
        return False
    line = before.rpartition("\n")[2]
    if line.count("`") % 2:
        return False
    return not line.strip() or after[:1] in ("\n", "") or not before[-1].isspace()
