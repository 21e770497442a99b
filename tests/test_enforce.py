"""The flow: findings become a verdict, by the rule's own words."""

from __future__ import annotations

import asyncio

import pytest

from remit.enforce import compile_policy, decide
from remit.policy import PolicyError, loads
from remit.types import Action, Detection, Finding, Interaction, Message, Span, Stage

REMIT = """\
remit: 1
organisation: H
responsible: {owner: P}
rules:
  - id: low
    says: s
    because: b
    owner: o
    severity: low
    detect: [{phrases: [void]}]
    then: {output: replace, data: tag}
  - id: top
    says: s
    because: b
    owner: o
    severity: critical
    detect: [{phrases: [void]}]
    then: {output: replace}
  - id: half
    says: s
    because: b
    owner: o
    threshold: 0.6
    detect: [{phrases: [sue him]}]
    then: {output: flag, data: drop}
"""


@pytest.fixture(scope="module")
def enforcer():
    return compile_policy(loads(REMIT))


def judge(enforcer, text, stage=Stage.OUTPUT):
    return enforcer.judge(Interaction((Message("assistant", text),)), stage)


def test_a_clean_text_has_a_score_for_every_rule_asked(enforcer):
    verdict = judge(enforcer, "fine")
    assert verdict.action is Action.ALLOW
    assert {rule: result.score for rule, result in verdict.rules.items()} == {
        "low": 0.0,
        "top": 0.0,
        "half": 0.0,
    }


def test_the_gravest_of_the_decisive_rules_comes_first(enforcer):
    assert judge(enforcer, "it is void").decisive_rules == ("top", "low")


def test_a_rule_is_asked_only_at_its_stages(enforcer):
    assert set(judge(enforcer, "x", Stage.DATA).rules) == {"low", "half"}
    assert judge(enforcer, "void", Stage.INPUT).rules == {}


def test_the_words_of_a_stage_have_their_severity(enforcer):
    assert judge(enforcer, "void", Stage.DATA).action is Action.FLAG
    assert judge(enforcer, "void: sue him", Stage.DATA).action is Action.BLOCK


def test_below_the_threshold_is_told_and_not_acted_on(enforcer):
    policy = enforcer.policy
    found = [Finding(r, "phrases", Detection(0.0)) for r in ("low", "top")]
    verdict = decide(policy, [*found, Finding("half", "phrases", Detection(0.59))], Stage.OUTPUT)
    assert verdict.action is Action.ALLOW
    assert verdict.rules["half"].score == 0.59


def test_the_async_twin_comes_to_the_same(enforcer):
    text = "it is void, sue him"
    context = Interaction((Message("assistant", text),))
    assert asyncio.run(enforcer.ajudge(context, Stage.OUTPUT)) == judge(enforcer, text)


def test_spans_of_all_rules_are_merged(enforcer):
    assert judge(enforcer, "void sue him").spans == (Span(0, 4, "phrase"), Span(5, 12, "phrase"))


def test_every_wrong_detector_is_told_at_once():
    broken = REMIT.replace("[void]", "[v]")
    with pytest.raises(PolicyError) as caught:
        compile_policy(loads(broken))
    assert [p.mark.line for p in caught.value.problems] == [10, 17]
