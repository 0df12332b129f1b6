"""Tools: functions a model may call."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cached_property, partial
from typing import Any, overload

from nbstream.adapters.models.fitting import wire_name
from nbstream.events.errors import OutputValidationError, ToolError, UsageError
from nbstream.runs.stream import Stream

from .schema import Schema

#: Whether a call needs a yes first: always, never, or what a function of its arguments says.
Approve = bool | Callable[..., Any]
Progress = Callable[[Any], None]


class Tool:
    """A function with a name, a description and a schema of its parameters; still callable as it was.

    `timeout` is in seconds. `approve`: ask before it runs; a function gets the arguments and says whether.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str = "",
        description: str = "",
        timeout: float | None = None,
        approve: Approve = False,
        schema: dict[str, Any] | None = None,
    ) -> None:
        self.function = function
        self.name: str = name or getattr(function, "__name__", type(function).__name__)
        self.description: str = description or _summary(function)
        self.timeout = timeout
        self.approve = approve
        self._given_schema = schema
        self.__doc__ = function.__doc__
        self.__wrapped__ = function

    @cached_property
    def schema(self) -> Schema:
        if self._given_schema is not None:
            return Schema.of(self._given_schema)
        return Schema.of_parameters(self.function)

    @property
    def wire_name(self) -> str:
        """The name as every provider takes it; the model calls the tool by this one."""
        return wire_name(self.name)

    @property
    def spec(self) -> dict[str, Any]:
        """What the model is told, in the OpenAI form."""
        function = {
            "name": self.wire_name,
            "description": self.description,
            "parameters": self.schema.json,
        }
        return {"type": "function", "function": function}

    @property
    def threaded(self) -> bool:
        """Whether it runs in a thread, which nothing can cancel."""
        return not is_async(self.function)

    async def run(self, arguments: Any, progress: Progress = lambda _: None) -> Any:
        """Check the arguments and call the function: async ones here, sync ones in a thread.

        What a generator yields goes to `progress`; its value is what it returns, else the last it yielded.
        Raises `ToolError` where the arguments do not fit or the time is up, else what the function raises.
        """
        try:
            keywords = self.schema.check(arguments)
        except OutputValidationError as error:
            raise ToolError(f"Wrong arguments: {error.message}") from None
        work = invoke(partial(self.function, **(keywords or {})), self.name, progress)
        if self.timeout is None:
            return await work
        task = asyncio.ensure_future(work)
        try:
            done, _ = await asyncio.wait({task}, timeout=self.timeout)
        finally:
            task.cancel()
        if not done:
            left = "; its thread goes on" if self.threaded else ""
            raise ToolError(f"{self.name} took longer than {self.timeout:g} s{left}.")
        return task.result()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"Tool({self.name!r})"


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...
@overload
def tool(
    *,
    name: str = "",
    description: str = "",
    timeout: float | None = None,
    approve: Approve = False,
) -> Callable[[Callable[..., Any]], Tool]: ...
def tool(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a function a tool: `@nb.tool`, or `@nb.tool(timeout=10, approve=True)`.

    The schema comes from its type hints and docstring. It may be sync (runs in a thread), async, or a
    generator (what it yields shows as progress); it may return text, anything JSON can hold, a data frame,
    an image or a `Stream`. What it raises is told to the model.

    Raises `UsageError` where a model could not call it.
    """
    if function is None:
        return lambda function: tool(function, **options)
    made = Tool(function, **options)
    _ = made.schema
    return made


def as_tools(tools: Iterable[Any]) -> list[Tool]:
    """Tools from tools, plain functions and agents. Raises `UsageError` for anything else, or two of a name."""
    made: dict[str, Tool] = {}
    for each in tools:
        if hasattr(each, "as_tool"):
            each = each.as_tool()
        elif not isinstance(each, Tool):
            if not callable(each):
                raise UsageError(
                    f"{each!r} is not a tool.", hint="A tool is a function, an Agent or @nb.tool."
                )
            each = tool(each)
        if (same := made.get(each.wire_name)) is not None:
            names = " and ".join(dict.fromkeys(repr(tool.name) for tool in (same, each)))
            raise UsageError(f"Two tools are called {names}.", hint="@nb.tool(name=…)")
        made[each.wire_name] = each
    return list(made.values())


def is_async(function: Callable[..., Any]) -> bool:
    function = inspect.unwrap(function)
    call = getattr(function, "__call__", None)  # noqa: B004
    return any(
        inspect.iscoroutinefunction(f) or inspect.isasyncgenfunction(f) for f in (function, call)
    )


async def invoke(work: Callable[[], Any], name: str, progress: Progress) -> Any:
    """Call a function of any kind, async ones here and sync ones in a thread, and give its value."""
    value = work() if is_async(work) else await _in_thread(name, work, progress)
    if inspect.isawaitable(value) and not isinstance(value, Stream):
        value = await value
    if not inspect.isasyncgen(value):
        return value
    last = None
    try:
        async for last in value:
            progress(last)
    finally:
        await value.aclose()
    return last


async def _in_thread(name: str, work: Callable[[], Any], progress: Progress) -> Any:
    """Run `work` on a thread that neither the loop nor the interpreter waits for at its end."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()
    left = threading.Event()

    def tell(report: Callable[..., object], *values: Any) -> None:
        def here() -> None:
            if not future.done():
                report(*values)

        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            loop.call_soon_threadsafe(here)

    def drain(value: Any) -> Any:
        last = None
        try:
            while not left.is_set():
                last = next(value)
                tell(progress, last)
        except StopIteration as end:
            return last if end.value is None else end.value
        finally:
            value.close()
        return None

    def run() -> None:
        try:
            value = work()
            tell(future.set_result, drain(value) if inspect.isgenerator(value) else value)
        except StopIteration:
            tell(future.set_exception, RuntimeError("the tool raised StopIteration"))
        except BaseException as error:
            tell(future.set_exception, error)

    context = contextvars.copy_context()
    threading.Thread(
        target=context.run, args=(run,), name=f"nbstream tool {name}", daemon=True
    ).start()
    try:
        return await future
    finally:
        left.set()


def _summary(function: Callable[..., Any]) -> str:
    """The docstring without its list of parameters."""
    text = inspect.getdoc(function) if hasattr(function, "__name__") else None
    if not text:
        return ""
    import docstring_parser

    parsed = docstring_parser.parse(text)
    pieces = (parsed.short_description, parsed.long_description)
    return "\n\n".join(piece for piece in pieces if piece)
