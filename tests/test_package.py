"""What is installed: the wheel is whole, and type checkers see what it promises."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from scripts.wheel import flaws

ROOT = Path(__file__).parents[1]

CALLER = """
from typing import assert_type

import nbstream as nb
from nbstream.events import TextDelta


@nb.tool
def add(a: int, b: int) -> int:
    return a + b


class Mine(nb.ChatModel):
    name = "mine"


async def caller(agent: nb.Agent) -> None:
    s = nb.stream("hi", model="demo", temperature=0, seed=7)
    assert_type(s, nb.Stream)
    assert_type(await s, nb.Response)
    assert_type(s.result(), nb.Response)
    assert_type((await s).text, str)
    assert_type(s.metrics.ttft, float | None)
    assert_type(s.metrics.gap_p95, float | None)
    assert_type(nb.show(["text"]), nb.Stream)
    assert_type(nb.replay("run.jsonl", speed=None), nb.Stream)
    assert_type(agent.stream("hi"), nb.Stream)
    assert_type(await agent.run("hi"), nb.Response)
    assert_type(add, nb.Tool)
    assert_type(nb.compare("hi", models=["demo", Mine()]), nb.StreamGroup)
    assert_type(await nb.compare("hi", models=["demo"]), list[nb.Response])
    assert_type(await nb.gather(["hi"]), list[nb.Response])
    assert_type(nb.model("demo"), nb.ChatModel)
    async for text in s.text_deltas():
        assert_type(text, str)
    for text in s.text_deltas():
        assert_type(text, str)
    async for event in s:
        if isinstance(event, TextDelta):
            assert_type(event.block, int)
    nb.steam("hi")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    nb.stream("hi", temperature="high")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
"""

#: Rooms whose attributes type checkers may infer each in their own way. Those of widgets are traits: their
#: library declares no types.
INFERRED = (
    "nbstream.adapters.sources.",
    "nbstream.adapters.transport.",
    "nbstream.adapters.wires.",
    "nbstream.agents.turn.",
    "nbstream.magic.",
    "nbstream.runs.stream.",
    "nbstream.widgets.",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(to)]
    environment = {**os.environ, "NBSTREAM_SKIP_JS": "1"}  # the bundle is there
    subprocess.run(build, cwd=ROOT, env=environment, check=True, capture_output=True)
    (made,) = to.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment in which nbstream is installed, and which sees the libraries of this one."""
    home = tmp_path_factory.mktemp("clean")
    venv.create(home, with_pip=False, symlinks=os.name != "nt")
    (packages,) = [*home.glob("lib/python*/site-packages"), *home.glob("Lib/site-packages")]
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index"]
    subprocess.run([*install, "--target", str(packages), str(wheel)], check=True)
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "libraries.pth").write_text("\n".join(libraries), "utf-8")
    (home / "caller.py").write_text(CALLER, "utf-8")
    return home


def run(home: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Runs a tool of this environment as if the clean one were activated."""
    scripts = home / ("Scripts" if os.name == "nt" else "bin")
    path = os.pathsep.join([str(scripts), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "VIRTUAL_ENV": str(home)}
    environment.pop("PYTHONPATH", None)
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_is_whole(wheel):
    assert flaws(wheel) == []


def test_jupyterlab_finds_the_extension(clean):
    (home,) = clean.rglob("share/jupyter")
    done = subprocess.run(
        [sys.executable, "-m", "jupyter", "labextension", "list"],
        env={**os.environ, "JUPYTER_PATH": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    said = re.sub(r"\x1b\[\d*m", "", done.stdout + done.stderr)
    assert re.search(r"^\s*nbstream v\S+ enabled OK", said, re.MULTILINE), said


def test_mypy_sees_the_types(clean):
    python = next(
        path for path in (clean / "bin/python", clean / "Scripts/python.exe") if path.exists()
    )
    done = run(clean, "mypy", "--strict", "--python-executable", str(python), "caller.py")
    assert done.returncode == 0, done.stdout + done.stderr


def test_pyright_sees_the_types(clean):
    (clean / "pyrightconfig.json").write_text('{"reportUnnecessaryTypeIgnoreComment": false}')
    done = run(clean, "pyright", "caller.py")
    assert done.returncode == 0, done.stdout + done.stderr


def test_public_types_are_complete(clean):
    done = run(clean, "pyright", "--verifytypes", "nbstream", "--ignoreexternal", "--outputjson")
    symbols = json.loads(done.stdout)["typeCompleteness"]["symbols"]
    assert len(symbols) > 1000
    flaws = [
        f"{symbol['name']}: {problem['message']}"
        for symbol in symbols
        if not symbol["isTypeKnown"] and not symbol["name"].startswith(INFERRED)
        for problem in symbol["diagnostics"]
        if problem["severity"] == "error" and "partially unknown" not in problem["message"]
    ]
    assert not flaws  # what is partially unknown holds one of these, or of INFERRED
