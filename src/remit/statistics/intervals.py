"""Exact bounds for a rate of failures, from counts alone.

Clopper and Pearson, *The use of confidence or fiducial limits illustrated in the case of the
binomial*, Biometrika 26 (1934). Their bounds hold whatever the true rate and however few the
cases: nought failures of n is a bound, not a proof. They are for a number of cases that was
fixed beforehand; where cases are looked at as they come, use `sequential.confidence_sequence`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, expm1, log

from remit.statistics.beta import (
    beta_quantile_odds,
    log_beta_cdf,
    log_beta_sf,
    odds_to_rate,
    rate_to_odds,
)


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed interval of values, `low <= high`. For rates both lie in [0, 1]."""

    low: float
    high: float

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high

    @property
    def width(self) -> float:
        return self.high - self.low


def clopper_pearson(failures: int, n: int, confidence: float = 0.95) -> Interval:
    """The exact two-sided interval: each side misses the true rate at most (1 - confidence)/2.

    Raises ValueError unless 0 <= failures <= n, n >= 1 and 0 < confidence < 1.
    """
    check_counts(failures, n)
    check_confidence(confidence)
    each = (1 - confidence) / 2
    return Interval(_lower(failures, n, each), _upper(failures, n, each))


def upper_bound(failures: int, n: int, confidence: float = 0.95) -> float:
    """The exact one-sided bound: the rate is at most this, with the stated confidence.

    Raises ValueError as `clopper_pearson` does.
    """
    check_counts(failures, n)
    check_confidence(confidence)
    return _upper(failures, n, 1 - confidence)


def lower_bound(failures: int, n: int, confidence: float = 0.95) -> float:
    """The exact one-sided bound: the rate is at least this, with the stated confidence.

    Raises ValueError as `clopper_pearson` does.
    """
    check_counts(failures, n)
    check_confidence(confidence)
    return _lower(failures, n, 1 - confidence)


def at_most(failures: int, n: int, rate: float) -> float:
    """P(X <= failures) for X ~ Binomial(n, rate): the p-value against "the rate is this high"."""
    if failures >= n:
        return 1.0
    if failures < 0:
        return 0.0
    return exp(log_beta_sf(rate_to_odds(rate), failures + 1, n - failures))


def at_least(failures: int, n: int, rate: float) -> float:
    """P(X >= failures) for X ~ Binomial(n, rate): the p-value against "the rate is this low"."""
    if failures <= 0:
        return 1.0
    if failures > n:
        return 0.0
    return exp(log_beta_cdf(rate_to_odds(rate), failures, n - failures + 1))


def check_counts(failures: int, n: int) -> None:
    """Raises ValueError where these cannot be a number of failures among n cases."""
    if n < 1:
        raise ValueError(f"{n} cases: an interval needs at least one")
    if not 0 <= failures <= n:
        raise ValueError(f"{failures} failures of {n} cases: must lie between 0 and {n}")


def check_confidence(confidence: float) -> None:
    """Raises ValueError where this is no confidence level."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence}: give a number between 0 and 1, such as 0.95")


def _upper(failures: int, n: int, miss: float) -> float:
    if failures == n:
        return 1.0
    if failures == 0:
        return -expm1(log(miss) / n)
    return odds_to_rate(-beta_quantile_odds(log(miss), n - failures, failures + 1))


def _lower(failures: int, n: int, miss: float) -> float:
    if failures == 0:
        return 0.0
    if failures == n:
        return exp(log(miss) / n)
    return odds_to_rate(beta_quantile_odds(log(miss), failures, n - failures + 1))
