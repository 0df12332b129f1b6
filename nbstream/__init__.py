"""nbstream: any LLM token stream, live in a notebook cell."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

from ._version import __version__

#: Public names, and the room each lives in, as the stub beside this file lists them for type checkers.
#: Loaded on first use: `import nbstream` stays light.
_HOME = {
    name: room
    for room, name in re.findall(
        r"^from \.([a-z]\S*) import (\w+) as \2$",
        Path(__file__).with_suffix(".pyi").read_text("utf-8"),
        re.MULTILINE,
    )
}

__all__ = ["__version__", *_HOME]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    room = _HOME.get(name)
    if room is None:
        raise AttributeError(f"module 'nbstream' has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{room}", __name__), name)
    if room not in ("events", "events.errors"):
        importlib.import_module(".hosts", __name__)  # what is shown finds who shows it
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext nbstream`: registers `%%stream` and `%stream`."""
    from .magic.magics import register

    register(shell)


def unload_ipython_extension(shell: Any) -> None:
    """`%unload_ext nbstream`."""
    from .magic.magics import unregister

    unregister(shell)
