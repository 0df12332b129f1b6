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
    {"_version", "events.json", "events.visible"},
    {"events.union", "events.errors", "wire.bundle"},
    {
        "events.order",
        "fold.sampling",
        "render.picture",
        "fold.tables",
        "logs.event_list",
        "fold.parts",
        "events.usage",
        "fold.transcript",
        "fold.recap",
        "fold.iteration",
        "fold.metrics",
        "render.saved",
        "wire.frames",
        "render.page",
        "render.response",
        "logs.recording",
        "agents.history",
        "agents.results",
        "agents.schema",
    },
    {"adapters", "runs.retry", "runs.budget", "config", "runs.pricing"},
    {"runs.portal", "runs.pump", "runs.reader", "runs.stream", "runs.cassettes"},
    {
        "agents.fill",
        "agents.user_code",
        "agents.call_ids",
        "agents.calls",
        "agents.nested",
        "agents.tools",
        "agents.approval",
        "agents.turn",
        "agents.agent",
        "agents.workflow",
    },
    {"widgets.stream", "widgets.group", "widgets.batch", "widgets.marimo", "widgets.chart"},
    {"hosts.terminal", "hosts.notebook", "hosts.marimo", "api", "batches.together"},
    {"batches.group", "batches.batch"},
    {
        "magic.attachments",
        "magic.chats",
        "magic.commands",
        "magic.flags",
        "magic.magics",
        "serve.admission",
        "serve.agui",
        "serve.app",
    },
    {"__init__"},
]

#: Libraries that one room alone may import.
EDGES = {
    "anywidget": "widgets.stream",
    "ipywidgets": "widgets.stream",
    "IPython": "hosts.notebook",
    "litellm": "adapters.models.litellm",
    "marimo": "hosts.marimo",
    "pydantic": "agents.schema",
    "starlette": "serve.app",
}

FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
ROOMS = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name != "__init__.py" or path.parent == PACKAGE
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
    return FLOOR["adapters" if room.startswith("adapters.") else room]


def test_every_room_has_a_floor():
    homeless = {room for room in ROOMS if not room.startswith("adapters.")} - FLOOR.keys()
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
