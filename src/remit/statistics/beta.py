"""The regularised incomplete beta function, in logarithms and without cancellation.

Everything exact about counts rests on it: binomial tails, Clopper-Pearson bounds, mixtures over
a rate. Rates are carried as log-odds, so that a bound of 1e-9 keeps as many digits as one of 0.5
and its complement costs nothing.

Sources: C. Loader, *Fast and accurate computation of binomial probabilities* (2000), for the
weight; the continued fraction of A. R. DiDonato and A. H. Morris, *Algorithm 708*, ACM Trans.
Math. Softw. 18 (1992), by W. J. Lentz's method as modified by I. J. Thompson and
A. R. Barnett (1986).
"""

from __future__ import annotations

from math import exp, expm1, inf, lgamma, log, log1p, pi

_TINY = 1e-300
_PRECISION = 2e-15
_MOST_TERMS = 1_000_000
# Beyond these log-odds x or 1 - x is no longer a float, and the tail is a power to its last digit.
_FARTHEST = 700.0
_HALF_LOG_TWO_PI = 0.5 * log(2 * pi)


def odds_to_rate(log_odds: float) -> float:
    """The probability with these log-odds."""
    if log_odds < 0:
        odds = exp(log_odds)
        return odds / (1 + odds)
    return 1 / (1 + exp(-log_odds))


def rate_to_odds(rate: float) -> float:
    """The log-odds of a probability; infinite at 0 and at 1."""
    if rate <= 0:
        return -inf
    return inf if rate >= 1 else log(rate) - log1p(-rate)


def log_beta_cdf(log_odds: float, a: float, b: float) -> float:
    """ln I_x(a, b), the log-probability that Beta(a, b) is at most x; x is given as log-odds.

    Exact in both tails: far below the mean nothing underflows. `a` and `b` are positive; the
    work grows with the square root of the larger, and at 1e9 is still tens of milliseconds.
    """
    if log_odds == -inf:
        return -inf
    if log_odds == inf:
        return 0.0
    if log_odds < -_FARTHEST:
        return log_beta_cdf(-_FARTHEST, a, b) + a * (log_odds + _FARTHEST)
    if log_odds > _FARTHEST:
        return log_complement(log_beta_cdf(-log_odds, b, a))
    x, y = odds_to_rate(log_odds), odds_to_rate(-log_odds)
    if x * (a + b + 2) < a + 1:
        return _log_tail(x, y, a, b)
    return log_complement(_log_tail(y, x, b, a))


def log_beta_sf(log_odds: float, a: float, b: float) -> float:
    """ln(1 - I_x(a, b)), the log-probability that Beta(a, b) exceeds x."""
    return log_beta_cdf(-log_odds, b, a)


def log_complement(log_probability: float) -> float:
    """ln(1 - e^v) for v <= 0, without cancellation at either end."""
    if log_probability >= 0:
        return -inf
    if log_probability > -log(2):
        return log(-expm1(log_probability))
    return log1p(-exp(log_probability))


def log_beta_weight(log_odds: float, a: float, b: float) -> float:
    """ln(x^a (1-x)^b / B(a, b)): the density of Beta(a, b) over log-odds."""
    if log_odds > _FARTHEST:
        return log_beta_weight(-log_odds, b, a)
    if log_odds < -_FARTHEST:
        return log_beta_weight(-_FARTHEST, a, b) + a * (log_odds + _FARTHEST)
    x, y = odds_to_rate(log_odds), odds_to_rate(-log_odds)
    return _log_weight(x, y, a, b)


def beta_quantile_odds(log_probability: float, a: float, b: float) -> float:
    """The log-odds of the x with ln I_x(a, b) = `log_probability`, which is below 0.

    Over log-odds the beta density is log-concave, hence so is its distribution function, and
    Newton's method on ln I converges from wherever it starts: from the second step on it rises
    monotonically to the root.
    """
    if log_probability > -log(2):
        return -_newton(log_complement(log_probability), b, a)
    return _newton(log_probability, a, b)


def _newton(target: float, a: float, b: float) -> float:
    t = log(a) - log(b)
    for _ in range(200):
        value = log_beta_cdf(t, a, b)
        step = (target - value) * exp(value - log_beta_weight(t, a, b))
        t += step
        if abs(step) <= 1e-14 * max(1.0, abs(t)):
            break
    return t


def _log_tail(x: float, y: float, a: float, b: float) -> float:
    return _log_weight(x, y, a, b) - log(_continued_fraction(x, y, a, b))


def _continued_fraction(x: float, y: float, a: float, b: float) -> float:
    """The fraction's denominator, from x and y = 1 - x: near 1, x alone has lost its digits."""
    lead = a * y - b * x + 1
    c = value = _away_from_zero(a * lead / (a + 1))
    d = 0.0
    for m in range(1, _MOST_TERMS):
        step = a + 2 * m - 1
        above = (a + m - 1) * (a + b + m - 1) * m * (b - m) * (x / step) ** 2
        below = m + m * (b - m) * x / step + (a + m) * (lead + m * (1 + y)) / (step + 2)
        d = 1 / _away_from_zero(below + above * d)
        c = _away_from_zero(below + above / c)
        value *= c * d
        if abs(c * d - 1) <= _PRECISION:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def _log_weight(x: float, y: float, a: float, b: float) -> float:
    """Loader's saddle-point form: the large terms cancel on paper instead of in the machine."""
    n = a + b
    return (
        _stirling_error(n)
        - _stirling_error(a)
        - _stirling_error(b)
        - _deviance(a, n * x)
        - _deviance(b, n * y)
        + 0.5 * (log(a) + log(b) - log(n))
        - _HALF_LOG_TWO_PI
    )


def _stirling_error(n: float) -> float:
    """ln Gamma(n + 1) less Stirling's approximation sqrt(2 pi n) (n/e)^n."""
    if n < 16:
        return lgamma(n + 1) - (n + 0.5) * log(n) + n - _HALF_LOG_TWO_PI
    m = n * n
    return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - (1 / 1188) / m) / m) / m) / m) / n


def _deviance(k: float, mean: float) -> float:
    """k ln(k/mean) + mean - k, by series where the two are close."""
    gap = k - mean
    if abs(gap) >= 0.1 * (k + mean):
        return k * log(k / mean) - gap
    v = gap / (k + mean)
    total, power = gap * v, 2 * k * v
    for j in range(1, 30):
        power *= v * v
        total += power / (2 * j + 1)
        if abs(power) <= abs(total) * 1e-17:
            break
    return total
