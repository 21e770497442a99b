"""Server-sent events: the standard's cases, under every way of splitting them."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.models.base import UpstreamError
from remit.models.sse import Event, SseParser, frame

CASES = {
    "one event": (b"data: a\n\n", [Event("", b"a")]),
    "two events": (b"data: a\n\ndata: b\n\n", [Event("", b"a"), Event("", b"b")]),
    "no space": (b"data:a\n\n", [Event("", b"a")]),
    "only one space goes": (b"data:  a\n\n", [Event("", b" a")]),
    "several data lines": (b"data: a\ndata: b\ndata\n\n", [Event("", b"a\nb\n")]),
    "empty data": (b"data:\n\ndata\n\n", [Event("", b""), Event("", b"")]),
    "named": (b"event: ping\ndata: a\n\n", [Event("ping", b"a")]),
    "the last name wins": (b"event: a\ndata: x\nevent: b\n\n", [Event("b", b"x")]),
    "a name lasts one event": (b"event: a\ndata: x\n\ndata: y\n\n",
                               [Event("a", b"x"), Event("", b"y")]),
    "no data, no event": (b"event: ping\nid: 1\n\ndata: a\n\n", [Event("", b"a")]),
    "comments": (b": hello\n\n:\ndata: a\n: b\n\n", [Event("", b"a")]),
    "id and retry": (b"id: 1\nretry: 5\ndata: a\n\n", [Event("", b"a")]),
    "CRLF": (b"data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n", [Event("", b"a\nb"), Event("", b"c")]),
    "CR": (b"data: a\r\rdata: b\r\r", [Event("", b"a"), Event("", b"b")]),
    "mixed ends": (b"data: a\r\n\ndata: b\n\r\ndata: c\r\r\n",
                   [Event("", b"a"), Event("", b"b"), Event("", b"c")]),
    "blank lines between": (b"\n\n\ndata: a\n\n\n\n\ndata: b\n\n",
                            [Event("", b"a"), Event("", b"b")]),
    "byte order mark": (b"\xef\xbb\xbfdata: a\n\n", [Event("", b"a")]),
    "a second mark is text": (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", []),
    "UTF-8": ("data: é漢🙂\n\n".encode(), [Event("", "é漢🙂".encode())]),
    "colons in data": (b"data: a: b\n\n", [Event("", b"a: b")]),
    "unknown field": (b"datax: a\ndata: b\n\n", [Event("", b"b")]),
    "unfinished": (b"data: a\n\ndata: b\n", [Event("", b"a")]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_events_are_the_standards_whole_and_byte_by_byte(case):
    stream, expected = CASES[case]
    assert SseParser().feed(stream) == expected
    parser = SseParser()
    single = [event for i in range(len(stream)) for event in parser.feed(stream[i : i + 1])]
    assert single == expected


@given(
    st.lists(st.sampled_from([b"data", b":", b" ", b"a", b"\n", b"\r", b"event", b"\xef\xbb\xbf"])),
    st.data(),
)
def test_splitting_never_changes_the_events(pieces, data):
    stream = b"".join(pieces)
    cuts = data.draw(st.lists(st.integers(0, len(stream))))
    bounds = [0, *sorted(cuts), len(stream)]
    whole, split = SseParser(), SseParser()
    expected = whole.feed(stream)
    got = [e for a, b in pairwise(bounds) for e in split.feed(stream[a:b])]
    assert got == expected
    assert split.finish() == whole.finish()


@given(st.binary(), st.sampled_from(["", "message_start"]))
def test_what_is_framed_is_read_back(data, name):
    text = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    assert SseParser().feed(frame(data, name)) == [Event(name, text)]


def test_the_rest_of_a_cut_stream_is_told_from_a_clean_end():
    for stream, rest in (
        (b"data: a\n\n", b""),
        (b"data: a\n\n: bye", b""),
        (b"data: a\n\n\n", b""),
        (b"data: a\n\ndata: {", b"data: {"),
        (b"\xef\xbb", b"\xef\xbb"),
    ):
        parser = SseParser()
        parser.feed(stream)
        assert parser.finish() == rest


@pytest.mark.parametrize("size", [1, 7, 5000])
def test_an_event_without_end_is_refused(size):
    parser = SseParser(max_event=1000)
    for _ in range(1000 // size):
        parser.feed(b"a" * size)
    with pytest.raises(UpstreamError) as caught:
        parser.feed(b"a" * size)
    assert caught.value.kind == "too_large"


def test_a_whole_event_over_the_bound_is_refused():
    with pytest.raises(UpstreamError):
        SseParser(max_event=1000).feed(b"data: " + b"a" * 1001 + b"\n\n")


def test_many_small_events_in_one_read_are_within_the_bound():
    assert len(SseParser(max_event=1000).feed(b"data: a\n\n" * 1000)) == 1000


def test_a_long_event_byte_by_byte_takes_linear_time():
    def seconds(size):
        parser = SseParser()
        start = time.process_time()
        for _ in range(size):
            parser.feed(b"a")
        return time.process_time() - start

    seconds(1000)
    assert seconds(80_000) < 30 * seconds(8_000) + 0.05
