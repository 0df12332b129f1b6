"""The event-stream format, case by case: WHATWG HTML 9.2.6 and the web platform tests' `eventsource/`."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbstream.adapters.transport.lines import ArrayDecoder, LineDecoder
from nbstream.adapters.transport.sse import EventStreamDecoder, ServerEvent
from nbstream.events.errors import ProtocolError
from tests.adapters.reading import one_by_one

#: name: bytes in, the data of each dispatched event out. The last blank line is there unless said.
CASES: dict[str, tuple[bytes, list[str]]] = {
    "one event": (b"data: hello\n\n", ["hello"]),
    "two events": (b"data: a\n\ndata: b\n\n", ["a", "b"]),
    "CR line ends": (b"data: a\r\rdata: b\r\r", ["a", "b"]),
    "CRLF line ends": (b"data: a\r\n\r\ndata: b\r\n\r\n", ["a", "b"]),
    "mixed line ends": (b"data: a\r\ndata: b\n\rdata: c\r\r\n", ["a\nb", "c"]),
    "LF after CR CR": (b"data: a\r\r\ndata: b\n\n", ["a", "b"]),
    "several data lines": (b"data: a\ndata: b\ndata:c\n\n", ["a\nb\nc"]),
    "no space": (b"data:a\n\n", ["a"]),
    "only one space is taken": (b"data:  a\n\n", [" a"]),
    "a tab is data": (b"data:\ta\n\n", ["\ta"]),
    "data with no colon": (b"data\n\n", [""]),
    "data with no colon, twice": (b"data\ndata\n\n", ["\n"]),
    "empty data, then newline, then text": (
        b"data:\n\ndata\ndata\n\ndata:test\n\n",
        ["", "\n", "test"],
    ),
    "a colon in data": (b"data: a: b:c\n\n", ["a: b:c"]),
    "comment": (b": hello\n\n", []),
    "comment inside an event": (b"data: a\n:comment\ndata: b\n\n", ["a\nb"]),
    "bare colon": (b":\n\ndata: a\n\n", ["a"]),
    "a long comment": (b":" + b"x" * 2048 + b"\ndata: a\n\n", ["a"]),
    "unknown field": (b"foo: bar\ndata: a\nfoo\n\n", ["a"]),
    "field names are case-sensitive": (b"DATA: a\nData: b\ndata: c\n\n", ["c"]),
    "no space before a field name": (b" data: a\ndata: b\n\n", ["b"]),
    "no space before the colon": (b"data : a\n\n", []),
    "event without data": (b"event: ping\n\ndata: a\n\n", ["a"]),
    "id without data": (b"id: 1\n\ndata: a\n\n", ["a"]),
    "retry without data": (b"retry: 100\n\ndata: a\n\n", ["a"]),
    "blank lines": (b"\n\n\ndata: a\n\n\n\n", ["a"]),
    "BOM": (b"\xef\xbb\xbfdata: a\n\n", ["a"]),
    "a second BOM is not stripped": (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", ["b"]),
    "BOM in the middle is data": (b"data: \xef\xbb\xbfa\n\n", ["\ufeffa"]),
    "NUL is data": (b"data: a\0b\n\n", ["a\0b"]),
    "UTF-8": ("data: ok…世界👋\n\n".encode(), ["ok…世界👋"]),
    "invalid UTF-8": (b"data: a\xffb\n\n", ["a\ufffdb"]),
    "half a character at the end": (b"data: a\xe4\xb8\n\n", ["a\ufffd"]),
    "U+2028, U+2029, U+0085 are data": (
        "data: a\u2028b\u2029c\u0085d\n\n".encode(),
        ["a\u2028b\u2029c\u0085d"],
    ),
    "VT, FF, FS, GS, RS are data": (
        b"data: a\x0bb\x0cc\x1cd\x1de\x1ef\n\n",
        ["a\x0bb\x0cc\x1cd\x1de\x1ef"],
    ),
    "no final newline, not whole": (b'data: a\n\ndata: {"b', ["a"]),
    "one final newline, not whole": (b'data: a\n\ndata: {"b\n', ["a"]),
    "no final newline, whole JSON": (b'data: {"a": 1}', ['{"a": 1}']),
    "one final newline, whole JSON": (b'data: {"a": 1}\n', ['{"a": 1}']),
    "CR at the end": (b"data: a\r\r", ["a"]),
    "no final newline, the end mark": (b"data: [DONE]", ["[DONE]"]),
    "only a BOM": (b"\xef\xbb\xbf", []),
    "half a BOM": (b"\xef\xbb", []),
    "nothing": (b"", []),
    "a line of an old llama.cpp server": (b'error: {"code": 500}\n\n', ['{"code": 500}']),
}


def dispatched(pieces: list[bytes]) -> list[ServerEvent]:
    decoder = EventStreamDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.finish()


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    data, expected = CASES[name]
    assert [event.text for event in dispatched([data])] == expected
    assert [event.text for event in dispatched(one_by_one(data))] == expected
    for cut in range(len(data)):
        assert [e.text for e in dispatched([data[:cut], data[cut:]])] == expected


def test_event_names_and_ids() -> None:
    data = b"event: add\nid: 7\ndata: 1\n\ndata: 2\n\nevent:\nid\ndata: 3\n\nid: 8\0\ndata: 4\n\n"
    for pieces in ([data], one_by_one(data)):
        assert [(e.event, e.id, e.text) for e in dispatched(pieces)] == [
            ("add", "7", "1"),
            ("", "7", "2"),
            ("", "", "3"),
            ("", "", "4"),
        ]


def test_an_event_name_is_forgotten_with_the_event_that_had_no_data() -> None:
    assert [(e.event, e.text) for e in dispatched([b"event: ping\n\ndata: a\n\n"])] == [("", "a")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(b"1000", 1000), (b"+5", None), (b"1_0", None), ("٣".encode(), None), (b"1.5", None)],
)
def test_retry_takes_digits_only(value: bytes, expected: int | None) -> None:
    decoder = EventStreamDecoder()
    decoder.feed(b"retry: %b\n\n" % value)
    assert decoder.retry == expected


def test_keep_alives_are_counted() -> None:
    decoder = EventStreamDecoder()
    assert decoder.feed(b": ping\n\n: ping\n\n") == []
    assert decoder.comments == 2


def test_a_cut_event_is_kept_aside() -> None:
    decoder = EventStreamDecoder()
    assert decoder.feed(b'data: {"a": ') == []
    assert decoder.finish() == []
    assert decoder.rest == b'{"a": '


@pytest.mark.parametrize("size", [100, 5000])
def test_a_line_has_a_limit(size: int) -> None:
    decoder = EventStreamDecoder(max_line=1000)
    pieces = [b"data: "] + [b"x" * size] * (20000 // size)
    with pytest.raises(ProtocolError, match="longer than 1,000 bytes"):
        [decoder.feed(piece) for piece in pieces]


def test_an_event_of_many_lines_has_the_same_limit() -> None:
    decoder = EventStreamDecoder(max_line=1000)
    with pytest.raises(ProtocolError):
        [decoder.feed(b"data: " + b"x" * 32 + b"\n") for _ in range(100)]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"))), st.data())
def test_any_text_survives_any_cut(texts: list[str], data: st.DataObject) -> None:
    stream = b"".join(b"data: %b\n\n" % json.dumps(t, ensure_ascii=False).encode() for t in texts)
    places = data.draw(st.lists(st.integers(0, len(stream)), max_size=20))
    pieces, last = [], 0
    for place in sorted(places):
        pieces.append(stream[last:place])
        last = place
    pieces.append(stream[last:])
    assert [json.loads(e.text) for e in dispatched(pieces)] == texts


@given(st.binary())
def test_any_bytes_are_cut_the_same_way(data: bytes) -> None:
    assert dispatched([data]) == dispatched(one_by_one(data))


@given(st.binary(), st.lists(st.integers(0, 300), max_size=10))
def test_lines_survive_any_cut(data: bytes, places: list[int]) -> None:
    def read(pieces: list[bytes]) -> list[bytes]:
        decoder = LineDecoder()
        return [line for piece in pieces for line in decoder.feed(piece)] + decoder.finish()

    expected = [line for line in data.split(b"\n") if line.strip()]
    got = read([data])
    assert [line.strip() for line in got] == [line.strip() for line in expected]
    assert [line.strip() for line in read(one_by_one(data))] == [x.strip() for x in expected]


@given(st.lists(st.recursive(st.none() | st.text() | st.floats(allow_nan=False), st.lists)))
def test_a_growing_array(values: list[object]) -> None:
    elements = [{"v": value} for value in values]
    data = json.dumps(elements, indent=1).encode()
    for pieces in ([data], one_by_one(data)):
        decoder = ArrayDecoder()
        got = [v for piece in pieces for v in decoder.feed(piece)]
        assert [json.loads(v) for v in got] == elements
