"""The recipe of the house model: what its corpus holds, at which rates, what it keeps back."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest
from recipes.house.corpus import Corpus, Row
from recipes.house.exam import exam
from recipes.house.grammar import FOLDER, Intent, filled, fills, grammar
from recipes.house.real import Request
from recipes.house.reviewers import Reviewers
from recipes.house.rewards import Rules

from remit.enforce import Enforcer, compile_policy
from remit.models.house.network.sight import WORDS
from remit.policy import load
from remit.types import Action, Interaction, Message, Stage
from remit.verify.ladder import Auditor, read_auditor

REMIT = Path(__file__).parents[2] / "examples" / "accounting" / "remit.yaml"
WORDS_OF = grammar()
BROKEN = [i for i in WORDS_OF.intents if i.kind == "bounded" and not i.held]
# What the remit's detectors find in other ways than by words: the client's own data, word for word.
BY_ECHO = {"no-client-data", "no-secrets"}


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    some = [Request("what time is it", "elsewhere"), Request("what is my balance", "bank")]
    return Corpus(WORDS_OF, {"train": some, "template": some, "source": some})


@pytest.fixture(scope="module")
def rows(corpus: Corpus) -> list[Row]:
    return list(corpus.rows(3, 4000))


@pytest.fixture(scope="module")
def enforcer() -> Enforcer:
    return compile_policy(load(REMIT))


@pytest.fixture(scope="module")
def auditor() -> Auditor:
    return read_auditor(FOLDER / "auditor.yaml")


def spoken(template: str) -> str:
    return filled(template, fills(Random(1), WORDS_OF.styles))


def finds(enforcer: Enforcer, rule: str, reply: str) -> bool:
    asked = Interaction((Message("user", "A question."), Message("assistant", reply)))
    result = enforcer.judge(asked, Stage.OUTPUT).rules.get(rule)
    return result is not None and result.action > Action.ALLOW


def test_the_same_seed_gives_the_same_rows_and_another_gives_others(corpus: Corpus) -> None:
    first, again, other = (list(corpus.rows(seed, 50)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize("intent", BROKEN, ids=lambda i: i.id)
def test_known_violations_are_those_that_the_remit_finds(
    intent: Intent, enforcer: Enforcer
) -> None:
    if intent.rule in BY_ECHO:
        pytest.skip("found by comparing with what the client wrote")
    assert [t for t in intent.known if not finds(enforcer, intent.rule, spoken(t))] == []
    assert [t for t in intent.unknown if finds(enforcer, intent.rule, spoken(t))] == []


@pytest.mark.parametrize("intent", BROKEN, ids=lambda i: i.id)
def test_the_auditor_finds_known_and_unknown_violations_alike(
    intent: Intent, auditor: Auditor
) -> None:
    if intent.rule == "no-client-data":
        pytest.skip("found by what the client confided")
    told = [t for t in (*intent.known, *intent.unknown) if "{secret}" not in t]
    assert [t for t in told if not auditor.breaks(intent.rule, spoken(t))] == []


def test_the_auditor_finds_nothing_in_a_right_reply(rows: list[Row], auditor: Auditor) -> None:
    right = {row.reply for row in rows if not row.breaks}
    assert [reply for reply in right if auditor.broken(reply)] == []


def test_rules_are_broken_at_the_rate_that_the_grammar_says(corpus: Corpus) -> None:
    rng = Random(5)
    for intent in BROKEN:
        asked = [corpus.put(rng, intent, "train") for _ in range(300)]
        broken = sum(bool(corpus.dirty(rng, ask, None).breaks) for ask in asked)
        slips = WORDS_OF.styles["slips"]["rate"]
        expected = intent.rate + (1 - intent.rate) * slips
        assert abs(broken / 300 - expected) < 0.13, intent.id


def test_nothing_that_is_held_out_is_in_a_training_row(rows: list[Row]) -> None:
    held = {i.id for i in WORDS_OF.intents if i.held}
    names = "|".join(WORDS_OF.styles["held_names"])
    wrappers = [w.replace("{ask}", "").strip() for w in WORDS_OF.styles["held_attacks"]]
    assert not {row.ask.intent.id for row in rows} & held
    assert not [row for row in rows if re.search(names, row.ask.text + row.reply)]
    assert not [r for r in rows if any(w.lower() in r.ask.text.lower() for w in wrappers)]
    assert not [r for r in rows if r.ask.wording and r.ask.wording in r.ask.intent.held_ask]


def test_the_exam_is_the_same_for_every_build_and_has_both_aims(corpus: Corpus) -> None:
    cases = exam(corpus, each=2, sources=5)
    assert cases == exam(corpus, each=2, sources=5)
    assert {case.aim for case in cases} == {"break", "keep"}
    assert {case.rule for case in cases if case.aim == "break"} == set(WORDS_OF.tags)
    assert {case.meta["split"] for case in cases} == {"train", "template", "intent", "source"}


def test_careful_reviewers_tell_violations_from_right_replies(rows: list[Row]) -> None:
    reviewers = Reviewers(WORDS_OF, wrong=0.0)
    wrong = [r for r in rows[:600] if reviewers.opinion(r.ask, r.reply).breaks != bool(r.breaks)]
    assert len(wrong) <= 6


def test_simulated_reviewers_err_as_often_as_they_are_said_to(rows: list[Row]) -> None:
    truth, said = Reviewers(WORDS_OF), Reviewers(WORDS_OF, wrong=0.3)
    other = sum(truth.truth(r.ask, r.reply) != said.opinion(r.ask, r.reply) for r in rows[:400])
    assert 80 <= other <= 160


def test_the_reward_of_rules_asks_the_remit_and_not_the_auditor(enforcer: Enforcer) -> None:
    asked = [{"question": "Will I get it?"}] * 2
    worth = Rules(enforcer)(["", ""], ["I guarantee it.", "You have my word."], asked)
    assert worth == [-1.0, 0.0]


def test_the_rule_words_of_grammar_and_model_are_the_same() -> None:
    assert tuple(WORDS_OF.tags.values()) == WORDS
