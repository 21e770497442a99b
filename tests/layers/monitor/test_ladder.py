"""What the remit does at alarms: rung by rung, once an alarm, without flapping."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remit.evidence import stamp
from remit.layers.monitor.ladder import Signal, calmed, respond
from remit.policy import loads
from remit.policy.intervening import Kind

REMIT = """
remit: 1
organisation: Hollis
responsible: {owner: Ann}
when_broken: [{throttle: 10}]
rules:
  - id: a
    says: Is careful.
    because: It is safer.
    owner: Ben
    detect: [{phrases: [careless]}]
    then: {output: block}
    when_broken: [{tighten: 0.3, calm_hours: 6}, {require: approval, hours: 48}, {pause: true}]
  - id: b
    says: Is polite.
    because: It is kinder.
    owner: Ann
    detect: [{phrases: [rude]}]
    then: {output: block}
  - id: c
    says: Is short.
    because: It is quicker.
    owner: Ann
    detect: [{phrases: [long]}]
    then: {output: block}
    when_broken: []
"""
POLICY = loads(REMIT).policy
T0 = datetime(2026, 11, 24, 12, tzinfo=UTC)


def signal(number, since, rule="a"):
    return Signal(f"alarm-{number}", rule, stamp(since), {"rate": 0.03, "n": 400})


def hours(n):
    return T0 + timedelta(hours=n)


def test_the_first_alarm_takes_the_first_rung_and_says_why():
    it = respond(POLICY, signal(1, T0), [], hours(1)).intervention
    assert (it.kind, it.setting, it.owner, it.who) == (
        Kind.TIGHTEN,
        {"threshold": 0.3},
        "Ben",
        "remit",
    )
    assert it.statistic == {"rate": 0.03, "n": 400, "alarm": "alarm-1"}
    assert it.expires == stamp(hours(1 + 24 * 7))


def test_the_next_rung_waits_for_an_alarm_in_the_new_epoch():
    first = respond(POLICY, signal(1, T0), [], hours(1)).intervention
    assert respond(POLICY, signal(1, T0), [first], hours(2)) is None
    assert respond(POLICY, signal(2, T0), [first], hours(2)) is None
    second = respond(POLICY, signal(3, hours(1)), [first], hours(3)).intervention
    assert (second.kind, second.expires) == (Kind.APPROVE, stamp(hours(3 + 48)))
    third = respond(POLICY, signal(4, hours(3)), [first, second], hours(4)).intervention
    assert third.kind is Kind.PAUSE
    them = [first, second, third]
    assert respond(POLICY, signal(5, hours(4)), them, hours(5)) is None


def test_a_rule_without_a_ladder_takes_the_remits_and_an_empty_one_takes_none():
    assert respond(POLICY, signal(1, T0, "b"), [], hours(1)).intervention.kind is Kind.THROTTLE
    assert respond(POLICY, signal(1, T0, "c"), [], hours(1)) is None


def test_what_a_person_undid_is_not_begun_again_for_what_was_seen_before():
    first = respond(POLICY, signal(1, T0), [], hours(1)).intervention
    undone = replace(first, state="ended", ended=stamp(hours(2)), ended_by="Ann")
    assert respond(POLICY, signal(2, hours(1)), [undone], hours(3)) is None
    again = respond(POLICY, signal(3, hours(2)), [undone], hours(4)).intervention
    assert again.kind is Kind.TIGHTEN


def test_the_gravest_is_lifted_first_and_only_after_its_calm():
    first = respond(POLICY, signal(1, T0), [], hours(1)).intervention
    second = respond(POLICY, signal(2, hours(1)), [first], hours(2)).intervention
    them = [first, second]
    assert calmed(POLICY, "a", them, "", hours(100)) is None
    assert calmed(POLICY, "a", them, stamp(hours(2)), hours(25)) is None
    end = calmed(POLICY, "a", them, stamp(hours(2)), hours(26))
    assert (end.id, end.how, end.who) == (second.id, "lift", "remit")
    lifted = replace(second, state="ended", ended=stamp(hours(26)))
    assert calmed(POLICY, "a", [first, lifted], stamp(hours(2)), hours(31)) is None
    assert calmed(POLICY, "a", [first, lifted], stamp(hours(2)), hours(32)).id == first.id


def test_what_a_person_began_is_not_lifted_by_itself():
    first = respond(POLICY, signal(1, T0), [], hours(1)).intervention
    hers = replace(first, who="Ann")
    assert calmed(POLICY, "a", [hers], stamp(T0), hours(100)) is None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.booleans(), min_size=24, max_size=24 * 8))
def test_however_the_rate_moves_nothing_flaps(broken):
    """A rung begins at most once in its own calm hours, for any sequence of hourly looks."""
    history, calm_since, epoch = [], "", stamp(T0)
    begun = {}
    for hour, bad in enumerate(broken):
        now = hours(hour)
        calm_since = "" if bad else calm_since or stamp(now)
        if bad:
            found = respond(POLICY, Signal(f"alarm-{hour}", "a", epoch), history, now)
            if found is not None:
                it = found.intervention
                begun.setdefault(it.kind, []).append(now)
                history.append(it)
                epoch = stamp(now)
        end = calmed(POLICY, "a", history, calm_since, now)
        if end is not None:
            assert not bad
            ended = {"state": "ended", "ended": stamp(now), "ended_by": "remit"}
            history = [replace(it, **ended) if it.id == end.id else it for it in history]
            epoch = stamp(now)
    least = {Kind.TIGHTEN: 6, Kind.APPROVE: 24, Kind.PAUSE: 24}
    for kind, times in begun.items():
        gaps = [b - a for a, b in pairwise(times)]
        assert all(gap >= timedelta(hours=least[kind]) for gap in gaps), (kind, times)
