"""Does a lead of so much mean a preference of so much? Temperature, and how far off it is.

C. Guo et al., *On Calibration of Modern Neural Networks* (2017): one number divides the logits,
and is fitted on pairs that taught nothing. A logit here is the reward of one reply less that of
another, and the probability that the first is preferred is its logistic function (R. A. Bradley
and M. E. Terry, Biometrika 39 (1952)).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log1p

_NARROW, _WIDE, _STEPS = -6.0, 6.0, 80


@dataclass(frozen=True, slots=True)
class Bin:
    """Pairs whose stated probability lay between `low` and `high`: what was said and what held."""

    low: float
    high: float
    count: int
    said: float
    held: float


def temperature(leads: Sequence[float]) -> float:
    """The temperature under which held-back pairs are likeliest; 1 where there are none.

    `leads` are the rewards of the preferred replies less those of the others. Found in [1/400,
    400]: the likelihood has one optimum in the logarithm. Where every pair is ranked right it
    would be nought, and where none is it would be infinite; both end at the edge.
    """
    if not leads:
        return 1.0
    low, high = _NARROW, _WIDE
    for _ in range(_STEPS):
        a, b = low + (high - low) / 3, high - (high - low) / 3
        if surprise(leads, exp(a)) < surprise(leads, exp(b)):
            high = b
        else:
            low = a
    return exp((low + high) / 2)


def surprise(leads: Sequence[float], temperature: float = 1.0) -> float:
    """The mean negative log-likelihood of the preferences, in nats; log 2 is knowing nothing."""
    return sum(_softplus(-lead / temperature) for lead in leads) / len(leads)


def probability(lead: float, temperature: float = 1.0) -> float:
    """That the reply that leads by so much is preferred."""
    return exp(-_softplus(-lead / temperature))


def accuracy(leads: Sequence[float]) -> float:
    """The share of pairs ranked right; a tie counts half."""
    return sum((lead > 0) + (lead == 0) / 2 for lead in leads) / len(leads)


def reliability(leads: Sequence[float], temperature: float = 1.0, bins: int = 10) -> list[Bin]:
    """What was said beside what held, for the reply that leads: probabilities from 1/2 to 1."""
    sorted_in: list[list[tuple[float, float]]] = [[] for _ in range(bins)]
    for lead in leads:
        said = probability(abs(lead), temperature)
        place = min(bins - 1, int((said - 0.5) * 2 * bins))
        sorted_in[place].append((said, (lead > 0) + (lead == 0) / 2))
    return [
        Bin(
            0.5 + place / (2 * bins),
            0.5 + (place + 1) / (2 * bins),
            len(found),
            sum(said for said, _ in found) / len(found),
            sum(held for _, held in found) / len(found),
        )
        for place, found in enumerate(sorted_in)
        if found
    ]


def expected_calibration_error(bins: Sequence[Bin]) -> float:
    """The mean gap between what was said and what held, weighted by pairs (Guo 2017, eq. 3)."""
    total = sum(one.count for one in bins)
    return sum(one.count * abs(one.said - one.held) for one in bins) / total if total else 0.0


def _softplus(x: float) -> float:
    return x + log1p(exp(-x)) if x > 0 else log1p(exp(x))
