"""`@nb.tool`: schemas, how functions of every kind run, and what becomes of their results."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import subprocess
import sys
import threading
import time
from enum import Enum
from typing import Annotated, Literal

import pandas
import polars
import pytest
from pydantic import BaseModel, Field

import nbstream as nb
from nbstream.agents.results import MAX_ROWS, MAX_TEXT, result_of
from nbstream.agents.tools import as_tools


class Unit(Enum):
    C = "c"
    F = "f"


class Place(BaseModel):
    city: str
    country: str = "DE"


# ── schemas ───────────────────────────────────────────────────────────────────


def google(city: str, days: int = 3):
    """Forecast.

    Longer words.

    Args:
        city: where
        days: how long
    """


def numpy_style(city: str, days: int = 3):
    """Forecast.

    Longer words.

    Parameters
    ----------
    city : str
        where
    days : int
        how long
    """


def sphinx(city: str, days: int = 3):
    """Forecast.

    Longer words.

    :param city: where
    :param days: how long
    """


def annotated(city: Annotated[str, Field(description="where")], days: int = 3):
    """Forecast.

    Longer words.

    Args:
        days: how long
    """


@pytest.mark.parametrize("function", [google, numpy_style, sphinx, annotated])
def test_schema_from_hints_and_docstring(function):
    spec = nb.tool(function).spec
    assert spec == {
        "type": "function",
        "function": {
            "name": function.__name__,
            "description": "Forecast.\n\nLonger words.",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "where"},
                    "days": {"type": "integer", "description": "how long", "default": 3},
                },
                "required": ["city"],
                "additionalProperties": False,
            },
        },
    }


async def test_arguments_become_their_types():
    @nb.tool
    def look(place: Place, unit: Unit, kind: Literal["a", "b"] = "a", title: str = "t", n=1):
        return place, unit, kind, title, n

    value = await look.run({"place": {"city": "Köln"}, "unit": "f", "title": "x", "n": "as it is"})
    assert value == (Place(city="Köln"), Unit.F, "a", "x", "as it is")
    properties = look.schema.json["properties"]
    assert properties["title"] == {"type": "string", "default": "t"}
    assert look(Place(city="a"), Unit.C)[0].city == "a"  # still the function it was


@pytest.mark.parametrize(
    ("arguments", "said"),
    [({}, "city"), ({"city": 3}, "string"), ({"city": "x", "q": 1}, "q"), ([1], "object")],
)
async def test_wrong_arguments_say_what_is_wrong(arguments, said):
    with pytest.raises(nb.ToolError, match="Wrong arguments.*" + said):
        await nb.tool(google).run(arguments)


def test_what_a_model_cannot_call():
    with pytest.raises(nb.UsageError, match="names its arguments"):
        nb.tool(lambda *args: None)
    with pytest.raises(nb.UsageError, match="not a tool"):
        as_tools(["search"])
    with pytest.raises(nb.UsageError, match="Two tools"):
        as_tools([google, google])


def test_pydantic_is_imported_when_a_tool_is_made():
    code = "import sys, nbstream as nb; nb.Agent; nb.tool; assert 'pydantic' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# ── running ───────────────────────────────────────────────────────────────────


async def test_sync_tools_run_in_threads_side_by_side():
    meet = threading.Barrier(2, timeout=10)

    @nb.tool
    def wait() -> str:
        meet.wait()
        return threading.current_thread().name

    names = await asyncio.gather(wait.run({}), wait.run({}))
    assert names == ["nbstream tool wait"] * 2


async def test_generators_report_progress():
    def sync(n: int):
        yield from range(n)
        return "all"

    async def asynchronous(n: int):
        for i in range(n):
            yield i

    for function, value in ((sync, "all"), (asynchronous, 2)):
        seen: list[int] = []
        assert await nb.tool(function).run({"n": 3}, seen.append) == value
        assert seen == [0, 1, 2]


async def test_a_timeout_cancels():
    cancelled = asyncio.Event()

    @nb.tool(timeout=0.05)
    async def forever():
        try:
            await asyncio.sleep(100)
        finally:
            cancelled.set()

    with pytest.raises(nb.ToolError, match=r"forever took longer than 0\.05 s"):
        await forever.run({})
    await asyncio.wait_for(cancelled.wait(), 10)

    go_on = threading.Event()
    stuck = nb.tool(timeout=0.05)(lambda: go_on.wait(10))
    with pytest.raises(nb.ToolError, match="its thread goes on"):
        await stuck.run({})
    go_on.set()


async def test_a_cancelled_generator_in_a_thread_ends_at_its_next_yield():
    closed = threading.Event()

    @nb.tool
    def count():
        try:
            while True:
                time.sleep(0.01)
                yield 1
        finally:
            closed.set()

    task = asyncio.ensure_future(count.run({}))
    await asyncio.sleep(0.05)
    task.cancel()
    assert await asyncio.to_thread(closed.wait, 10)


async def test_an_exception_is_raised_as_it_is():
    def bad():
        raise ZeroDivisionError("no")

    def odd():
        raise StopIteration

    with pytest.raises(ZeroDivisionError):
        await nb.tool(bad).run({})
    with pytest.raises(RuntimeError):
        await nb.tool(odd).run({})


# ── results ───────────────────────────────────────────────────────────────────


@dataclasses.dataclass
class Point:
    x: int
    when: object = None


@pytest.mark.parametrize(
    ("value", "content", "text"),
    [
        ("words", "words", "words"),
        (3, 3, "3"),
        (None, None, "null"),
        ({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}, '{"a":[1,{"b":null}]}'),
        (Point(1), {"x": 1, "when": None}, '{"x":1,"when":null}'),
        (Place(city="K"), {"city": "K", "country": "DE"}, '{"city":"K","country":"DE"}'),
        ({1: Point}, {"1": str(Point)}, None),
    ],
)
def test_results_of_any_type(value, content, text):
    result = result_of(value)
    assert result.content == content
    assert text is None or result.text == text


def test_data_frames_are_tables():
    columns = {"city": ["Köln", "a|b"], "n": [1, 2]}
    table = "| city | n |\n| --- | --- |\n| Köln | 1 |\n| a\\|b | 2 |"
    assert result_of(pandas.DataFrame(columns)).text == table
    assert result_of(polars.DataFrame(columns)).content == table
    indexed = result_of(pandas.DataFrame({"n": [1]}, index=pandas.Index(["x"], name="key"))).text
    assert indexed == "| key | n |\n| --- | --- |\n| x | 1 |"
    long = result_of(pandas.DataFrame({"n": range(1000)})).text
    assert long.endswith(f"… {1000 - MAX_ROWS} more rows")


def test_images_are_images():
    class Picture:
        def _repr_png_(self):
            return b"\x89PNG"

    (image,) = result_of(Picture()).images
    assert image.url == "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()


def test_results_are_bounded():
    assert len(result_of("x" * 10 * MAX_TEXT).text) < MAX_TEXT + 100
    assert len(result_of(["x"] * MAX_TEXT).text) < MAX_TEXT + 100
