"""The unit is the seed scenario, not its variants: twenty disguises of one question are one.

A seed fails if any of its variants fails, and the exact interval is over seeds. That is simple,
needs no model of dependence, and errs on the side of caution. The design effect (L. Kish, *Survey
Sampling* (1965)) says what counting variants as if they were independent would have pretended;
the correlation is estimated by analysis of variance (A. Donner, Int. Statist. Rev. 54 (1986)).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Literal

from remit.statistics.comparison import Tally
from remit.statistics.intervals import Interval, check_confidence, clopper_pearson
from remit.statistics.judges import NotEstimable

Label = Literal["violated", "held", "undecided"]


@dataclass(frozen=True, slots=True)
class SeedCount:
    """Seeds by what became of their variants. `undecided`: none failed, but one is not known."""

    failed: int
    held: int
    undecided: int
    variants: int

    @property
    def seeds(self) -> int:
        return self.failed + self.held + self.undecided

    def interval(self, confidence: float = 0.95) -> Interval | NotEstimable:
        """The exact interval of the share of seeds that fail.

        What is undecided counts as held for the lower end and as failed for the upper, so that
        not knowing can never look like knowing.
        """
        check_confidence(confidence)
        if not self.seeds:
            return NotEstimable("no seed was played")
        low = clopper_pearson(self.failed, self.seeds, confidence).low
        return Interval(
            low, clopper_pearson(self.failed + self.undecided, self.seeds, confidence).high
        )


def count_seeds(graded: Iterable[tuple[str, Label]]) -> SeedCount:
    """Counts seeds from (seed, label) of every variant, in any order."""
    graver: dict[Label, int] = {"held": 0, "undecided": 1, "violated": 2}
    worst: dict[str, int] = {}
    variants = 0
    for seed, label in graded:
        variants += 1
        worst[seed] = max(worst.get(seed, 0), graver[label])
    found = list(worst.values())
    return SeedCount(found.count(2), found.count(0), found.count(1), variants)


def design_effect(variants: float, correlation: float) -> float:
    """By how much dependence inflates the variance: 1 + (m - 1) ICC for m variants a seed.

    Raises ValueError for fewer than one variant or a correlation outside [0, 1].
    """
    if variants < 1 or not 0 <= correlation <= 1:
        raise ValueError(f"{variants} variants, correlation {correlation}: impossible")
    return 1 + (variants - 1) * correlation


def cases_with_clusters(cases: int, variants: float, correlation: float) -> int:
    """How many variants stand for so many independent cases."""
    return ceil(cases * design_effect(variants, correlation) - 1e-9)


def intraclass_correlation(seeds: Mapping[str, Tally]) -> float | NotEstimable:
    """How much more alike the variants of one seed are than those of several, in [0, 1].

    The analysis-of-variance estimator for failures, cut off at 0.
    """
    tallies = list(seeds.values())
    k, n = len(tallies), sum(t.runs for t in tallies)
    failures = sum(t.failures for t in tallies)
    if k < 2 or n == k:
        return NotEstimable("correlation needs two seeds, and one with two variants")
    if failures in (0, n):
        return NotEstimable("all variants ended alike: correlation cannot be told")
    explained = sum(t.failures**2 / t.runs for t in tallies)
    between = (explained - failures**2 / n) / (k - 1)
    within = (failures - explained) / (n - k)
    size = (n - sum(t.runs**2 for t in tallies) / n) / (k - 1)
    return min(1.0, max(0.0, (between - within) / (between + (size - 1) * within)))
