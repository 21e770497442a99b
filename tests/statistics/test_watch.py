"""Watching in production: no false alarms while all is well, and few days when it is not."""

import json
from math import log, log1p
from random import Random
from statistics import median

import pytest

from remit.statistics.intervals import clopper_pearson
from remit.statistics.watch import restored, watch
from remit.statistics.weighted import WeightedRate, restored_rate

DAY, DAYS = 200, 90
ALARM, CHANGED = 20.0, 1_000.0 * DAY


def alarms(rng, start, rate_after):
    """The first unit, or None, at which each of the two watches alarms; 1 % before `start`."""
    seen, exceeded, changed, done = watch(0.01), None, None, 0
    for end, rate in ((start, 0.01), (DAY * DAYS, rate_after)):
        while True:
            gap = int(log(1 - rng.random()) / log1p(-rate))
            if done + gap >= end:
                seen, done = seen.held(end - done), end
                break
            seen, done = seen.held(gap).observed(failed=True), done + gap + 1
            # Both statistics only fall while units hold, or are far below the alarm: looking
            # after each failure is looking after each unit.
            exceeded = exceeded or (done if seen.e_value >= ALARM else None)
            changed = changed or (done if seen.change >= CHANGED else None)
    return exceeded, changed


def test_looking_at_every_unit_for_ninety_days_raises_few_false_alarms():
    rng = Random(1)
    runs = [alarms(rng, DAY * DAYS, 0.01) for _ in range(200)]
    assert sum(exceeded is not None for exceeded, _ in runs) / 200 <= 0.05
    assert sum(changed is not None for _, changed in runs) / 200 <= 0.05


def test_a_step_to_three_per_cent_is_found_within_days():
    rng, start = Random(2), 30 * DAY
    runs = [alarms(rng, start, 0.03) for _ in range(80)]
    days = [[(unit - start) / DAY if unit else 999 for unit in run] for run in runs]
    assert median(changed for _, changed in days) <= 4
    assert median(exceeded for exceeded, _ in days) <= 10


@pytest.mark.parametrize("limit", [0.001, 0.01, 0.3, 0.9])
def test_at_the_limit_wealth_is_a_fair_game_and_below_it_a_losing_one(limit):
    rng = Random(3)
    seen = watch(limit)
    for _ in range(50):
        seen = seen.observed(rng.random() < limit)
        failed, held = seen.observed(failed=True), seen.observed(failed=False)
        expected = limit * failed.e_value + (1 - limit) * held.e_value
        assert expected == pytest.approx(seen.e_value, rel=1e-9)
        grown = limit * failed.change + (1 - limit) * held.change
        assert grown == pytest.approx(seen.change + 1, rel=1e-9)
        better = 0.9 * limit
        assert better * failed.e_value + (1 - better) * held.e_value < seen.e_value


def test_weights_make_a_risky_sample_speak_for_all_traffic():
    seen = watch(0.02)
    # A tenth of the traffic is risky and makes up half the sample: weights 0.2 and 1.8.
    for rate, expected in ((0.02, 1.0), (0.04, None)):
        mean = 0.0
        for weight in (0.2, 1.8):
            mean += 0.5 * rate * seen.observed(failed=True, weight=weight).e_value
            mean += 0.5 * (1 - rate) * seen.observed(failed=False, weight=weight).e_value
        if expected is None:
            assert mean > 1
        else:
            assert mean == pytest.approx(1)


def test_many_units_that_hold_are_as_one_by_one():
    one_by_one = at_once = watch(0.05).observed(failed=True)
    for _ in range(300):
        one_by_one = one_by_one.observed(failed=False)
    at_once = at_once.held(300)
    assert at_once.wealth == pytest.approx(one_by_one.wealth, rel=1e-9)
    assert at_once.restarted == pytest.approx(one_by_one.restarted, rel=1e-9)
    assert at_once.n == one_by_one.n == 301


def test_a_watch_survives_being_written_down():
    rng, seen = Random(4), watch(0.01)
    for _ in range(500):
        seen = seen.observed(rng.random() < 0.02, weight=rng.random())
    assert restored(json.loads(json.dumps(seen.as_dict()))) == seen
    assert len(json.dumps(seen.as_dict())) < 1_000


def test_a_watch_bears_the_worst_and_the_longest():
    seen = watch(1e-6)
    for _ in range(2_000):
        seen = seen.observed(failed=True, weight=1e6)
    assert 1e290 < seen.e_value < float("inf")
    assert 0 < watch(0.01).held(10**9).change < CHANGED
    assert watch(0.01).held(10**9).e_value == 0


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"limit": "x"},
        {**watch(0.01).as_dict(), "wealth": [1.0]},
        {**watch(0.01).as_dict(), "wealth": None},
        {**watch(0.01).as_dict(), "n": -1},
        {**watch(0.01).as_dict(), "failures": float("nan")},
        {**watch(0.01).as_dict(), "limit": 5},
    ],
)
def test_what_is_not_the_state_of_a_watch_is_refused(state):
    with pytest.raises(ValueError, match=r"not the state|limit"):
        restored(state)


def test_impossible_units_are_refused():
    for weight in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="finite"):
            watch(0.01).observed(failed=True, weight=weight)
    with pytest.raises(ValueError, match="0 or more"):
        watch(0.01).held(-1)
    with pytest.raises(ValueError, match="limit"):
        watch(0)


def test_a_weighted_rate_is_covered_at_every_look_together():
    missed = 0
    for run in range(60):
        rng, state, ever = Random(run), WeightedRate(heaviest=1.8), False
        for _ in range(400):
            risky = rng.random() < 0.5
            # Over all traffic, 0.1 risky and 0.9 not: 0.1 * 0.4 + 0.9 * 0.05 = 0.085.
            failed = rng.random() < (0.4 if risky else 0.05)
            state = state.observed(failed, weight=0.2 if risky else 1.8)
            ever = ever or 0.085 not in state.interval
        missed += ever
    assert missed <= 3
    assert state.interval.width < 0.25
    assert restored_rate(json.loads(json.dumps(state.as_dict()))) == state


def test_a_weighted_rate_without_weights_is_near_the_exact_one():
    rng, state, failures = Random(6), WeightedRate(heaviest=1.0), 0
    for _ in range(5_000):
        failed = rng.random() < 0.1
        failures += failed
        state = state.observed(failed)
    assert clopper_pearson(failures, 5_000).width < state.interval.width
    assert state.interval.width < 3 * clopper_pearson(failures, 5_000).width


def test_a_weighted_rate_refuses_what_cannot_be():
    assert WeightedRate(heaviest=2).interval.width == 1
    with pytest.raises(ValueError, match="outside"):
        WeightedRate(heaviest=2).observed(failed=True, weight=2.1)
    with pytest.raises(ValueError, match="mean 1"):
        WeightedRate(heaviest=0.5)
    good = WeightedRate(heaviest=2).observed(failed=True).as_dict()
    for change in ({"n": 1.5}, {"n": 0}, {"stakes": -1}, {"total": "x"}):
        with pytest.raises(ValueError, match="not the state"):
            restored_rate({**good, **change})
