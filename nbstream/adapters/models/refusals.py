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

from .fitting import NINE, fit_ids, shortened

Body = dict[str, Any]

SCHEMA = "Answer with nothing but JSON that fits this schema:\n"
JSON = "Answer with nothing but JSON."
#: What an assistant says where a server wants one between a tool's result and the user.
BETWEEN = "I have the result."


class Refusal(msgspec.Struct, frozen=True):
    """One thing a model's server refuses: the rule that found it, and what it needs to know."""

    rule: str
    name: str = ""
    value: Any = None

    def __str__(self) -> str:
        return _RULES[self.rule].warning.format(name=self.name, value=self.value)

    @property
    def loud(self) -> bool:
        """Whether it leaves out what the user asked for, and not only how it is asked."""
        return self.rule == "drop" and self.name.split(".")[-1] not in _INTERNAL


class _ErrorText(NamedTuple):
    """What an error says, ready to be searched."""

    param: str
    codes: str
    words: str
    refused: list[str]


def refused(error: ProviderError, body: Body, known: tuple[Refusal, ...]) -> Refusal | None:
    """What of `body` the error names that can be left out or said in another way; None for any other error."""
    if error.status not in (None, 400, 404, 405, 415, 422, 500, 501):
        return None
    words = (
        f"{error.message} {error.body}".replace("\\n", " ").replace('\\"', '"').replace("\\", "")
    )
    words = words.lower()
    sentences = re.split(r"(?<=[^.])[.;!]\s|\n", words)
    error_text = _ErrorText(
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

    find: Callable[[_ErrorText, Body], Refusal | None]
    apply: Callable[[Body, Refusal], Body]
    warning: str
    anywhere: bool = False
    anyhow: bool = False


_REFUSING = re.compile(
    r"unsupported|not support|n't support|not accept|n't accept|unknown|unrecogni[sz]ed|unexpected|not (permitted|allowed)"
    r"|extra (inputs|fields)|not enabled|unavailable|not available|not implemented|deprecated"
    r"|cannot (both )?be|can't (both )?be|may only be|must be unset|or unset|forbidden|incompatible"
    r"|not compatible|only the default|invalid (parameter|argument|field|schema)|no longer"
    r"|not recogni[sz]ed|additional propert|cannot find field|not (a )?valid|no such|without"
    r"|are supported|is supported"
)
#: How a request is asked, and not what is asked.
_INTERNAL = {"stream_options", "parallel_tool_calls", "store", "include", "cache_control"}
#: Without these a request is none, or another one.
_NEEDED = {"model", "messages", "input", "contents", "prompt", "tools", "stream", "system"}
_NEEDED |= {"systemInstruction", "instructions"}
_NESTED = ("generationConfig", "options", "thinking", "extra_body")


# ── a form of answer ──────────────────────────────────────────────────────────


def _find_form(error_text: _ErrorText, body: Body) -> Refusal | None:
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


def _apply_form(body: Body, refusal: Refusal) -> Body:
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
        content = _joined(messages[0].get("content"), words)
        messages[0] = {**messages[0], "content": content}
    else:
        content = [{"type": "input_text", "text": words}] if key == "input" else words
        messages.insert(0, {"role": "system", "content": content})
    return {**body, key: messages}


# ── roles ─────────────────────────────────────────────────────────────────────


def _find_system(error_text: _ErrorText, body: Body) -> Refusal | None:
    words = f"{' '.join(error_text.refused)}"
    if not _ROLE.search(words) and not re.search(r"\[\d+\]\.role$", error_text.param):
        return None
    roles = {m.get("role") for m in _messages(body)}
    if "developer" in roles and ("developer" in words or "system" not in roles):
        return Refusal("system", value="system")
    return Refusal("system", value="user")


_ROLE = re.compile(
    r"\brole\W{0,5}(of )?\W{0,3}(system|developer)|(system|developer)\W{0,3}(role|message|prompt|instruction)"
    r"|does not support '(system|developer)'|only user,?( assistant)?.{0,30} roles"
    r"|unknown variant .?(system|developer)|(role|variant)s?\W.{0,40}\b(system|developer)\b"
    r"|(system|developer) (messages?|prompts?|instructions?)"
)


def _apply_system(body: Body, refusal: Refusal) -> Body:
    if refusal.value == "system":
        return _with_messages(
            body,
            lambda m: {**m, "role": "system"} if m.get("role") == "developer" else m,
        )
    if parts := (body.get("systemInstruction") or {}).get("parts"):
        body = {k: v for k, v in body.items() if k != "systemInstruction"}
        contents = list(body["contents"])
        at = next((n for n, c in enumerate(contents) if c.get("role") == "user"), None)
        if at is None:
            return {**body, "contents": [{"role": "user", "parts": parts}, *contents]}
        contents[at] = {**contents[at], "parts": [*parts, *contents[at]["parts"]]}
        return {**body, "contents": contents}
    messages = _messages(body)
    told = [m.get("content") for m in messages if m.get("role") in _INSTRUCTING]
    if not told:
        return body
    rest = [m for m in messages if m.get("role") not in _INSTRUCTING]
    content = told[0]
    for more in told[1:]:
        content = _joined(content, more)
    at = next((n for n, m in enumerate(rest) if m.get("role") == "user"), None)
    if at is None:
        rest.insert(0, {"role": "user", "content": content})
    else:
        rest[at] = {**rest[at], "content": _joined(content, rest[at].get("content"))}
    return {**body, "input" if "input" in body else "messages": rest}


_INSTRUCTING = ("system", "developer")


def _find_late(error_text: _ErrorText, body: Body) -> Refusal | None:
    if re.search(r"system message must be (at the beginning|the first|first)", error_text.words):
        return Refusal("late")
    return None


def _apply_late(body: Body, refusal: Refusal) -> Body:
    messages = _messages(body)
    told = [m for m in messages if m.get("role") in _INSTRUCTING]
    if not told or [messages[0]] == told:
        return body
    content = told[0].get("content")
    for more in told[1:]:
        content = _joined(content, more.get("content"))
    rest = [m for m in messages if m.get("role") not in _INSTRUCTING]
    first = {**told[0], "content": content}
    return {**body, "input" if "input" in body else "messages": [first, *rest]}


def _find_between(error_text: _ErrorText, body: Body) -> Refusal | None:
    refuses = re.search(
        r"unexpected role 'user' after role 'tool'|'user' after .{0,20}'tool'", error_text.words
    )
    return Refusal("between") if refuses else None


def apply_between(body: Body, _: Refusal | None = None) -> Body:
    """An assistant's word between a tool's result and what the user says next."""
    messages: list[Any] = []
    for message in body["messages"]:
        if message.get("role") == "user" and messages and messages[-1].get("role") == "tool":
            messages.append({"role": "assistant", "content": BETWEEN})
        messages.append(message)
    return {**body, "messages": messages} if len(messages) > len(body["messages"]) else body


def _find_alternate(error_text: _ErrorText, body: Body) -> Refusal | None:
    alternate = re.search(r"roles must alternate|must alternate between", error_text.words)
    return Refusal("alternate") if alternate else None


def _apply_alternate(body: Body, _: Refusal) -> Body:
    """Neighbours of one role are one message, and the instructions are the user's."""
    body = _apply_system(body, Refusal("system", value="user"))
    messages: list[Any] = []
    for message in body.get("messages") or ():
        before = messages[-1] if messages else {}
        plain = not message.get("tool_calls") and not before.get("tool_calls")
        if plain and message.get("role") == before.get("role") and message.get("role") != "tool":
            content = _joined(before.get("content"), message.get("content"))
            messages[-1] = {**before, "content": content}
        else:
            messages.append(message)
    return {**body, "messages": messages} if messages else body


def _messages(body: Body) -> list[Any]:
    return [m for m in body.get("messages") or body.get("input") or () if isinstance(m, dict)]


def _with_messages(body: Body, change: Callable[[Any], Any]) -> Body:
    key = "input" if "input" in body else "messages"
    return {**body, key: [change(message) for message in body.get(key) or ()]}


def _joined(before: Any, after: Any) -> Any:
    """Two contents as one, texts with an empty line between."""
    if not before or not after:
        return before or after
    if isinstance(before, str) and isinstance(after, str):
        return f"{before}\n\n{after}"
    kind = "input_text" if _responses(before) or _responses(after) else "text"

    def parts(content: Any) -> list[Any]:
        return [{"type": kind, "text": content}] if isinstance(content, str) else list(content)

    return [*parts(before), *parts(after)]


def _responses(content: Any) -> bool:
    return isinstance(content, list) and any(
        isinstance(part, dict) and str(part.get("type")).startswith("input_") for part in content
    )


# ── ids ───────────────────────────────────────────────────────────────────────


def _find_ids(error_text: _ErrorText, body: Body) -> Refusal | None:
    if re.search(r"tool call id.{0,80}(length of 9|a-z, a-z, 0-9)", error_text.words):
        return Refusal("ids", value=9)
    long = re.search(
        r"tool_calls?\b.{0,20}\bid\W.{0,40}too long.{0,120}maximum length (\d+)", error_text.words
    )
    long = long or re.search(
        r"call_id\W.{0,40}too long.{0,120}maximum length (\d+)", error_text.words
    )
    return Refusal("ids", value=int(long[1])) if long else None


def _apply_ids(body: Body, refusal: Refusal) -> Body:
    if "messages" not in body:
        return body
    rule = NINE if refusal.value == 9 else shortened(refusal.value)
    return {**body, "messages": fit_ids(body["messages"], rule)}


# ── limits ────────────────────────────────────────────────────────────────────

_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens")


def _find_rename(error_text: _ErrorText, body: Body) -> Refusal | None:
    for name, other in (_LIMITS[:2], _LIMITS[1::-1]):
        if name not in body or "anthropic_version" in body:
            continue
        named = error_text.param == name or any(
            re.search(rf"\b{name}\b", s) for s in error_text.refused
        )
        if named and not _find_limit(error_text, body):
            return Refusal("rename", name, other)
    return None


def _apply_rename(body: Body, refusal: Refusal) -> Body:
    if refusal.name not in body:
        return body
    left = {name: value for name, value in body.items() if name != refusal.name}
    return {**left, refusal.value: body[refusal.name]}


def _find_limit(error_text: _ErrorText, body: Body) -> Refusal | None:
    holder = body.get("generationConfig") or body
    for name in _LIMITS:
        asked = holder.get(name)
        if not isinstance(asked, int) or not re.search(r"max_?\w*_?tokens", error_text.words):
            continue
        for pattern in _AT_MOST:
            if found := re.search(pattern, error_text.words):
                most = int(found[1].replace(",", ""))
                if 0 < most < asked:
                    return Refusal("limit", name, most)
    return None


_AT_MOST = (
    r"max_tokens: \d+ > (\d+)",
    r"supports? at most (\d[\d,]*)",
    r"less than or equal to\W{0,3}(\d[\d,]*)",
    r"valid range of max_\w*tokens is \[\d+, ?(\d+)\]",
    r"max(?:imum)? (?:allowed )?(?:value|number of (?:output|completion) tokens)\D{0,30}?(\d[\d,]*)",
    r"supported range is from \d+ \(inclusive\) to (\d+)",
    r"(?:must be|should be|cannot exceed|not exceed|at most|<=)\D{0,20}?(\d[\d,]*)",
)


def _apply_limit(body: Body, refusal: Refusal) -> Body:
    inner = body.get("generationConfig") or {}
    if isinstance(inner.get(refusal.name), int) and inner[refusal.name] > refusal.value:
        return {**body, "generationConfig": {**inner, refusal.name: refusal.value}}
    asked = body.get(refusal.name)
    if not isinstance(asked, int) or asked <= refusal.value:
        return body
    body = {**body, refusal.name: refusal.value}
    budget = (body.get("thinking") or {}).get("budget_tokens")
    if isinstance(budget, int) and budget >= refusal.value:
        body["thinking"] = {**body["thinking"], "budget_tokens": max(1024, refusal.value - 1024)}
    return body


# ── thinking ──────────────────────────────────────────────────────────────────


def _find_adaptive(error_text: _ErrorText, body: Body) -> Refusal | None:
    asked = (
        (body.get("thinking") or {}).get("type") if isinstance(body.get("thinking"), dict) else None
    )
    return Refusal("adaptive") if asked == "enabled" and "adaptive" in error_text.words else None


def _apply_adaptive(body: Body, _: Refusal) -> Body:
    thinking = body.get("thinking")
    if not isinstance(thinking, dict) or thinking.get("type") != "enabled":
        return body
    budget = thinking.get("budget_tokens") or 0
    effort = "low" if budget <= 2048 else "medium" if budget <= 8192 else "high"
    config = {"effort": effort, **(body.get("output_config") or {})}
    return {**body, "thinking": {"type": "adaptive"}, "output_config": config}


# ── streaming ─────────────────────────────────────────────────────────────────


def _find_stream(error_text: _ErrorText, body: Body) -> Refusal | None:
    if not body.get("stream"):
        return None
    named = error_text.param == "stream" or any(
        re.search(r"\bstream(ing)?\b", s.replace("stream_options", "")) for s in error_text.refused
    )
    return Refusal("stream") if named else None


def _apply_stream(body: Body, _: Refusal) -> Body:
    if not body.get("stream"):
        return body
    return {k: v for k, v in body.items() if k != "stream_options"} | {"stream": False}


# ── any other parameter ───────────────────────────────────────────────────────


def _find_drop(error_text: _ErrorText, body: Body) -> Refusal | None:
    names = [*(n for n in body if n not in _NEEDED)]
    for holder in _NESTED:
        inner = body.get(holder)
        if isinstance(inner, dict) and holder != "thinking":
            names += [f"{holder}.{name}" for name in inner]
    names = [n for n in names if not (n == "max_tokens" and "anthropic" in error_text.words)]
    path = [_flat(step) for step in re.split(r"[.\[\]]+", error_text.param) if step]
    for name in sorted(names, key=len, reverse=True):
        if path and name not in _NESTED and _flat(name.split(".")[-1]) in (path[-1], path[0]):
            return _dropped(name, error_text, body)
    if error_text.param and not error_text.refused:
        return None
    names = [n for n in names if n not in _NESTED or n == "thinking"]
    found: list[tuple[int, str]] = []
    for sentence in error_text.refused:
        for name in names:
            if at := _named(name.split(".")[-1], sentence):
                found.append((at.start(), name))
        if found:
            break
    if not found:
        return None
    found.sort()
    # of two that do not go together, the second is left out
    both = re.search(r"cannot both|can't both|both .{0,60} cannot|not both", error_text.words)
    return _dropped(found[-1 if both else 0][1], error_text, body)


def _dropped(name: str, error_text: _ErrorText, body: Body) -> Refusal | None:
    if name.split(".")[-1] in _LIMITS and _find_limit(error_text, body):
        return None
    holder, _, inner = name.rpartition(".")
    value = (body[holder] if holder else body).get(inner or name)
    # where it says which values it takes, it is the value that is refused
    listed = re.search(
        r"supported values (are|include)|(must|should) be one of|expected one of", error_text.words
    )
    if listed and isinstance(value, str):
        return Refusal("drop", name, value)
    return Refusal("drop", name)


def _named(name: str, sentence: str) -> re.Match[str] | None:
    words = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name) or [name]
    forms = [r"[_ -]?".join(map(re.escape, words)).lower(), *_CALLED.get(name, ())]
    return re.search(rf"(?<![a-z0-9_-])(?:{'|'.join(forms)})(?![a-z0-9_-])", sentence)


#: What servers call a parameter beside its name.
_CALLED = {
    "frequency_penalty": ("penalty",),
    "presence_penalty": ("penalty",),
    "frequencyPenalty": ("penalty",),
    "presencePenalty": ("penalty",),
    "think": ("thinking",),
    "thinkingConfig": ("thinking", "thinking_?budget", "thinking_?level", "include_?thoughts"),
    "thinking": ("thinking",),
    "reasoning": ("reasoning", r"reasoning\.effort", r"reasoning\.summary"),
    "reasoning_effort": ("reasoning",),
    "chat_template_kwargs": ("chat_template",),
    "parallel_tool_calls": ("parallel tool use", "parallel function calls?"),
    "stop": ("stop sequences?",),
    "metadata": ("user_id",),
}


def _flat(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _apply_drop(body: Body, refusal: Refusal) -> Body:
    holder, _, name = refusal.name.rpartition(".")
    inside = body.get(holder) if holder else body
    if not isinstance(inside, dict) or name not in inside:
        return body
    if refusal.value is not None and inside[name] != refusal.value:
        return body
    left = {k: v for k, v in inside.items() if k != name}
    if not holder:
        return left
    if left:
        return {**body, holder: left}
    return {k: v for k, v in body.items() if k != holder}


_RULES: dict[str, _Rule] = {
    "form": _Rule(
        _find_form,
        _apply_form,
        "the server takes no JSON schema; asked again in words",
        anyhow=True,
    ),
    "alternate": _Rule(
        _find_alternate,
        _apply_alternate,
        "the server wants user and assistant in turn; messages were joined",
        anywhere=True,
        anyhow=True,
    ),
    "late": _Rule(
        _find_late,
        _apply_late,
        "the server wants the system prompt first; it was moved there",
        anywhere=True,
        anyhow=True,
    ),
    "system": _Rule(
        _find_system,
        _apply_system,
        "the server refused the role of the system prompt; it goes as the role {value!r}",
        anywhere=True,
    ),
    "between": _Rule(
        _find_between,
        apply_between,
        "the server takes no user's message after a tool's result; an assistant's goes between",
        anywhere=True,
        anyhow=True,
    ),
    "ids": _Rule(_find_ids, _apply_ids, "ids of tool calls were fitted to the server", anyhow=True),
    "adaptive": _Rule(
        _find_adaptive,
        _apply_adaptive,
        "the model decides itself how long it thinks; asked again with an effort",
        anyhow=True,
    ),
    "limit": _Rule(
        _find_limit,
        _apply_limit,
        "{name} was lowered to {value}, the most this model gives",
        anyhow=True,
    ),
    "rename": _Rule(_find_rename, _apply_rename, "{name} goes as {value}, as the model wants it"),
    "stream": _Rule(
        _find_stream, _apply_stream, "the server refused to stream; its answer comes at once"
    ),
    "drop": _Rule(_find_drop, _apply_drop, "{name} was left out: the model refuses it"),
}
