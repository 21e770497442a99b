"""How many seeds a comparison needs before it is worth running.

The power is that of McNemar's exact test itself, summed over how many pairs may turn out
discordant, rather than of a normal approximation to it.
"""

from __future__ import annotations

from math import ceil, exp, lgamma, log, sqrt
from statistics import NormalDist

from remit.statistics.intervals import at_most, check_confidence

_MOST_PAIRS = 100_000


def mcnemar_power(first_only: float, second_only: float, pairs: int, alpha: float = 0.05) -> float:
    """The probability that the exact two-sided test says, rightly, which of the two fails more.

    `first_only` and `second_only` are the probabilities that a seed fails on one side alone.
    Raises ValueError where they are no probabilities of exclusive events.
    """
    discordant = _check(first_only, second_only, alpha)
    larger = max(first_only, second_only) / discordant
    mean, spread = pairs * discordant, sqrt(pairs * discordant * (1 - discordant))
    fewest = max(0, int(mean - 7 * spread - 20))
    most = min(pairs, ceil(mean + 7 * spread + 20))
    minority = _most_minority(fewest, alpha)
    total = 0.0
    for m in range(fewest, most + 1):
        # One more discordant pair admits at most one more on the rarer side.
        minority += 2 * at_most(minority + 1, m, 0.5) <= alpha
        total += _binomial(m, pairs, discordant) * at_most(minority, m, 1 - larger)
    return total


def pairs_needed(
    first_only: float, second_only: float, power: float = 0.8, alpha: float = 0.05
) -> int:
    """The fewest seeds at which the exact test reaches this power.

    With several comparisons, give alpha divided by their number: what Holm grants at the worst.
    Raises ValueError where both sides fail equally often, for then nothing is to be found.
    """
    discordant = _check(first_only, second_only, alpha)
    check_confidence(power)
    if first_only == second_only:
        raise ValueError("both fail equally often: no number of seeds tells them apart")
    gap = abs(first_only - second_only)
    z = NormalDist().inv_cdf
    rough = (z(1 - alpha / 2) * sqrt(discordant) + z(power) * sqrt(discordant - gap * gap)) / gap
    if rough * rough > _MOST_PAIRS:
        raise ValueError(f"takes over {_MOST_PAIRS:,} seeds; look for a larger difference")
    few, many = 0, ceil(rough * rough)
    while mcnemar_power(first_only, second_only, many, alpha) < power:
        few, many = many, ceil(1.1 * many) + 1
    while many - few > 1:
        middle = (few + many) // 2
        if mcnemar_power(first_only, second_only, middle, alpha) >= power:
            many = middle
        else:
            few = middle
    return many


def _most_minority(discordant: int, alpha: float) -> int:
    """The most pairs on the rarer side at which so many discordant ones are significant."""
    low, high = -1, discordant // 2
    while high - low > 1:
        middle = (low + high) // 2
        if 2 * at_most(middle, discordant, 0.5) <= alpha:
            low = middle
        else:
            high = middle
    return low


def _binomial(k: int, n: int, rate: float) -> float:
    if rate >= 1:
        return float(k == n)
    ways = lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
    return exp(ways + k * log(rate) + (n - k) * log(1 - rate))


def _check(first_only: float, second_only: float, alpha: float) -> float:
    check_confidence(alpha)
    discordant = first_only + second_only
    if min(first_only, second_only) < 0 or not 0 < discordant <= 1:
        raise ValueError(
            f"{first_only:g} and {second_only:g}: give the shares of seeds that fail on one side"
        )
    return discordant
