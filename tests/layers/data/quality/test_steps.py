"""Heuristics as steps: marks, roles, options, bounds."""

from __future__ import annotations

from typing import Any

import pytest

from remit.layers.data import quality
from remit.layers.data.rows import Mark, Row, Segment, Step, Way

np = pytest.importorskip("numpy")

PROSE = (
    "The harbour was quiet that morning, and the carpenter had time to look at the boats. "
    "A letter lay on the bench with a list of parts that the ferry would need before summer. "
    "He read it twice. Then he put it in the drawer, because there was nobody to ask! "
    "Who would have thought of such a thing? It must be the weather. "
    "Later the clerk came by with two more orders and a joke about the new bridge."
)


def row(*texts: str, role: str = "document") -> Row:
    return Row("t", 0, b"", {}, tuple(Segment(role, ("text",), text) for text in texts))


def marks(step: Step, *rows: Row) -> list[tuple[Mark, ...]]:
    return step.judge(rows)


def test_prose_passes_all() -> None:
    names = [name for name in quality.NAMES if name != "language"]
    assert marks(quality.together("o", names), row(PROSE)) == [()]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("gopher-quality", "Too short.", "words 2, at least 50"),
        ("gopher-quality", "a b the of " * 30, "mean word length 1.75, at least 3"),
        ("gopher-repetition", "one and two\n" * 9, "share of duplicate lines 0.8, at most 0.3"),
        ("c4", "No end here\nOne sentence is here.", "sentences 1, at least 5"),
        ("c4", "This is fine so far. " * 9 + "{ it is.", "curly bracket"),
        ("fineweb", "no end\nnor here", "share of lines with end punctuation 0, at least 0.12"),
        ("fineweb", "\n \n", "empty"),
    ],
)
def test_a_reason_has_the_figure_and_the_limit(name: str, text: str, reason: str) -> None:
    assert marks(quality.step(name, "Ada"), row(text)) == [
        (Mark(name, "Ada", Way.DROP, 0, reason=reason),)
    ]


def test_c4_says_which_lines_it_takes_out_and_why() -> None:
    text = f"Menu\n{PROSE}\nWe never use cookies, honest.\nToo few."
    ((mark,),) = marks(quality.step("c4", "o"), row(text))
    assert mark.way is Way.REDACT
    assert mark.reason == (
        "lines removed 3 of 4: 1 no end punctuation, 1 policy phrase, 1 too few words"
    )
    assert [text[a:b] for a, b, _ in mark.spans] == [
        "Menu\n",
        "\nWe never use cookies, honest.\nToo few.",
    ]


def test_addresses_are_redacted_where_they_stand() -> None:
    text = "Write to jo.smith@example.com or to 8.8.8.8, not to 10.0.0.1."
    ((mark,),) = marks(quality.step("fineweb-pii", "o"), row(text))
    assert [(text[a:b], label) for a, b, label in mark.spans] == [
        ("jo.smith@example.com", "email"),
        ("8.8.8.8", "ip"),
    ]


def test_chat_is_judged_only_when_asked() -> None:
    chat = row("Ok.", role="assistant")
    assert marks(quality.step("fineweb", "o", short=30), chat) == [()]
    (found,) = marks(quality.step("gopher-quality", "o", roles=["assistant"]), chat)
    assert [mark.reason for mark in found] == ["words 1, at least 50"]


def test_rows_can_be_tagged_instead_of_dropped() -> None:
    ((mark,),) = marks(quality.step("gopher-quality", "o", drop=Way.TAG), row("Too short."))
    assert mark.way is Way.TAG


def test_marks_name_the_text_of_the_row_that_they_are_about() -> None:
    (found,) = marks(quality.step("gopher-quality", "o"), row(PROSE, "Short.", PROSE))
    assert [mark.segment for mark in found] == [1]


def test_a_batch_is_cut_in_portions_and_no_row_is_missed() -> None:
    step = quality.step("gopher-quality", "o")
    rows = [row(PROSE * n, "short") for n in range(1, 60)]
    assert marks(step, *rows) == [found for one in rows for found in marks(step, one)]
    assert marks(step) == []
    assert marks(step, row()) == [()]


def test_a_text_too_long_to_judge_is_dropped_and_says_so() -> None:
    ((mark,),) = marks(quality.step("fineweb", "o"), row("a b.\n" * 800_001))
    assert (mark.way, mark.reason) == (
        Way.DROP,
        "not judged: 4000005 characters in one text, over 4000000",
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: quality.step("gofer", "o"), "no quality step 'gofer'; have gopher-quality"),
        (lambda: quality.step("c4", "o", sentence=3), "c4: no option sentence; have bad_words"),
        (lambda: quality.step("c4", "o", split="spaces"), "no word splitter 'spaces'"),
        (lambda: quality.together("o", ["c4"], fineweb={}), "options for fineweb"),
    ],
)
def test_what_cannot_be_made_is_refused_with_what_there_is(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_bad_words_are_the_owners_own() -> None:
    step = quality.step("c4", "o", bad_words=("boats",))
    ((mark,),) = marks(step, row(PROSE))
    assert mark.reason == "bad word: boats"


@pytest.mark.parametrize(
    "hostile",
    [
        "a!" * 200_000 + "@",
        "a@" * 200_000,
        "a" * 500_000 + "@" + "b" * 500_000,
        "a@" + "b." * 200_000,
        "." * 500_000 + "x",
        "1." * 300_000,
        "[1" * 300_000 + ".",
        "x\n" * 300_000,
        "the same words again and again " * 20_000,
        "\n" * 500_000,
        "'\"" * 300_000 + "x",
    ],
    ids=lambda text: repr(text[:12]),
)
def test_hostile_text_takes_no_more_than_linear_time(hostile: str) -> None:
    names = [name for name in quality.NAMES if name != "language"]
    lenient = {"min_sentences": 5, "need_end_punctuation": False, "min_words_per_line": -1}
    (found,) = marks(quality.together("o", names, c4=lenient), row(hostile))
    assert found
