"""Quantities beside their reference: quiet while nothing moves, told which way when one does."""

import json
from random import Random

import pytest

from remit.layers.monitor import drift
from remit.layers.monitor.attempts import REFERENCE_N, Attempts, rising, stated
from remit.layers.monitor.conversations import Unit
from remit.layers.monitor.drift import SCALE_N, Watched, add, kept, moving, restart
from remit.layers.monitor.quantities import measured, quantity

DAY = 200


def measures(rng, longer=1.0, foreign=0.05):
    return {
        "asked": longer * rng.lognormvariate(4, 0.5),
        "answered": rng.lognormvariate(6, 0.4),
        "foreign": float(rng.random() < foreign),
        "topic:legal-advice": float(rng.random() < 0.1),
    }


def played(rng, days, watched=None, start=0.0, **changed):
    """So many days, DAY conversations each; what had moved first, or None, and when."""
    watched = {} if watched is None else watched
    for number in range(int(days * DAY)):
        at = start + number / DAY
        add(watched, measures(rng, **changed), at)
        found = moving(watched) if number % 5 == 0 else []
        if found:
            return watched, found[0][:2], at - start
    return watched, None, None


def test_nothing_moves_while_nothing_moves():
    assert sum(played(Random(run), 12)[1] is not None for run in range(4)) == 0


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"longer": 1.6}, ("asked", "up")),
        ({"longer": 0.6}, ("asked", "down")),
        ({"foreign": 0.25}, ("foreign", "up")),
    ],
)
def test_what_moves_is_found_within_days_and_told_which_way(changed, what):
    rng = Random(7)
    watched, none, _ = played(rng, 5)
    assert none is None
    _, found, days = played(rng, 10, watched, 5.0, **changed)
    assert found == what
    assert days < 6


def test_what_moved_gets_a_new_reference_and_is_told_for_a_week():
    rng = Random(8)
    watched, _, _ = played(rng, 5)
    restart(watched, "asked", "up", 5.0)
    (soon,) = [d for d in drift.stated(watched, 6.0) if d.quantity == "asked"]
    (later,) = [d for d in drift.stated(watched, 13.0) if d.quantity == "asked"]
    assert (soon.moved, later.moved) == ("up", "")
    assert (soon.low, soon.reference_n) == (None, 0)


def test_a_statement_is_in_the_quantitys_own_unit():
    watched, _, _ = played(Random(9), 6)
    found = {d.quantity: d for d in drift.stated(watched, 6.0)}
    asked = found["asked"]
    assert asked.low < 55 < asked.high < 80  # the median is e^4 = 54.6
    assert 0.8 * asked.low < asked.recent < 1.25 * asked.high
    assert (asked.unit, asked.side, asked.moved) == ("characters", "input", "")
    assert "characters" in asked.words
    assert found["foreign"].low < 0.05 < found["foreign"].high
    assert 0 < asked.e_value < 1


def test_watched_quantities_survive_being_written_down():
    for days in (0.2, 1, 4):
        watched, _, _ = played(Random(10), days)
        for one in watched.values():
            again = Watched.restored(json.loads(json.dumps(one.as_list())))
            assert json.dumps(again.as_list()) == json.dumps(one.as_list())


def test_values_that_are_all_alike_break_nothing():
    watched = {}
    for number in range(SCALE_N + drift.REFERENCE_N + 50):
        add(watched, {"tokens": 7.0}, number / DAY)
    assert moving(watched) == []
    (told,) = drift.stated(watched, 9.0)
    assert told.low <= 7 <= told.high


def test_the_number_of_quantities_is_bounded():
    watched = {}
    for number in range(200):
        add(watched, {f"topic:{number}": 1.0}, 0.0)
    assert len(watched) == drift.QUANTITIES_MOST


def test_of_risky_conversations_as_many_are_left_out_as_were_drawn_more():
    units = [Unit("", "", receipt=f"r{n}", sampled=0.5) for n in range(4_000)]
    assert 0.17 < sum(kept(unit, 0.1) for unit in units) / 4_000 < 0.23
    assert all(kept(Unit("", "", receipt="r", sampled=0.1), 0.1) for _ in range(5))


def test_measures_of_nonsense_are_left_out():
    nonsense = {"asked": "x", "answered": float("inf"), "turns": None, "what": 1.0, "seconds": 2}
    assert measured(nonsense) == {"seconds": 2.0}
    assert quantity("what") is None


# --- What the guard stops -----------------------------------------------------------------------


def tried(rng, one, days, rate, start=0.0):
    held = 0
    for number in range(int(days * DAY)):
        held += 1
        if rng.random() < rate:
            at = start + number / DAY
            one.add(at, 1, held - 1, tried=True)
            held = 0
            if one.after is not None and rising({"rule": one}):
                return at - start
    one.add(start + days, 1, held, tried=False)
    return None


def test_a_model_that_tries_more_often_is_noticed_though_all_is_stopped():
    rng, one = Random(11), Attempts()
    assert tried(rng, one, 30, 0.01) is None
    assert one.n >= REFERENCE_N
    assert tried(rng, one, 20, 0.05, 30.0) < 10
    (told,) = stated({"rule": one}, 40.0)
    assert told.quantity == "found:rule"
    assert told.e_value >= 1


def test_attempts_survive_being_written_down():
    rng, one = Random(12), Attempts()
    tried(rng, one, 10, 0.01)
    assert Attempts.restored(json.loads(json.dumps(one.as_list()))) == one
