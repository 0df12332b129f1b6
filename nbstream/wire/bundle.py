"""The front end as it was built: files of JavaScript and CSS that lie beside the package."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from nbstream.events.errors import UsageError

from .protocol import AskBundle, AskModule, Bundle, Module, ModuleName, RuntimeRequest, request

_STATIC = Path(__file__).parents[1] / "static"


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
    files = ("nbstream.js", "nbstream.css", "module-chart.js")
    return sha256("".join(map(bundled, files)).encode()).hexdigest()[:12]


def bundle() -> Bundle:
    return {"kind": "bundle", "code": bundled("nbstream.js"), "css": bundled("nbstream.css")}


def module(name: ModuleName) -> Module:
    return {"kind": "module", "name": name, "code": bundled(f"module-{name}.js")}


def front_end(message: object) -> Bundle | Module | None:
    """The answer to a page that asks for the front end, or for a module that only some answers need."""
    match request(message, RuntimeRequest):
        case AskBundle():
            return bundle()
        case AskModule(name):
            return module(name)
    return None
