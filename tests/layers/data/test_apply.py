"""What the marks of a row come to: spans at their places, JSON still JSON, nothing let through."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.layers.data.apply import Applied, Shape, apply, loss_weights
from remit.layers.data.edits import redacted, redacted_json
from remit.layers.data.places import pointer, replaced
from remit.layers.data.rows import WHOLE_ROW, Mark, Row, Way
from remit.layers.data.texts import texts
from remit.policy import loads
from remit.types import Json, Span

POLICY = loads(
    """\
remit: 1
organisation: H
assistant: {name: Ada, role: answers, languages: [en, nl]}
responsible: {owner: P}
rules:
  - id: r
    says: s
    because: b
    owner: o
    detect: [{phrases: [void]}]
    then: {data: counter}
    answer: {en: I will ask a colleague., nl: Ik vraag het een collega.}
"""
).policy
EMAIL = "anna@example.com"


def row(value: Json) -> Row:
    return Row("a.jsonl", 7, json.dumps(value).encode(), value, texts(value, {}))


def mark(way: Way, segment: int = 0, *spans: tuple[int, int], step: str = "r") -> Mark:
    return Mark(step, "o", way, segment, tuple(Span(*span, "email") for span in spans))


def span_of(text: str, part: str) -> tuple[int, int]:
    return text.index(part), text.index(part) + len(part)


def only(applied: Applied) -> Json:
    (value,) = applied.rows
    assert isinstance(value, dict)
    return value


def test_a_row_without_marks_leaves_as_it_came() -> None:
    one = row({"text": "a"})
    assert apply(one, []) == Applied(Way.KEEP, (one,))
    assert apply(one, [mark(Way.KEEP, 0, (0, 1))]).rows == (one,)


def test_the_gravest_mark_decides() -> None:
    one = row({"text": "abc"})
    marks = [mark(Way.TAG), mark(Way.DROP), mark(Way.REDACT, 0, (0, 1))]
    assert apply(one, marks) == Applied(Way.DROP)


def test_redacting_nothing_drops() -> None:
    assert apply(row({"text": "abc"}), [mark(Way.REDACT)]).rows == ()
    assert apply(row({"text": "abc"}), [mark(Way.REDACT, WHOLE_ROW)]).rows == ()


def test_a_rewrite_without_a_model_sets_the_row_aside() -> None:
    applied = apply(row({"text": "abc"}), [mark(Way.REWRITE, 0, (0, 1)), mark(Way.TAG)])
    assert (applied.rows, applied.way) == ((), Way.REWRITE)
    assert applied.aside == "r wants it rewritten, and no model was given"


def test_spans_of_several_marks_merge_and_unknown_columns_stay_in_order() -> None:
    text = f"Write to {EMAIL} now"
    value = {"id": 3, "text": text, "meta": {"b": 1, "a": None}}
    start, end = span_of(text, EMAIL)
    marks = [mark(Way.REDACT, 0, (start, end)), mark(Way.REDACT, 0, (start + 4, end + 4))]
    before = deepcopy(value)
    changed = only(apply(row(value), marks))
    assert (
        json.dumps(changed) == '{"id": 3, "text": "Write to [email]", "meta": {"b": 1, "a": null}}'
    )
    assert value == before


CHAT = {
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": f"I am {EMAIL}"}, {"type": "image"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "1",
                    "function": {
                        "name": "send",
                        "arguments": '{"to": "' + EMAIL + '", "n": 42, "q": "a\\"\\u00e9 b"}',
                    },
                }
            ],
        },
        {"role": "tool", "content": f"sent to {EMAIL}"},
    ],
    "source": "x",
}


def test_list_content_and_tool_calls_are_redacted_in_place() -> None:
    one = row(CHAT)
    marks = [
        mark(Way.REDACT, at, span_of(segment.text, EMAIL))
        for at, segment in enumerate(one.segments)
        if EMAIL in segment.text
    ]
    assert len(marks) == 3
    changed = only(apply(one, marks))
    assert EMAIL not in json.dumps(changed)
    call = changed["messages"][1]["tool_calls"][0]["function"]
    assert json.loads(call["arguments"]) == {"to": "[email]", "n": 42, "q": 'a"é b'}
    assert changed["messages"][0]["content"] == [
        {"type": "text", "text": "I am [email]"},
        {"type": "image"},
    ]
    assert changed["source"] == "x"
    assert list(changed["messages"][1]) == ["role", "content", "tool_calls"]


ARGUMENTS = '{"to": "a\\"\\u00e9\\ud83d\\ude00 b", "n": 4212, "l": [true, "x"]}'


@pytest.mark.parametrize(
    ("part", "left"),
    [
        ("4212", {"to": 'a"é😀 b', "n": "[email]", "l": [True, "x"]}),
        ("21", {"to": 'a"é😀 b', "n": "[email]", "l": [True, "x"]}),
        ("tru", {"to": 'a"é😀 b', "n": 4212, "l": ["[email]", "x"]}),
        (" b", {"to": 'a"é😀[email]', "n": 4212, "l": [True, "x"]}),
        ("00e9", {"to": 'a"[email]😀 b', "n": 4212, "l": [True, "x"]}),
        ("ude00", {"to": 'a"é[email] b', "n": 4212, "l": [True, "x"]}),
        ('"a', {"to": '[email]"é😀 b', "n": 4212, "l": [True, "x"]}),
        ('b", "n": 4', {"to": 'a"é😀 [email]', "[email]": "[email]", "l": [True, "x"]}),
    ],
)
def test_json_stays_json_wherever_the_span_lies(part: str, left: Json) -> None:
    edit = redacted_json(ARGUMENTS, [Span(*span_of(ARGUMENTS, part), "email")])
    assert edit is not None
    assert json.loads(edit.text) == left


@settings(max_examples=300, deadline=None)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=6),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=6,
    ),
    ascii_only=st.booleans(),
    data=st.data(),
)
def test_no_span_of_any_json_breaks_it(
    value: object, ascii_only: bool, data: st.DataObject
) -> None:
    text = json.dumps([value], ensure_ascii=ascii_only)
    points = st.lists(st.integers(0, len(text)), min_size=2, max_size=2, unique=True).map(sorted)
    spans = [Span(*ends, "email") for ends in data.draw(st.lists(points, min_size=1, max_size=3))]
    edit = redacted_json(text, spans)
    if edit is not None:
        json.loads(edit.text)
        edit.text.encode()


def test_arguments_that_cannot_stay_json_set_the_row_aside() -> None:
    value = {"messages": [{"role": "assistant", "function_call": {"arguments": '{"a": 1}'}}]}
    between_two_lines = (1, 2)
    applied = apply(row(value), [mark(Way.REDACT, 0, between_two_lines)])
    assert applied.aside == "/messages/0/function_call/arguments cannot be redacted and stay JSON"
    assert applied.rows == ()


@given(
    text=st.text(max_size=30),
    data=st.data(),
)
def test_what_is_not_cut_is_found_where_it_moved(text: str, data: st.DataObject) -> None:
    ends = st.lists(st.integers(0, len(text)), min_size=2, max_size=2).map(sorted)
    spans = [Span(a, b, "email") for a, b in data.draw(st.lists(ends, max_size=3)) if a < b]
    start, end = data.draw(ends)
    edit = redacted(text, spans)
    moved = edit.moved(Span(start, end))
    if start < end and not any(span.start < end and span.end > start for span in spans):
        assert edit.text[moved.start : moved.end] == text[start:end]
    assert 0 <= moved.start <= moved.end <= len(edit.text)


def test_masked_spans_point_into_the_row_as_it_leaves() -> None:
    text = f"{EMAIL} then secret words"
    marks = [
        mark(Way.REDACT, 0, span_of(text, EMAIL)),
        mark(Way.MASK, 0, span_of(text, "secret")),
        mark(Way.MASK, 0, span_of(text, "secret words"), step="other"),
    ]
    changed = only(apply(row({"text": text}), marks, Shape(prefix=("<|good|>", "<|bad|>"))))
    assert changed["text"] == "<|good|>[email] then secret words"
    (entry,) = changed["mask_spans"]
    assert changed["text"][entry["start"] : entry["end"]] == "secret words"
    assert entry["path"] == "/text"


def test_a_mask_without_spans_masks_the_whole_text_or_row() -> None:
    chat = row({"messages": [{"role": "user", "content": "ab"}, {"role": "user", "content": "c"}]})
    where = [
        {"path": "/messages/0/content", "start": 0, "end": 2},
        {"path": "/messages/1/content", "start": 0, "end": 1},
    ]
    assert only(apply(chat, [mark(Way.MASK, WHOLE_ROW)]))["mask_spans"] == where
    assert only(apply(chat, [mark(Way.MASK, 1)]))["mask_spans"] == where[1:]


def test_tokens_that_touch_a_masked_span_do_not_count() -> None:
    spans = [{"path": "/text", "start": 5, "end": 8}, {"path": "/other", "start": 0, "end": 9}]
    offsets = [(0, 0), (0, 5), (5, 6), (6, 9), (9, 12)]
    assert loss_weights(spans, "/text", offsets) == [1, 1, 0, 0, 1]


def test_tags_name_the_rules_and_control_tokens_lead_each_reply() -> None:
    value = {
        "messages": [
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": "bad one"},
            {"role": "assistant", "content": "good one"},
        ]
    }
    marks = [mark(Way.TAG, 1, (0, 3)), mark(Way.TAG, 1, step="s"), mark(Way.TAG, 0)]
    changed = only(apply(row(value), marks, Shape(prefix=("<|good|>", "<|bad|>"))))
    assert changed["remit"] == ["r", "s"]
    said = [message["content"] for message in changed["messages"]]
    assert said == ["q", "<|bad|>bad one", "<|good|>good one"]
    assert only(apply(row(value), marks))["messages"] == value["messages"]


def test_tags_of_an_earlier_run_stay_and_a_column_of_another_kind_is_not_overwritten() -> None:
    assert only(apply(row({"text": "a", "remit": ["x"]}), [mark(Way.TAG)]))["remit"] == ["x", "r"]
    applied = apply(row({"text": "a", "remit": 1}), [mark(Way.TAG)])
    assert applied.aside == "the row has a column remit of its own; name another in Shape"


WORDS = "I will ask a colleague."
BAD = "It is void."


@pytest.mark.parametrize(
    ("value", "segment", "added"),
    [
        (
            {"prompt": "Is the what?", "completion": BAD, "n": 1},
            1,
            {"prompt": "Is the what?", "completion": WORDS, "n": 1},
        ),
        (
            {"prompt": "q", "chosen": BAD, "rejected": "no"},
            1,
            {"prompt": "q", "chosen": WORDS, "rejected": BAD},
        ),
        (
            {
                "chosen": [{"role": "user", "content": "q"}, {"role": "assistant", "content": BAD}],
                "rejected": [],
            },
            1,
            {
                "chosen": [
                    {"role": "user", "content": "q"},
                    {"role": "assistant", "content": WORDS},
                ],
                "rejected": [
                    {"role": "user", "content": "q"},
                    {"role": "assistant", "content": BAD},
                ],
            },
        ),
        (
            {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": BAD}]},
            1,
            {
                "messages": [
                    {"role": "user", "content": "q"},
                    {"role": "assistant", "content": WORDS},
                ]
            },
        ),
        (
            {"conversations": [{"from": "human", "value": BAD}, {"from": "gpt", "value": "ok"}]},
            0,
            {"conversations": [{"from": "human", "value": BAD}, {"from": "gpt", "value": WORDS}]},
        ),
    ],
)
def test_a_counter_example_answers_the_same_prompt(value: Json, segment: int, added: Json) -> None:
    one = row(value)
    kept, made = apply(one, [mark(Way.COUNTER, segment, (0, 2))], Shape(POLICY)).rows
    assert kept is one
    assert made == {**added, "remit_counter": "r"}


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"text": BAD}, "a document has no prompt to answer again"),
        ({"prompt": "q", "rejected": BAD}, "the row rejects it already"),
        ({"messages": [{"role": "assistant", "content": BAD}]}, "no prompt to answer again"),
    ],
)
def test_where_no_counter_example_can_be_made_the_notes_say_so(value: Json, why: str) -> None:
    one = row(value)
    applied = apply(one, [mark(Way.COUNTER, len(one.segments) - 1)], Shape(POLICY))
    assert applied.rows == (one,)
    assert why in applied.notes[0]
    assert "no policy was given" in apply(one, [mark(Way.COUNTER)]).notes[0]


def test_a_place_may_lie_in_a_json_text() -> None:
    value = {"m": [{"args": '{"to": ["a", "b"]}'}]}
    assert replaced(value, ("m", 0, "args", "to", 1), "x") == {
        "m": [{"args": '{"to": ["a", "x"]}'}]
    }
    with pytest.raises(KeyError, match="/m/0/none"):
        replaced(value, ("m", 0, "none"), "x")
    assert pointer(("a/b", 0, "~")) == "/a~1b/0/~0"
