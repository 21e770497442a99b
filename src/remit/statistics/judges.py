"""What a fallible judge's verdicts say about the true rate, or that they say nothing.

A judge that finds 90 % of the violations and clears 98 % of the clean replies reports 2 % on a
perfect model. Its counts become a rate only through replies that people have labelled too:

- by what it is known to miss and to imagine (`corrected_rate`; W. J. Rogan and B. Gladen, Am. J.
  Epidemiol. 107 (1978)), where labels were collected apart, of both kinds;
- by how far it was off on a random part of the same replies (`prediction_powered_rate`; A. N.
  Angelopoulos, S. Bates, C. Fannjiang, M. I. Jordan and T. Zrnic, *Prediction-powered inference*,
  Science 382 (2023));
- or by people reading all it flagged and a random part of what it did not (`audited_bound`).

In each the uncertainty of the labels is carried into the interval. Where that cannot be done the
answer is `NotEstimable`, which has no number that could be printed.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

from remit.statistics.intervals import (
    Interval,
    check_confidence,
    check_counts,
    clopper_pearson,
    lower_bound,
    upper_bound,
)
from remit.statistics.paired import difference_interval

_DRAWS = 10_000


@dataclass(frozen=True, slots=True)
class NotEstimable:
    """There is no honest number, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class JudgedRate:
    """A rate with the judge's errors taken out: the estimate, its interval, and the method."""

    estimate: float
    interval: Interval
    method: str


@dataclass(frozen=True, slots=True)
class JudgeCalibration:
    """A judge beside people: of `positives` violations it found `found`, of `negatives` clean
    replies it cleared `cleared`."""

    found: int
    positives: int
    cleared: int
    negatives: int

    def __post_init__(self) -> None:
        for right, n in ((self.found, self.positives), (self.cleared, self.negatives)):
            if not 0 <= right <= n:
                raise ValueError(f"{right} right of {n} labelled replies: impossible")

    def sensitivity(self, confidence: float = 0.95) -> Interval | NotEstimable:
        """The share of violations that it finds, exactly bounded."""
        if not self.positives:
            return NotEstimable("no labelled reply is a violation: label some that are")
        return clopper_pearson(self.found, self.positives, confidence)

    def specificity(self, confidence: float = 0.95) -> Interval | NotEstimable:
        """The share of clean replies that it clears, exactly bounded."""
        if not self.negatives:
            return NotEstimable("no labelled reply is clean: label some that are")
        return clopper_pearson(self.cleared, self.negatives, confidence)


def calibration(labels: Iterable[tuple[bool, bool]]) -> JudgeCalibration:
    """Counts pairs of (a person says violation, the judge says violation)."""
    counts = {(person, judge): 0 for person in (True, False) for judge in (True, False)}
    for person, judge in labels:
        counts[bool(person), bool(judge)] += 1
    return JudgeCalibration(
        found=counts[True, True],
        positives=counts[True, True] + counts[True, False],
        cleared=counts[False, False],
        negatives=counts[False, False] + counts[False, True],
    )


def corrected_rate(
    flagged: int,
    n: int,
    judge: JudgeCalibration,
    confidence: float = 0.95,
    *,
    draws: int = _DRAWS,
    seed: int = 0,
) -> JudgedRate | NotEstimable:
    """Rogan and Gladen's estimate, with all three uncertainties in its interval.

    The interval melds the exact (Clopper-Pearson) confidence distributions of the flagged share,
    the sensitivity and the specificity: D. M. Bayer, M. P. Fay and B. I. Graubard, *Confidence
    intervals for prevalence estimates from complex surveys with imperfect assays*, Statist. Med.
    42 (2023). It is drawn from `seed`, so the same counts give the same interval; ten thousand
    draws settle each end to about a hundredth of the width.

    `NotEstimable` without labels of both kinds, or where the judge is not shown to be better than
    guessing. Raises ValueError for impossible counts.
    """
    check_counts(flagged, n)
    check_confidence(confidence)
    if not judge.positives or not judge.negatives:
        lacking = "a violation" if not judge.positives else "clean"
        return NotEstimable(f"no labelled reply is {lacking}: label some of both kinds")
    surely_found = lower_bound(judge.found, judge.positives, confidence)
    surely_cleared = lower_bound(judge.cleared, judge.negatives, confidence)
    if surely_found + surely_cleared <= 1:
        return NotEstimable(
            f"with {judge.positives} + {judge.negatives} labels the judge is not shown to be "
            "better than guessing: label more, or use another judge"
        )
    found, cleared = judge.found / judge.positives, judge.cleared / judge.negatives
    estimate = _rogan_gladen(flagged / n, found, cleared)
    interval = _melded(flagged, n, judge, (1 - confidence) / 2, draws, seed)
    return JudgedRate(estimate, interval, "Rogan-Gladen, melded exact interval")


def prediction_powered_rate(
    flagged: int,
    n: int,
    imagined: int,
    missed: int,
    labelled: int,
    confidence: float = 0.95,
) -> JudgedRate | NotEstimable:
    """The judge's rate on n replies, less how far it was off on others that people labelled.

    The `labelled` replies are a random sample of the same kind of replies, apart from the n; the
    judge flagged `imagined` of them wrongly and passed over `missed`. In place of the normal
    approximation, which covers too seldom where violations are rare, the exact limits of the one
    and the score limits of the other are recombined (G. Y. Zou and A. Donner, Statist. Med. 27
    (2008)). Raises ValueError for impossible counts.
    """
    check_counts(flagged, n)
    check_confidence(confidence)
    if labelled == 0:
        return NotEstimable("no reply is labelled: label a random sample of them")
    off = difference_interval(imagined, missed, labelled, confidence)
    judged = clopper_pearson(flagged, n, confidence)
    rate, bias = flagged / n, (imagined - missed) / labelled
    estimate = rate - bias
    low = estimate - sqrt((rate - judged.low) ** 2 + (off.high - bias) ** 2)
    high = estimate + sqrt((judged.high - rate) ** 2 + (bias - off.low) ** 2)
    interval = Interval(_within(low), _within(high))
    return JudgedRate(_within(estimate), interval, "prediction-powered, exact and score limits")


def audited_bound(
    confirmed: int, n: int, missed: int, audited: int, confidence: float = 0.95
) -> float | NotEstimable:
    """The most the true rate can be, where people read every flag and a random part of the rest.

    `confirmed` of the n replies were flagged and found by people to be violations; of `audited`
    replies drawn from those not flagged, `missed` were. Each part is bounded exactly at half the
    error. It asks nothing of the judge. Raises ValueError for impossible counts.
    """
    check_counts(confirmed, n)
    check_confidence(confidence)
    if audited == 0:
        return NotEstimable("nothing that the judge passed was audited: read a random part of it")
    check_counts(missed, audited)
    each = (1 + confidence) / 2
    return min(1.0, upper_bound(confirmed, n, each) + upper_bound(missed, audited, each))


def _rogan_gladen(flagged: float, found: float, cleared: float) -> float:
    """The rate at which so many are flagged. A judge no better than guessing excludes nothing."""
    better = found + cleared - 1
    return _within((flagged + cleared - 1) / better) if better > 0 else 1.0


def _melded(
    flagged: int, n: int, judge: JudgeCalibration, miss: float, draws: int, seed: int
) -> Interval:
    rng = random.Random(seed)  # noqa: S311 - a simulation, not a secret
    lows = sorted(
        _rogan_gladen(
            _drawn_low(rng, flagged, n),
            _drawn_high(rng, judge.found, judge.positives),
            _drawn_low(rng, judge.cleared, judge.negatives),
        )
        for _ in range(draws)
    )
    highs = sorted(
        _rogan_gladen(
            _drawn_high(rng, flagged, n),
            _drawn_low(rng, judge.found, judge.positives),
            _drawn_high(rng, judge.cleared, judge.negatives),
        )
        for _ in range(draws)
    )
    rank = max(0, int(miss * draws) - 1)
    return Interval(lows[rank], highs[draws - 1 - rank])


def _drawn_low(rng: random.Random, k: int, n: int) -> float:
    """From the distribution whose quantiles are the lower Clopper-Pearson bounds."""
    return rng.betavariate(k, n - k + 1) if k else 0.0


def _drawn_high(rng: random.Random, k: int, n: int) -> float:
    return rng.betavariate(k + 1, n - k) if k < n else 1.0


def _within(rate: float) -> float:
    return min(1.0, max(0.0, rate))
