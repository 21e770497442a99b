"""What people made of cases becomes cases for verification and rows that train, without names."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from remit.evidence import Case, CaseError, State, stamp
from remit.layers.monitor.cases import (
    APPROVAL,
    OVERDUE,
    REMINDED,
    Noted,
    Verb,
    decision,
    next_step,
    remind_at,
    verbs,
)
from remit.layers.monitor.harvest import harvest
from remit.layers.monitor.people import Person
from remit.layers.monitor.privacy import Gate, PrivacyError
from remit.verify.suites import load

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ANN = Person("Ann", "console")
IBAN = "NL91 ABNA 0417 1643 00"


def case(number=1, **more):
    question = {
        "conversation": [
            {"role": "user", "text": "Hello"},
            {"role": "assistant", "text": "Hello!"},
            {"role": "user", "text": f"Can I sue? My account is {IBAN}."},
        ],
        "draft": "You should sue him.",
        "told": "I have passed this on.",
        "policy": "d" * 64,
    }
    given = {
        "id": f"case_{number}",
        "time": stamp(NOW),
        "due": stamp(NOW + timedelta(hours=24)),
        "rule": "no-legal-advice",
        "owner": "Ann",
        "colleague": "Ben",
        "question": question,
        "remind": remind_at(NOW, NOW + timedelta(hours=24)),
        "fallback": "No.",
        **more,
    }
    return Case(**given)


def decided(outcome, answer="", **more):
    return case(state=State.ANSWERED, outcome=outcome, answer=answer, who="Ann", **more)


def harvested(*cases, refuses=False):
    return harvest(cases, Gate.of(["NL"], refuses=refuses).passed, "Terms of service, 7")


# --- Decisions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "verb", "text", "said", "outcome", "label"),
    [
        ("handoff", "answer", "Ask a lawyer.", "Ask a lawyer.", "answered", "unsure"),
        ("handoff", "release", "", "You should sue him.", "released", "held"),
        ("handoff", "edit", "Perhaps.", "Perhaps.", "edited", "broken"),
        ("handoff", "edit", "You should sue him.", "You should sue him.", "edited", "held"),
        ("handoff", "reject", "", "No.", "rejected", "broken"),
        (APPROVAL, "approve", "", "You should sue him.", "approved", "held"),
        (APPROVAL, "reject", "Call us.", "Call us.", "rejected", "broken"),
    ],
)
def test_what_a_person_makes_of_a_case(kind, verb, text, said, outcome, label):
    made = decision(case(kind=kind), Verb(verb), ANN, text, NOW)
    assert (made.step.text, made.step.outcome, made.step.who) == (said, outcome, "Ann")
    assert (made.review["label"], made.review["rule"]) == (label, "no-legal-advice")


@pytest.mark.parametrize(
    ("given", "verb", "text", "cure"),
    [
        ({}, "approve", "", "takes answer, edit, release, reject"),
        ({"kind": APPROVAL}, "release", "", "takes approve, edit, reject"),
        ({}, "answer", "  ", "needs a text"),
        ({"question": {}}, "release", "", "no draft"),
        ({"state": State.CLOSED, "who": "Ben"}, "answer", "x", "closed by Ben already"),
        ({"kind": APPROVAL, "due": stamp(NOW)}, "approve", "", "its time ended"),
        ({}, "answer", "x" * 100_001, "shorten the text"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_cure(given, verb, text, cure):
    with pytest.raises(CaseError, match=cure):
        decision(case(**given), Verb(verb), ANN, text, NOW)
    if given.get("state") is State.CLOSED:
        assert verbs(case(**given)) == ()


def test_time_reminds_then_notes_the_broken_promise_and_lets_the_case_be():
    at = {hours: stamp(NOW + timedelta(hours=hours)) for hours in (17, 18, 24, 25)}
    assert next_step(case(), at[17]) is None
    assert next_step(case(), at[18]) == Noted(case(), REMINDED, at[18])
    assert next_step(case(reminded=REMINDED), at[18]) is None
    assert next_step(case(reminded=REMINDED), at[24]).stage == OVERDUE
    assert next_step(case(reminded=OVERDUE), at[25]) is None
    assert next_step(decided("answered"), at[25]) is None


def test_time_never_releases_what_waits_for_approval():
    step = next_step(case(kind=APPROVAL), stamp(NOW + timedelta(hours=24)))
    assert (step.text, step.outcome, step.who) == ("No.", "timed_out", "remit")


# --- Harvest ------------------------------------------------------------------------------------


def test_a_release_is_a_twin_that_should_be_helped_and_a_good_completion(tmp_path):
    found = harvested(decided("released", "You should sue him."))
    (row,) = found.kto
    assert row["label"] is True
    assert row["completion"] == [{"role": "assistant", "content": "You should sue him."}]
    assert [turn["role"] for turn in row["prompt"]] == ["user", "assistant", "user"]
    assert row["meta"]["consent"] == "Terms of service, 7"
    assert (row["meta"]["reviewer"], row["meta"]["policy"]) == ("Ann", "d" * 64)
    assert found.dpo == []
    (tmp_path / "cases.jsonl").write_bytes(orjson.dumps(found.cases[0]))
    (read,) = load(tmp_path / "cases.jsonl")
    assert (read.rule, read.aim, read.suite) == ("no-legal-advice", "keep", "reviewed")
    assert read.turns == ("Can I sue? My account is [iban].",)
    assert len(read.opening) == 2


def test_a_rejection_prefers_the_rules_words_to_the_draft():
    found = harvested(decided("rejected", "No."))
    (row,) = found.dpo
    assert row["chosen"][0]["content"] == "I have passed this on."
    assert row["rejected"][0]["content"] == "You should sue him."
    assert found.kto[0]["label"] is False
    assert found.cases[0]["aim"] == "break"


def test_an_edit_prefers_the_edited_draft():
    (row,) = harvested(decided("edited", "Ask a lawyer.", kind=APPROVAL)).dpo
    assert row["chosen"][0]["content"] == "Ask a lawyer."


def test_a_colleagues_own_answer_is_never_a_completion_to_learn():
    found = harvested(decided("answered", "As your lawyer I say: sue."))
    assert (found.cases, found.kto, found.dpo) == ([], [], [])
    assert "says nothing of the draft" in found.left["case_1"]


def test_no_identifier_leaves_whichever_text_it_stands_in():
    asked = case().question | {"draft": f"Pay to {IBAN}.", "told": f"Not to {IBAN}."}
    found = harvested(decided("rejected", question=asked))
    assert b"0417" not in orjson.dumps([found.cases, found.kto, found.dpo])
    refused = harvested(decided("rejected", question=asked), refuses=True)
    assert (refused.cases, refused.left) == ([], {"case_1": "it holds iban"})


def test_nothing_is_harvested_without_a_basis_or_a_person():
    with pytest.raises(ValueError, match="on what basis"):
        harvest([], str, " ")
    found = harvested(case(1), case(2))
    assert set(found.left) == {"case_1", "case_2"}


def test_the_gate_refuses_what_it_cannot_read():
    class Broken:
        def judge(self, *_):
            from remit.types import Action, Stage, Verdict

            return Verdict(Action.BLOCK, Stage.DATA, "")

    with pytest.raises(PrivacyError, match="cannot be read"):
        Gate(Broken()).passed("text")
