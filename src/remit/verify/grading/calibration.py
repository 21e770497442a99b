"""How far the graders can be believed, per rule; rates with their errors taken out, or none.

A grader's count is no rate: one that imagines 2 % of violations shows 2 % on a perfect model. So
rates are printed only as corrected by human labels of the same rule and the same graders.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from remit.statistics.agreement import cohen_kappa, krippendorff_alpha
from remit.statistics.intervals import Interval, clopper_pearson
from remit.statistics.judges import JudgeCalibration, JudgedRate, NotEstimable, calibration
from remit.verify.grading.labels import HumanLabel, settled
from remit.verify.grading.sampling import Counted

_CODES = {"held": 0.0, "violated": 1.0}


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far raters agree on items that two or more have labelled.

    `kappa` is Cohen's, of the two raters with the most items in common; `alpha` Krippendorff's, of
    all raters.
    """

    raters: tuple[str, ...]
    twice: int
    kappa: float | NotEstimable
    alpha: float | NotEstimable


@dataclass(frozen=True, slots=True)
class RuleCalibration:
    """One rule's graders beside people. `judge` rests on the random part alone.

    `open` items are those on which raters differ or cannot tell: a third rater settles them.
    """

    rule: str
    labelled: int
    open: int
    agreement: Agreement
    judge: JudgeCalibration
    rate: JudgedRate | NotEstimable


def calibrate(
    labels: Sequence[HumanLabel], counted: Counted, rule: str, confidence: float = 0.95
) -> RuleCalibration:
    """What people's labels say of one rule's graders, and of the rule's true violation rate.

    `counted` is what the items were drawn from. For the rate in another run with the same graders
    give `judge` to `statistics.judges.corrected_rate`.
    """
    mine = [label for label in labels if label.rule == rule]
    final = settled(mine)
    sure = [label for label in final.values() if label is not None]
    judge = calibration(
        (label.label == "violated", label.judged != "held")
        for label in sure
        if label.part == "random"
    )
    rate = two_phase_rate(mine, counted, confidence)
    return RuleCalibration(rule, len(final), len(final) - len(sure), agreement(mine), judge, rate)


def two_phase_rate(
    labels: Sequence[HumanLabel], counted: Counted, confidence: float = 0.95
) -> JudgedRate | NotEstimable:
    """The true violation rate from a cheap grader on all replies and people on some of each kind.

    Double sampling (A. Tenenbein, J. Am. Stat. Assoc. 65 (1970)): the flagged share times the
    share of labelled flags that are right, plus the passed share times the share of labelled
    passes that are violations. Each of the three shares is bounded exactly at a third of the
    error, and the interval is their extreme combination, so it covers at least as often as it
    says. Items in dispute count as held below and as violated above.
    """
    items = settled(labels)
    judged = {label.item: label.judged for label in labels}
    flags = [items[item] for item in items if judged[item] != "held"]
    passes = [items[item] for item in items if judged[item] == "held"]
    passed = counted.n - counted.flagged
    if counted.n == 0:
        return NotEstimable("no reply was graded")
    if (counted.flagged and not flags) or (passed and not passes):
        lacking = "flagged" if counted.flagged and not flags else "passed"
        return NotEstimable(f"no reply that the graders {lacking} is labelled: label some")
    each = 1 - (1 - confidence) / 3
    share = clopper_pearson(counted.flagged, counted.n, each)
    right, missed = _bounds(flags, each), _bounds(passes, each)
    low = min(_mix(q, right.low, missed.low) for q in (share.low, share.high))
    high = max(_mix(q, right.high, missed.high) for q in (share.low, share.high))
    estimate = _mix(counted.flagged / counted.n, _share(flags), _share(passes))
    return JudgedRate(estimate, Interval(low, high), "double sampling, exact limits combined")


def agreement(labels: Iterable[HumanLabel]) -> Agreement:
    """How far raters agree; those who cannot tell have given no label."""
    items: dict[str, dict[str, float]] = {}
    for label in labels:
        if label.label in _CODES:
            items.setdefault(label.item, {})[label.rater] = _CODES[label.label]
    raters = sorted({rater for given in items.values() for rater in given})
    twice = [given for given in items.values() if len(given) > 1]
    pairs = [
        [(given[a], given[b]) for given in twice if a in given and b in given]
        for number, a in enumerate(raters)
        for b in raters[number + 1 :]
    ]
    units = [[given.get(rater) for rater in raters] for given in twice]
    return Agreement(
        tuple(raters),
        len(twice),
        cohen_kappa(max(pairs, key=len, default=[])),
        krippendorff_alpha(units),
    )


def _bounds(labels: Sequence[HumanLabel | None], confidence: float) -> Interval:
    if not labels:
        return Interval(0.0, 1.0)
    surely = sum(label is not None and label.label == "violated" for label in labels)
    perhaps = surely + sum(label is None for label in labels)
    return Interval(
        clopper_pearson(surely, len(labels), confidence).low,
        clopper_pearson(perhaps, len(labels), confidence).high,
    )


def _share(labels: Sequence[HumanLabel | None]) -> float:
    known = [label for label in labels if label is not None]
    return sum(label.label == "violated" for label in known) / len(known) if known else 0.0


def _mix(share: float, flagged: float, passed: float) -> float:
    return share * flagged + (1 - share) * passed
