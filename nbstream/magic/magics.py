"""`%%stream` and `%stream`: the quick prompt. Registered by `%load_ext nbstream`."""

from __future__ import annotations

import argparse
import asyncio
import builtins
import difflib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import traitlets as t
from traitlets.config import Configurable

from nbstream import host
from nbstream.adapters.transport.masking import mask
from nbstream.agents.fill import fill_from_notebook
from nbstream.agents.history import History
from nbstream.batches.group import StreamGroup
from nbstream.config import setting
from nbstream.events.errors import AuthenticationError, NbstreamError, UsageError
from nbstream.events.visible import printable
from nbstream.render.response import Response
from nbstream.runs.stream import Stream

from . import flags
from .attachments import attach, has_images
from .chats import Chats
from .commands import COMMANDS
from .warm_up import warm_up_after_this_cell

NO_MODEL = (
    "This is the demo model: offline, its answers are canned. For a real one run "
    '`%config StreamMagics.model = "gpt-4o-mini"`, name it after %%stream, or set NBSTREAM_MODEL.'
)

FIX = """This cell failed. Say why in a sentence or two, then give the corrected code in one block.

```python
{source}
```

```
{traceback}
```"""
MAX_TRACEBACK = 6000


class StreamMagics(Configurable):
    """Defaults of `%%stream`; set with `c.StreamMagics.…` or `%config StreamMagics.…`."""

    model = t.Unicode("", help="The model where the cell names none.").tag(config=True)
    system = t.Unicode("", help="The system prompt where the cell gives none.").tag(config=True)
    temperature = t.Float(None, allow_none=True, help="Sampling temperature.").tag(config=True)
    max_tokens = t.Int(None, allow_none=True, help="The longest answer, in tokens.").tag(
        config=True
    )
    timeout = t.Float(None, allow_none=True, help="Seconds for the whole run.").tag(config=True)

    def __init__(self, shell: Any) -> None:
        super().__init__(parent=shell)
        self.shell = shell
        self.errors: dict[int, str] = {}
        self.running: set[Stream] = set()
        self.chats = Chats()

    # ── %%stream ──────────────────────────────────────────────────────────────

    async def run_cell(self, line: str, body: str) -> Response | StreamGroup | None:
        """One `%%stream` cell: busy until the stream ends, without blocking the loop."""
        __tracebackhide__ = True
        started = self._start(line, body)
        if started is None:
            return None
        stream, options = started
        with _stopped_by(asyncio.CancelledError, stream):
            if isinstance(stream, StreamGroup):
                await stream
            else:
                await stream.until_ended()
        return self._finish(stream, options)

    def run_cell_now(self, line: str, body: str) -> Response | StreamGroup | None:
        """The same for code that cannot await, such as `%%time` above it or a plain terminal."""
        started = self._start(line, body)
        if started is None:
            return None
        stream, options = started
        with _stopped_by(KeyboardInterrupt, stream):
            if isinstance(stream, StreamGroup):
                stream.result()
            else:
                stream.wait_until_ended()
        return self._finish(stream, options)

    def _start(
        self, line: str, body: str
    ) -> tuple[Stream | StreamGroup, argparse.Namespace] | None:
        """What the cell waits for; None where there is nothing to wait for."""
        try:
            options = flags.parse(line)
            if options.help:
                print(flags.help_text())
                return None
            opened = self._open(options, body)
            return None if options.bg else opened
        except NbstreamError as error:
            raise quiet(error) from None

    def _open(
        self, options: argparse.Namespace, body: str
    ) -> tuple[Stream | StreamGroup, argparse.Namespace] | None:
        from nbstream.adapters.models.registry import model as find_model
        from nbstream.api import stream

        prompt, notes = body.strip("\n"), []
        if not options.no_interpolate:
            prompt, notes, names = fill_from_notebook(prompt, self._variables(), self._cells())
            if names:
                notes.append(f"filled in: {', '.join(f'{{{name}}}' for name in names)}")
        if not prompt.strip():
            raise UsageError(
                "The cell has no prompt.", hint="Write it in the lines below %%stream."
            )
        chat = self.chats.open(options.cid, go_on=options.go_on, remember=not options.no_history)
        named = self._model(options)
        model = named or chat.model or self.model or setting("model")
        if model is None:
            notes.insert(0, NO_MODEL)
        elif chat.turn:
            notes.insert(0, chat.turn)
        content = attach(prompt, options.attachment, self.shell.user_ns)
        arguments: dict[str, Any] = {
            "model": model or "demo",
            "system": options.system or chat.system or self.system or None,
            "temperature": _first(options.temperature, self.temperature),
            "max_tokens": _first(options.max_tokens, self.max_tokens),
            "timeout": _first(options.timeout, self.timeout),
            "max_cost": options.max_cost,
            "max_seconds": options.max_seconds,
            "tools": self._tools(options.tool) or chat.tools or None,
            "output_type": self._named(options.type, "--type") if options.type else None,
            "approve": options.approve or chat.approve,
            **options.options,
        }
        if options.dry_run:
            history = None if options.no_history else chat.history
            for each in self._compared(options) if options.compare else [arguments["model"]]:
                print(dry_run({**arguments, "model": each}, history, content, prompt))
            return None
        if options.compare:
            if notes:
                print("\n".join(notes))
            return self._compare(options, arguments, prompt), options
        whole = [{"role": "user", "content": content if len(content) > 1 else prompt}]
        run = stream(whole, **arguments, history=None if options.no_history else chat.history)
        if has_images(content) and not find_model(arguments["model"]).supports("vision"):
            raise UsageError(f"{run.source.model} takes no images.")
        chat.model, chat.system = model, arguments["system"]
        chat.tools, chat.approve = arguments["tools"] or [], arguments["approve"]
        if options.bg and options.out:
            self.shell.user_ns[options.out] = run
        self.running.add(run)
        run.on(lambda _: self.running.discard(run), "run_end")
        if options.record:
            run.record(options.record, options.raw)
        host.present(
            run,
            format=options.format,
            thinking="hidden" if options.hide_thinking else "auto",
            note="\n".join(notes),
            background=options.bg,
            **({"chart": False} if options.no_chart else {}),
        )
        run.start()
        return run, options

    def _compared(self, options: argparse.Namespace) -> list[Any]:
        names = [name.strip() for name in options.compare.split(",") if name.strip()]
        return [self._model(argparse.Namespace(**{**vars(options), "model": n})) for n in names]

    def _compare(
        self, options: argparse.Namespace, arguments: dict[str, Any], prompt: str
    ) -> StreamGroup:
        from nbstream.api import compare

        models = self._compared(options)
        del arguments["model"]
        group = compare(prompt, models, **arguments)
        if options.bg and options.out:
            self.shell.user_ns[options.out] = group
        for n, stream in enumerate(group.streams, 1):
            if options.record:
                path = Path(options.record)
                stream.record(path.with_stem(f"{path.stem}-{n}"), options.raw)
            self.running.add(stream)
            stream.on(lambda _, ended=stream: self.running.discard(ended), "run_end")
        host.present(group, background=options.bg)
        return group

    def _finish(
        self, stream: Stream | StreamGroup, options: argparse.Namespace
    ) -> Response | StreamGroup:
        if isinstance(stream, StreamGroup):
            if options.out:
                self.shell.user_ns[options.out] = stream
            return stream
        if stream.error is not None:
            raise quiet(stream.error, shown=True) from None
        response = stream.response
        if options.out:
            self.shell.user_ns[options.out] = response
        if options.usage:
            print(usage_line(stream))
        if options.extract:
            self._extract(response.text)
        return response

    def _model(self, options: argparse.Namespace) -> Any:
        name = options.model
        if options.api_base is None:
            if options.api_key_name is not None:
                raise UsageError("--api-key-name goes with --api-base.")
            return name
        from nbstream.adapters.models.registry import model

        name = name or self.model or setting("model")
        key = _key_of(options.api_key_name)
        return model(name or "default", base_url=options.api_base, api_key=key)

    def _named(self, name: str, flag: str) -> Any:
        """A value of the notebook, or a builtin type."""
        names = self.shell.user_ns
        value = names.get(name, getattr(builtins, name, None))
        if value is None:
            hidden = self.shell.user_ns_hidden
            known = [each for each in names if not each.startswith("_") and each not in hidden]
            near = difflib.get_close_matches(name, known, 1)
            raise UsageError(
                f"{flag} {name}: the notebook has no such name.",
                hint=f"Did you mean {near[0]}?" if near else "Run the cell that defines it first.",
            )
        return value

    def _tools(self, names: list[str]) -> list[Any]:
        found = [self._named(name, "-T") for name in names]
        return [tool for each in found for tool in (each if isinstance(each, list) else [each])]

    def _extract(self, text: str) -> None:
        block = first_code(text)
        if block is None:
            print("The answer has no code block.")
        else:
            self.shell.set_next_input(block, replace=False)

    def _variables(self) -> dict[str, Any]:
        """What the user's own cells have defined, without what IPython keeps among it."""
        hidden = self.shell.user_ns_hidden
        return {
            name: value
            for name, value in self.shell.user_ns.items()
            if name not in hidden or hidden[name] is not value
        }

    def _cells(self) -> dict[str, Any]:
        """What `{In[3]}`, `{Out[3]}` and `{Err[3]}` are taken from."""
        typed = self.shell.history_manager.input_hist_raw
        return {"In": typed, "Out": self.shell.user_ns.get("Out", {}), "Err": self.errors}

    # ── %stream ───────────────────────────────────────────────────────────────

    def line(self, line: str) -> Any:
        """`%stream COMMAND`, or `%stream one-line prompt`."""
        command, _, rest = line.strip().partition(" ")
        try:
            if command == "fix":
                return self.run_cell_now(*self.fix(rest))
            if command in COMMANDS:
                print(COMMANDS[command](self, rest.strip()))
                return None
        except NbstreamError as error:
            raise quiet(error) from None
        if not line.strip():
            print(COMMANDS["help"](self, ""))
            return None
        return self.run_cell_now("", line.strip())

    def fix(self, flags_line: str) -> tuple[str, str]:
        """The line and the body of a cell that asks about the last error."""
        if not self.errors:
            raise quiet(UsageError("No cell has failed yet."))
        number = max(self.errors)
        typed = self.shell.history_manager.input_hist_raw
        source = typed[number] if number < len(typed) else ""
        body = mask(FIX.format(source=source, traceback=self.errors[number][-MAX_TRACEBACK:]))
        return f"--no-interpolate {flags_line}", body

    def keep_error(self, result: Any) -> None:
        """After each cell: the traceback of one that failed, for `%stream fix`."""
        error = result.error_before_exec or result.error_in_exec
        if error is not None and result.execution_count:
            lines = self.shell.InteractiveTB.structured_traceback(
                type(error), error, error.__traceback__
            )
            self.errors[result.execution_count] = _COLOUR.sub("", "\n".join(lines))


class CellInterrupted(KeyboardInterrupt):
    """■ was pressed: the queue of cells is dropped, with one line and no traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"Interrupted: {self}"]


@contextmanager
def _stopped_by(interrupt: type[BaseException], stream: Stream | StreamGroup) -> Iterator[None]:
    try:
        yield
    except interrupt:
        stream.stop()
        raise CellInterrupted("stopped; the text so far is kept") from None


def quiet(error: NbstreamError, *, shown: bool = False) -> NbstreamError:
    """The same error, without a traceback; in one line where the view has `shown` the rest."""

    def render(_: Any = None) -> list[str]:
        return [f"{type(error).__name__}: {printable(error.message) if shown else error}"]

    error._render_traceback_ = render  # type: ignore[attr-defined]
    return error


def first_code(text: str) -> str | None:
    """What the first fenced code block of the text holds."""
    match = re.search(r"^(`{3,}|~{3,})[^\n`]*\n(.*?)^\1\s*$", text, re.DOTALL | re.MULTILINE)
    return match.group(2).rstrip("\n") if match else None


#: What the cell itself heeds, and no request holds.
_NOT_SENT = ("timeout", "max_cost", "max_seconds", "approve")


def dry_run(
    arguments: dict[str, Any], history: History | None, content: list[dict[str, Any]], prompt: str
) -> str:
    """What would be sent: where, the whole body, and the conversation again as one can read it.

    Raises `UsageError` for an unknown model.
    """
    from nbstream.adapters.models.registry import model as find_model
    from nbstream.adapters.transport.masking import mask
    from nbstream.api import preview

    chat = find_model(arguments["model"])
    sent = {name: value for name, value in arguments.items() if name not in _NOT_SENT}
    whole = [{"role": "user", "content": content if len(content) > 1 else prompt}]
    seen = preview(whole, history=history, **{**sent, "model": chat})
    lines = [f"model: {chat.provider}/{chat.name}"]
    for name in _NOT_SENT:
        if arguments.get(name) not in (None, False):
            lines.append(f"{name}: {arguments[name]}")
    if seen.url:
        body = json.dumps(_shortened(seen.body), indent=2, ensure_ascii=False, default=str)
        lines += [f"POST {seen.url}", body]
    elif arguments.get("system"):
        lines.append(f"system: {arguments['system']}")
    lines += [f"{message['role']}: {message['content']}" for message in history or ()]
    lines.append("")
    for part in content:
        lines.append(part.get("text") or f"[{part['type']}]")
    return mask(printable("\n".join(lines)), chat.secrets())


def _shortened(value: Any) -> Any:
    """The same without the data of files, which nobody reads."""
    if isinstance(value, dict):
        return {name: _shortened(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_shortened(each) for each in value]
    if isinstance(value, str) and len(value) > 1000 and not re.search(r"\s", value[:1000]):
        return f"{value[:60]}… ({len(value):,} characters)"
    return value


def usage_line(stream: Stream) -> str:
    usage = stream.usage
    if usage is None:
        return f"usage: not given by the provider; about {stream.metrics.output_tokens} tokens out"
    counts = {
        "in": usage.input_tokens,
        "cached": usage.cache_read_tokens,
        "out": usage.output_tokens,
        "thinking": usage.reasoning_tokens,
    }
    return "usage: " + ", ".join(f"{n} {name}" for name, n in counts.items() if n is not None)


def register(shell: Any) -> None:
    """What `%load_ext nbstream` does; doing it twice changes nothing."""
    if getattr(shell, "_nbstream", None) is not None:
        return
    magics = shell._nbstream = StreamMagics(shell)
    shell.configurables.append(magics)
    shell.register_magic_function(magics.run_cell_now, "cell", "stream")
    shell.register_magic_function(magics.line, "line", "stream")
    shell.input_transformers_cleanup.append(_as_async_cell)
    shell.events.register("post_run_cell", magics.keep_error)
    warm_up_after_this_cell(shell)


def unregister(shell: Any) -> None:
    """What `%unload_ext nbstream` does: gives back all that `register` took."""
    magics = getattr(shell, "_nbstream", None)
    if magics is None:
        return
    del shell._nbstream
    shell.events.unregister("post_run_cell", magics.keep_error)
    shell.configurables.remove(magics)
    shell.input_transformers_cleanup.remove(_as_async_cell)
    shell.magics_manager.magics["cell"].pop("stream", None)
    shell.magics_manager.magics["line"].pop("stream", None)


_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_ONE_LINE = re.compile(r"%stream\s+(?P<prompt>\S.*?)\s*$")


def _as_async_cell(lines: list[str]) -> list[str]:
    """A `%%stream` cell awaits: the kernel stays able to hear Stop while the cell is busy."""
    if not lines:
        return lines
    first = lines[0]
    if re.match(r"%%stream(\s|$)", first):
        line, body = first[len("%%stream") :].strip(), "".join(lines[1:])
    elif (match := _ONE_LINE.match(first)) and not "".join(lines[1:]).strip():
        line, body = "", match.group("prompt")
        command, _, rest = body.partition(" ")
        if command in COMMANDS:
            return lines
        if command == "fix":
            shell = "get_ipython()._nbstream"
            return [f"await {shell}.run_cell(*{shell}.fix({rest!r}))\n"]
    else:
        return lines
    return [f"await get_ipython()._nbstream.run_cell({line!r}, {body!r})\n"]


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _key_of(variable: str | None) -> str | None:
    if variable is None:
        return None
    key = os.environ.get(variable)
    if not key:
        raise AuthenticationError(
            f"The environment variable {variable} is not set.",
            hint=f"Set it before the kernel starts, or with %env {variable}=… in a cell.",
        )
    return key
