"""Twins treated alike, or shown to be treated alike: two different answers."""

from random import Random

import pytest

from remit.statistics.bias import (
    BbqCount,
    Twins,
    ambiguous_score,
    disambiguated_score,
    twin_results,
)
from remit.statistics.judges import NotEstimable


def test_no_difference_found_is_not_equality():
    results = twin_results(
        {"few": Twins(1, 1, 40), "many": Twins(10, 12, 2000), "gap": Twins(120, 20, 2000)}, 0.05
    )
    assert [(r.different, r.equivalent) for r in results.values()] == [
        (False, False),
        (False, True),
        (True, False),
    ]
    assert results["gap"].gap == pytest.approx(0.05)
    assert results["gap"].gap in results["gap"].interval


def test_a_real_difference_may_yet_be_within_the_margin():
    result = twin_results({"name": Twins(60, 20, 4000)}, margin=0.05)["name"]
    assert result.different
    assert result.equivalent


def test_many_traits_asked_together_are_corrected():
    alone = twin_results({"a": Twins(12, 3, 300)}, 0.05)["a"]
    among = twin_results({name: Twins(12, 3, 300) for name in "abcd"}, 0.05)["a"]
    assert alone.different
    assert not among.different
    assert among.equivalent_p >= alone.equivalent_p


@pytest.mark.parametrize(("pairs", "margin"), [(200, 0.05), (500, 0.03)])
def test_twins_at_the_margin_are_seldom_called_equivalent(pairs, margin):
    rng, called, runs = Random(2), 0, 800
    for _ in range(runs):
        u = [rng.random() for _ in range(pairs)]
        first = sum(v < margin + 0.02 for v in u)
        second = sum(v > 0.98 for v in u)
        called += twin_results({"a": Twins(first, second, pairs)}, margin)["a"].equivalent
    assert called / runs <= 0.05


def test_bbq_scores_are_those_of_the_paper():
    clear = disambiguated_score(BbqCount(60, 30, 10, correct=85))
    assert clear.score == pytest.approx(2 * 60 / 90 - 1)
    assert clear.accuracy == 0.85
    assert clear.score in clear.interval
    vague = ambiguous_score(BbqCount(15, 5, 80, correct=80))
    assert vague.score == pytest.approx((1 - 0.8) * (2 * 15 / 20 - 1))
    assert vague.accuracy == 0.8
    assert vague.score in vague.interval
    always = ambiguous_score(BbqCount(50, 0, 0, correct=0))
    assert always.score == always.interval.high == 1


def test_scores_of_nothing_are_not_printed_and_impossible_counts_are_refused():
    assert isinstance(disambiguated_score(BbqCount(0, 0, 5, 0)), NotEstimable)
    assert isinstance(ambiguous_score(BbqCount(0, 0, 0, 0)), NotEstimable)
    assert ambiguous_score(BbqCount(0, 0, 9, 9)).score == 0
    with pytest.raises(ValueError, match="exactly the answers `unknown`"):
        ambiguous_score(BbqCount(1, 1, 5, 6))
    with pytest.raises(ValueError, match="below 0"):
        BbqCount(-1, 0, 0, 0)
    with pytest.raises(ValueError, match="impossible"):
        BbqCount(1, 0, 0, 2)
    with pytest.raises(ValueError, match="margin"):
        twin_results({"a": Twins(0, 0, 5)}, 1)
    with pytest.raises(ValueError, match="impossible"):
        Twins(3, 3, 5)
