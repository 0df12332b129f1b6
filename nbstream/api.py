"""The ways to start a stream: ask a model, show what already streams, replay a recording."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from nbstream.hosts import marimo
from nbstream.hosts import notebook as cell
from nbstream.runs import cassettes as tapes

from .adapters.models.base import ChatModel, ChatRequest, Prompt
from .adapters.models.options import misspelt
from .adapters.models.registry import model as find_model
from .adapters.sources.recorded import recorded
from .adapters.sources.source import Source
from .adapters.transport.timeouts import Timeouts
from .agents.approval import Approval, Choice
from .agents.history import History, Message, as_messages, assistant_message
from .config import configure, setting
from .events import StreamEvent
from .events.errors import UsageError
from .runs.budget import budget_for
from .runs.stream import Stream


def stream(
    prompt: Prompt,
    model: str | ChatModel | None = None,
    *,
    system: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    top_p: float | None = None,
    stop: str | list[str] | None = None,
    tools: Iterable[Any] | None = None,
    output_type: Any = None,
    repair: bool = False,
    approve: Choice = False,
    history: History | None = None,
    timeout: float | Timeouts | None = None,
    retries: int | None = None,
    max_cost: float | None = None,
    max_seconds: float | None = None,
    title: str = "",
    **provider_options: Any,
) -> Stream:
    """Ask a model. The stream starts when it is displayed, awaited, iterated or asked for its result.

    `prompt` is a text or a list of messages in the OpenAI form. `model` is a name ("gpt-4o-mini",
    "anthropic/claude-…", an alias) or a `ChatModel`; without one, the configured model or `demo`.
    `tools` are functions or agents that the model may call, as in `Agent`; schemas given as dicts go to the
    model, and what it calls is in `tool_calls`. `output_type` (a pydantic model, a type or a JSON schema)
    validates the answer into `output`; `repair` asks once more where it does not fit. `approve`: which tools
    ask in the cell first. `history` goes before the prompt and takes in this turn.

    `timeout` is in seconds for the whole run, or a `Timeouts`. `retries` counts new attempts before the
    first token. `max_cost` (US dollars) and `max_seconds` stop the run there and keep what has arrived. Other
    keyword arguments go to the provider as they are.

    Raises `UsageError` for an unknown model, and for `max_cost` with a model whose price is not known. What
    goes wrong later is raised by awaiting the stream.
    """
    if not prompt:
        raise UsageError("The prompt is empty.", hint="Give a text or a list of messages.")
    chat = find_model(setting("model", model) or "demo")
    timeouts = Timeouts.of(setting("timeout", timeout), chat.timeouts)
    turn_messages = as_messages(prompt)
    request = ChatRequest.of(
        [*(history or ()), *turn_messages],
        system=setting("system", system),
        temperature=setting("temperature", temperature),
        max_tokens=setting("max_tokens", max_tokens),
        top_p=setting("top_p", top_p),
        stop=stop,
        timeouts=timeouts,
        **provider_options,
    )
    attempts = setting("retries", retries)
    attempts = 2 if attempts is None else attempts
    budget = budget_for(chat, request, max_cost, max_seconds)
    given: list[Any] = list(tools or ())
    if output_type is not None or any(not isinstance(each, dict) for each in given):
        from .agents.turn import turn

        before = msgspec.structs.replace(request, messages=request.messages[: -len(turn_messages)])
        source = turn(
            chat,
            before,
            turn_messages,
            tools=given,
            output_type=output_type,
            repair=repair,
            approval=Approval(approve),
            retries=attempts,
            history=history,
        ).warned(misspelt(request.options))
        return Stream(source, title=title, timeouts=timeouts, retries=0, budget=budget)
    if given:
        request.tools = given
    tape = tapes.taped(chat, request)
    stream = Stream(
        tape or _asking(chat, request),
        title=title,
        timeouts=timeouts,
        retries=attempts,
        budget=budget,
    )
    if tape is None:
        tapes.record(stream, chat, request)
    if history is not None:
        _remember(stream, history, turn_messages)
    return stream


def _remember(stream: Stream, history: History, messages: list[Message]) -> None:
    transcript = stream.transcript  # and not the stream, which would keep itself alive

    def add(_: StreamEvent) -> None:
        if transcript.text or transcript.refusal:
            history.add([*messages, assistant_message(transcript)])

    stream.on(add, "run_end")


def _asking(chat: ChatModel, request: ChatRequest) -> Source:
    chat.load()
    return Source(
        events=lambda: chat.events(request),
        model=chat.name,
        provider=chat.provider,
        restartable=True,
        secrets=chat.secrets(),
    ).warned(misspelt(request.options))


def show(source: Any, title: str = "", **options: Any) -> Stream:
    """A stream of anything that already streams: an async or sync iterator of strings, events or chunks.

    In a notebook it is shown in this cell at once, in marimo as the last line of a cell; in a terminal it
    prints when it is awaited, iterated or asked for its result.

    Raises `UsageError` for an object it does not know; the message says what is accepted.
    """
    from .adapters.sources.objects import adapt

    timeouts = Timeouts.of(options.pop("timeout", None), Timeouts(first=None, between=None))
    stream = Stream(adapt(source, **options), title=title, timeouts=timeouts, retries=0)
    if not marimo.running():
        cell.present(stream)
    return stream


def replay(path: str | Path, speed: float | None = 1.0) -> Stream:
    """The stream of a recording: the same events, at `speed` times the recorded pace.

    None gives everything at once, with the times and so the metrics it had.

    A raw recording of one request runs the provider's bytes through the adapter again.
    """
    source = recorded(path, speed)
    return Stream(source, timeouts=Timeouts(first=None, between=None), retries=0)


def record_to(folder: str | Path | None, raw: bool = False) -> None:
    """Record every run of this session into `folder`, named by time and model; None ends it.

    `raw` keeps the providers' bytes as well. An agent's requests are recorded one by one.
    """
    configure(record_to=folder, record_raw=raw or None)
