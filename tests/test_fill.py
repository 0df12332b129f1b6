from __future__ import annotations

from types import SimpleNamespace

import pytest

from nbstream.agents.fill import fill

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
