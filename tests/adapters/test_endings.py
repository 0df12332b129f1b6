"""Endings that explain themselves, places of citations, paragraphs, and results of earlier calls."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nbstream.events import Citation, RefusalDelta, RunEnd, Warning
from nbstream.events.errors import ContextLengthError, ProtocolError, ProviderError
from tests.adapters.reading import body_of, read, response_of
from tests.servers import chat_event, sse


def gemini(**candidate: Any) -> Any:
    return read(body_of("gemini"), [sse({"candidates": [candidate]})])


@pytest.mark.parametrize(
    "word", ["SAFETY", "MODEL_ARMOR", "IMAGE_SAFETY", "PROHIBITED_CONTENT", "SPII"]
)
def test_what_google_filtered_is_told_in_its_words(word: str) -> None:
    events = gemini(finishReason=word, finishMessage="It is about bees.")
    assert events[-1] == RunEnd("content_filter", word)
    assert response_of(events).transcript.refusal == "It is about bees."


@pytest.mark.parametrize("word", ["SAFETY", "OTHER", "JAILBREAK", "MODEL_ARMOR"])
def test_a_blocked_prompt_is_filtered_whatever_the_reason(word: str) -> None:
    feedback = {"blockReason": word, "blockReasonMessage": "No bees."}
    events = read(body_of("gemini"), [sse({"promptFeedback": feedback})])
    assert events[-1] == RunEnd("content_filter", word)
    assert [e.text for e in events if isinstance(e, RefusalDelta)] == ["No bees."]


@pytest.mark.parametrize(
    "word",
    [
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "IMAGE_OTHER",
        "NO_IMAGE",
        "TOO_MANY_TOOL_CALLS",
    ],
)
def test_what_google_failed_at_is_an_error_in_its_words(word: str) -> None:
    body = body_of("gemini")
    read(
        body,
        [sse({"candidates": [{"finishReason": word, "finishMessage": "print(x) is no call"}]})],
    )
    assert isinstance(body.failure, ProviderError)
    assert word in str(body.failure) and "print(x) is no call" in str(body.failure)
    assert body.failure.retryable


ERRORS = [
    b"event: error\ndata: Too many requests, please slow down\n\n",
    b"data: error: Too many requests, please slow down\n\n",
    b'data: {"object": "error", "message": "please slow down", "type": "BadRequestError", "code": 400}\n\n',
    b'event: error\ndata: {"message": "please slow down"}\n\n',
]


@pytest.mark.parametrize("data", ERRORS)
@pytest.mark.parametrize("before", [b"", chat_event({"content": "Hel"})])
def test_errors_in_a_stream(data: bytes, before: bytes) -> None:
    body = body_of("chat")
    events = read(body, [before + data])
    assert isinstance(body.failure, ProviderError) and "slow down" in str(body.failure)
    assert response_of(events).text == ("Hel" if before else "")


def test_an_error_as_the_whole_answer() -> None:
    words = "maximum context length is 4096 tokens"
    body = body_of("chat")
    read(body, [json.dumps({"object": "error", "message": words, "code": 400}).encode()])
    assert isinstance(body.failure, ContextLengthError) and words in str(body.failure)


def test_json_that_is_no_answer() -> None:
    body = body_of("gemini")
    read(body, [b'{"token_type": "Bearer", "expires_in": 10}'])
    assert isinstance(body.failure, ProtocolError) and "no answer" in str(body.failure)


def test_a_whole_answer_without_a_finish_reason_is_finished() -> None:
    choice = {"index": 0, "finish_reason": "", "message": {"role": "assistant", "content": "4"}}
    events = read(body_of("chat", streamed=False), [json.dumps({"choices": [choice]}).encode()])
    assert events[-1] == RunEnd("unknown")
    assert not any(isinstance(event, Warning) for event in events)


# Citations ────────────────────────────────────────────────────────────────────


def test_a_file_has_no_address() -> None:
    place = {"retrievedContext": {"text": "Bees dance.\nThey do.", "fileSearchStore": "stores/a"}}
    support = {"segment": {"text": "They dance."}, "groundingChunkIndices": [0]}
    metadata = {"groundingChunks": [place], "groundingSupports": [support]}
    parts = [{"thoughtSignature": "s", "text": "They dance."}]
    events = gemini(content={"parts": parts}, groundingMetadata=metadata, finishReason="STOP")
    (citation,) = [event for event in events if isinstance(event, Citation)]
    (text,) = [part for part in response_of(events).transcript.parts if part.kind == "text"]
    assert (citation.title, citation.url, citation.quote) == ("Bees dance.", "", "They dance.")
    assert citation.block == text.block


# Paragraphs ───────────────────────────────────────────────────────────────────


def responses(*items: tuple[int, str]) -> list[bytes]:
    deltas = [
        {"type": "response.output_text.delta", "output_index": n, "content_index": 0, "delta": text}
        for n, text in items
    ]
    return [sse(delta) for delta in deltas] + [sse({"type": "response.completed", "response": {}})]


def test_two_messages_are_two_paragraphs() -> None:
    response = response_of(
        read(body_of("responses"), responses((0, "I look"), (0, ". "), (1, "Found"), (1, ".")))
    )
    assert response.text == "I look. \n\nFound."
    assert response.to_markdown() == "I look. \n\nFound."
    assert response._repr_mimebundle_()["text/html"].count("<p>") == 2


def test_what_a_citation_split_stays_joined() -> None:
    payloads: list[Any] = [{"type": "message_start", "message": {"id": "m"}}]
    for index, text in enumerate(("The sea ", "is blue", ".")):
        block = {"type": "text", "text": text}
        payloads.append({"type": "content_block_start", "index": index, "content_block": block})
    payloads += [
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"type": "message_stop"},
    ]
    assert (
        response_of(read(body_of("anthropic"), [sse(p) for p in payloads])).text
        == "The sea is blue."
    )


# Results of earlier calls ─────────────────────────────────────────────────────


def test_a_result_is_named_from_its_kind() -> None:
    block = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []}
    payloads: list[Any] = [
        {"type": "message_start", "message": {"id": "m"}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"type": "message_stop"},
    ]
    (call,) = response_of(read(body_of("anthropic"), [sse(p) for p in payloads])).tool_calls
    assert (call.name, call.status, call.server_side) == ("web_search", "done", True)
    item = {"type": "program_output", "call_id": "c1", "result": '{"a": 1}'}
    data = [sse({"type": "response.output_item.done", "output_index": 0, "item": item})]
    (call,) = response_of(read(body_of("responses"), [*data, *responses()])).tool_calls
    assert (call.name, call.result) == ("program", {"a": 1})


def test_a_program_is_a_card_with_its_code() -> None:
    item = {"type": "program", "id": "p", "call_id": "c1", "code": "text(1)", "fingerprint": "x"}
    data = [sse({"type": "response.output_item.done", "output_index": 0, "item": item})]
    (call,) = response_of(read(body_of("responses"), [*data, *responses()])).tool_calls
    assert (call.name, call.arguments, call.server_side) == ("program", {"code": "text(1)"}, True)


def test_a_summary_is_a_note_that_opens() -> None:
    payloads: list[Any] = [
        {"type": "message_start", "message": {"id": "m"}},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "compaction", "content": None},
        },
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "compaction_delta", "content": "So far"},
        },
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"type": "message_stop"},
    ]
    events = read(body_of("anthropic"), [sse(p) for p in payloads])
    (call,) = response_of(events).tool_calls
    assert (call.name, call.result) == ("compaction", "So far")
    assert events[-1].carry["items"] == [{"type": "compaction", "content": "So far"}]


def test_a_patch_grows() -> None:
    operation = {"type": "create_file", "path": "a.md", "diff": ""}
    added = {"type": "apply_patch_call", "id": "p", "call_id": "c", "operation": operation}
    whole = {**added, "operation": {**operation, "diff": "+a\n+b\n"}}
    piece = {"type": "response.apply_patch_call_operation_diff.delta", "output_index": 0}
    data = [
        {"type": "response.output_item.added", "output_index": 0, "item": added},
        {**piece, "delta": "+a\n"},
        {**piece, "delta": "+b\n"},
        {
            "type": "response.apply_patch_call_operation_diff.done",
            "output_index": 0,
            "diff": "+a\n+b\n",
        },
        {"type": "response.output_item.done", "output_index": 0, "item": whole},
    ]
    (call,) = response_of(read(body_of("responses"), [*map(sse, data), *responses()])).tool_calls
    assert call.arguments == whole["operation"]
    assert json.loads(call.arguments_text) == whole["operation"]


def test_a_message_that_begins_anew_takes_back_its_cut_call() -> None:
    def start(ident: str, call: str) -> list[Any]:
        block = {"type": "tool_use", "id": call, "name": "f", "input": {}}
        return [
            {"type": "message_start", "message": {"id": ident}},
            {"type": "content_block_start", "index": 0, "content_block": block},
        ]

    def piece(text: str) -> Any:
        delta = {"type": "input_json_delta", "partial_json": text}
        return {"type": "content_block_delta", "index": 0, "delta": delta}

    end = {"type": "message_delta", "delta": {"stop_reason": "tool_use"}}
    payloads = [*start("a", "one"), piece('{"x'), *start("b", "two"), piece('{"x": 1}'), end]
    events = read(body_of("anthropic"), [sse(p) for p in payloads])
    assert [(c.call_id, c.arguments) for c in response_of(events).tool_calls] == [("two", {"x": 1})]
