"""Texts just below a rule's threshold: shown to people, and otherwise as if nothing was said."""

from __future__ import annotations

import pytest
from corpus import REMIT

from remit.enforce import compile_policy, decide
from remit.layers.data.rows import Way
from remit.layers.data.rules import RuleStep
from remit.policy import loads
from remit.types import Detection, Finding, Stage, Verdict


def verdict(step: RuleStep, score: float) -> Verdict:
    """What a detector that is so sure comes to."""
    findings = (Finding("no-advice", "phrases", Detection(score)),)

    return decide(step.enforcer.policy, findings, Stage.DATA)


@pytest.mark.parametrize(
    ("score", "ways", "near"),
    [
        (0.9, [Way.DROP], [False]),
        (0.4, [Way.KEEP], [True]),
        (0.25, [Way.KEEP], [True]),
        (0.2, [], []),
    ],
)
def test_half_of_the_threshold_and_more_is_near(score, ways, near):
    step = RuleStep(compile_policy(loads(REMIT)), near=0.5)
    marks = list(step.marks(verdict(step, score), 0))
    assert [mark.way for mark in marks] == ways
    assert [mark.near for mark in marks] == near
    assert all(mark.score == score for mark in marks)


def test_without_a_wish_for_them_there_are_no_near_marks():
    step = RuleStep(compile_policy(loads(REMIT)))
    assert list(step.marks(verdict(step, 0.49), 0)) == []
