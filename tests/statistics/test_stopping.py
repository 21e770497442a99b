"""Looking after every case: the errors are counted exactly, path by path, not simulated."""

from math import log

import pytest

from remit.statistics.claims import Claim
from remit.statistics.sequential import confidence_sequence, log_e_above, log_e_below
from remit.statistics.stopping import pass_boundary, stopping_rule


def chances(decide, rate, budget):
    """P(the first decision is each), where decide(failures, cases) is asked after every case."""
    alive, found = {0: 1.0}, {}
    for cases in range(1, budget + 1):
        after: dict[int, float] = {}
        for failures, chance in alive.items():
            after[failures] = after.get(failures, 0.0) + chance * (1 - rate)
            after[failures + 1] = after.get(failures + 1, 0.0) + chance * rate
        alive = {}
        for failures, chance in after.items():
            decision = decide(failures, cases)
            if decision == "open":
                if chance > 1e-12:
                    alive[failures] = chance
            else:
                found[decision] = found.get(decision, 0.0) + chance
    return found


def test_at_the_limit_neither_error_exceeds_its_share():
    rule = stopping_rule(Claim(0.05), budget=300)
    found = chances(lambda k, n: rule.standing(k, n).decision, 0.05, 300)
    assert 0.03 < found["pass"] <= 0.05
    assert found["fail"] <= 0.05
    assert found["not enough evidence"] > 0.85


def test_without_the_fail_side_the_pass_error_is_spent_to_the_last():
    for claim, most in ((Claim(0.05), 5), (Claim(0.01, 0.9), 8), (Claim(0.3), 12)):
        boundary = pass_boundary(claim, most)

        def decide(k, n, boundary=boundary):
            return "pass" if k < len(boundary) and n >= boundary[k] else "open"

        error = chances(decide, claim.limit, boundary[-1])["pass"]
        miss = 1 - claim.confidence
        assert 0.75 * miss < error <= miss + 1e-9


def test_good_models_pass_bad_ones_fail_and_the_rest_is_said_to_be_open():
    rule = stopping_rule(Claim(0.05), budget=300)

    def at(rate):
        return chances(lambda k, n: rule.standing(k, n).decision, rate, 300)

    assert at(0.005)["pass"] > 0.99
    assert at(0.2)["fail"] > 0.99
    assert at(0.2).get("pass", 0) < 1e-3


def test_a_budget_for_no_failure_buys_the_fixed_plan_at_no_price():
    claim = Claim(0.01)
    assert stopping_rule(claim, 298).passes_at == ()
    assert stopping_rule(claim, 299).passes_at == (299,)
    assert stopping_rule(claim, 496).passes_at == (299,)
    assert stopping_rule(claim, 497).passes_at == (368, 497)
    assert stopping_rule(claim, 3000).passes_at[:4] == (368, 605, 819, 1018)
    assert len(stopping_rule(claim, 10**9).passes_at) == 101


def test_a_standing_says_what_is_still_needed():
    rule = stopping_rule(Claim(0.01), budget=1000)
    assert rule.standing(0, 0).passes_at == 368
    assert rule.standing(0, 367).decision == "open"
    assert rule.standing(0, 368).decision == "pass"
    assert rule.standing(1, 368).passes_at == 605
    assert rule.standing(4, 999).passes_at is None
    assert rule.standing(4, 999).decision == "open"
    assert rule.standing(4, 1000).decision == "not enough evidence"
    assert rule.standing(3, 18).decision == "fail"
    with pytest.raises(ValueError, match="must lie between"):
        rule.standing(5, 4)
    with pytest.raises(ValueError, match="at least one"):
        rule.standing(1, 0)
    with pytest.raises(ValueError, match="at least one"):
        stopping_rule(Claim(0.01), 0)


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.5])
def test_a_confidence_sequence_is_right_at_every_look_together(rate):
    intervals = {}

    def decide(k, n):
        if (k, n) not in intervals:
            intervals[k, n] = confidence_sequence(k, n)
        return "open" if rate in intervals[k, n] else "missed"

    assert chances(decide, rate, 80).get("missed", 0) <= 0.05


def test_a_confidence_sequence_ends_where_its_mixture_refutes():
    assert confidence_sequence(0, 10).low == 0
    assert confidence_sequence(10, 10).high == 1
    few, many = confidence_sequence(1, 10**9), confidence_sequence(10**9 - 1, 10**9)
    assert 1e-9 in few
    assert few.high < 2e-8
    assert many.low == pytest.approx(1 - few.high, abs=1e-15)


@pytest.mark.parametrize(("e_process", "rate"), [(log_e_above, 0.03), (log_e_below, 0.03)])
def test_an_e_process_is_not_expected_to_grow_at_its_limit(e_process, rate):
    from math import comb, exp

    for n in (1, 10, 50):
        mean = sum(
            comb(n, k) * rate**k * (1 - rate) ** (n - k) * exp(e_process(k, n, rate))
            for k in range(n + 1)
        )
        assert mean == pytest.approx(1, abs=1e-9)


def test_an_e_process_grows_on_its_own_side():
    assert log_e_above(30, 1000, 0.01) > log(20) > log_e_below(30, 1000, 0.01)
    assert log_e_below(1, 1000, 0.01) > log(20) > log_e_above(1, 1000, 0.01)
    assert log_e_above(0, 0, 0.01) == pytest.approx(0)
    with pytest.raises(ValueError, match="limit"):
        log_e_above(0, 10, 0)
