"""Several members, one number: a reward that doubts itself is worth less to whoever climbs it.

T. Coste et al., *Reward Model Ensembles Help Mitigate Overoptimization* (2023): the mean, the
worst case (its eq. 3), and the mean less a multiple of the variance among members (UWO, eq. 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Literal

Combination = Literal["mean", "worst", "uwo"]
COMBINATIONS: tuple[Combination, ...] = ("mean", "worst", "uwo")


def combined(members: Sequence[float], how: Combination = "mean", penalty: float = 0.5) -> float:
    """One reward of several. `penalty` is UWO's weight of the variance."""
    if how == "worst":
        return min(members)
    mean = fmean(members)
    return mean - penalty * variance(members) if how == "uwo" else mean


def variance(members: Sequence[float]) -> float:
    """The variance among members; nought for one, who cannot disagree."""
    mean = fmean(members)
    return sum((member - mean) ** 2 for member in members) / len(members)


def disagreement(leads: Sequence[float]) -> float:
    """The share of members that rank a pair otherwise than most do, from 0 to 1/2."""
    right = sum((lead > 0) + (lead == 0) / 2 for lead in leads) / len(leads)
    return min(right, 1 - right)
