"""A bounded quantity's mean, when its distribution is not known: intervals that always cover.

I. Waudby-Smith and A. Ramdas, *Estimating means of bounded random variables by betting*, JRSS B
86 (2024). A mean m is refuted by whoever would have grown rich betting against it. The bets here
are constant and averaged over, so that the order of the values does not matter; the price for
assuming nothing is an interval some 70 % wider than the normal one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import exp, log, log1p

from remit.statistics.intervals import Interval, check_confidence


def mean_interval(
    values: Iterable[float], low: float, high: float, confidence: float = 0.95
) -> Interval:
    """A two-sided interval for the mean of independent values, each within [low, high].

    Raises ValueError for no values, or one outside the bounds.
    """
    each = (1 + confidence) / 2
    counted = _counted(values, low, high)
    return Interval(
        low + (high - low) * _lower(counted, each),
        high - (high - low) * _lower(_mirrored(counted), each),
    )


def mean_upper_bound(
    values: Iterable[float], low: float, high: float, confidence: float = 0.95
) -> float:
    """The one-sided bound: the mean is at most this. Raises ValueError as `mean_interval`."""
    counted = _counted(values, low, high)
    return high - (high - low) * _lower(_mirrored(counted), confidence)


def _counted(values: Iterable[float], low: float, high: float) -> Counter[float]:
    """The values scaled to [0, 1], each with how often it occurs."""
    if not low < high:
        raise ValueError(f"bounds {low} and {high}: the first must be the lower")
    counted: Counter[float] = Counter()
    for value in values:
        if not low <= value <= high:
            raise ValueError(f"value {value} lies outside [{low}, {high}]")
        counted[(value - low) / (high - low)] += 1
    if not counted:
        raise ValueError("a mean needs at least one value")
    return counted


def _mirrored(counted: Counter[float]) -> Counter[float]:
    return Counter({1 - value: times for value, times in counted.items()})


def _lower(counted: Counter[float], confidence: float) -> float:
    """The largest mean that betting on more refutes, by bisection: wealth falls as it rises."""
    check_confidence(confidence)
    n = counted.total()
    stakes = [0.9]
    while stakes[-1] ** 2 * n > 1:
        stakes.append(stakes[-1] / 2)
    refutes = log(len(stakes)) - log(1 - confidence)
    low, high = 0.0, 1.0
    for _ in range(40):
        mean = (low + high) / 2
        if _log_wealth(counted, stakes, mean) >= refutes:
            low = mean
        else:
            high = mean
    return low


def _log_wealth(counted: Counter[float], stakes: list[float], mean: float) -> float:
    """ln of the summed wealth of all stakes, each a share of what could at most be lost."""
    logs = [
        sum(times * log1p(stake * (value / mean - 1)) for value, times in counted.items())
        for stake in stakes
    ]
    largest = max(logs)
    return largest + log(sum(exp(v - largest) for v in logs))
