"""Evidence that may be looked at after every unit: e-processes and confidence sequences.

An e-process starts at 1 and, as long as the rate keeps to its limit, is never expected to grow.
By Ville's inequality it ever reaches 1/alpha with probability at most alpha, however often one
looks and whatever makes one stop. The ones here bet on every unit that the rate is q instead of
the limit, and mix over q, so that nobody needs to guess how bad it is.

Sources: H. Robbins, *Statistical methods related to the law of the iterated logarithm*, Ann.
Math. Statist. 41 (1970), for mixtures; S. R. Howard, A. Ramdas, J. McAuliffe and J. Sekhon,
*Time-uniform, nonparametric, nonasymptotic confidence sequences*, Ann. Statist. 49 (2021).
Monitoring, with memory of its own, is in `watch`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, log

from remit.statistics.beta import (
    log_beta_cdf,
    log_beta_sf,
    log_beta_weight,
    odds_to_rate,
    rate_to_odds,
)
from remit.statistics.intervals import Interval, check_confidence, check_counts


def log_e_above(failures: int, n: int, limit: float) -> float:
    """ln of the e-process against "the rate is at most `limit`"; large says that it is above.

    The likelihood ratio of q against the limit, mixed over q in [limit, 1] by a Beta(1/2, b)
    with mean `limit`, cut off below. It needs the counts alone, not their order.
    """
    a, b, t = _prior(failures, n, limit)
    grown = log_beta_sf(t, a + failures, b + n - failures) - log_beta_sf(t, a, b)
    return grown + _log_mixture(failures, n, t, a, b)


def log_e_below(failures: int, n: int, limit: float) -> float:
    """ln of the e-process against "the rate is at least `limit`"; large says that it is below."""
    a, b, t = _prior(failures, n, limit)
    grown = log_beta_cdf(t, a + failures, b + n - failures) - log_beta_cdf(t, a, b)
    return grown + _log_mixture(failures, n, t, a, b)


def confidence_sequence(failures: int, n: int, confidence: float = 0.95) -> Interval:
    """An interval for the rate that may be printed after every unit and stopped at any time.

    With the stated confidence, the intervals of all n together contain the rate. Each holds the
    rates that the Beta(1/2, 1/2) mixture has not refuted. At n = 1,000 it is some 80 % wider
    than Clopper and Pearson's, which is for one look.

    Raises ValueError for impossible counts or confidence.
    """
    check_counts(failures, n)
    check_confidence(confidence)
    threshold = -log(1 - confidence)

    def refuted(t: float) -> bool:
        return _log_mixture(failures, n, t, 0.5, 0.5) >= threshold

    middle = rate_to_odds((failures + 0.5) / (n + 1))
    low = 0.0 if failures == 0 else odds_to_rate(_edge(refuted, middle, -1))
    high = 1.0 if failures == n else odds_to_rate(_edge(refuted, middle, 1))
    return Interval(low, high)


def _prior(failures: int, n: int, limit: float) -> tuple[float, float, float]:
    if not 0 < limit < 1:
        raise ValueError(f"limit {limit:g}: give a rate between 0 and 1, not either")
    if n:
        check_counts(failures, n)
    return 0.5, 0.5 * (1 - limit) / limit, rate_to_odds(limit)


def _log_mixture(failures: int, n: int, t: float, a: float, b: float) -> float:
    """ln of the average likelihood under Beta(a, b) over that of the rate with log-odds t.

    B(a+k, b+n-k) / (B(a, b) p^k (1-p)^(n-k)), written as a quotient of two beta densities so
    that nothing large is subtracted.
    """
    return log_beta_weight(t, a, b) - log_beta_weight(t, a + failures, b + n - failures)


def _edge(refuted: Callable[[float], bool], kept: float, direction: int) -> float:
    """The last log-odds, going one way from those of a kept rate, that is not refuted."""
    step = 1e-3
    while not refuted(kept + direction * step):
        step *= 2
        if step > 1e4:
            return direction * inf
    near, far = kept, kept + direction * step
    for _ in range(60):
        between = (near + far) / 2
        if refuted(between):
            far = between
        else:
            near = between
    return far
