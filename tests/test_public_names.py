"""What 0.1 promised by name still works: names, their parameters, their methods and attributes."""

from __future__ import annotations

import inspect

import pytest

import nbstream as nb
import nbstream.events

_ERROR = "message hint partial"
_PROVIDER_ERROR = (
    "message status provider request_id retry_after hint body partial retryable"  # by keyword
)
_HTTP = "model api_key base_url headers verify timeout stream api_key_name max_line **options"

#: Callables: the parameters that can be given, those by position in their order.
CALLABLES = {
    "Agent": "model tools system name description max_iterations output_type repair approve "
    "approval_timeout approval_default use_history history **options",
    "Anthropic": _HTTP,
    "AuthenticationError": _PROVIDER_ERROR,
    "ChatModel": "",
    "ChatRequest": "messages temperature max_tokens top_p stop tools output_schema timeouts options",
    "ConnectError": _ERROR,
    "ContentFilterError": _PROVIDER_ERROR,
    "ContextLengthError": _PROVIDER_ERROR,
    "Demo": "speed seed",
    "Gemini": _HTTP,
    "History": "messages",
    "LiteLLM": "model timeout api_key_name headers verify **options",
    "MetricsTable": "*streams **traits",
    "ModelNotFoundError": _PROVIDER_ERROR,
    "NbstreamError": _ERROR,
    "Ollama": _HTTP,
    "OpenAICompatible": "base_url model api_key **settings",
    "OpenAIResponses": "model api_key provider **settings",
    "OutputValidationError": "message text errors hint",
    "ProtocolError": "message data hint partial",
    "ProviderError": _PROVIDER_ERROR,
    "RateChart": "*streams **traits",
    "RateLimitError": _PROVIDER_ERROR,
    "Response": "",
    "Scripted": "*answers delay name",
    "ServerError": _PROVIDER_ERROR,
    "Step": "name agent prompt handler outputs streaming",
    "Stream": "",
    "StreamBatch": "streams concurrency labels",
    "StreamGroup": "",
    "StreamInterruptedError": _ERROR,
    "StreamTimeoutError": _ERROR,
    "StreamView": "stream **options",
    "Timeouts": "connect first between total",
    "Tool": "function name description timeout approve schema",
    "ToolError": _ERROR,
    "UsageError": _ERROR,
    "Workflow": "steps name",
    "asgi_app": "served path token heartbeat linger",
    "compare": "prompt models **options",
    "configure": "**settings",
    "gather": "prompts model concurrency **options",
    "model": "name base_url **settings",
    "models": "",
    "record_to": "folder raw",
    "register_model": "alias target",
    "replay": "path speed",
    "show": "source title **options",
    "sse": "stream protocol heartbeat",
    "stream": "prompt model system temperature max_tokens top_p stop tools output_type repair approve "
    "history timeout retries max_cost max_seconds title **provider_options",
    "tool": "function **options",
    "unregister_model": "alias",
}

#: What instances have, beside their parameters.
MEMBERS = {
    "Agent": "as_tool fork reset run stream",
    "ChatModel": "complete events features load name provider secrets stream supports timeouts",
    "ChatRequest": "of",
    "History": "add clear fork messages",
    "MetricsTable": "rows",
    "RateChart": "clear push series title unit value",
    "Response": "finish_reason format partial save status steps text thinking to_html to_markdown "
    "tool_calls usage",
    "Stream": "approve error finish_reason format on record response result save start status steps stop "
    "text text_deltas thinking to_html to_markdown tool_calls until_ended usage wait_until_ended",
    "StreamBatch": "elapsed errors responses result start stop to_pandas",
    "StreamGroup": "pick rerun responses result start stop to_pandas",
    "StreamView": "metrics model status text usage value",
    "Timeouts": "of",
    "Tool": "run schema",
    "Workflow": "from_json run stream",
}

EVENTS = """CONTENT_EVENTS EVENT_TYPES Citation ContentPart Decision Delta Error ErrorKind Event FinishReason
IterationEnd IterationStart Raw RefusalDelta Reset Retry RunEnd RunStart Stall StepEnd StepStart StreamEvent
TextDelta ThinkingDelta ToolApproval ToolCallDelta ToolCallEnd ToolCallStart ToolProgress ToolResult Usage
Warning decode encode""".split()

KINDS = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


def parameters(function: object) -> dict[str, inspect.Parameter]:
    given = inspect.signature(function).parameters.values()
    return {KINDS.get(each.kind, "") + each.name: each for each in given}


@pytest.mark.parametrize("name", CALLABLES)
def test_it_takes_what_it_took(name):
    promised, now = CALLABLES[name].split(), parameters(getattr(nb, name))
    assert set(promised) <= set(now)
    if promised:  # what is new can be left out
        free = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        new = [each for shown, each in now.items() if shown not in promised]
        assert all(each.default is not each.empty or each.kind in free for each in new)
    by_place = [n for n in now if now[n].kind == inspect.Parameter.POSITIONAL_OR_KEYWORD]
    assert [n for n in by_place if n in promised] == [n for n in promised if n in by_place]


@pytest.mark.parametrize("name", MEMBERS)
def test_it_has_what_it_had(name):
    assert not [
        member for member in MEMBERS[name].split() if not hasattr(getattr(nb, name), member)
    ]


def test_every_name_of_0_1_is_public():
    names = {*CALLABLES, "StreamEvent", "__version__"}
    assert names <= set(nb.__all__)
    assert all(hasattr(nb, name) for name in nb.__all__)


def test_dir_lists_public_names_only():
    assert set(dir(nb)) == set(nb.__all__)
    assert nb.stream  # which loads half the house
    assert set(dir(nb)) == set(nb.__all__)


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="no attribute 'steam'"):
        nb.steam  # noqa: B018


def test_events_by_name():
    assert not [name for name in EVENTS if not hasattr(nbstream.events, name)]


def test_a_finished_run_has_what_readers_use():
    stream = nb.stream("hello", model=nb.Scripted("Hello."))
    response = stream.result()
    assert (str(response), response.text, response.output) == ("Hello.", "Hello.", None)
    for each in (stream, response):
        assert each.metrics.output_tokens
        assert each.transcript.text == "Hello."
        assert len(each.events) == 3
