"""Wire formats, dialects and damage, without a network."""

from __future__ import annotations

import base64
import io
import json
import wave
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbstream.adapters.wires.body import Body
from nbstream.adapters.wires.json_paths import PathWriter
from nbstream.events import (
    Citation,
    ContentPart,
    Raw,
    RefusalDelta,
    RunEnd,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    Usage,
    Warning,
)
from nbstream.events.errors import NbstreamError, ProtocolError, ProviderError, ServerError
from nbstream.render.response import Response
from tests.adapters.reading import DECODERS, ENDPOINT, body_of, one_by_one, read, response_of
from tests.servers import sse


def chunk(delta: Any = None, finish: str | None = None, **extra: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta if delta is not None else {}, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "choices": [{**choice, **extra}]}


def call(fragment: Any, index: Any = 0, call_id: Any = None, name: Any = None) -> dict[str, Any]:
    made: dict[str, Any] = {"function": {"arguments": fragment}}
    if index is not None:
        made["index"] = index
    if call_id is not None:
        made["id"] = call_id
    if name is not None:
        made["function"]["name"] = name
    return chunk({"tool_calls": [made]})


def stream(*payloads: Any, done: bool = True) -> bytes:
    lines = [p if isinstance(p, str) else json.dumps(p) for p in payloads]
    return b"".join(b"data: %b\n\n" % x.encode() for x in [*lines, *(["[DONE]"] if done else [])])


def answer(
    *payloads: Any, done: bool = True, wire: str = "chat"
) -> tuple[Response, list[StreamEvent]]:
    data = stream(*payloads, done=done)
    body = body_of(wire)
    events = read(body, [data])
    if body.failure:
        raise body.failure
    slow = read(body_of(wire), one_by_one(data))
    assert [type(e) for e in slow] == [type(e) for e in events]
    return response_of(events), events


def calls_of(response: Response) -> list[tuple[str, Any]]:
    return [(c.name, c.arguments) for c in response.tool_calls]


STOP = chunk({}, "stop")


# OpenAI chat ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "thinking"])
def test_thinking_has_many_names(field: str) -> None:
    response, _ = answer(chunk({field: "Hm"}), chunk({field: "m"}), chunk({"content": "Yes"}), STOP)
    assert (response.thinking, response.text) == ("Hmm", "Yes")


def test_thinking_said_twice_counts_once() -> None:
    response, events = answer(
        chunk({"reasoning": "a", "reasoning_details": [{"type": "reasoning.text", "text": "a"}]}),
        chunk({"reasoning_content": "b", "thinking_blocks": [{"thinking": "b", "signature": "s"}]}),
        chunk({"reasoning_content": "c", "reasoning": "c"}),
        chunk(
            {"reasoning_details": [{"summary": "d"}, {"type": "reasoning.encrypted", "data": "x"}]}
        ),
        STOP,
    )
    assert response.thinking == "abcd"
    assert "".join(e.signature for e in events if isinstance(e, ThinkingDelta)) == "s"
    assert "".join(e.redacted for e in events if isinstance(e, ThinkingDelta)) == "x"


def test_content_as_a_list() -> None:
    response, events = answer(
        chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "T"}]}]}),
        chunk({"content": [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]}),
        chunk(
            {"content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}}]}
        ),
        STOP,
    )
    assert (response.thinking, response.text) == ("T", "AB")
    (image,) = [e for e in events if isinstance(e, ContentPart)]
    assert (image.mime, image.data) == ("image/png", "QQ==")


def test_usage_the_last_value_wins() -> None:
    each = [
        {**chunk({"content": "x"}), "usage": {"prompt_tokens": 3, "completion_tokens": n}}
        for n in (1, 2, 3)
    ]
    response, _ = answer(
        *each, STOP, {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 5}}
    )
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens) == (3, 5)


def test_usage_may_come_first_or_with_null_choices() -> None:
    response, _ = answer(
        {"choices": None, "usage": {"prompt_tokens": 3, "completion_tokens": 5}},
        chunk({"content": "a"}),
        STOP,
    )
    assert response.usage is not None
    assert response.usage.output_tokens == 5


def test_no_usage_is_none() -> None:
    response, _ = answer(chunk({"content": "a"}), STOP)
    assert response.usage is None


def test_null_and_missing_deltas() -> None:
    response, _ = answer(
        chunk({"role": "assistant", "content": None}),
        {"choices": [{"index": 0, "delta": None, "finish_reason": None}]},
        {"choices": [{"index": 0}]},
        {"choices": []},
        "null",
        chunk({"content": "ok"}),
        STOP,
    )
    assert response.text == "ok"
    assert response.finish_reason == "stop"


def test_no_finish_reason_is_incomplete_not_stop() -> None:
    response, events = answer(chunk({"content": "half"}), done=False)
    assert (response.finish_reason, response.text, response.partial) == ("unknown", "half", True)
    assert events[-1] == RunEnd("unknown", incomplete=True)


def test_done_without_a_finish_reason_is_finished_all_the_same() -> None:
    response, events = answer(chunk({"content": "all"}), done=True)
    assert (response.finish_reason, response.text, response.partial) == ("unknown", "all", False)
    assert not any(isinstance(event, Warning) for event in events)


def test_finish_reason_without_done_is_fine() -> None:
    response, events = answer(chunk({"content": "x"}), STOP, done=False)
    assert not response.partial
    assert not any(isinstance(e, Warning) for e in events)


def test_double_done_and_data_after_it() -> None:
    body = body_of("chat")
    events = read(body, [stream(chunk({"content": "x"}), STOP) + stream(done=True)])
    assert not any(isinstance(e, Warning) for e in events)
    body = body_of("chat")
    events = read(
        body, [stream(chunk({"content": "x"}), STOP) + stream(chunk({"content": "LATE"}))]
    )
    assert response_of(events).text == "x"
    assert any("after its end" in e.message for e in events if isinstance(e, Warning))


def test_text_after_the_finish_reason_is_kept() -> None:
    response, _ = answer(chunk({"content": "a"}), STOP, chunk({"content": "b"}))
    assert (response.text, response.finish_reason) == ("ab", "stop")


LATE: dict[str, tuple[list[Any], Any]] = {
    "chat": ([chunk({"content": "a"}), STOP], chunk({"content": "b"})),
    "anthropic": (
        [
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": "a"},
            },
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        ],
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "b"}},
    ),
    "responses": (
        [
            {"type": "response.output_text.delta", "output_index": 0, "delta": "a"},
            {"type": "response.completed", "response": {"status": "completed"}},
        ],
        {"type": "response.output_text.delta", "output_index": 0, "delta": "b"},
    ),
    "gemini": (
        [{"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}]}],
        {"candidates": [{"content": {"parts": [{"text": "b"}]}}]},
    ),
    "ollama": (
        [{"message": {"content": "a"}, "done": True, "done_reason": "stop"}],
        {"message": {"content": "b"}, "done": False},
    ),
    "bedrock": (
        [
            {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "a"}}},
            {"messageStop": {"stopReason": "end_turn"}},
        ],
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "b"}}},
    ),
    "cohere": (
        [
            {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "a"}}}},
            {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}},
        ],
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "b"}}}},
    ),
}


@pytest.mark.parametrize("wire", LATE)
def test_late_text_is_kept_and_told_in_every_format(wire: str) -> None:
    until_the_end, late = LATE[wire]
    for extra in (0, 2):
        body = Body(DECODERS[wire](ENDPOINT))
        events = read(body, [stream(*until_the_end, *[late] * extra, done=False)])
        assert response_of(events).text == "a" + "b" * extra
        assert response_of(events).finish_reason == "stop"
        told = [e for e in events if isinstance(e, Warning) and "finish reason" in e.message]
        assert len(told) == (1 if extra else 0)


def test_a_choice_or_a_response_that_ends_later_is_not_late() -> None:
    other = {"choices": [{"index": 1, "delta": {"content": "b"}, "finish_reason": None}]}
    _, events = answer(chunk({"content": "a"}), STOP, other)
    assert not [e for e in events if isinstance(e, Warning)]
    reply = {"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}
    two = [{"responseId": name, "candidates": [reply]} for name in ("r1", "r2")]
    response, events = answer(*two, wire="gemini", done=False)
    assert response.text == "aa"
    assert not [e for e in events if isinstance(e, Warning)]


@pytest.mark.parametrize(
    ("word", "reason"),
    [("length", "length"), ("function_call", "tool_calls"), ("content_filter", "content_filter"),
     ("pause_turn", "pause"), ("eos", "stop"), ("brand_new", "unknown")],
)  # fmt: skip
def test_finish_reasons(word: str, reason: str) -> None:
    _, events = answer(chunk({"content": "a"}), chunk({}, word))
    assert events[-1] == RunEnd(reason, word)  # type: ignore[arg-type]


def test_two_choices() -> None:
    def piece(index: int, text: str) -> dict[str, Any]:
        return {"choices": [{"index": index, "delta": {"content": text}}]}

    ends = {
        "choices": [
            {"index": 1, "delta": {}, "finish_reason": "length"},
            {"index": 0, "delta": {}, "finish_reason": "stop"},
        ]
    }
    response, events = answer(piece(0, "A"), piece(1, "a"), piece(0, "B"), piece(1, "b"), ends)
    assert response.text == "AB"
    assert "".join(e.text for e in events if isinstance(e, TextDelta) and e.choice == 1) == "ab"
    assert response.finish_reason == "stop"


def test_refusal() -> None:
    response, events = answer(chunk({"refusal": "I "}), chunk({"refusal": "won't"}), STOP)
    assert response.transcript.refusal == "I won't"
    assert sum(isinstance(e, RefusalDelta) for e in events) == 2


def test_logprobs() -> None:
    _, events = answer(
        chunk({"content": "a"}, logprobs={"content": [{"token": "a", "logprob": -0.1}]}), STOP
    )
    (delta,) = [e for e in events if isinstance(e, TextDelta)]
    assert delta.logprobs == [{"token": "a", "logprob": -0.1}]


def test_citations_once_with_their_titles() -> None:
    sources = {
        "citations": ["https://a.org", "https://b.org"],
        "search_results": [{"title": "A", "url": "https://a.org"}],
    }
    _, events = answer(
        {**chunk({"content": "x"}), **sources}, {**chunk({"content": "y"}), **sources}, STOP
    )
    cited = [(e.title, e.url) for e in events if isinstance(e, Citation)]
    assert cited == [("A", "https://a.org"), ("", "https://b.org")]


def test_images_and_audio_and_annotations() -> None:
    note = {"type": "url_citation", "url_citation": {"url": "https://a.org", "title": "A"}}
    response, events = answer(
        chunk({"images": [{"type": "image_url", "image_url": {"url": "https://x.org/i.png"}}]}),
        chunk({"audio": {"id": "a", "data": "QUI=", "transcript": "Hi"}}),
        chunk({"audio": {"data": "Q0Q="}}),
        chunk({"content": "", "annotations": [note]}),
        STOP,
    )
    image, sound = [e for e in events if isinstance(e, ContentPart)]
    assert (image.url, sound.mime) == ("https://x.org/i.png", "audio/wav")
    with wave.open(io.BytesIO(base64.b64decode(sound.data))) as heard:
        assert (heard.getframerate(), heard.getnchannels(), heard.readframes(9)) == (
            24_000,
            1,
            b"ABCD",
        )
    assert response.text == "Hi"
    assert any(isinstance(e, Citation) and e.title == "A" for e in events)


def test_the_old_completions_api() -> None:
    response, _ = answer(
        {"choices": [{"index": 0, "text": "Once"}]},
        {"choices": [{"index": 0, "text": " upon", "finish_reason": "length"}]},
    )
    assert (response.text, response.finish_reason) == ("Once upon", "length")


# Tool calls ───────────────────────────────────────────────────────────────────


def test_arguments_cut_inside_an_escape() -> None:
    response, _ = answer(
        call("", 0, "c1", "f"),
        call('{"q": "a\\'),
        call('"b \\u00'),
        call('e9"}'),
        chunk({}, "tool_calls"),
    )
    assert calls_of(response) == [("f", {"q": 'a"b é'})]


def test_parallel_calls_interleaved_by_index() -> None:
    response, _ = answer(
        call("", 0, "c1", "f"), call("", 1, "c2", "g"), call('{"a"', 0), call('{"b"', 1), call(":1}", 0), call(":2}", 1),
        chunk({}, "tool_calls"),
    )  # fmt: skip
    assert calls_of(response) == [("f", {"a": 1}), ("g", {"b": 2})]


def test_two_calls_with_the_same_index() -> None:
    response, _ = answer(
        call('{"a":1}', 0, "c1", "f"), call('{"b":2}', 0, "c2", "g"), chunk({}, "tool_calls")
    )
    assert calls_of(response) == [("f", {"a": 1}), ("g", {"b": 2})]


def test_name_and_id_on_every_fragment() -> None:
    response, _ = answer(call('{"a"', 0, "c1", "f"), call(":1}", 0, "c1", "f"), STOP)
    assert calls_of(response) == [("f", {"a": 1})]


def test_no_index_no_id_object_null() -> None:
    response, _ = answer(call('{"a"', None, "c1", "f"), call(":1}", None), STOP)
    assert calls_of(response) == [("f", {"a": 1})]
    response, _ = answer(call({"a": 1}, 0, None, "f"), STOP)
    assert calls_of(response) == [("f", {"a": 1})]
    assert response.tool_calls[0].call_id
    response, _ = answer(call(None, 0, "c1", "f"), call(None, 0), STOP)
    assert calls_of(response) == [("f", {})]
    response, _ = answer(call('{"a":', 0, "", "f"), call("1}", 0, ""), STOP)
    assert calls_of(response) == [("f", {"a": 1})]


def test_a_call_is_never_closed_because_it_parses() -> None:
    response, _ = answer(call("{}", 0, "c1", "f"), call("  ", 0), STOP)
    assert calls_of(response) == [("f", {})]
    response, _ = answer(call("1", 0, "c1", "f"), call("2", 0), STOP)
    assert calls_of(response) == [("f", 12)]


def test_cut_arguments_are_kept_as_text() -> None:
    response, _ = answer(call('{"a": "hal', 0, "c1", "f"))
    (only,) = response.tool_calls
    assert (only.arguments, only.arguments_text) == (None, '{"a": "hal')
    assert only.error


def test_the_old_function_call() -> None:
    response, _ = answer(
        chunk({"function_call": {"name": "f", "arguments": ""}}),
        chunk({"function_call": {"arguments": "{}"}}),
        chunk({}, "function_call"),
    )
    assert calls_of(response) == [("f", {})]


def test_a_tool_that_groq_ran() -> None:
    def executed(**fields: Any) -> dict[str, Any]:
        return chunk({"executed_tools": [{"index": 0, "type": "search", **fields}]})

    response, _ = answer(
        executed(arguments='{"query": "tides"}', output=""),
        executed(arguments='{"query": "tides"}', output="found"),
        chunk({"content": "Twice a day."}),
        STOP,
    )
    (only,) = response.tool_calls
    assert (only.name, only.arguments, only.result) == ("search", {"query": "tides"}, "found")
    assert only.server_side


# Damage ───────────────────────────────────────────────────────────────────────


def test_half_surrogates_become_one_character() -> None:
    response, _ = answer(chunk({"content": "a\ud83d"}), chunk({"content": "\ude00b"}), STOP)
    assert response.text == "a😀b"
    response, _ = answer(chunk({"content": "a\ud83d"}), chunk({"content": "b"}), STOP)
    assert response.text == "a\ufffdb"
    response, _ = answer(chunk({"content": "a\ud83d"}), STOP)
    assert response.text == "a\ufffd"
    response, _ = answer(
        chunk({"reasoning_content": "\ud83d"}), chunk({"reasoning_content": "\ude00"}), STOP
    )
    assert response.thinking == "😀"


def test_line_separators_in_text() -> None:
    text = "a\u2028b\u2029c\u0085d\x1ce"
    data = b"data: %b\n\n" % json.dumps(chunk({"content": text}), ensure_ascii=False).encode()
    response = response_of(read(body_of("chat"), [data + stream(STOP)]))
    assert response.text == text


def test_invalid_utf8_costs_one_character() -> None:
    data = stream(chunk({"content": "aXb"}), STOP).replace(b"aXb", b"a\xffb")
    response = response_of(read(body_of("chat"), one_by_one(data)))
    assert response.text == "a\ufffdb"


def test_a_malformed_line_is_passed_over_and_kept() -> None:
    response, events = answer(
        chunk({"content": "a"}), '{"choices": [{"del', chunk({"content": "b"}), STOP
    )
    assert response.text == "ab"
    assert [e.payload for e in events if isinstance(e, Raw)] == ['{"choices": [{"del']
    assert sum(isinstance(e, Warning) for e in events) == 1


def test_nothing_but_malformed_lines_is_an_error() -> None:
    with pytest.raises(ProtocolError):
        answer(*["{nonsense"] * 100)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"error": {"message": "boom", "type": "server_error"}}, "boom"),
        ({"error": "it broke"}, "it broke"),
        ({"message": "plain"}, "plain"),
        (
            {
                "choices": [
                    {
                        "index": 0,
                        "delta": {"content": "!"},
                        "finish_reason": "error",
                        "error": {"message": "inner"},
                    }
                ]
            },
            "inner",
        ),
    ],
)
def test_an_error_in_the_stream(payload: Any, said: str) -> None:
    body = body_of("chat")
    events = read(body, [stream(chunk({"content": "kept"}), payload, chunk({"content": "never"}))])
    assert isinstance(body.failure, ProviderError)
    assert said in str(body.failure)
    assert response_of(events).text.startswith("kept")
    assert "never" not in response_of(events).text


@pytest.mark.parametrize(
    "line", [b'event: error\ndata: {"message": "boom"}\n\n', b'error: {"message": "boom"}\n\n']
)
def test_error_events_without_an_error_key(line: bytes) -> None:
    body = body_of("chat")
    events = read(body, [stream(chunk({"content": "kept"}), done=False) + line])
    assert "boom" in str(body.failure)
    assert response_of(events).text == "kept"


def test_whole_answer_instead_of_a_stream() -> None:
    message = {
        "role": "assistant",
        "content": "All at once",
        "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        ],
    }
    whole = {
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
    }
    events = read(body_of("chat"), one_by_one(json.dumps(whole, indent=2).encode()))
    response = response_of(events)
    assert (response.text, response.finish_reason, calls_of(response)) == (
        "All at once",
        "stop",
        [("f", {})],
    )
    assert any("did not stream" in e.message for e in events if isinstance(e, Warning))


def test_json_error_instead_of_a_stream() -> None:
    body = body_of("chat")
    read(
        body,
        [json.dumps({"error": {"message": "overloaded", "type": "overloaded_error"}}).encode()],
    )
    assert isinstance(body.failure, ServerError)


def test_web_page_instead_of_a_stream() -> None:
    body = body_of("chat")
    read(body, one_by_one(b"<!doctype html>\n<html><head><title>Log in</title></head></html>"))
    assert isinstance(body.failure, ProviderError)
    assert "Log in" in str(body.failure)


@pytest.mark.parametrize("data", [b"", b": ping\n\n", b"event: ping\n\n", b"hello there"])
def test_nothing_is_an_error_not_a_stop(data: bytes) -> None:
    body = body_of("chat")
    events = read(body, [data])
    assert isinstance(body.failure, ProtocolError)
    assert not any(isinstance(e, RunEnd) for e in events)


def test_a_huge_line_is_refused() -> None:
    body = body_of("chat", max_line=10_000)
    piece = b"x" * 1000
    pieces = [stream(chunk({"content": "kept"}), done=False), b"data: ", *[piece] * 100]
    events = read(body, pieces)
    assert isinstance(body.failure, ProtocolError)
    assert response_of(events).text == "kept"


# The other wires ──────────────────────────────────────────────────────────────


def test_anthropic_damage() -> None:
    def text(index: int, words: str) -> dict[str, Any]:
        return {
            "type": "content_block_delta",
            "index": index,
            "delta": {"type": "text_delta", "text": words},
        }

    response, _ = answer(
        text(0, "a"),
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        done=False,
        wire="anthropic",
    )
    assert (response.text, response.finish_reason) == ("a", "stop")  # neither start nor stop
    response, events = answer(
        text(0, "a"), {"type": "brand_new", "x": 1}, done=False, wire="anthropic"
    )
    assert response.finish_reason == "unknown"
    assert any(isinstance(e, Raw) for e in events)
    body = body_of("anthropic")
    events = read(
        body,
        [
            stream(
                text(0, "kept"),
                {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
                done=False,
            )
        ],
    )
    assert isinstance(body.failure, ServerError)
    assert response_of(events).text == "kept"


def responses(*payloads: dict[str, Any]) -> list[StreamEvent]:
    return read(body_of("responses"), [sse(payload) for payload in payloads])


def test_what_a_realtime_session_heard() -> None:
    heard = [{"type": "session.input_transcript.delta", "delta": word} for word in ("The", " fox")]
    said = {"type": "session.output_transcript.delta", "delta": "El zorro"}
    sound = {"type": "session.output_audio.delta", "delta": "QUI=", "sample_rate": 16000}
    events = responses(*heard, said, sound, sound, {"type": "session.closed"})
    response = response_of(events)
    assert response.text == "El zorro"
    (call,) = response.tool_calls
    assert (call.name, call.server_side, call.result) == ("input_transcript", True, "The fox")
    (part,) = [e for e in events if isinstance(e, ContentPart)]
    with wave.open(io.BytesIO(base64.b64decode(part.data))) as played:
        assert (played.getframerate(), played.readframes(9)) == (16_000, b"ABAB")
    assert not any(isinstance(e, Raw) for e in events)


def test_the_tools_of_an_mcp_server_are_listed() -> None:
    item = {
        "id": "l1",
        "type": "mcp_list_tools",
        "server_label": "maps",
        "tools": [{"name": "route"}],
    }
    failed = {**item, "id": "l2", "tools": [], "error": "unreachable"}
    done = [
        {"type": "response.output_item.done", "output_index": n, "item": i}
        for n, i in enumerate((item, failed))
    ]
    calls = response_of(responses(*done)).tool_calls
    assert [(c.name, c.arguments, c.result, c.status) for c in calls] == [
        ("mcp_list_tools", {"server": "maps"}, [{"name": "route"}], "done"),
        ("mcp_list_tools", {"server": "maps"}, "unreachable", "error"),
    ]


def test_what_claude_changes_in_the_conversation_is_told() -> None:
    fallback = {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}}
    payloads: list[dict[str, Any]] = [
        {"type": "content_block_start", "index": 0, "content_block": fallback},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "compaction"}},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "context_management": {"applied_edits": [{"cleared_tool_uses": 2}]},
        },
    ]
    events = read(body_of("anthropic"), [sse(payload) for payload in payloads])
    warnings = [f"{e.message} {e.detail}" for e in events if isinstance(e, Warning)]
    assert "b answers in place of a" in warnings[0]
    assert "summed up" in warnings[1]
    assert "left out" in warnings[2] and "cleared_tool_uses" in warnings[2]
    assert not any(isinstance(e, Raw) for e in events)


def test_speech_of_gemini_can_be_played() -> None:
    speech = {"inlineData": {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": "QUI="}}
    payload = {"candidates": [{"content": {"parts": [speech]}, "finishReason": "STOP"}]}
    events = read(body_of("gemini"), [sse(payload)])
    (part,) = [e for e in events if isinstance(e, ContentPart)]
    assert part.mime == "audio/wav"
    assert base64.b64decode(part.data).endswith(b"AB")
    assert not any(isinstance(e, Raw) for e in events)


def test_gemini_as_a_growing_array() -> None:
    chunks: list[Any] = [
        {"candidates": [{"content": {"parts": [{"text": t}]}}]} for t in ("Hel", "lo [}")
    ]
    chunks.append(
        {
            "candidates": [{"finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2},
        }
    )
    data = json.dumps(chunks, indent=1).encode()
    for pieces in ([data], one_by_one(data)):
        events = read(body_of("gemini"), pieces)
        assert response_of(events).text == "Hello [}"
        assert events[-1] == RunEnd("stop", "STOP")


def test_gemini_blocked_prompt() -> None:
    response, _ = answer({"promptFeedback": {"blockReason": "SAFETY"}}, done=False, wire="gemini")
    assert response.finish_reason == "content_filter"


def test_assignments_to_paths_become_json_text() -> None:
    writer = PathWriter()
    pieces = [
        writer.assign("$.a[0].b", "one", more=True),
        writer.assign("$.a[0].b", ' "two"'),
        writer.assign("$.a[0].c", 0.5),
        writer.assign("$.a[1].b", True),
        writer.assign("$.d", None),
        writer.close(),
    ]
    expected = {"a": [{"b": 'one "two"', "c": 0.5}, {"b": True}], "d": None}
    assert json.loads("".join(pieces)) == expected == writer.value
    assert PathWriter().close() == "{}"


def test_ollama_damage() -> None:
    body = body_of("ollama")
    events = read(
        body,
        [
            b'{"message":{"role":"assistant","content":"kept"},"done":false}\n{"error":"model runner crashed"}\n'
        ],
    )
    assert "crashed" in str(body.failure)
    assert response_of(events).text == "kept"


def test_bedrock_exceptions_and_damage() -> None:
    body = body_of("bedrock")
    read(body, [b"this is not an event stream at all"])
    assert isinstance(body.failure, ProtocolError)


# Any garbage ──────────────────────────────────────────────────────────────────

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "delta",
                    "content",
                    "tool_calls",
                    "function",
                    "arguments",
                    "type",
                    "index",
                    "error",
                    "usage",
                    "text",
                    "message",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("wire", [w for w in DECODERS if w != "bedrock"])
@given(garbage=st.lists(json_values | st.text(max_size=20), max_size=5))
def test_garbage_never_breaks_out(wire: str, garbage: list[Any]) -> None:
    lines = [json.dumps(g) if not isinstance(g, str) else g.replace("\n", "") for g in garbage]
    data = "".join(f"data: {line}\n\n" for line in lines).encode("utf-8", "surrogatepass")
    body = body_of(wire)
    read(body, [data])
    assert body.failure is None or isinstance(body.failure, NbstreamError)


@given(st.lists(st.text(min_size=1, max_size=5)), st.integers(0, 5), st.text(max_size=30))
def test_garbage_between_costs_no_text(texts: list[str], place: int, garbage: str) -> None:
    clean = [t.encode("utf-8", "replace").decode() for t in texts]
    lines = [f"data: {json.dumps(chunk({'content': t}))}\n\n" for t in clean]
    junk = "data: {" + garbage.replace("\n", "").replace("\r", "") + "\n\n"
    lines.insert(min(place, len(lines)), junk)
    data = "".join(lines).encode("utf-8", "replace") + stream(STOP)
    body = body_of("chat")
    events = read(body, [data])
    assert body.failure is None
    assert response_of(events).text == "".join(clean)


def test_usage_details_keep_what_has_no_field() -> None:
    response, _ = answer(
        chunk({"content": "a"}),
        {**STOP, "usage": {"prompt_tokens": 1, "completion_tokens": 2, "queue_time": 0.5}},
    )
    assert isinstance(response.usage, Usage)
    assert response.transcript.usage is not None
