"""Agreement beyond chance, against the tables its inventors published."""

from random import Random

import pytest

from remit.statistics.agreement import (
    bootstrap_interval,
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
)
from remit.statistics.judges import NotEstimable

_ = None
# Krippendorff, Computing Krippendorff's alpha-reliability (2011), section C: 4 observers, gaps.
OBSERVED = [
    [1, 1, _, 1],
    [2, 2, 3, 2],
    [3, 3, 3, 3],
    [3, 3, 3, 3],
    [2, 2, 2, 2],
    [1, 2, 3, 4],
    [4, 4, 4, 4],
    [1, 1, 2, 1],
    [2, 2, 2, 2],
    [_, 5, 5, 5],
    [_, _, 1, 1],
    [_, _, 3, _],
]
# Fleiss (1971), table 1: 30 patients, 6 psychiatrists, 5 diagnoses.
DIAGNOSES = """
00060 03003 01401 00006 03030 20400 00402 20310 20040 00006 10050 11040 03300 10050 02031
00501 30012 51000 02040 10203 00006 01050 02013 20040 10041 05010 40002 02040 10500 00006
"""


@pytest.mark.parametrize(
    ("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_alpha_is_krippendorffs_own(level, published):
    assert krippendorff_alpha(OBSERVED, level) == pytest.approx(published, abs=5e-4)


def test_kappa_is_fleiss_own():
    counts = [[int(digit) for digit in row] for row in DIAGNOSES.split()]
    assert fleiss_kappa(counts) == pytest.approx(0.430, abs=5e-4)


def test_kappa_of_two_is_cohens():
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert cohen_kappa(pairs) == pytest.approx(0.4)
    assert cohen_kappa([("a", "a"), ("b", "b")]) == 1
    assert cohen_kappa([("a", "b"), ("b", "a")]) == -1


def test_alpha_of_two_raters_without_gaps_nears_kappa():
    rng = Random(1)
    pairs = [(a := rng.randint(0, 2), a if rng.random() < 0.7 else rng.randint(0, 2))
             for _ in range(4000)]  # fmt: skip
    assert krippendorff_alpha(pairs) == pytest.approx(cohen_kappa(pairs), abs=2e-3)


def test_where_chance_agreement_is_perfect_there_is_no_number():
    for result in (
        cohen_kappa([]),
        cohen_kappa([("y", "y")] * 5),
        fleiss_kappa([]),
        fleiss_kappa([[3, 0], [3, 0]]),
        fleiss_kappa([[1, 0], [0, 1]]),
        krippendorff_alpha([]),
        krippendorff_alpha([[1, None], [None, 2]]),
        krippendorff_alpha([[1, 1], [1, 1]]),
    ):
        assert isinstance(result, NotEstimable)
        assert result.reason


def test_uneven_ratings_are_refused_with_the_cure():
    with pytest.raises(ValueError, match="krippendorff_alpha"):
        fleiss_kappa([[3, 0], [2, 0]])


def test_a_bootstrap_interval_is_reproducible_and_covers_with_enough_units():
    def rated(rng, n):
        return [(a := rng.random() < 0.3, a if rng.random() < 0.8 else rng.random() < 0.3)
                for _ in range(n)]  # fmt: skip

    # Of 0.8 agreement by design and 0.2 by chance, kappa is 0.8.
    covered = 0
    for run in range(100):
        interval = bootstrap_interval(rated(Random(run), 200), cohen_kappa, draws=200, seed=run)
        covered += 0.8 in interval
    assert covered >= 88
    pairs = rated(Random(5), 100)
    assert bootstrap_interval(pairs, cohen_kappa) == bootstrap_interval(pairs, cohen_kappa)
    assert cohen_kappa(pairs) in bootstrap_interval(pairs, cohen_kappa)


def test_a_bootstrap_of_too_little_has_no_number():
    assert isinstance(bootstrap_interval([], cohen_kappa), NotEstimable)
    assert isinstance(bootstrap_interval([(1, 1), (0, 0)], cohen_kappa), NotEstimable)
