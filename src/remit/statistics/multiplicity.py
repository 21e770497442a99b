"""Many questions asked of the same evidence: what each answer must be worth.

S. Holm, *A simple sequentially rejective multiple test procedure*, Scand. J. Statist. 6 (1979),
for the chance of any false finding. R. Wang and A. Ramdas, *False discovery rate control with
e-values*, JRSS B 84 (2022), for the share of false findings among alarms. Both hold whatever the
dependence between the questions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from remit.statistics.intervals import check_confidence

Name = TypeVar("Name")


def familywise(confidence: float, questions: int) -> float:
    """The confidence each of `questions` claims needs for all to hold jointly (Bonferroni)."""
    check_confidence(confidence)
    if questions < 1:
        raise ValueError(f"{questions} questions: give at least one")
    return 1 - (1 - confidence) / questions


def holm(p_values: Mapping[Name, float]) -> dict[Name, float]:
    """Holm's adjusted p-values: those at most alpha may be rejected together at level alpha.

    The order of the result is that of the questions. Raises ValueError for a p-value outside
    [0, 1].
    """
    adjusted: dict[Name, float] = {}
    largest = 0.0
    ranked = sorted(p_values, key=lambda name: p_values[name])
    for rank, name in enumerate(ranked):
        p = p_values[name]
        if not 0 <= p <= 1:
            raise ValueError(f"{name}: {p} is no p-value; it must lie between 0 and 1")
        largest = max(largest, min(1.0, (len(ranked) - rank) * p))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}


def e_bh(e_values: Mapping[Name, float], rate: float = 0.05) -> tuple[Name, ...]:
    """The questions that may be called findings with a false discovery rate of at most `rate`.

    The largest k such that k e-values are at least K / (rate k), strongest first. Unlike
    Benjamini and Hochberg's procedure on p-values it needs no assumption on dependence, and it
    is valid at any time where the e-values are e-processes.
    """
    if not 0 < rate < 1:
        raise ValueError(f"false discovery rate {rate}: give a number between 0 and 1")
    if any(not e >= 0 for e in e_values.values()):
        raise ValueError("an e-value is a number of at least 0")
    ranked = sorted(e_values, key=lambda name: -e_values[name])
    for k in range(len(ranked), 0, -1):
        if rate * k * e_values[ranked[k - 1]] >= len(ranked):
            return tuple(ranked[:k])
    return ()
