"""Several streams side by side: the same prompt for several models, or any streams at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Self

from nbstream.adapters.models.base import ChatModel, Prompt
from nbstream.api import stream as start_stream
from nbstream.events.errors import UsageError
from nbstream.fold.tables import names_of, row_of
from nbstream.hosts import marimo
from nbstream.hosts import notebook as cell
from nbstream.render.response import Response
from nbstream.runs.stream import Stream

from .together import Together


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
        return StreamGroup([_again(each) for each in streams], streams)  # type: ignore[arg-type]
    if not models:
        raise UsageError("models is empty.", hint='models=["gpt-4o-mini", "ollama/llama3.2"]')

    def asking(model: str | ChatModel) -> Callable[[], Stream]:
        return lambda: start_stream(prompt, model, **options)  # type: ignore[arg-type]

    return StreamGroup([asking(model) for model in models])


class StreamGroup(Together):
    """Streams that run at once: awaitable, displayable, stoppable.

    `streams` are the runs in order, `names` what they are called. `winner` is the stream that was picked,
    with a click or `pick()`, or None.
    """

    def __init__(
        self, makers: Sequence[Callable[[], Stream]], streams: Sequence[Stream] | None = None
    ) -> None:
        super().__init__()
        self._makers = list(makers)
        self.streams: list[Stream] = (
            list(streams) if streams is not None else [make() for make in makers]
        )
        self.names: list[str] = names_of(self.streams)
        self.winner: Stream | None = None

    # ── run ───────────────────────────────────────────────────────────────────

    @property
    def ended(self) -> bool:
        return all(stream.ended for stream in self.streams)

    def start(self) -> Self:
        for stream in self.streams:
            stream.start()
        return self

    def stop(self, index: int | None = None) -> None:
        """Stop one stream, or all; what has arrived is kept."""
        for stream in self.streams if index is None else [self.streams[index]]:
            stream.stop()

    def rerun(self, index: int) -> Stream:
        """Ask again in the place of one stream; the others stay. Raises `UsageError` where one cannot."""
        old = self.streams[index]
        new = self._makers[index]()
        old.stop()
        self.streams[index] = new
        if self.winner is old:
            self.winner = None
        new.start()
        self._changed()
        return new

    def pick(self, index: int | None) -> None:
        """Name the winner; None takes it back."""
        self.winner = None if index is None else self.streams[index]
        self._changed()

    async def _end(self) -> None:
        async with asyncio.TaskGroup() as waiting:
            for stream in self.streams:
                waiting.create_task(stream.until_ended())

    def result(self, timeout: float | None = None) -> list[Response]:
        """The answers, waiting for them here. A stream that fails is an answer with `status` "error".

        After `timeout` seconds for one of them it raises `StreamTimeoutError`, and the streams go on.
        """
        for stream in self.streams:
            stream.wait_for(len(stream.events), 0)  # all begin before the first is waited for
        for stream in self.streams:
            try:
                stream.result(timeout)
            except Exception:
                if not stream.ended:
                    raise
        return self.responses

    # ── what it says ──────────────────────────────────────────────────────────

    def table(self) -> list[dict[str, Any]]:
        """A row for each stream: name, status, ttft, tokens_per_second, output_tokens, cost, elapsed, …

        Times in seconds, cost in US dollars; None where unknown.
        """
        return [
            {**row_of(name, stream), "winner": stream is self.winner, "text": stream.text}
            for name, stream in zip(self.names, self.streams, strict=True)
        ]

    def _ipython_display_(self) -> None:
        cell.show_group(self)

    def _display_(self) -> object:
        return marimo.show_group(self)

    def __repr__(self) -> str:
        states = ", ".join(
            f"{name} {stream.status}" for name, stream in zip(self.names, self.streams, strict=True)
        )
        return f"<StreamGroup {states}>"


def _again(stream: Stream) -> Callable[[], Stream]:
    def make() -> Stream:
        if not stream.source.restartable:
            raise UsageError("This stream cannot be asked again: its source is read once.")
        return Stream(stream.source, title=stream.title)

    return make
