"""`Agent`: a model with tools and a memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from nbstream.adapters.models.base import ChatModel, ChatRequest, Prompt
from nbstream.adapters.models.options import misspelt
from nbstream.adapters.models.registry import model as find_model
from nbstream.adapters.transport.timeouts import Timeouts
from nbstream.config import setting
from nbstream.events.errors import UsageError
from nbstream.render.response import Response
from nbstream.runs.budget import budget_for
from nbstream.runs.stream import Stream

from .approval import TIMEOUT, Approval, Choice
from .fill import fill
from .history import History, Message, as_messages
from .schema import Schema
from .tools import Tool, as_tools
from .turn import turn


class Agent:
    """Asks a model, runs the tools it calls, all at once, and asks again until it answers.

        agent = nb.Agent("gpt-4o-mini", tools=[search], system="You are brief.")
        agent.stream("What is new?")          # last line of a cell: live
        (await agent.run("And since?")).text  # the same conversation

    `tools`: functions, `@nb.tool`s or agents. After `max_iterations` requests the model is told to answer with
    what it has. `output_type` (a pydantic model, a type or a JSON schema) validates the answer into
    `response.output`; `repair=True` asks once more where it does not fit. `approve`: which tools ask in the
    cell first (True, names, or a function of name and arguments); a call nobody answers within
    `approval_timeout` seconds, or that nobody can see, is denied, or runs with `approval_default=True`.
    `use_history=False` starts anew each time. Other keywords go into every request (`temperature=0`).

    Raises `UsageError` for an unknown model or something that is not a tool.
    """

    def __init__(
        self,
        model: str | ChatModel | None = None,
        tools: Iterable[Any] = (),
        *,
        system: str | None = None,
        name: str = "",
        description: str = "",
        max_iterations: int = 10,
        output_type: Any = None,
        repair: bool = False,
        approve: Choice = False,
        approval_timeout: float = TIMEOUT,
        approval_default: bool = False,
        use_history: bool = True,
        history: History | Iterable[Message] = (),
        **options: Any,
    ) -> None:
        if max_iterations < 1:
            raise UsageError("max_iterations must be at least 1.")
        self.model: ChatModel | None = None if model is None else find_model(model)
        self.tools: list[Tool] = as_tools(tools)
        self.system = system
        self.name = name
        self.description = description
        self.max_iterations = max_iterations
        self.output_schema: Schema | None = None if output_type is None else Schema.of(output_type)
        self.repair = repair
        self.approve = approve
        self.approval_timeout = approval_timeout
        self.approval_default = approval_default
        self.use_history = use_history
        self.history: History = history if isinstance(history, History) else History(history)
        self.options = options
        self._approval()

    def stream(
        self,
        prompt: Prompt,
        *,
        context: Mapping[str, Any] | None = None,
        use_history: bool | None = None,
        timeout: float | Timeouts | None = None,
        max_cost: float | None = None,
        max_seconds: float | None = None,
        retries: int | None = None,
        title: str = "",
        **options: Any,
    ) -> Stream:
        """One turn of the conversation, as a `Stream`.

        `context` fills `{name}` in the prompt and the system prompt. `retries` counts new attempts of each
        request before its first token; `max_cost` (US dollars) and `max_seconds` stop the run.
        """
        if not prompt:
            raise UsageError("The prompt is empty.", hint="Give a text or a list of messages.")
        chat = self.model or find_model(setting("model") or "demo")
        remembers = self.use_history if use_history is None else use_history
        timeouts = Timeouts.of(setting("timeout", timeout), chat.timeouts)
        names = context or {}
        request = ChatRequest.of(
            self.history.messages if remembers else [],
            system=_filled(setting("system", self.system), names),
            timeouts=timeouts,
            **{**self._defaults(), **self.options, **options},
        )
        attempts = setting("retries", retries)
        source = turn(
            chat,
            request,
            as_messages(_filled(prompt, names)),
            tools=self.tools,
            output_type=self.output_schema,
            max_iterations=self.max_iterations,
            repair=self.repair,
            approval=self._approval(),
            retries=2 if attempts is None else attempts,
            history=self.history if remembers else None,
        ).warned(misspelt(request.options))
        budget = budget_for(chat, request, max_cost, max_seconds)
        return Stream(source, title=title or self.name, timeouts=timeouts, retries=0, budget=budget)

    async def run(self, prompt: Prompt, **options: Any) -> Response:
        """The whole answer at once; options as in `stream`. Raises what ended the run."""
        return await self.stream(prompt, **options)

    def reset(self) -> None:
        """Forget the conversation."""
        self.history.clear()

    def fork(self, turns: int | None = None) -> Agent:
        """The same agent with a conversation of its own: the first `turns` turns of this one, or all."""
        copy = object.__new__(Agent)
        copy.__dict__.update(self.__dict__)
        copy.history = self.history.fork(turns)
        return copy

    def as_tool(self, name: str = "", description: str = "") -> Tool:
        """This agent as a tool of another: each call is a conversation of its own, shown in its place."""
        called = name or self.name or "agent"

        def ask(prompt: str) -> Stream:
            return self.fork(0).stream(prompt, title=called)

        about = description or self.description or self.system or f"Asks {called}."
        return _AgentTool(self, ask, name=called, description=about)

    @property
    def bound(self) -> bool:
        """Whether its tools, or what says which of them ask, are async."""
        return any(tool.bound for tool in self.tools) or self._approval().bound(self.tools)

    def _approval(self) -> Approval:
        return Approval(self.approve, timeout=self.approval_timeout, default=self.approval_default)

    def _defaults(self) -> dict[str, Any]:
        names = ("temperature", "max_tokens", "top_p")
        return {name: value for name in names if (value := setting(name)) is not None}

    def __repr__(self) -> str:
        model = f"{self.model.provider}/{self.model.name}" if self.model else "the configured model"
        tools = ", ".join(tool.name for tool in self.tools)
        return f"<Agent {self.name or model}{f' with {tools}' if tools else ''}>"


class _AgentTool(Tool):
    def __init__(self, agent: Agent, ask: Callable[[str], Stream], **options: Any) -> None:
        super().__init__(ask, **options)
        self._agent = agent

    @property
    def bound(self) -> bool:
        return self._agent.bound


def _filled(text: Any, names: Mapping[str, Any]) -> Any:
    return fill(text, names)[0] if names and isinstance(text, str) else text
