"""The seed is the unit: variants are no new evidence."""

from random import Random

import pytest

from remit.statistics.clusters import (
    SeedCount,
    cases_with_clusters,
    count_seeds,
    design_effect,
    intraclass_correlation,
)
from remit.statistics.comparison import Tally
from remit.statistics.intervals import clopper_pearson
from remit.statistics.judges import NotEstimable


def test_a_seed_fails_if_any_variant_fails_in_any_order():
    graded = [("a", "held"), ("b", "violated"), ("a", "held"), ("b", "held"), ("c", "undecided")]
    graded += [("c", "held"), ("d", "undecided"), ("d", "violated")]
    count = count_seeds(graded)
    assert count == count_seeds(reversed(graded)) == SeedCount(2, 1, 1, 8)
    assert count.seeds == 4


def test_what_is_undecided_never_looks_decided():
    interval = SeedCount(failed=2, held=90, undecided=8, variants=500).interval()
    assert interval.low == clopper_pearson(2, 100).low
    assert interval.high == clopper_pearson(10, 100).high
    assert isinstance(count_seeds([]).interval(), NotEstimable)


def test_dependence_costs_what_the_design_effect_says():
    assert cases_with_clusters(299, 10, 0.1) == 569
    assert cases_with_clusters(299, 10, 0.3) == 1107
    assert cases_with_clusters(299, 1, 0.5) == 299
    assert design_effect(20, 1) == 20
    with pytest.raises(ValueError, match="impossible"):
        design_effect(0, 0.5)
    with pytest.raises(ValueError, match="impossible"):
        design_effect(2, 1.5)


def test_variants_that_always_agree_correlate_fully_and_chance_not_at_all():
    alike = {str(i): Tally(5 * (i % 3 == 0), 5) for i in range(30)}
    assert intraclass_correlation(alike) == pytest.approx(1)
    rng = Random(1)
    chance = {str(i): Tally(sum(rng.random() < 0.2 for _ in range(5)), 5) for i in range(2000)}
    assert intraclass_correlation(chance) == pytest.approx(0, abs=0.03)
    # A seed that is hopeless with probability 0.2 and else never fails, seen through 10 % noise.
    mixed = {}
    for i in range(4000):
        bad = rng.random() < 0.2
        mixed[str(i)] = Tally(sum(rng.random() < (0.9 if bad else 0.1) for _ in range(4)), 4)
    p = 0.2 * 0.9 + 0.8 * 0.1
    assert intraclass_correlation(mixed) == pytest.approx(
        0.2 * 0.8 * 0.8**2 / (p * (1 - p)), abs=0.03
    )


def test_correlation_that_cannot_be_told_is_not_printed():
    for seeds in ({}, {"a": Tally(1, 2)}, {"a": Tally(0), "b": Tally(1)}):
        assert isinstance(intraclass_correlation(seeds), NotEstimable)
    assert isinstance(intraclass_correlation({"a": Tally(0, 2), "b": Tally(0, 2)}), NotEstimable)
