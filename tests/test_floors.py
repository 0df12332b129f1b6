"""The house: folders are floors, imports only go down, each edge library has one room, importing is light.

Every import counts: those for types and those inside functions as well.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "nbstream"

#: From the ground up. What lies on a floor imports from there and from below.
FLOORS = [
    "_version events",
    "config host",
    "fold",
    "logs wire",
    "render",
    "adapters",
    "runs",
    "agents batches",
    "widgets serve",
    "hosts",
    "api",
    "magic __init__",
]
#: The same inside a folder that has folders.
INNER = {"adapters": ["transport", "wires", "models", "sources"]}

#: Arrows that still go up or around, to be removed: (from, to).
KNOWN: set[tuple[str, str]] = set()

#: Libraries that one room, or one folder, alone may import.
EDGES = {
    "anywidget": "widgets.base",
    "ipywidgets": "widgets.base",
    "IPython": "hosts.shell",
    "litellm": "adapters.models.litellm",
    "marimo": "hosts.marimo",
    "pydantic": "agents.schema",
    "starlette": "serve.app",
}

FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names.split()}


def room_of(path: Path) -> str:
    """`runs.stream`; a folder's own file has the folder's name."""
    name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    return name.removesuffix(".__init__")


ROOMS = {room_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def imports(room: str) -> frozenset[str]:
    """Absolute names of the modules a room imports, and of what it imports from them."""
    return frozenset(_imports(room))


def _imports(room: str) -> Iterator[str]:
    path = ROOMS[room]
    package = ["nbstream", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def neighbours(room: str) -> set[str]:
    """The rooms of nbstream a room imports."""
    names = {name.removeprefix("nbstream.") for name in imports(room)}
    return {name for name in names if name in ROOMS and (room, name) not in KNOWN} - {room}


def height(room: str) -> tuple[int, int]:
    """The floor, and the place inside its folder where that has an order."""
    top, _, rest = room.partition(".")
    inner = INNER.get(top)
    return FLOOR[top], inner.index(rest.partition(".")[0]) if inner and rest else -1


def test_every_room_has_a_floor():
    assert {room.partition(".")[0] for room in ROOMS} == FLOOR.keys()
    assert len(FLOORS) <= 12
    for folder, inner in INNER.items():
        assert {path.name for path in (PACKAGE / folder).iterdir() if path.is_dir()} - {
            "__pycache__"
        } == set(inner)


def test_the_map_is_the_tree():
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text("utf-8")
    drawn = re.search(r"```\nnbstream/\n(.*?)```", text, re.DOTALL)
    assert drawn
    names = re.findall(r"^ +(\w+)(?:/|\.py) ", drawn[1], re.MULTILINE)
    folders = {room.split(".")[1] if "." in room else room for room in ROOMS if is_folder(room)}
    files = {room for room in ROOMS if "." not in room and not is_folder(room)}
    assert sorted(names) == sorted(folders | files - {"_version"})


def is_folder(room: str) -> bool:
    return ROOMS[room].name == "__init__.py" and room != "__init__"


@pytest.mark.parametrize("room", ROOMS)
def test_imports_only_go_down(room):
    assert not {other for other in neighbours(room) if height(other) > height(room)}


def test_no_circle():
    TopologicalSorter({room: neighbours(room) for room in ROOMS}).prepare()


def test_no_circle_of_folders():
    def folder(room: str) -> str:
        return ".".join(room.split(".")[: 2 if room.startswith("adapters.") else 1])

    arrows: dict[str, set[str]] = {}
    for room in ROOMS:
        others = {folder(other) for other in neighbours(room)} - {folder(room)}
        arrows.setdefault(folder(room), set()).update(others)
    TopologicalSorter(arrows).prepare()


def test_what_is_known_is_still_there():
    gone = {
        (room, other)
        for room, other in KNOWN
        if room not in ROOMS or f"nbstream.{other}" not in imports(room)
    }
    assert not gone, "take it out of KNOWN"


@pytest.mark.parametrize("library", EDGES)
def test_an_edge_is_one_room(library):
    rooms = {room for room in ROOMS if any(n.split(".")[0] == library for n in imports(room))}
    assert not {room for room in rooms if not f"{room}.".startswith(f"{EDGES[library]}.")}


@pytest.mark.parametrize("statement", ["import nbstream", "import nbstream; dir(nbstream)"])
def test_importing_is_light(statement):
    heavy = {"IPython", "anywidget", "httpx", "ipywidgets", "litellm", "nest_asyncio", "pydantic"}
    code = f"import json, sys; {statement}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not heavy & set(json.loads(done.stdout))


@pytest.mark.parametrize("room", sorted(r for r in ROOMS if r.startswith("adapters.models.")))
def test_an_adapter_comes_without_what_writes_html(room):
    code = f"import json, sys, nbstream.{room}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.removeprefix("nbstream.") for name in json.loads(done.stdout)}
    assert {n for n in loaded if n.startswith("render.")} <= {"render.response"}
    assert not {"markdown_it", "pygments", "anywidget", "ipywidgets"} & loaded


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
