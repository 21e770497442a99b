"""Runs of words shared with an evaluation set are found, exactly and wherever they stand."""

import gzip
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.layers.data import contamination
from remit.layers.data.contamination.words import WORD, pieces
from remit.layers.data.rows import Row, Segment, Way
from remit.types import Span

QUESTION = (
    "A baker sells 12 loaves in the morning and twice as many in the afternoon; "
    "how many loaves does she sell in a day?"
)
SHORT = "What is the capital city of Burkina Faso?"


def row(*texts: str, number: int = 0) -> Row:
    segments = tuple(Segment("document", ("text", n), text) for n, text in enumerate(texts))
    return Row("train.jsonl", number, b"", {}, segments)


@pytest.fixture
def tests(tmp_path):
    path = tmp_path / "quiz.jsonl"
    lines = [{"question": QUESTION, "answer": "36"}, {"question": SHORT, "answer": "Ouagadougou"}]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"Before. {QUESTION} After.", "line 1"),
        (QUESTION.upper().replace(" ", "\n  - "), "line 1"),
        (
            "x " * 500 + "sells 12 loaves in the morning, and twice as many in the afternoon",
            "line 1",
        ),
        ("sells 13 loaves in the morning and twice as many in the afternoon", None),
        ("sells 12 loaves in the morning and twice as many in the", None),
        (f"Q: {SHORT}", "line 2"),
        ("What is the capital city of Burkina Fasoland?", None),
        ("What is the capital city of Burkina", None),
        ("Ouagadougou", None),
        ("", None),
    ],
)
def test_a_text_that_shares_a_run_of_words_is_marked(text, found, tests):
    (marks,) = contamination.step([tests]).judge([row(text)])
    assert [mark.reason.rsplit("quiz.jsonl ", 1)[1] for mark in marks] == ([found] if found else [])


def test_the_spans_are_the_shared_words_as_they_stand(tests):
    text = f"Solve: «{QUESTION}» (2 points)"
    ((mark,),) = contamination.step([tests], owner="Eval").judge([row("clean", text)])
    assert (mark.step, mark.owner, mark.way, mark.segment) == ("contamination", "Eval", Way.DROP, 1)
    (span,) = mark.spans
    assert text[span.start : span.end] == QUESTION.removesuffix("?")


def test_a_window_is_taken_out_around_each_run(tests):
    text = "a" * 300 + " " + QUESTION + " " + "b" * 50
    step = contamination.step([tests], window=200, way=Way.REDACT, most_cuts=10)
    ((mark,),) = step.judge([row(text)])
    assert mark.spans == (Span(101, len(text)),)
    assert mark.way == Way.REDACT


def test_a_text_that_would_fall_into_many_parts_is_dropped(tests):
    text = (QUESTION + " filler" * 200 + " ") * 3
    for most, way in ((3, Way.REDACT), (2, Way.DROP)):
        step = contamination.step([tests], window=200, way=Way.REDACT, most_cuts=most)
        ((mark,),) = step.judge([row(text)])
        assert mark.way == way


def test_named_fields_alone_are_looked_for(tests):
    step = contamination.step([tests], fields=("answer",), shortest=1)
    found = step.judge([row(QUESTION), row("It is Ouagadougou.")])
    assert [len(marks) for marks in found] == [0, 1]


def test_items_that_are_too_short_are_counted(tests):
    assert contamination.step([tests]).skipped == 2


def test_every_string_of_nested_items_is_read(tmp_path):
    path = tmp_path / "nested.json.gz"
    with gzip.open(path, "wt") as file:
        file.write(json.dumps({"turns": [{"content": QUESTION}], "n": 3}))
    assert contamination.step([path]).judge([row(QUESTION)])[0]


def test_lines_of_a_text_file_are_items(tmp_path):
    path = tmp_path / "items.txt"
    path.write_text(f"short\n{QUESTION}\n")
    ((mark,),) = contamination.step([path]).judge([row(QUESTION)])
    assert mark.reason.endswith("items.txt line 2")


def test_the_same_row_is_judged_alike_in_any_batch(tests):
    draw = random.Random(1)
    rows = [
        row(f"{'w ' * draw.randrange(400)}{draw.choice((QUESTION, SHORT, ''))}", SHORT, number=n)
        for n in range(20)
    ]
    step = contamination.step([tests])
    assert step.judge(rows) == [step.judge([single])[0] for single in rows]


def test_a_run_across_the_border_of_two_pieces_is_found(tests):
    for before in range(262_000, 262_200, 40):
        text = "x " * (before // 2) + QUESTION
        ((mark,),) = contamination.step([tests]).judge([row(text)])
        assert mark.spans == (Span(before, len(text) - 1),)


@given(st.text(st.sampled_from("ab. 我"), max_size=60), st.integers(0, 4), st.integers(1, 12))
def test_each_run_of_words_stands_in_exactly_one_piece(text, overlap, size):
    whole = [word.span() for word in WORD.finditer(text)]
    expected = [(whole[i][0], whole[i + overlap][1]) for i in range(len(whole) - overlap)]
    found = []
    for start, end in pieces(text, overlap, size):
        words = [word.span() for word in WORD.finditer(text, start, end)]
        found += [(words[i][0], words[i + overlap][1]) for i in range(len(words) - overlap)]
    assert found == expected


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("broken.jsonl", b'{"q": "a"}\n{"q": ', r"broken\.jsonl, line 2: .*mend it"),
        ("bytes.txt", b"caf\xe9\n", r"bytes\.txt, line 1"),
        ("empty.jsonl", b"", r"empty\.jsonl: no line with a text"),
        ("cut.jsonl.gz", gzip.compress(b'{"q": "some words"}\n' * 99)[:-12], r"cut.*again"),
        ("bent.jsonl.gz", gzip.compress(b"words " * 99)[:10] + b"\xff" * 60, r"bent.*again"),
        ("plain.jsonl.gz", b'{"q": "some words"}\n', r"plain.*again"),
    ],
    ids=["broken", "bytes", "empty", "cut", "bent", "plain"],
)
def test_a_test_set_that_is_only_half_read_is_refused(name, content, message, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        contamination.step([path])


def test_a_field_that_no_item_has_is_refused(tests):
    with pytest.raises(ValueError, match="no line with a field prompt"):
        contamination.step([tests], fields=("prompt",))


def test_a_text_that_repeats_a_long_item_takes_time_in_proportion(tmp_path):
    path = tmp_path / "book.txt"
    words = " ".join(f"w{n}" for n in range(20_000))
    path.write_text(words)
    ((mark,),) = contamination.step([path]).judge([row(words + " " + words)])
    assert mark.spans[0].start == 0
