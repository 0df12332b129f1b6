"""The front end as it was built: files of JavaScript and CSS that lie beside the package."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

from nbstream.events.errors import UsageError

_STATIC = Path(__file__).parents[1] / "static"
_PARTS = ("math", "languages")


def bundled(name: str) -> str:
    """The text of one of its files. Raises `UsageError` where it was not built."""
    path = _STATIC / name
    if not path.exists():
        raise UsageError(
            f"nbstream's front end is not built ({path.name} is missing).",
            hint="In a clone of the repository run `make build`; an installed wheel carries it.",
        )
    return path.read_text("utf-8")


def bundle_id() -> str:
    """Changes whenever the front end does: two of them may meet in one page."""
    return sha256((bundled("nbstream.js") + bundled("nbstream.css")).encode()).hexdigest()[:12]


def front_end(message: Any) -> dict[str, Any] | None:
    """The answer to a page that asks for the front end, or for a part that only some answers need."""
    if not isinstance(message, dict):
        return None
    kind, name = message.get("kind"), message.get("name")
    if kind == "bundle":
        return {"kind": kind, "code": bundled("nbstream.js"), "css": bundled("nbstream.css")}
    if kind == "part" and name in _PARTS:
        return {"kind": kind, "name": name, "code": bundled(f"part-{name}.js")}
    return None
