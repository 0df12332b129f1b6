"""What `%stream COMMAND` does, but for the prompts."""

from __future__ import annotations

import difflib
import textwrap
from collections import Counter
from collections.abc import Callable
from typing import Any

from nbstream._version import __version__
from nbstream.events.errors import UsageError

from . import flags


def _chats(magics: Any, _: str) -> str:
    return str(magics.chats)


def _reset(magics: Any, name: str) -> str:
    return magics.chats.forget(name)


def _list(magics: Any, provider: str) -> str:
    from nbstream.adapters.models.registry import models

    rows = [entry for entry in models() if entry.name.startswith(provider)]
    if not rows:
        raise UsageError(f"No provider or alias begins with {provider!r}.")
    alike = Counter(_about(entry) for entry in rows)
    many = [about for about, count in alike.items() if count > 5]
    single = [entry for entry in rows if _about(entry) not in many]
    width = max((len(entry.name) for entry in single), default=0)
    listed = [f"{entry.name:<{width}}  {_about(entry)}" for entry in single]
    for about in many:
        names = ", ".join(entry.name for entry in rows if _about(entry) == about)
        listed += ["", f"{about}:", textwrap.fill(names, 88, break_on_hyphens=False)]
    return "\n".join(listed).lstrip("\n")


def _alias(magics: Any, rest: str) -> str:
    from nbstream.adapters.models.registry import register_model

    words = rest.split()
    if len(words) != 2:
        raise UsageError(
            "An alias needs a name and a model.", hint="%stream alias fast gpt-4o-mini"
        )
    register_model(words[0], words[1])
    return f"{words[0]} is {words[1]}"


def _dealias(magics: Any, name: str) -> str:
    from nbstream.adapters.models.registry import unregister_model

    unregister_model(name)
    return f"{name} is gone"


def _config(magics: Any, rest: str) -> str:
    if rest:
        name, _, value = (word.strip() for word in rest.partition("="))
        names = list(magics.class_traits(config=True))
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            raise UsageError(
                f"There is no setting {name!r}.",
                hint=f"Did you mean {near[0]}?" if near else f"Settings: {', '.join(names)}.",
            )
        setattr(magics, name, flags._value(value))
    return "\n".join(
        f"{name} = {getattr(magics, name)!r}" for name in sorted(magics.class_traits(config=True))
    )


def _stop(magics: Any, _: str) -> str:
    running = list(magics.running)
    for stream in running:
        stream.stop()
    return f"stopped {len(running)} stream{'' if len(running) == 1 else 's'}"


def _help(magics: Any, _: str) -> str:
    return (
        f"{flags.help_text()}\n\n%stream one-line prompt\n%stream {' | '.join([*COMMANDS, 'fix'])}"
    )


def _version(magics: Any, _: str) -> str:
    return f"nbstream {__version__}"


def _about(entry: Any) -> str:
    missing = f" (set {entry.key})" if entry.key and not entry.ready else ""
    return f"{entry.kind}{missing}"


#: Each gives what it prints; `magics` are the `StreamMagics`, `rest` what stands after the command.
COMMANDS: dict[str, Callable[[Any, str], str]] = {
    "list": _list,
    "alias": _alias,
    "dealias": _dealias,
    "config": _config,
    "chats": _chats,
    "reset": _reset,
    "stop": _stop,
    "help": _help,
    "version": _version,
}
