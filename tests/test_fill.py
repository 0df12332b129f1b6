from __future__ import annotations

import os
import sys
from types import SimpleNamespace

import pytest

import nbstream as nb
from nbstream.agents.fill import fill, fill_from_notebook

NAMES = {
    "name": "Ada",
    "obj": SimpleNamespace(attr=SimpleNamespace(deep=7)),
    "d": {"key": "value", "k": [10, 20]},
    "Out": {3: "out three"},
    "In": ["", "one", "two", "in three"],
}


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("hi {name}!", "hi Ada!"),
        ("{obj.attr.deep} { name }", "7 Ada"),
        ('{d["key"]} {d[\'key\']} {d["k"][-1]}', "value value 20"),
        ("{In[3]} / {Out[3]}", "in three / out three"),
    ],
)
def test_a_path_that_resolves_is_filled(typed, sent):
    assert fill(typed, NAMES) == (sent, [])


@pytest.mark.parametrize(
    "typed",
    [
        '{"foo": "bar", "n": {"x": 1}}',
        "{'foo': 'bar'}",
        "{k: v for k, v in pairs}",
        r"\frac{a}{b} and \mathbb{R}^{n}",
        "if (x) { return y; }",
        "{{ name }} {{name}}",
        "{} {0} { } {name!r} {name:>10}",
        "{__import__('os').system('true')} {name.upper()}",
        "interface A { b: string }",
    ],
)
def test_every_other_brace_passes_through(typed):
    assert fill(typed, NAMES) == (typed, [])


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("{nmae}", "did you mean {name}?"),
        ("{d['nope']}", "KeyError"),
        ("{obj.nope}", "AttributeError"),
        ("{unheard_of}", "no variable 'unheard_of'"),
    ],
)
def test_a_mistyped_variable_is_left_and_said(typed, says):
    text, notes = fill(typed, NAMES)
    assert text == typed
    assert len(notes) == 1
    assert says in notes[0]


def test_what_is_filled_in_is_not_filled_again():
    assert fill("{a}", {"a": "{b}", "b": "no"})[0] == "{b}"


# ── a prompt that may be pasted ───────────────────────────────────────────────


class Odd:
    plain = 3

    @property
    def boom(self):
        raise SystemExit("no")

    @property
    def lost(self):
        raise AttributeError("inside")

    def method(self):
        return 1

    def __str__(self):
        raise RuntimeError("no text")


def frames():
    yield 1


CELLS = {"In": ["", "one", "two"], "Out": {2: "two!", 3: os}, "Err": {1: "Traceback …"}}
OWN = {
    "name": "Ada",
    "d": {"__class__": 1, "os": os},
    "os": os,
    "env": os.environ,
    "nb": nb,
    "odd": Odd(),
    "running": frames(),
    "_": "the last output",
    "_private": "p",
    "api_key": "hunter2hunter2",
    "note": "my key is sk-userkey-1234567890, keep it",
    "token": "cat",
    "code": "from hub import hf_hub_download_of_files",
}


@pytest.mark.parametrize(
    "typed",
    [
        "{os}",
        "{os.environ}",
        "{os.environ['PATH']}",
        "{env}",
        "{env['PATH']}",
        "{d['os'].environ}",
        "{nb.stream.__globals__}",
        "{name.__class__}",
        "{odd.__init__}",
        "{odd.method}",
        "{running.gi_frame.f_globals}",
        "{_}",
        "{_private}",
        "{In}",
        "{Out}",
        "{In[-1]}",
        "{In[0].x}",
        "{Out[3]}",
    ],
)
def test_what_is_not_the_users_own_is_left_as_typed(typed):
    filled = fill_from_notebook(typed, OWN, CELLS)
    assert (filled.text, filled.names) == (typed, [])
    assert "left as typed" in filled.notes[0]


def test_which_names_were_filled_is_known():
    typed = (
        "{name} {In[1]} {Out[2]} {Err[1]} {d['__class__']} {odd.plain} {token} {code} {name} {nmae}"
    )
    filled = fill_from_notebook(typed, OWN, CELLS)
    assert filled.text.startswith("Ada one two! Traceback … 1 3 cat from hub")
    assert filled.names == [
        *("name", "In[1]", "Out[2]", "Err[1]", "d['__class__']", "odd.plain", "token", "code")
    ]
    assert len(filled.notes) == 1


@pytest.mark.parametrize("typed", ["{api_key}", "{note}"])
def test_a_value_that_looks_like_a_key_is_refused(typed):
    with pytest.raises(nb.UsageError, match="looks like a key"):
        fill_from_notebook(f"pasted {typed}", OWN, CELLS)


def test_a_key_of_the_environment_is_refused_under_any_name(monkeypatch):
    monkeypatch.setenv("MY_SERVICE_KEY_TOKEN", "plain words 12")
    with pytest.raises(nb.UsageError, match="looks like a key"):
        fill_from_notebook("{harmless}", {"harmless": ["plain words 12"]}, CELLS)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("{odd.boom}", "boom raised SystemExit"),
        ("{odd.lost}", "lost raised AttributeError"),
        ("{odd}", "its text raised RuntimeError"),
    ],
)
def test_a_property_that_raises_is_an_error_that_says_so(typed, says):
    for of in (fill, lambda prompt, names: fill_from_notebook(prompt, names, CELLS)):
        with pytest.raises(nb.UsageError, match=says):
            of(typed, OWN)


def test_private_names_and_modules_are_closed_to_every_prompt():
    typed = "{name.__class__.__mro__} {sys.modules}"
    assert fill(typed, {"name": "Ada", "sys": sys})[0] == typed
