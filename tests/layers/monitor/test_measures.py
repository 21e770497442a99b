"""What interventions come to: in any order the same, and one more never milder."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remit.enforce import compile_policy
from remit.evidence import stamp
from remit.layers.monitor.interventions import (
    InterventionError,
    by_hand,
)
from remit.layers.monitor.measures import NONE, combined, effect, measures_of
from remit.layers.monitor.people import Person
from remit.layers.monitor.tighten import tightened
from remit.policy import loads
from remit.policy.intervening import Kind
from remit.types import Action, Detection, Finding, Stage

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ANN = Person("Ann", "console")
REMIT = """
remit: 1
organisation: Hollis
responsible: {owner: Ann}
rules:
  - id: a
    says: Is careful.
    because: It is safer.
    owner: Ann
    detect: [{phrases: [careless]}]
    then: {output: block}
  - id: b
    says: Is polite.
    because: It is kinder.
    owner: Ben
    detect: [{phrases: [rude]}]
    then: {output: replace}
"""
POLICY = loads(REMIT).policy
SHARES = st.floats(0.01, 1)
SETTINGS = {
    Kind.TIGHTEN: SHARES,
    Kind.SAMPLE: SHARES,
    Kind.REGENERATE: st.integers(1, 3),
    Kind.REPLY: st.sampled_from(["Call us.", "Write to us."]),
    Kind.APPROVE: st.one_of(st.just("approval"), SHARES.map(lambda x: {"approval": {"from": x}})),
    Kind.FALLBACK: st.sampled_from([True, "small", "other"]),
    Kind.THROTTLE: st.integers(1, 1000),
    Kind.PAUSE: st.sampled_from([True, "Back at nine.", {"hold": True}]),
    Kind.KILL: st.just(value=True),
}


@st.composite
def interventions(draw):
    kind = draw(st.sampled_from(list(Kind)))
    rules = ["a", "b"] if kind is Kind.TIGHTEN else ["", "a", "b"]
    began = NOW - timedelta(minutes=draw(st.integers(0, 1000)))
    begin = by_hand(
        ANN,
        kind,
        draw(SETTINGS[kind]),
        owner="Ann",
        why="a test",
        rule=draw(st.sampled_from(rules)),
        hours=draw(st.integers(1, 48)),
        now=began,
    )
    return begin.intervention


LISTS = st.lists(interventions(), max_size=5)
# Slow only on a machine that is busy with much else.
unhurried = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def at_least_as_strict(more, less):
    """Whether `more` asks for no less than `less` in any respect."""
    return (
        all(more.thresholds.get(rule, 1) <= value for rule, value in less.thresholds.items())
        and more.share >= less.share
        and all(more.regenerate.get(rule, 0) >= value for rule, value in less.regenerate.items())
        and (more.reply is not None or less.reply is None)
        and all(more.approve.get(rule, 2) <= value for rule, value in less.approve.items())
        and (less.within_minutes is None or (more.within_minutes or 1e9) <= less.within_minutes)
        and (more.fallback is not None or less.fallback is None)
        and (less.per_minute is None or (more.per_minute or 1e9) <= less.per_minute)
        and more.stops >= less.stops
        and more.killed >= less.killed
        and more.holds >= less.holds
    )


@unhurried
@given(LISTS, st.randoms())
def test_the_order_of_interventions_does_not_matter(them, rng):
    shuffled = [*them, *them]
    rng.shuffle(shuffled)
    now = stamp(NOW)
    assert measures_of(them, POLICY, now) == measures_of(shuffled, POLICY, now)


@unhurried
@given(LISTS, interventions())
def test_one_more_is_never_milder(them, another):
    now = stamp(NOW)
    before = measures_of(them, POLICY, now)
    assert at_least_as_strict(measures_of([*them, another], POLICY, now), before)


@unhurried
@given(interventions(), interventions(), interventions())
def test_combining_is_associative_and_idempotent(one, two, three):
    a, b, c = effect(one), effect(two), effect(three)
    assert combined(combined(a, b), c) == combined(a, combined(b, c))
    assert combined(a, a) == a
    assert combined(a, NONE) == a


@unhurried
@given(interventions())
def test_what_is_over_or_of_another_remit_has_no_effect(it):
    later = stamp(NOW + timedelta(days=3))
    if it.kind is not Kind.KILL:
        assert measures_of([it], POLICY, later) == NONE
    other = loads(REMIT.replace("id: a", "id: c").replace("id: b", "id: d")).policy
    if it.rule:
        assert measures_of([it], other, stamp(NOW)) == NONE


@pytest.mark.parametrize(
    ("scores", "held"),
    [({}, None), ({"a": 0.1}, None), ({"a": 0.2}, "a"), ({"b": 0.9}, None), ({"a": 1.0}, "a")],
)
def test_an_answer_waits_where_the_rule_doubts(scores, held):
    it = by_hand(ANN, Kind.APPROVE, {"from": 0.2}, owner="Ann", why="w", rule="a", now=NOW)
    assert measures_of([it.intervention], POLICY, stamp(NOW)).waits(scores) == held


def test_every_answer_waits_where_no_score_is_named():
    it = by_hand(ANN, Kind.APPROVE, "approval", owner="Ann", why="w", rule="a", now=NOW)
    assert measures_of([it.intervention], POLICY, stamp(NOW)).waits({}) == ""


@pytest.mark.parametrize(
    ("kind", "setting", "more", "said"),
    [
        (Kind.TIGHTEN, 0.3, {}, "name the rule"),
        (Kind.TIGHTEN, 0, {"rule": "a"}, "a share above 0"),
        (Kind.THROTTLE, "many", {}, "a whole number"),
        (Kind.PAUSE, True, {"hours": 0}, "above 0 to"),
        (Kind.PAUSE, True, {"hours": float("nan")}, "above 0 to"),
        (Kind.PAUSE, True, {"why": " "}, "has no reason"),
        (Kind.PAUSE, True, {"owner": ""}, "has no owner"),
        (Kind.PAUSE, {"until": 9}, {}, "have message, hold"),
        (Kind.KILL, "softly", {}, "kill: true"),
    ],
)
def test_what_cannot_be_begun_is_refused_with_a_cure(kind, setting, more, said):
    given = {"owner": "Ann", "why": "a test", **more}
    with pytest.raises(InterventionError, match=said):
        by_hand(ANN, kind, setting, **given)


def test_a_kill_switch_has_no_expiry_and_a_pause_does():
    for kind, expires in ((Kind.KILL, ""), (Kind.PAUSE, stamp(NOW + timedelta(hours=24)))):
        it = by_hand(ANN, kind, setting=True, owner="Ann", why="w", now=NOW).intervention
        assert (it.expires, it.who) == (expires, "Ann")


# --- Tightened ----------------------------------------------------------------------------------


def test_a_tightened_rule_acts_earlier_with_the_same_detectors_and_digest():
    enforcer = compile_policy(loads(REMIT))
    tight = tightened(enforcer, {"a": 0.3, "b": 0.9})
    assert tight.policy.digest == enforcer.policy.digest
    assert tight.policy.rule("a").threshold == 0.3
    assert tight.policy.rule("b").threshold == 0.5
    for mine, theirs in zip(tight.asked(Stage.OUTPUT), enforcer.asked(Stage.OUTPUT), strict=True):
        assert mine.matcher is theirs.matcher
    from remit.enforce import decide

    found = [
        Finding("a", "phrases", Detection(0.4)),
        Finding("b", "phrases", Detection(0.4)),
    ]
    assert decide(enforcer.policy, found, Stage.OUTPUT).action is Action.ALLOW
    assert decide(tight.policy, found, Stage.OUTPUT).decisive_rules == ("a",)


def test_a_threshold_that_is_no_lower_changes_nothing():
    enforcer = compile_policy(loads(REMIT))
    assert tightened(enforcer, {"a": 0.5, "b": 0.9, "gone": 0.1}) is enforcer
