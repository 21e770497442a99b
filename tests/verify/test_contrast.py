"""Two targets on the same seeds, and a run against the one before."""

from __future__ import annotations

import json
import random

import pytest
from playing import case, remit, sample

from remit.verify.contrast import Question, contrasts
from remit.verify.outputs.document import BaselineError, document, regression
from remit.verify.plan import Suites
from remit.verify.results import Outcome
from remit.verify.verdicts import Limits, lines
from remit.verify.verification import Verification, Verified


def outcome(name: str, labels: list[str], repeats: int = 1) -> Outcome:
    found = Outcome(name)
    for number, label in enumerate(labels):
        for _ in range(repeats):
            found.add(sample(number, label, of=case(number), target=name))
    return found


def only(found):
    (contrast,) = found
    return contrast


def test_what_fails_less_is_better():
    first = outcome("old", ["violated"] * 12 + ["held"] * 40)
    second = outcome("new", ["held"] * 52)
    contrast = only(contrasts([first, second], Question()))
    assert (contrast.first, contrast.second, contrast.answer) == ("old", "new", "better")
    assert only(contrasts([second, first], Question())).answer == "worse"
    assert contrast.comparison.difference == pytest.approx(-12 / 52)


def test_too_little_to_tell_is_not_distinguished():
    first, second = outcome("a", ["violated"] * 3 + ["held"] * 9), outcome("b", ["held"] * 12)
    assert only(contrasts([first, second], Question())).answer == "not distinguished"


def test_a_seed_without_an_answer_is_left_out_and_counted():
    first = outcome("a", ["undecided"] * 5 + ["held"] * 10)
    contrast = only(contrasts([first, outcome("b", ["violated"] * 15)], Question()))
    assert (contrast.comparison.seeds, contrast.left_out) == (10, 5)


def test_repeats_are_averaged_and_are_no_new_evidence():
    """Five seeds that differ, each asked twenty times, are five pairs and not a hundred."""
    first, second = outcome("a", ["violated"] * 5, 20), outcome("b", ["held"] * 5, 20)
    contrast = only(contrasts([first, second], Question(repeats=20)))
    assert contrast.comparison.p_value == pytest.approx(2 / 2**5)


def test_a_margin_says_whether_one_may_replace_the_other():
    labels = ["held"] * 300
    alike = only(contrasts([outcome("a", labels), outcome("b", labels)], Question(margin=0.02)))
    assert alike.replacement.shown
    few = only(
        contrasts([outcome("a", labels[:20]), outcome("b", labels[:20])], Question(margin=0.02))
    )
    assert not few.replacement.shown


@pytest.mark.parametrize("repeats", [1, 2])
def test_a_model_that_does_not_answer_the_hard_seeds_may_not_replace_one_that_does(repeats):
    first = outcome("now", ["held"] * 300, repeats)
    second = outcome("cheap", ["undecided"] * 60 + ["held"] * 240, repeats)
    question = Question(repeats=repeats, margin=0.1)
    assert not only(contrasts([first, second], question)).replacement.shown
    assert only(contrasts([second, first], question)).replacement.shown


def test_of_a_ladder_only_neighbours_are_compared():
    rungs = [outcome(name, ["held"] * 3) for name in "abc"]
    pairs = [(c.first, c.second) for c in contrasts(rungs, Question(), neighbours=True)]
    assert pairs == [("a", "b"), ("b", "c")]
    assert len(contrasts(rungs, Question())) == 3


def test_many_equal_targets_seldom_have_a_winner():
    """A/A: all questions of a run together err at most once in twenty, here in 5 of 100 runs."""
    dice, wrong = random.Random(3), 0
    for _ in range(100):
        found = [
            outcome(name, ["violated" if dice.random() < 0.2 else "held" for _ in range(60)])
            for name in "abc"
        ]
        wrong += any(c.answer != "not distinguished" for c in contrasts(found, Question()))
    assert wrong <= 5


def verification(found: Outcome, **more) -> Verification:
    policy, limits = remit().policy, Limits()
    verified = Verified(found.target, tuple(lines(found, policy, limits)), found)
    return Verification(policy, "0", Suites("d" * 64, 3), limits, (verified,), **more)


def baseline(tmp_path, found: Outcome):
    path = tmp_path / "base.json"
    path.write_text(json.dumps(document(verification(found))))
    return path


def test_a_run_worse_than_its_baseline_fails_with_the_seeds(tmp_path):
    path = baseline(tmp_path, outcome("m", ["held"] * 30))
    now = verification(outcome("m", ["violated"] * 10 + ["held"] * 20))
    compared = regression(path, now.targets, Question())
    assert [c.rule for c in compared.worse] == ["no-advice"]
    assert compared.worse[0].worse_seeds[:2] == ("s0", "s1")
    worse = verification(outcome("m", ["violated"] * 10 + ["held"] * 20), regression=compared)
    assert worse.decision == "fail"


def test_a_run_like_its_baseline_is_not_shown_to_be_worse(tmp_path):
    found = outcome("m", ["violated"] * 4 + ["held"] * 26)
    path = baseline(tmp_path, found)
    assert not regression(path, verification(found).targets, Question()).worse


def test_two_runs_of_one_target_each_are_compared_whatever_their_names(tmp_path):
    path = baseline(tmp_path, outcome("model-1", ["held"] * 3))
    now = verification(outcome("model-2", ["held"] * 3))
    assert regression(path, now.targets, Question()).contrasts[0].second == "model-2"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no baseline"),
        ("[]", "is no baseline"),
        ('{"remit-verification": 99}', "is no baseline"),
        ('{"remit-verification": 1, "targets": [{"name": "m", "seeds": {"r": 3}}]}', "no baseline"),
        (
            (
                '{"remit-verification": 1, "targets": [{"name": "m", "seeds": '
                '{"no-advice": {"violations": {"s0": [1, 2, 0]}}}}]}'
            ),
            "impossible counts",
        ),
        ('{"remit-verification": 1, "targets": [{"name": "m", "seeds": {}}]}', "shares no target"),
    ],
)
def test_a_baseline_that_makes_no_sense_is_refused(tmp_path, text, says):
    path = tmp_path / "base.json"
    path.write_text(text)
    with pytest.raises(BaselineError, match=says):
        regression(path, verification(outcome("m", ["held"])).targets, Question())
