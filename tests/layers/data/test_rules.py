"""Law 4 at the data stage: a row's marks are the verdicts on its texts, whatever the batch."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.enforce import Enforcer, compile_policy
from remit.layers.data import rules
from remit.layers.data.rows import WHOLE_ROW, Mark, Row, Segment, Way
from remit.layers.data.rules import RuleStep, conversations, interaction
from remit.policy import loads
from remit.types import Span, Stage

HEAD = """\
remit: 1
organisation: H
responsible: {owner: P}
regions: [NL]
rules:
"""
RULE = "  - {{id: {}, says: s, because: b, owner: {}, detect: [{}], then: {{data: {}}}{}}}\n"
REMIT = HEAD + "".join(
    RULE.format(*parts)
    for parts in (
        ("no-law", "C", "{phrases: [you should sue, void]}", "drop", ""),
        ("no-numbers", "C", r"{pattern: '\bHF-\d{6}\b'}", "tag", ""),
        ("no-accounts", "D", "{identifier: [iban, email]}", "redact", ""),
        ("no-echo", "D", "{echo: all}", "mask", ""),
        ("noted", "D", "{phrases: [our director]}", "allow", ""),
        ("better", "D", "{phrases: [no idea]}", "counter", ", answer: I will ask."),
    )
)
PIECES = (
    *"a1é \n.-_",
    "void",
    "you sh0uld  śue",
    "HF-123456",
    "xHF-123456",
    "NL91 ABNA 0417 1643 00",
    "anna@example.com",
    "My name is Anna Smith",
    "Anna Smith",
    "our director",
    "no idea",
    "EUR 1.250,00",
    "1250",
    "日本",
)
TEXT = st.lists(st.sampled_from(PIECES), max_size=5).map(" ".join) | st.text(max_size=8)
ROLE = st.sampled_from(["system", "user", "assistant", "tool"])


def row(*segments: Segment, number: int = 0) -> Row:
    return Row("a.jsonl", number, b"", {}, segments)


def document(text: str, number: int = 0) -> Row:
    return row(Segment("document", ("text",), text), number=number)


def chat(turns: Sequence[tuple[str, str]], column: str = "messages") -> Row:
    return row(*(Segment(r, (column, n, "content"), t) for n, (r, t) in enumerate(turns)))


def preference(texts: tuple[str, str, str]) -> Row:
    roles = (("prompt", "user"), ("chosen", "assistant"), ("rejected", "assistant"))
    parts = zip(roles, texts, strict=True)
    return row(*(Segment(role, (column,), text) for (column, role), text in parts))


ROWS = st.lists(
    TEXT.map(document)
    | st.lists(st.tuples(ROLE, TEXT), max_size=5).map(chat)
    | st.tuples(TEXT, TEXT, TEXT).map(preference),
    max_size=8,
)


@cache
def enforcer() -> Enforcer:
    return compile_policy(loads(REMIT))


def one_by_one(step: RuleStep, one: Row) -> tuple[Mark, ...]:
    return tuple(
        mark
        for at in range(len(one.segments))
        for mark in step.marks(step.enforcer.judge(interaction(one, at), Stage.DATA), at)
    )


@settings(max_examples=80, deadline=None)
@given(rows=ROWS)
def test_marks_are_the_verdicts_on_each_text_alone(rows: list[Row]) -> None:
    step = RuleStep(enforcer())
    for one, marks in zip(rows, step.judge(rows), strict=True):
        assert marks == one_by_one(step, one)


@settings(max_examples=50, deadline=None)
@given(rows=ROWS, seed=st.integers(0, 99))
def test_any_batching_gives_the_same_marks(rows: list[Row], seed: int) -> None:
    step = RuleStep(enforcer())
    cut = random.Random(seed).randint(0, len(rows))
    assert step.judge(rows[:cut]) + step.judge(rows[cut:]) == step.judge(rows)


def test_portions_give_the_same_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [document(text, n) for n, text in enumerate(PIECES * 3)]
    step = RuleStep(enforcer())
    whole = step.judge(rows)
    assert any(whole)
    monkeypatch.setattr(rules, "PORTION", 40)
    assert step.judge(rows) == whole


def marked(one: Row, step: RuleStep | None = None) -> list[tuple[str, Way, int, tuple[Span, ...]]]:
    (marks,) = (step or RuleStep(enforcer())).judge([one])
    return [(mark.step, mark.way, mark.segment, mark.spans) for mark in marks]


def test_each_word_of_the_data_stage_has_its_way() -> None:
    text = "void HF-123456 anna@example.com our director no idea"
    assert [(step, way) for step, way, _, _ in marked(document(text))] == [
        ("no-law", Way.DROP),
        ("no-numbers", Way.TAG),
        ("no-accounts", Way.REDACT),
        ("noted", Way.KEEP),
        ("better", Way.COUNTER),
    ]
    assert marked(document("Good morning.")) == []


def test_a_mark_says_whose_rule_where_and_why() -> None:
    (marks,) = RuleStep(enforcer()).judge([chat([("user", "Hello."), ("assistant", "It is void")])])
    assert marks == (
        Mark("no-law", "C", Way.DROP, 1, (Span(6, 10, "phrase"),), 1.0, "phrase “void”"),
    )


def test_what_was_confided_must_not_come_back() -> None:
    turns = [("user", "My name is Anna Smith."), ("assistant", "Hello Anna Smith")]
    assert marked(chat(turns)) == [("no-echo", Way.MASK, 1, (Span(6, 16, "names"),))]
    assert marked(document("My name is Anna Smith. Hello Anna Smith")) == []


def test_the_chosen_reply_is_no_context_of_the_rejected_one() -> None:
    one = preference(("Hello.", "x", "y"))
    assert conversations(one.segments) == [[0, 1], [0, 2]]
    both = [Segment("user", ("chosen", 0, "content"), "a"), *one.segments[1:]]
    assert conversations(both, 5) == [[5, 6], [7]]


REFUSING = HEAD + RULE.format("judged", "C", "{judge: default}", "tag", ", on_failure: WORD")


@pytest.mark.parametrize(
    ("word", "way"),
    [
        ("block", Way.DROP),
        ("redact", Way.DROP),
        ("hand_over", Way.DROP),
        ("flag", Way.TAG),
        ("allow", Way.KEEP),
    ],
)
def test_a_judge_without_a_model_is_never_clean(word: str, way: Way) -> None:
    step = RuleStep(compile_policy(loads(REFUSING.replace("WORD", word))))
    ((mark,),) = step.judge([document("Good morning.")])
    assert (mark.way, mark.score) == (way, 0.0)
    assert mark.reason.startswith("not judged: no judge model 'default'")


class Voice:
    """A judge that finds a text wrong where it says `bad`, and knows how many asked at once."""

    name = "default"

    def __init__(self) -> None:
        self.asking = self.most = 0

    async def answer(self, prompt: str) -> str:
        self.asking += 1
        self.most = max(self.most, self.asking)
        await asyncio.sleep(0)
        self.asking -= 1
        return '{"scores": [%s]}' % (0.9 if "very bad" in prompt else 0.1)


def test_a_judge_is_asked_of_every_text_a_few_at_a_time() -> None:
    voice = Voice()
    loaded = loads(REFUSING.replace("WORD", "block"))
    step = RuleStep(compile_policy(loaded, models={"default": voice}), asking=3)
    texts = [f"{'very bad' if n % 3 == 0 else 'fine'} {n}" for n in range(20)]
    marks = step.judge([document(text) for text in texts])
    assert [bool(found) for found in marks] == [n % 3 == 0 for n in range(20)]
    assert 1 <= voice.most <= 3


def test_a_rule_that_may_not_drop_tags_and_says_so() -> None:
    step = RuleStep(enforcer(), {"no-law": "tags: 3 of 4 were wrong"})
    ((mark,),) = step.judge([document("void")])
    assert (mark.way, mark.reason) == (Way.TAG, "phrase “void”; tags: 3 of 4 were wrong")


def test_a_row_of_too_many_texts_is_not_clean() -> None:
    many = chat([("user", "a")] * (rules.MAX_SEGMENTS + 1))
    assert marked(many) == [("rules", Way.DROP, WHOLE_ROW, ())]


def test_a_text_full_of_matches_costs_no_more_than_its_length() -> None:
    text = "void " * 20_000 + "anna@example.com " * 200
    assert [step for step, *_ in marked(document(text))] == ["no-law", "no-accounts"]
