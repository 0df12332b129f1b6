"""A misspelt option is noticed; one that a provider knows is not."""

from __future__ import annotations

import inspect

import pytest

import nbstream as nb
from nbstream.adapters.models.options import PARAMETERS, PROVIDER_OPTIONS, misspelt
from nbstream.events import RunStart, TextDelta, Warning


@pytest.mark.parametrize(
    ("option", "meant"),
    [
        ("temprature", "temperature"),
        ("Temperature", "temperature"),
        ("max_token", "max_tokens"),
        ("maxtokens", "max_tokens"),
        ("reasoning_efort", "reasoning_effort"),
        ("time_out", "timeout"),
        ("sytem", "system"),
        ("concurency", "concurrency"),
        ("respone_format", "response_format"),
    ],
)
def test_a_misspelt_option_is_named_with_the_one_that_was_meant(option, meant):
    assert f"{option!r} goes to the provider as it is: did you mean {meant!r}?" in misspelt(
        [option]
    )


@pytest.mark.parametrize("option", [*sorted(PROVIDER_OPTIONS), "my_own", "x", "aws_region_name"])
def test_no_false_alarm(option):
    assert misspelt([option]) == ""


def test_every_parameter_is_known():
    for verb in (nb.stream, nb.Agent, nb.Agent.stream, nb.compare, nb.gather):
        named = [
            each.name
            for each in inspect.signature(verb).parameters.values()
            if each.kind != each.VAR_KEYWORD and each.name != "self"
        ]
        assert set(named) <= PARAMETERS


def look(what: str) -> str:
    return what


def warnings(stream: nb.Stream) -> list[str]:
    stream.result()
    return [event.message for event in stream.events if isinstance(event, Warning)]


@pytest.mark.parametrize("options", [{}, {"tools": [look]}, {"output_type": dict}])
def test_a_stream_warns_once_before_its_answer(options):
    model = nb.Scripted('{"say": "Hello."}')
    stream = nb.stream("hello", model=model, temprature=0.2, seed=7, **options)
    (message,) = warnings(stream)
    assert "'temprature'" in message and "'temperature'" in message and "seed" not in message
    first, second, *others = stream.events
    assert isinstance(first, RunStart) and isinstance(second, Warning)
    assert any(isinstance(event, TextDelta) for event in others)


def test_an_agent_warns_too():
    (message,) = warnings(nb.Agent(nb.Scripted("Hello."), max_tokns=3).stream("hello"))
    assert "'max_tokens'" in message


def test_a_retry_does_not_say_it_again():
    busy = nb.RateLimitError("busy", retry_after=0)
    stream = nb.stream("hello", model=nb.Scripted(busy, "Hello."), temprature=1, retries=1)
    assert len(warnings(stream)) == 1
    assert stream.text == "Hello."


def test_what_is_spelt_right_is_silent():
    stream = nb.stream("hello", model=nb.Scripted("Hello."), temperature=1, seed=7, think=True)
    assert not warnings(stream)
