"""What a server refuses and can do without: it is asked once more, and remembered for the model.

One table of rules. Each finds itself in an error, and changes a body so that the error does not come again.
They are applied in the table's order, which is the order in which one needs the other: words in the place of
a schema become part of the system prompt, before a server that knows no system prompt gets it as the user's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from nbstream.events.errors import ProviderError

from .refusal import Body, ErrorText, Refusal
from .refused_messages import (
    apply_alternate,
    apply_between,
    apply_ids,
    apply_late,
    apply_system,
    find_alternate,
    find_between,
    find_ids,
    find_late,
    find_system,
    joined_content,
)
from .refused_parameters import (
    apply_adaptive,
    apply_drop,
    apply_limit,
    apply_rename,
    apply_stream,
    find_adaptive,
    find_drop,
    find_limit,
    find_rename,
    find_stream,
)

SCHEMA = "Answer with nothing but JSON that fits this schema:\n"
JSON = "Answer with nothing but JSON."

_REFUSING = re.compile(
    r"unsupported|not support|n't support|not accept|n't accept|unknown|unrecogni[sz]ed|unexpected|not (permitted|allowed)"
    r"|extra (inputs|fields)|not enabled|unavailable|not available|not implemented|deprecated"
    r"|cannot (both )?be|can't (both )?be|may only be|must be unset|or unset|forbidden|incompatible"
    r"|not compatible|only the default|invalid (parameter|argument|field|schema)|no longer"
    r"|not recogni[sz]ed|additional propert|cannot find field|not (a )?valid|no such|without"
    r"|are supported|is supported"
)


def refused(error: ProviderError, body: Body, known: tuple[Refusal, ...]) -> Refusal | None:
    """What of `body` the error names that can be left out or said in another way; None for any other error."""
    if error.status not in (None, 400, 404, 405, 415, 422, 500, 501):
        return None
    words = (
        f"{error.message} {error.body}".replace("\\n", " ").replace('\\"', '"').replace("\\", "")
    )
    words = words.lower()
    sentences = re.split(r"(?<=[^.])[.;!]\s|\n", words)
    error_text = ErrorText(
        error.param, error.code.lower(), words, [s for s in sentences if _REFUSING.search(s)]
    )
    coded = bool(
        re.search(r"unsupported|unknown_param|extra_forbidden|unrecogni", error_text.codes)
    )
    for name, rule in _RULES.items():
        if error.status in (500, 501, None) and not rule.anywhere:
            continue
        if not (coded or error_text.refused or rule.anyhow):
            continue
        found = rule.find(error_text, body)
        if found is not None:
            found = msgspec.structs.replace(found, rule=name)
            if found not in known and apply(body, (*known, found))[0] != body:
                return found
    return None


def apply(body: Body, known: tuple[Refusal, ...]) -> tuple[Body, list[Refusal]]:
    """`body` as the server takes it, and which refusals made a difference."""
    made = []
    for name, rule in _RULES.items():
        for refusal in known:
            if refusal.rule == name:
                changed = rule.apply(body, refusal)
                if changed != body:
                    made.append(refusal)
                body = changed
    return body, made


class Memory:
    """What servers have refused in this session, by model."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], tuple[Refusal, ...]] = {}

    def of(self, *model: str) -> tuple[Refusal, ...]:
        return self._known.get(model, ())

    def learn(self, refusal: Refusal, *model: str) -> tuple[Refusal, ...]:
        if len(self._known) > 1000:  # a notebook that asks ever new servers
            self._known.clear()
        known = self._known[model] = (*self.of(*model), refusal)
        return known


class _Rule(NamedTuple):
    """`anywhere`: also in a 500, where templates fail; `anyhow`: its own words are enough."""

    find: Callable[[ErrorText, Body], Refusal | None]
    apply: Callable[[Body, Refusal], Body]
    anywhere: bool = False
    anyhow: bool = False


# ── a form of answer ──────────────────────────────────────────────────────────


def find_form(error_text: ErrorText, body: Body) -> Refusal | None:
    # named at all is enough: what comes in another form is validated all the same
    named = re.search(
        r"response_?format|json_?schema|response_?json_?schema|response_?schema|json_?object|text\.format"
        r"|response_?mime_?type",
        f"{error_text.param} {error_text.words} {error_text.codes}".lower(),
    ) or re.search(r"structured output|json mode|grammar", " ".join(error_text.refused))
    if not named or _form(body) is None:
        return None
    return Refusal("form", value="words" if _form(body) == "object" else "object")


def _form(body: Body) -> str | None:
    """How the body asks for JSON: by a "schema", as an "object", None where it does not."""
    kind = (body.get("response_format") or {}).get("type")
    kind = kind or ((body.get("text") or {}).get("format") or {}).get("type")
    if kind in ("json_schema", "json_object"):
        return kind.removeprefix("json_")
    config = body.get("generationConfig") or {}
    if "responseJsonSchema" in config or "responseSchema" in config:
        return "schema"
    if config.get("responseMimeType") == "application/json" or body.get("format") == "json":
        return "object"
    return "schema" if isinstance(body.get("format"), dict) else None


def apply_form(body: Body, refusal: Refusal) -> Body:
    form = _form(body)
    if form is None or (form == "object" and refusal.value == "object"):
        return body
    body = dict(body)
    schema: Any = None
    whole = refusal.value == "object"
    if "response_format" in body:
        schema = (body.pop("response_format").get("json_schema") or {}).get("schema")
        if whole:
            body["response_format"] = {"type": "json_object"}
    elif "text" in body:
        text = dict(body.pop("text"))
        schema = text.pop("format").get("schema")
        if whole:
            text["format"] = {"type": "json_object"}
        if text:
            body["text"] = text
    elif "generationConfig" in body:
        config = dict(body.pop("generationConfig"))
        schema = config.pop("responseJsonSchema", None) or config.pop("responseSchema", None)
        if not whole:
            config.pop("responseMimeType", None)
        if config:
            body["generationConfig"] = config
    else:
        given = body.pop("format")
        schema = given if isinstance(given, dict) else None
        if whole:
            body["format"] = "json"
    if schema is not None:
        return _instructed(body, SCHEMA + json.dumps(schema, ensure_ascii=False))
    return body if form == "object" and refusal.value == "words" else _instructed(body, JSON)


def _instructed(body: Body, words: str) -> Body:
    """The body with words more in its system prompt."""
    if "contents" in body:
        parts = (body.get("systemInstruction") or {}).get("parts") or []
        return {**body, "systemInstruction": {"parts": [*parts, {"text": words}]}}
    key = "input" if "input" in body else "messages"
    messages = list(body[key])
    if messages and messages[0].get("role") in ("system", "developer"):
        content = joined_content(messages[0].get("content"), words)
        messages[0] = {**messages[0], "content": content}
    else:
        content = [{"type": "input_text", "text": words}] if key == "input" else words
        messages.insert(0, {"role": "system", "content": content})
    return {**body, key: messages}


_RULES: dict[str, _Rule] = {
    "form": _Rule(
        find_form,
        apply_form,
        anyhow=True,
    ),
    "alternate": _Rule(
        find_alternate,
        apply_alternate,
        anywhere=True,
        anyhow=True,
    ),
    "late": _Rule(
        find_late,
        apply_late,
        anywhere=True,
        anyhow=True,
    ),
    "system": _Rule(
        find_system,
        apply_system,
        anywhere=True,
    ),
    "between": _Rule(
        find_between,
        apply_between,
        anywhere=True,
        anyhow=True,
    ),
    "ids": _Rule(find_ids, apply_ids, anyhow=True),
    "adaptive": _Rule(
        find_adaptive,
        apply_adaptive,
        anyhow=True,
    ),
    "limit": _Rule(
        find_limit,
        apply_limit,
        anyhow=True,
    ),
    "rename": _Rule(find_rename, apply_rename),
    "stream": _Rule(find_stream, apply_stream),
    "drop": _Rule(find_drop, apply_drop),
}
