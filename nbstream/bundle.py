"""The front end as it was built: files of JavaScript and CSS that lie beside the package."""

from __future__ import annotations

from pathlib import Path

from .errors import UsageError

_STATIC = Path(__file__).parent / "static"


def bundled(name: str) -> str:
    """The text of one of its files. Raises `UsageError` where it was not built."""
    path = _STATIC / name
    if not path.exists():
        raise UsageError(
            f"nbstream's front end is not built ({path.name} is missing).",
            hint="In a clone of the repository run `make build`; an installed wheel carries it.",
        )
    return path.read_text("utf-8")
