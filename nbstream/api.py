"""What people call: ask a model, show what streams, replay, attach, compare, gather."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from . import host, hosts  # noqa: F401  (the hosts register with the port)
from .adapters.models.base import ChatModel, ChatRequest, Preview, Prompt, SecretsOf
from .adapters.models.options import misspelt
from .adapters.models.registry import model as find_model
from .adapters.sources.recorded import recorded
from .adapters.sources.source import Source
from .adapters.transport.timeouts import Timeouts
from .agents.approval import Approval, Choice
from .agents.history import History, Message, as_messages, assistant_message
from .batches.batch import StreamBatch
from .batches.group import StreamGroup, again
from .config import configure, setting
from .events import RunEnd, StreamEvent
from .events.errors import UsageError
from .logs.file import FileLog, FollowedFile
from .logs.log import Log
from .logs.recording import SUFFIX
from .runs import cassettes
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
    log: str | Path | None = None,
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
    first token. `max_cost` (US dollars) and `max_seconds` stop the run there and keep what has arrived. `log`
    is a folder, or a new file, in which the run is kept as it happens: `nbstream.attach(stream.url)` follows
    it from another program.

    `reasoning` ("low", "medium", "high", a number of tokens, or False), `tool_choice` ("auto", "none",
    "required" or a tool's name), `cache=True`, `seed` and `user` go to each provider under its own names.
    `extra_headers` and `extra_body` are added to the request. Other keyword arguments go to the provider as
    they are; one that looks misspelt gets a `warning` event.

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
        kept = _log_of(setting("log", log), chat)
        return Stream(source, title=title, timeouts=timeouts, retries=0, budget=budget, log=kept)
    if given:
        request.tools = given
    cassette = cassettes.recorded_source(chat, request)
    stream = Stream(
        cassette or _asking(chat, request),
        title=title,
        timeouts=timeouts,
        retries=attempts,
        budget=budget,
        log=_log_of(setting("log", log), chat),
    )
    if cassette is None:
        cassettes.record(stream, chat, request)
    if history is not None:
        _remember(stream, history, turn_messages)
    return stream


def preview(
    prompt: Prompt,
    model: str | ChatModel | None = None,
    *,
    system: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    top_p: float | None = None,
    tools: Iterable[Any] | None = None,
    output_type: Any = None,
    history: History | None = None,
    **provider_options: Any,
) -> Preview:
    """What `stream` would send first, and where, with the same arguments. Sends nothing.

    Raises `UsageError` for an unknown model, and for what is not a tool or a type.
    """
    chat = find_model(setting("model", model) or "demo")
    request = ChatRequest.of(
        [*(history or ()), *as_messages(prompt)],
        system=setting("system", system),
        temperature=setting("temperature", temperature),
        max_tokens=setting("max_tokens", max_tokens),
        top_p=setting("top_p", top_p),
        **provider_options,
    )
    given: list[Any] = list(tools or ())
    if output_type is not None or any(not isinstance(each, dict) for each in given):
        from .agents.turn import request_for

        request = request_for(chat, request, given, output_type)
    elif given:
        request.tools = given
    return chat.preview(request)


def _remember(stream: Stream, history: History, messages: list[Message]) -> None:
    transcript = stream.transcript  # and not the stream, which would keep itself alive

    def add(event: StreamEvent) -> None:
        if isinstance(event, RunEnd) and (transcript.text or transcript.refusal):
            history.add([*messages, assistant_message(transcript)])

    stream.follow(add)


def _log_of(place: str | Path | None, chat: ChatModel) -> Log | None:
    """The log in a folder or a file; None where runs are kept in memory."""
    if place is None:
        return None
    path = Path(place)
    return FileLog(path if path.suffix == SUFFIX else cassettes.unused(path, chat))


def _asking(chat: ChatModel, request: ChatRequest) -> Source:
    chat.load()
    return Source(
        events=lambda: chat.events(request),
        model=chat.name,
        provider=chat.provider,
        restartable=True,
        secrets=SecretsOf(chat, request),
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
    host.present(stream)
    return stream


def replay(path: str | Path, speed: float | None = 1.0) -> Stream:
    """The stream of a recording: the same events, at `speed` times the recorded pace.

    None gives everything at once, with the times and so the metrics it had.

    A raw recording of one request runs the provider's bytes through the adapter again.
    """
    source = recorded(path, speed)
    return Stream(source, timeouts=Timeouts(first=None, between=None), retries=0)


def attach(url: str | Path) -> Stream:
    """The run that is kept at `url`, the `url` of its stream: what was said, then live.

    Stopping it and answering its approvals work from here too. Times, ids and numbers are the writer's. Where
    the program that ran it is gone, the run ends as `interrupted`, and its text is kept.

    Raises `UsageError` where there is no run.
    """
    return Stream.following(FollowedFile(url))


def record_to(folder: str | Path | None, raw: bool = False) -> None:
    """Record every run of this session into `folder`, named by time and model; None ends it.

    `raw` keeps the providers' bytes as well. An agent's requests are recorded one by one.
    """
    configure(record_to=folder, record_raw=raw or None)


def compare(
    prompt: Prompt | Sequence[Stream],
    models: Sequence[str | ChatModel] | None = None,
    **options: Any,
) -> StreamGroup:
    """Ask several models the same thing, or put given streams side by side.

        nb.compare("Explain quicksort", models=["gpt-4o-mini", "ollama/llama3.2"])
        nb.compare([nb.stream("…", temperature=0), nb.stream("…", temperature=1)])

    Other arguments are those of `nbstream.stream`, for every model. The group starts when it is displayed,
    awaited or asked for its result. A stream that fails leaves the others alone.

    Raises `UsageError` for an unknown model, or where there is nothing to compare.
    """
    if models is None:
        streams = list(prompt)
        if not streams or not all(isinstance(each, Stream) for each in streams):
            raise UsageError(
                "There is nothing to compare.",
                hint='nb.compare("a prompt", models=["a", "b"]) or nb.compare([stream1, stream2])',
            )
        return StreamGroup([again(each) for each in streams], streams)  # type: ignore[arg-type]
    if not models:
        raise UsageError("models is empty.", hint='models=["gpt-4o-mini", "ollama/llama3.2"]')

    def asking(model: str | ChatModel) -> Callable[[], Stream]:
        return lambda: stream(prompt, model, **options)  # type: ignore[arg-type]

    return StreamGroup([asking(model) for model in models])


def gather(
    prompts: Sequence[Prompt],
    model: str | ChatModel | None = None,
    *,
    concurrency: int = 8,
    **options: Any,
) -> StreamBatch:
    """Ask a model many things, `concurrency` at a time.

        responses = await nb.gather(prompts, model="gpt-4o-mini", concurrency=32)

    In a notebook the cell shows the progress. The answers come in the order of the prompts. One that
    fails is a `Response` with `status` "error" and its partial text; the others go on. Other arguments are
    those of `nbstream.stream`. The batch starts when it is displayed, awaited or asked for its result.

    Raises `UsageError` for an unknown model, an empty prompt, or a concurrency below 1.
    """
    if concurrency < 1:
        raise UsageError("concurrency must be at least 1.")
    if isinstance(prompts, str):
        raise UsageError("gather takes several prompts.", hint='nb.gather(["one", "two"])')
    streams = [stream(prompt, model, **options) for prompt in prompts]
    return StreamBatch(streams, concurrency, [_label(prompt) for prompt in prompts])


def _label(prompt: Prompt) -> str:
    text = prompt if isinstance(prompt, str) else str(prompt[-1].get("content") or "")
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"
