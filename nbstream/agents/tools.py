"""Tools: functions a model may call."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, partial
from typing import Any, overload

from nbstream.adapters.models.fitting import wire_name
from nbstream.events.errors import OutputValidationError, ToolError, UsageError
from nbstream.events.json import MAX_DEPTH, depth_exceeds

from .results import plain
from .schema import Schema
from .user_code import Interrupted, Loop, Progress, call_user, described, is_async

#: Whether a call needs a yes first: always, never, or what a function of its arguments says.
Approve = bool | Callable[..., Any]


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

    @property
    def bound(self) -> bool:
        """Whether it runs on the loop of the user's code, which then has to run."""
        return not self.threaded

    def check(self, arguments: Any) -> dict[str, Any]:
        """The keyword arguments that a model's arguments stand for, as their types. Raises `ToolError`.

        They are the caller's own: nothing else holds them, not even an event.
        """
        if depth_exceeds(arguments, MAX_DEPTH):
            raise ToolError(f"Wrong arguments: nested more than {MAX_DEPTH} levels deep.")
        try:
            keywords = self.schema.check(plain(arguments))
        except OutputValidationError as error:
            raise ToolError(f"Wrong arguments: {error.message}") from None
        except BaseException as error:  # a validator of the user's
            if isinstance(error, KeyboardInterrupt):
                raise Interrupted from None
            raise ToolError(f"Wrong arguments: {described(error)}") from None
        return dict(keywords or {})

    async def call(
        self,
        keywords: Mapping[str, Any],
        progress: Progress = lambda _: None,
        *,
        home: Loop | None = None,
        convert: Callable[[Any], Any] = lambda value: value,
    ) -> Any:
        """Call the function with checked arguments: async ones at `home`, sync ones in a thread.

        What a generator yields goes to `progress`; its value is what it returns, else the last it yielded.
        Raises `ToolError` where the time is up, else as `call_user`.
        """
        work = call_user(partial(self.function, **keywords), self.name, progress, home, convert)
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

    async def run(self, arguments: Any, progress: Progress = lambda _: None) -> Any:
        """Check a model's arguments, then `call`."""
        return await self.call(self.check(arguments), progress)

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


def _summary(function: Callable[..., Any]) -> str:
    """The docstring without its list of parameters."""
    text = inspect.getdoc(function) if hasattr(function, "__name__") else None
    if not text:
        return ""
    import docstring_parser

    parsed = docstring_parser.parse(text)
    pieces = (parsed.short_description, parsed.long_description)
    return "\n\n".join(piece for piece in pieces if piece)
