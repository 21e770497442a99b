"""Two answers to the same question: exact tests and intervals for paired failures.

Q. McNemar, Psychometrika 12 (1947), in its exact conditional form; T. Tango, *Equivalence test
and confidence interval for the difference in proportions for the paired-sample design*, Statist.
Med. 17 (1998); R. A. Fisher's sign-flip test, *The Design of Experiments* (1935), for seeds that
were asked several times and answered with a mean.

A difference is always the first's rate less the second's: above nought, the first fails more.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction
from math import ceil, gcd, lcm, sqrt
from statistics import NormalDist

from remit.statistics.intervals import Interval, at_most, check_confidence

_EXACT_WORK = 5_000_000
_DRAWS = 10_000
_CORRECTION = 1.0


def mcnemar(first_only: int, second_only: int, *, mid_p: bool = False) -> float:
    """The two-sided exact p-value against "both fail equally often".

    Only pairs of which one failed count: under the hypothesis each is a fair coin. The mid-p
    version (Fagerland, Lydersen and Laake, 2013) counts half of what was seen; it is less
    cautious and may err slightly more often than it says.

    Raises ValueError for negative counts.
    """
    if first_only < 0 or second_only < 0:
        raise ValueError(f"{first_only} and {second_only} discordant pairs: must be 0 or more")
    fewer, n = min(first_only, second_only), first_only + second_only
    tail = at_most(fewer, n, 0.5)
    if mid_p:
        seen = tail - at_most(fewer - 1, n, 0.5)
        return min(1.0, 2 * tail - seen) if 2 * fewer < n else 1 - seen / 2
    return min(1.0, 2 * tail)


def difference_interval(
    first_only: int, second_only: int, pairs: int, confidence: float = 0.95
) -> Interval:
    """Tango's score interval for the difference of two paired rates, with continuity correction.

    The plain score interval covers a little less often than it says (91 % for 95 % at the worst).
    The correction, one pair, is the smallest that covers at least as often in exact enumeration.
    Raises ValueError for impossible counts.
    """
    check_confidence(confidence)
    check_pairs(first_only, second_only, pairs)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    high = _score_limit(first_only, second_only, pairs, z)
    return Interval(-_score_limit(second_only, first_only, pairs, z), high)


def difference_bound(
    first_only: int, second_only: int, pairs: int, confidence: float = 0.95
) -> float:
    """The one-sided upper bound of the same score test: the difference is at most this."""
    check_confidence(confidence)
    check_pairs(first_only, second_only, pairs)
    return _score_limit(first_only, second_only, pairs, NormalDist().inv_cdf(confidence))


def p_value_at_least(first_only: int, second_only: int, pairs: int, difference: float) -> float:
    """How surprising these counts are if the difference were `difference` or more.

    The one-sided score test that `difference_bound` inverts, with the same correction.
    """
    check_pairs(first_only, second_only, pairs)
    gap = pairs * difference - (first_only - second_only) - _CORRECTION
    spread = sqrt(pairs * max(0.0, _variance(first_only, second_only, pairs, difference)))
    if spread == 0:
        return 1.0 if gap <= 0 else 0.0
    return NormalDist().cdf(-gap / spread)


def sign_flip(differences: Sequence[Fraction], seed: int = 0) -> float:
    """The two-sided p-value against "swapping the two answers of a seed changes nothing".

    `differences` holds, per seed, the first's mean failure rate less the second's. All sign
    patterns are counted exactly by adding up one seed after another; with one answer each this is
    McNemar's exact test. Only where the common denominator makes that over five million steps
    are patterns drawn instead, from `seed`, and counted so that the p-value stays valid.
    """
    sizes = [abs(d) for d in differences if d]
    if not sizes:
        return 1.0
    unit = lcm(*(size.denominator for size in sizes))
    steps = [int(size * unit) for size in sizes]
    common = gcd(*steps)
    steps = [step // common for step in steps]
    seen = abs(int(sum(differences, Fraction(0)) * unit)) // common
    if sum(steps) * len(steps) <= _EXACT_WORK:
        return _exact_flip(steps, seen)
    return _drawn_flip(steps, seen, random.Random(seed))  # noqa: S311 - a test, not a secret


def check_pairs(first_only: int, second_only: int, pairs: int) -> None:
    """Raises ValueError where these cannot be discordant pairs among `pairs`."""
    if pairs < 1:
        raise ValueError(f"{pairs} pairs: a comparison needs at least one")
    if min(first_only, second_only) < 0 or first_only + second_only > pairs:
        raise ValueError(f"{first_only} + {second_only} discordant of {pairs} pairs: impossible")


def _score_limit(b: int, c: int, n: int, z: float) -> float:
    low, high = (b - c) / n, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        gap = max(0.0, n * middle - (b - c) - _CORRECTION)
        if gap <= z * sqrt(n * max(0.0, _variance(b, c, n, middle))):
            low = middle
        else:
            high = middle
    return high


def _variance(b: int, c: int, n: int, difference: float) -> float:
    """Per pair, at the likeliest rates that differ by so much (Tango 1998)."""
    linear = -b - c + (2 * n - b + c) * difference
    constant = -c * difference * (1 - difference)
    rate = (sqrt(max(0.0, linear * linear - 8 * n * constant)) - linear) / (4 * n)
    return 2 * rate + difference * (1 - difference)


def _exact_flip(steps: list[int], seen: int) -> float:
    """P(|sum of ±steps| >= seen), by the distribution of the part that is flipped to plus."""
    total = sum(steps)
    chance = [0.0] * (total + 1)
    chance[0] = 1.0
    reached = 0
    for step in steps:
        reached += step
        for s in range(reached, -1, -1):
            stayed = chance[s] if s <= reached - step else 0.0
            chance[s] = 0.5 * (stayed + (chance[s - step] if s >= step else 0.0))
    at_least = ceil((total + seen) / 2)
    tail = sum(chance[at_least:])
    return min(1.0, 2 * tail) if seen else 1.0


def _drawn_flip(steps: list[int], seen: int, rng: random.Random) -> float:
    extreme = 0
    for _ in range(_DRAWS):
        signs = rng.getrandbits(len(steps))
        total = sum(step if signs >> i & 1 else -step for i, step in enumerate(steps))
        extreme += abs(total) >= seen
    return (1 + extreme) / (1 + _DRAWS)
