"""The owner's tolerated rate becomes a threshold that keeps it."""

from __future__ import annotations

import random

import pytest

from remit.detectors.base import ConfigError
from remit.detectors.learned.calibration import TooRareError, alarms, at_even_odds, threshold

RATES = [("1%", 0.01), ("0.5 %", 0.005), (0.02, 0.02), ("5%", 0.05), ("0.2%", 0.002)]


@pytest.mark.parametrize(("written", "rate"), RATES)
def test_a_rate_is_read_as_it_is_written(written, rate):
    assert alarms(written) == pytest.approx(rate)


@pytest.mark.parametrize("written", ["1", "ten%", None, True, 0, 0.5, "0.1%", "6%", [1], "-1%"])
def test_a_rate_that_is_none_or_out_of_bounds_is_refused(written):
    with pytest.raises(ConfigError, match="alarms"):
        alarms(written)


def test_the_threshold_is_the_conformal_quantile():
    scores = [1 - i / 1000 for i in range(1000)]
    # j = ceil(1001 * 0.99) = 991: the 991st of 1000 in ascending order.
    assert threshold(scores, 1000, 0.01) == sorted(scores)[990]


@pytest.mark.parametrize("rate", [0.01, 0.02, 0.05])
@pytest.mark.parametrize("count", [100, 199, 1000])
def test_at_most_the_tolerated_share_of_fresh_texts_passes_it(rate, count):
    """Exchangeable scores: the new one is as likely to be any of the n + 1."""
    scores = sorted((random.Random(count).random() for _ in range(count)), reverse=True)
    limit = threshold(scores, count, rate)
    assert sum(score > limit for score in scores) + 1 <= rate * (count + 1) + 1e-9


def test_a_set_too_small_for_a_promise_says_the_smallest():
    with pytest.raises(TooRareError, match=r"0\.99%"):
        threshold([0.5] * 100, 100, 0.005)


def test_a_tail_that_is_not_kept_far_enough_down_is_read_strictly():
    assert threshold([0.9, 0.8], 1000, 0.05) == 0.8


@pytest.mark.parametrize("limit", [0.001, 0.2, 0.5, 0.97, 1.0])
def test_half_is_the_limit_and_order_is_kept(limit):
    grid = sorted([i / 500 for i in range(501)] + [limit])
    scores = [at_even_odds(probability, limit) for probability in grid]
    assert scores == sorted(scores)
    for probability, score in zip(grid, scores, strict=True):
        assert (score >= 0.5) is (probability > limit)
        assert 0 <= score <= 1
