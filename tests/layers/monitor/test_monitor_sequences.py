"""One rule: its tests are fair games, its interval covers, and nothing is lost in a save."""

import json
from random import Random

import pytest

from remit.layers.monitor.alarms import alarming, shares
from remit.layers.monitor.conversations import Unit
from remit.layers.monitor.overview import Epoch
from remit.layers.monitor.quiet import Quiet
from remit.layers.monitor.sequences import Counted, Sequence, audited, held, rate_of

EPOCH = Epoch("e1", "2026-09-01T00:00:00.000Z", "test")


def sequence(basis="audit", share=0.5, limit=0.01):
    return Sequence.begun(limit, basis, share, EPOCH, 0.0)


def unit(sampled=None, broken=None, found=None, *, risky=False):
    made = Unit("2026-09-01", "2026-09-01", answers=1, receipt="r", sampled=sampled, risky=risky)
    made.hashes = ["h"]
    made.found = found or {}
    if broken is not None:
        outcome = "broken" if broken else "held"
        made.judgement = {"judged": {"rule": {"outcome": outcome, "turns": ["h"] * broken}}}
    return made


@pytest.mark.parametrize("share", [1.0, 0.5, 0.1])
def test_at_the_limit_a_bet_on_a_drawn_conversation_is_a_fair_game(share):
    seen = sequence(share=share, limit=0.02)
    for _ in range(20):
        seen.add("rule", unit(sampled=share, broken=False), 1.0)
    seen.settle()
    start = seen.watch.e_value
    outcomes = []
    for sampled, broken, chance in (
        (None, None, 1 - share),
        (share, False, share * 0.98),
        (share, True, share * 0.02),
    ):
        copy = Sequence.restored(json.loads(json.dumps(seen.as_dict())))
        copy.add("rule", unit(sampled, broken), 1.0)
        copy.settle()
        outcomes.append(chance * copy.watch.e_value)
    assert sum(outcomes) == pytest.approx(start, rel=1e-9)


def test_a_conversation_judged_more_often_counts_as_much_less():
    often, seldom = sequence(share=0.1), sequence(share=0.1)
    often.add("rule", unit(1.0, broken=True), 0.1)
    seldom.add("rule", unit(0.1, broken=True), 0.1)
    assert often.watch.failures == pytest.approx(0.1)
    assert seldom.watch.failures == pytest.approx(1.0)


def test_what_the_guard_lets_through_counts_whether_or_not_it_was_drawn():
    through = {("rule", "output"): "through"}
    for given in (unit(None, found=through), unit(0.5, broken=False, found=through), unit(0.0)):
        seen = sequence()
        assert seen.add("rule", given, 0.1) is bool(given.found)
        assert seen.watch.failures == pytest.approx(0.5 * bool(given.found))


def test_judgements_that_were_lost_are_counted_and_never_alarm():
    seen = sequence(share=1.0)
    for _ in range(2_000):
        assert seen.add("rule", unit(1.0), 1.0) is False
    seen.settle()
    assert (seen.drawn, seen.lost, seen.reached.n) == (2_000, 2_000, 0)
    assert max(shares(seen, 1)) < 1
    assert (seen.reached.low, seen.reached.high) == (0.0, 1.0)


def test_many_quiet_conversations_handed_over_at_once_are_as_one_by_one():
    rng, one_by_one, at_once = Random(1), sequence(), sequence()
    quiet = Quiet()
    for number in range(500):
        day, drawn = number / 100, rng.random() < 0.5
        given = unit(0.5 if drawn else None, broken=False if drawn else None, risky=number % 9 == 0)
        one_by_one.add("rule", given, day)
        quiet.add(day, risky=given.risky, judged=drawn)
        if number % 97 == 0:
            quiet.hand_over("rule", at_once)
    quiet.hand_over("rule", at_once)
    assert quiet.hand_over("rule", at_once) == 0
    one_by_one.settle()
    at_once.settle()
    assert at_once.counted == one_by_one.counted
    assert at_once.watch.e_value == pytest.approx(one_by_one.watch.e_value, rel=1e-9)
    assert at_once.watch.change == pytest.approx(one_by_one.watch.change, rel=0.02)


def test_a_sequence_survives_being_written_down():
    rng, seen = Random(2), sequence()
    for number in range(300):
        broken = rng.random() < 0.05
        seen.add("rule", unit(rng.choice([None, 0.5, 0.0]), broken), number / 50)
    again = Sequence.restored(json.loads(json.dumps(seen.as_dict())))
    assert again == seen
    assert again.as_dict() == seen.as_dict()


def test_the_interval_over_two_strata_covers_at_every_look_together():
    missed = 0
    for run in range(30):
        rng, counted, ever = Random(run), Counted(), False
        for number in range(500):
            risky = rng.random() < 0.2
            # Over all traffic 0.2 x 0.3 + 0.8 x 0.02 = 0.076.
            failed = rng.random() < (0.3 if risky else 0.02)
            judged = rng.random() < (0.9 if risky else 0.3)
            counted.add(risky=risky, judged=judged, failed=failed)
            if number % 50 == 49:
                rate = counted.rate("audit")
                # The share of each stratum is taken as seen; 0.05 allows for its own dice.
                ever = ever or not rate.low - 0.012 <= 0.076 <= rate.high + 0.012
        missed += ever
    assert missed <= 3
    rate = counted.rate("audit")
    assert rate.high - rate.low < 0.2
    assert abs(rate.rate - 0.076) < 0.05


def test_nothing_counted_is_nothing_known():
    assert (rate_of(0, 0).rate, rate_of(0, 0).low, rate_of(0, 0).high) == (None, 0.0, 1.0)
    assert Counted().rate("audit").high == 1.0
    assert alarming({"rule": sequence()}) == []


@pytest.mark.parametrize(
    ("judged", "told"),
    [
        (None, None),
        ({}, None),
        ({"rule": None}, None),
        ({"rule": {"outcome": "unsure", "turns": ["h"]}}, None),
        ({"rule": {"outcome": "held", "turns": []}}, False),
        ({"rule": {"outcome": "broken", "turns": ["h"]}}, True),
        ({"rule": {"outcome": "broken", "turns": ["of the client's own making"]}}, False),
        ({"rule": {"outcome": "broken", "turns": "h"}}, False),
    ],
)
def test_only_texts_that_the_record_says_were_delivered_can_break_a_rule(judged, told):
    given = unit(0.5)
    given.judgement = None if judged is None else {"judged": judged}
    assert audited("rule", given) is told
    assert held((judged or {}).get("rule")) is (
        told is False and judged["rule"]["outcome"] == "held"
    )
