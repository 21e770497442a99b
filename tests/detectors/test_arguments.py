"""A call is judged by what the tool reads, and every character of that is found in its JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.detectors.arguments import call_text, written_spans
from remit.types import Span

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(_VALUES, st.booleans())
def test_each_character_of_the_judged_text_is_found_where_it_is_written(
    value: object, ascii_only: bool
) -> None:
    written = json.dumps([value], ensure_ascii=ascii_only, indent=1)
    judged = call_text(written)
    for at, char in enumerate(judged):
        (place,) = written_spans(written, [Span(at, at + 1)])
        spelled = written[place.start : place.end]
        if place.start == place.end:
            assert char == "\n"
        elif len(spelled) == 1:
            assert spelled == char
        else:
            assert json.loads(f'"{spelled}"') == char


@pytest.mark.parametrize(
    ("written", "judged", "part", "spelled"),
    [
        (
            r'{"to": "jan\u0040a.example"}',
            "to\njan@a.example",
            "jan@a.example",
            r"jan\u0040a.example",
        ),
        (r'{"to": "\uD83D\uDE00x"}', "to\n\U0001f600x", "\U0001f600", r"\uD83D\uDE00"),
        (r"to=jan\u0040a.example", "to=jan@a.example", "jan@a.example", r"jan\u0040a.example"),
        ('{"n": 1.50, "n": 1.50}', "n\n1.50\nn\n1.50", "1.50", "1.50"),
        ('{"a\\/b": []}', "a/b", "a/b", "a\\/b"),
    ],
)
def test_a_span_of_the_judged_text_is_a_span_of_what_is_written(
    written: str, judged: str, part: str, spelled: str
) -> None:
    assert call_text(written) == judged
    start = judged.index(part)
    (place,) = written_spans(written, [Span(start, start + len(part), "x")])
    assert written[place.start : place.end] == spelled
    assert place.label == "x"
