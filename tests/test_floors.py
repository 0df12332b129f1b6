"""The house: imports only go down, each edge library has one room, and importing is light."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "nbstream"

#: From the ground up. A room imports from its own floor and from those below.
FLOORS = [
    {"_version", "events", "errors", "fill", "bundle"},
    {
        "order",
        "sampling",
        "picture",
        "tables",
        "event_list",
        "parts",
        "usage",
        "transcript",
        "recap",
        "iteration",
        "metrics",
        "frozen",
        "wire",
        "page",
        "response",
        "recording",
        "history",
        "results",
        "schema",
    },
    {"adapters", "attempts", "budget", "config", "pricing"},
    {"portal", "pump", "reader", "run", "tapes"},
    {"nested", "tools", "approval", "turn", "agent", "workflow"},
    {"widget", "group_view", "batch_view", "marimo_view", "charts"},
    {"terminal", "cell", "marimo", "start", "together"},
    {"group", "batch"},
    {"attachments", "chats", "commands", "flags", "magic", "agui", "serve"},
    {"__init__"},
]

#: Libraries that one room alone may import.
EDGES = {
    "anywidget": "widget",
    "ipywidgets": "widget",
    "IPython": "cell",
    "litellm": "adapters.litellm",
    "marimo": "marimo",
    "pydantic": "schema",
    "starlette": "serve",
}

FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
ROOMS = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def imports(room: str) -> Iterator[str]:
    """Absolute names of the modules a room imports, anywhere in its code but for types."""
    package = f"nbstream.{room}".split(".")[:-1]
    todo: list[ast.AST] = [ast.parse(ROOMS[room].read_text("utf-8"))]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            todo += node.orelse
            continue
        todo += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def neighbours(room: str) -> set[str]:
    """The rooms of nbstream a room imports."""
    names = (
        name.removeprefix("nbstream.") for name in imports(room) if name.startswith("nbstream.")
    )
    return {name for name in names if name in ROOMS} - {room}


def floor(room: str) -> int:
    return FLOOR[room.partition(".")[0]]


def test_every_room_has_a_floor():
    homeless = {room.partition(".")[0] for room in ROOMS} - FLOOR.keys()
    assert not homeless, "give it a floor in FLOORS"


@pytest.mark.parametrize("room", ROOMS)
def test_imports_only_go_down(room):
    upwards = {other for other in neighbours(room) if floor(other) > floor(room)}
    assert not upwards


def test_no_cycles():
    TopologicalSorter({room: neighbours(room) for room in ROOMS if room != "__init__"}).prepare()


@pytest.mark.parametrize("library", EDGES)
def test_an_edge_is_one_room(library):
    rooms = {room for room in ROOMS if any(n.split(".")[0] == library for n in imports(room))}
    assert rooms <= {EDGES[library]}


@pytest.mark.parametrize("statement", ["import nbstream", "import nbstream; dir(nbstream)"])
def test_importing_is_light(statement):
    heavy = {"IPython", "anywidget", "httpx", "ipywidgets", "litellm", "nest_asyncio", "pydantic"}
    code = f"import json, sys; {statement}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not heavy & set(json.loads(done.stdout))


def test_load_ext_is_light():
    code = """
        import json, sys
        from IPython.core.interactiveshell import InteractiveShell
        InteractiveShell.instance().run_line_magic("load_ext", "nbstream")
        print(json.dumps(sorted(sys.modules)))
    """
    code = "\n".join(line.strip() for line in code.splitlines())
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"litellm", "pydantic", "httpx"} & set(json.loads(done.stdout))
