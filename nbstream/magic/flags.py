"""The flags of `%%stream`, in one table: the parser, `--help` and the documentation are made from it."""

from __future__ import annotations

import argparse
import difflib
import re
import shlex
from dataclasses import dataclass, field
from typing import Any, NoReturn

from nbstream.adapters.models.parameters import NAMES
from nbstream.events.errors import UsageError


@dataclass(frozen=True)
class Flag:
    names: tuple[str, ...]
    help: str
    metavar: str | tuple[str, ...] = ""
    options: dict[str, Any] = field(default_factory=dict)


FLAGS = (
    Flag(("-m", "--model"), "the model, as the first word does", "MODEL"),
    Flag(("-s", "--system"), "system prompt", "TEXT"),
    Flag(("-t", "--temperature"), "sampling temperature", "T", {"type": float}),
    Flag(("--max-tokens",), "the longest answer, in tokens", "N", {"type": int}),
    Flag(
        ("-o", "--option"),
        "a provider option, e.g. -o min_p 0.1; may be repeated",
        ("KEY", "VALUE"),
        {"nargs": 2, "action": "append", "default": []},
    ),
    Flag(
        ("--reasoning",),
        "how much to think: low, medium, high, a number of tokens, or none",
        "HOW",
    ),
    Flag(("--tool-choice",), "auto, none, required, or the tool that must be called", "NAME"),
    Flag(("--seed",), "for an answer that comes again, where the model can", "N", {"type": int}),
    Flag(("--user",), "who asks, for a key that many share", "NAME"),
    Flag(
        ("--cache",),
        "have the provider keep what is the same each time",
        "",
        {"action": "store_true"},
    ),
    Flag(("--api-base",), "base URL of an OpenAI-compatible server", "URL"),
    Flag(("--api-key-name",), "environment variable that holds the key", "ENV"),
    Flag(("--timeout",), "seconds for the whole run", "SECONDS", {"type": float}),
    Flag(("--compare",), "ask these models side by side", "M1,M2,…"),
    Flag(("--max-cost",), "stop at this cost, in US dollars", "X", {"type": float}),
    Flag(("--max-seconds",), "stop after this long, keeping the text", "N", {"type": float}),
    Flag(
        ("-c", "--continue"),
        "go on with the last conversation",
        "",
        {"action": "store_true", "dest": "go_on"},
    ),
    Flag(("--cid",), "go on with, or begin, the conversation of this name", "CHAT"),
    Flag(("--no-history",), "a conversation that nothing continues", "", {"action": "store_true"}),
    Flag(
        ("-T", "--tool"),
        "a function or agent of the notebook that the model may call; may be repeated",
        "NAME",
        {"action": "append", "default": []},
    ),
    Flag(("--approve",), "ask before each tool call", "", {"action": "store_true"}),
    Flag(
        ("-a", "--attachment"),
        "send a file or a variable along; may be repeated",
        "FILE",
        {"action": "append", "default": []},
    ),
    Flag(("--type",), "validate the answer: a pydantic model or type of the notebook", "NAME"),
    Flag(
        ("-x", "--extract"),
        "put the first code block into a new cell below",
        "",
        {"action": "store_true"},
    ),
    Flag(("--out",), "bind the Response to this variable (also: NAME <<)", "NAME"),
    Flag(
        ("-f", "--format"),
        "how to show the answer",
        "",
        {"choices": ("markdown", "text", "code", "json")},
    ),
    Flag(("--bg",), "return at once; NAME is bound to the Stream", "", {"action": "store_true"}),
    Flag(("--record",), "record the run, event by event, for nbstream.replay", "FILE"),
    Flag(
        ("--raw",), "the recording keeps the provider's bytes as well", "", {"action": "store_true"}
    ),
    Flag(("-u", "--usage"), "print the provider's token usage", "", {"action": "store_true"}),
    Flag(("-R", "--hide-thinking"), "do not show thinking", "", {"action": "store_true"}),
    Flag(("--no-chart",), "no speed chart", "", {"action": "store_true"}),
    Flag(
        ("--no-interpolate",),
        "send the prompt as typed, braces and all",
        "",
        {"action": "store_true"},
    ),
    Flag(
        ("--dry-run",),
        "show the URL and the whole request, send nothing",
        "",
        {"action": "store_true"},
    ),
    Flag(("-h", "--help"), "show this help", "", {"action": "store_true"}),
)

USAGE = """%%stream [MODEL] [flags] [NAME <<]
prompt, on as many lines as you like; {name}, {obj.attr}, {d["key"]}, {In[3]}, {Out[3]} and {Err[3]} are
filled in where they resolve, every other brace is sent as typed"""


def parse(line: str) -> argparse.Namespace:
    """The flags of one `%%stream` line; raises `UsageError` with the nearest flag."""
    line = line.strip()
    bound = ""
    if match := re.search(r"(?:^|\s)(\w+)\s*<<$", line):
        bound, line = match.group(1), line[: match.start()]
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(
            f"%%stream: {error} in: {line}", hint="Close the quote, or put the text in the cell."
        ) from error
    flags = _parser().parse_args(words)
    if flags.model and flags.model_name:
        raise UsageError(f"%%stream: two models: {flags.model_name!r} and {flags.model!r}.")
    flags.model = flags.model or flags.model_name
    flags.out = flags.out or bound or None
    if flags.out and not flags.out.isidentifier():
        raise UsageError(f"%%stream: {flags.out!r} is not a variable name.")
    flags.format = flags.format or ("json" if flags.type else "markdown")
    if flags.extract and flags.bg:
        raise UsageError("%%stream: -x needs the cell to wait for the answer, so not with --bg.")
    if flags.raw and not flags.record:
        raise UsageError("%%stream: --raw belongs to a recording: --record FILE --raw.")
    flags.options = {key: _value(value) for key, value in flags.option}
    for name in NAMES:
        if (value := getattr(flags, name)) not in (None, False):
            flags.options[name] = _value(value) if name == "reasoning" else value
    return flags


def help_text() -> str:
    """What `%%stream --help` prints."""
    rows = [(signature(flag), flag.help + choices(flag)) for flag in FLAGS]
    width = max(len(signature) for signature, _ in rows)
    lines = [f"  {signature:<{width}}  {text}" for signature, text in rows]
    return "\n".join([USAGE, "", *lines])


def signature(flag: Flag) -> str:
    metavar = flag.metavar if isinstance(flag.metavar, str) else " ".join(flag.metavar)
    return f"{', '.join(flag.names)} {metavar}".rstrip()


def choices(flag: Flag) -> str:
    choices = flag.options.get("choices")
    return f": {', '.join(choices)}" if choices else ""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        hint = "%%stream --help lists the flags."
        if match := re.search(r"unrecognized arguments: (\S+)", message):
            known = [name for flag in FLAGS for name in flag.names]
            if near := difflib.get_close_matches(match.group(1), known, 1):
                hint = f"Did you mean {near[0]}? {hint}"
            elif not match.group(1).startswith("-"):
                hint = f"The prompt goes into the lines below. {hint}"
        raise UsageError(f"%%stream: {message}.", hint=hint)


def _parser() -> _Parser:
    parser = _Parser(prog="%%stream", add_help=False, allow_abbrev=False)
    parser.add_argument("model_name", nargs="?", metavar="MODEL")
    for flag in FLAGS:
        metavar = {"metavar": flag.metavar} if flag.metavar else {}
        parser.add_argument(*flag.names, **metavar, **flag.options)
    return parser


def _value(text: str) -> Any:
    """`7`, `0.5`, `true`, `null` and JSON as such, anything else as text."""
    import msgspec

    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
