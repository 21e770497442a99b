"""Which of two fails less? Better, worse, or not distinguished; and may one replace the other?

Two providers, two versions or two layers are asked the same seeds, and every seed is a pair. Where
each answered once the test is McNemar's, exactly; where each answered several times the answers
of a seed are averaged first, since a seed's repeats are no new evidence, and signs are flipped.
Over all rules and pairs that are looked at together, Holm's correction applies.

"Not distinguished" is not "equal": that is what `replaceable` is for, which asks whether the
difference is shown to be smaller than a margin settled beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeVar

from remit.statistics.intervals import Interval, check_confidence
from remit.statistics.means import mean_interval, mean_upper_bound
from remit.statistics.multiplicity import holm
from remit.statistics.paired import difference_bound, difference_interval, mcnemar, sign_flip

Outcome = Literal["better", "worse", "not distinguished"]
Name = TypeVar("Name")


@dataclass(frozen=True, slots=True)
class Tally:
    """How one seed was answered: so many `failures` among `runs` answers."""

    failures: int
    runs: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.failures <= self.runs or self.runs < 1:
            raise ValueError(f"{self.failures} failures of {self.runs} runs: impossible")

    @property
    def rate(self) -> Fraction:
        """The share of the answers that failed."""
        return Fraction(self.failures, self.runs)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The first against the second over the seeds both answered.

    Rates are means over seeds. `difference` is the first's less the second's, with its interval;
    `first_only` and `second_only` count the seeds on which one failed more often than the other.
    `unpaired` seeds were answered by one side alone: they prove nothing and are only counted.
    """

    seeds: int
    unpaired: int
    first_rate: float
    second_rate: float
    difference: float
    interval: Interval
    p_value: float
    first_only: int
    second_only: int


@dataclass(frozen=True, slots=True)
class Replacement:
    """Whether the candidate's rate is shown to exceed the present one's by less than `margin`.

    `bound` is the most it exceeds it by, with the stated one-sided confidence.
    """

    margin: float
    bound: float
    confidence: float

    @property
    def shown(self) -> bool:
        return self.bound < self.margin


def compare(
    first: Mapping[str, Tally], second: Mapping[str, Tally], confidence: float = 0.95
) -> Comparison:
    """Compares failures per seed. Raises ValueError where no seed was answered by both."""
    check_confidence(confidence)
    differences = _differences(first, second)
    n = len(differences)
    more = sum(d > 0 for d in differences)
    fewer = sum(d < 0 for d in differences)
    if _answered_once(first, second):
        p_value, interval = mcnemar(more, fewer), difference_interval(more, fewer, n, confidence)
    else:
        values = [float(d) for d in differences]
        p_value, interval = sign_flip(differences), mean_interval(values, -1, 1, confidence)
    shared = first.keys() & second.keys()
    return Comparison(
        seeds=n,
        unpaired=len(first.keys() ^ second.keys()),
        first_rate=float(sum(first[seed].rate for seed in shared) / n),
        second_rate=float(sum(second[seed].rate for seed in shared) / n),
        difference=float(sum(differences, Fraction(0)) / n),
        interval=interval,
        p_value=p_value,
        first_only=more,
        second_only=fewer,
    )


def outcomes(comparisons: Mapping[Name, Comparison], alpha: float = 0.05) -> dict[Name, Outcome]:
    """What may be said of every comparison, all of them together.

    With probability at least 1 - alpha none of those said to differ is in truth equal. `better`
    says that the first fails less than the second.
    """
    adjusted = holm({name: c.p_value for name, c in comparisons.items()})
    return {name: _outcome(c, adjusted[name], alpha) for name, c in comparisons.items()}


def replaceable(
    candidate: Mapping[str, Tally],
    present: Mapping[str, Tally],
    margin: float,
    confidence: float = 0.95,
) -> Replacement:
    """Non-inferiority: may the candidate replace the present one?

    The margin is the extra failure rate that would be put up with, settled before looking. Raises
    ValueError for a margin outside (0, 1), or where no seed was answered by both.
    """
    if not 0 < margin < 1:
        raise ValueError(f"margin {margin:g}: give the extra rate put up with, such as 0.02")
    differences = _differences(candidate, present)
    if _answered_once(candidate, present):
        more = sum(d > 0 for d in differences)
        fewer = sum(d < 0 for d in differences)
        bound = difference_bound(more, fewer, len(differences), confidence)
    else:
        bound = mean_upper_bound([float(d) for d in differences], -1, 1, confidence)
    return Replacement(margin, bound, confidence)


def _differences(first: Mapping[str, Tally], second: Mapping[str, Tally]) -> list[Fraction]:
    shared = sorted(first.keys() & second.keys())
    if not shared:
        raise ValueError("no seed was answered by both; compare runs of the same suite")
    return [first[seed].rate - second[seed].rate for seed in shared]


def _answered_once(first: Mapping[str, Tally], second: Mapping[str, Tally]) -> bool:
    """Whether every pair is of single answers. Settled by the design, not by what came out."""
    return all(first[s].runs == second[s].runs == 1 for s in first.keys() & second.keys())


def _outcome(comparison: Comparison, p_value: float, alpha: float) -> Outcome:
    if p_value > alpha or comparison.difference == 0:
        return "not distinguished"
    return "better" if comparison.difference < 0 else "worse"
