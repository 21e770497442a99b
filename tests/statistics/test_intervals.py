"""Exact bounds: against closed forms, an independent implementation, and what they promise."""

from math import comb, expm1, inf, log, log1p

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.statistics.beta import beta_quantile_odds, log_beta_cdf, log_beta_sf, odds_to_rate
from remit.statistics.intervals import (
    Interval,
    at_least,
    at_most,
    clopper_pearson,
    lower_bound,
    upper_bound,
)


@pytest.mark.parametrize(
    ("failures", "n", "confidence", "low", "high"),
    [
        # scipy 1.17.1, stats.beta.ppf and isf
        (0, 100, 0.95, 0.0, 0.03621669264517641),
        (1, 299, 0.95, 8.467135826945905e-05, 0.01849242431064522),
        (3, 1000, 0.95, 0.0006190999316495715, 0.008742023238478303),
        (5, 1049, 0.95, 0.0015494080457683229, 0.011087973241740313),
        (5, 1049, 0.999, 0.0006039165929299092, 0.016499461213826058),
        (50, 100, 0.95, 0.398321129503301, 0.601678870496699),
        (50, 100, 0.999, 0.3355819371905234, 0.6644180628094766),
        (99, 100, 0.95, 0.9455406146079194, 0.9997468539670226),
        (17, 10000, 0.95, 0.000990614732996105, 0.0027204739138855594),
        (9998, 10000, 0.95, 0.9992777199422763, 0.9999757781543596),
        (12345, 1000000, 0.95, 0.01212949382560612, 0.012563337660712826),
    ],
)
def test_bounds_agree_with_an_independent_implementation(failures, n, confidence, low, high):
    interval = clopper_pearson(failures, n, confidence)
    assert interval.low == pytest.approx(low, rel=1e-10)
    assert interval.high == pytest.approx(high, rel=1e-10)


@pytest.mark.parametrize("n", [1, 2, 59, 299, 10**4, 10**6, 10**9])
def test_none_and_all_failing_have_closed_forms(n):
    assert upper_bound(0, n) == pytest.approx(-expm1(log(0.05) / n), rel=1e-12)
    assert lower_bound(n, n) == pytest.approx(0.05 ** (1 / n), rel=1e-12)
    assert clopper_pearson(0, n).low == 0
    assert clopper_pearson(n, n).high == 1


@pytest.mark.parametrize("n", [2, 100, 10**5, 10**9])
def test_one_failure_has_a_closed_form_below(n):
    assert lower_bound(1, n) == pytest.approx(-expm1(log1p(-0.05) / n), rel=1e-10)


def test_a_bound_of_seven_in_a_billion_keeps_its_digits():
    # mpmath, 40 digits: I_{1-p}(10^9 - 3, 4) = 0.05
    assert upper_bound(3, 10**9) == pytest.approx(7.753656509503611e-09, rel=1e-13)


def test_the_tails_of_the_binomial_are_its_sums():
    for n in (1, 7, 30):
        for k in range(n + 1):
            mass = [comb(n, j) * 0.3**j * 0.7 ** (n - j) for j in range(n + 1)]
            assert at_most(k, n, 0.3) == pytest.approx(sum(mass[: k + 1]), rel=1e-12)
            assert at_least(k, n, 0.3) == pytest.approx(sum(mass[k:]), rel=1e-12)
    assert (at_most(-1, 5, 0.3), at_least(6, 5, 0.3)) == (0, 0)
    assert (at_most(5, 5, 0.3), at_least(0, 5, 0.3)) == (1, 1)
    assert (at_most(2, 5, 0.0), at_most(2, 5, 1.0)) == (1, 0)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_the_true_rate_is_covered_at_least_as_often_as_promised(confidence):
    for n in (1, 5, 20, 60):
        intervals = [clopper_pearson(k, n, confidence) for k in range(n + 1)]
        uppers = [upper_bound(k, n, confidence) for k in range(n + 1)]
        lowers = [lower_bound(k, n, confidence) for k in range(n + 1)]
        for step in range(1, 100):
            p = step / 100
            mass = [comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
            slack = confidence - 1e-9
            assert sum(m for m, i in zip(mass, intervals, strict=True) if p in i) >= slack
            assert sum(m for m, u in zip(mass, uppers, strict=True) if p <= u) >= slack
            assert sum(m for m, low in zip(mass, lowers, strict=True) if p >= low) >= slack


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 10**9), st.floats(0, 0.5), st.floats(0.5, 0.999999))
def test_bounds_are_where_the_tail_is_the_error(n, share, confidence):
    failures = int(share * n)
    miss = 1 - confidence
    upper, lower = upper_bound(failures, n, confidence), lower_bound(failures, n, confidence)
    assert 0 <= lower <= failures / n <= upper <= 1
    if failures < n:
        assert at_most(failures, n, upper) == pytest.approx(miss, rel=1e-6)
    if failures and n < 10**6:
        assert at_least(failures, n, lower) == pytest.approx(miss, rel=1e-6)


@settings(max_examples=100, deadline=None)
@given(st.floats(0.05, 1e6), st.floats(0.05, 1e6), st.floats(-700, -1e-12))
def test_quantile_and_distribution_are_inverse(a, b, log_probability):
    odds = beta_quantile_odds(log_probability, a, b)
    assert log_beta_cdf(odds, a, b) == pytest.approx(log_probability, rel=1e-8)
    assert log_beta_sf(-odds, b, a) == pytest.approx(log_probability, rel=1e-8)


def test_the_ends_of_the_distribution_are_reached():
    assert log_beta_cdf(-inf, 2, 3) == -inf
    assert log_beta_cdf(inf, 2, 3) == 0
    assert log_beta_sf(inf, 2, 3) == -inf
    assert odds_to_rate(-800) == pytest.approx(0, abs=1e-300)
    assert odds_to_rate(800) == 1


def test_an_interval_contains_its_ends_and_knows_its_width():
    interval = Interval(0.25, 0.75)
    assert 0.25 in interval
    assert 0.75 in interval
    assert 0.76 not in interval
    assert "0.5" not in interval
    assert interval.width == 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0), "needs at least one"),
        ((-1, 5), "must lie between 0 and 5"),
        ((6, 5), "must lie between 0 and 5"),
        ((1, 5, 0.0), "such as 0.95"),
        ((1, 5, 95), "such as 0.95"),
        ((1, 5, float("nan")), "such as 0.95"),
    ],
)
def test_impossible_counts_are_refused_with_the_cure(arguments, message):
    for bound in (clopper_pearson, upper_bound, lower_bound):
        with pytest.raises(ValueError, match=message):
            bound(*arguments)
