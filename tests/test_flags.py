from __future__ import annotations

import pytest

from nbstream import UsageError
from nbstream.magic.flags import FLAGS, help_text, parse


def test_model_first_like_other_ai_magics():
    assert parse("gpt-4o-mini -t 0.2").model == "gpt-4o-mini"
    assert parse("-m gpt-4o-mini").model == "gpt-4o-mini"
    assert parse("").model is None


def test_the_answer_can_be_bound_both_ways():
    assert parse("--out answer").out == "answer"
    assert parse("demo -t 1 answer <<").out == "answer"
    assert parse("demo -t 1 answer <<").model == "demo"
    assert parse("answer <<").out == "answer"


def test_provider_options_are_json_where_they_can_be():
    flags = parse("-o seed 7 -o reasoning_effort low -o logprobs true -o stop '[\"a\"]'")
    assert flags.options == {
        "seed": 7,
        "reasoning_effort": "low",
        "logprobs": True,
        "stop": ["a"],
    }


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("--temprature 1", "Did you mean --temperature?"),
        ("--temp 1", "--help lists the flags"),
        ("gpt-4o hello world", "The prompt goes into the lines below"),
        ("-t warm", "invalid float value"),
        ("-s 'open", "Close the quote"),
        ("a -m b", "two models"),
        ("--out 1x", "not a variable name"),
        ("-f html", "invalid choice"),
    ],
)
def test_a_bad_line_names_the_fix(line, says):
    with pytest.raises(UsageError) as raised:
        parse(line)
    assert says in str(raised.value)


def test_help_names_every_flag():
    text = help_text()
    for flag in FLAGS:
        for name in flag.names:
            assert name in text
