"""Two targets on the same seeds: which is better, rule by rule, or that they are not told apart.

A seed that either target gave no answer to is left out of the pair and counted; only where the
second is to replace the first, what it did not answer counts as failed. With one repeat a seed
failed or it did not; with several its failures are averaged. All questions of a run are corrected
together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

from remit.statistics import comparison as statistics
from remit.statistics.comparison import Comparison, Replacement, Tally, compare, replaceable
from remit.verify.results import MEASURES, Measure, Outcome, Seed

_NAMED = 50


@dataclass(frozen=True, slots=True)
class Question:
    """What is compared. With `margin` it is also asked whether the second may replace the first."""

    repeats: int = 1
    confidence: float = 0.95
    margin: float | None = None


@dataclass(frozen=True, slots=True)
class Contrast:
    """One rule under one measure, the second target against the first.

    `answer` is about the second: better, worse, or not distinguished. `worse_seeds` are some that
    only the second failed.
    """

    rule: str
    measure: Measure
    first: str
    second: str
    comparison: Comparison
    left_out: int
    answer: statistics.Outcome = "not distinguished"
    replacement: Replacement | None = None
    worse_seeds: tuple[str, ...] = ()


def contrasts(
    outcomes: Sequence[Outcome], question: Question, *, neighbours: bool = False
) -> list[Contrast]:
    """Every rule and measure for each pair of targets, or only for neighbours, as on a ladder."""
    couples = pairwise(outcomes) if neighbours else combinations(outcomes, 2)
    found = [c for first, second in couples for c in _both(first, second, question)]
    return settled(found, question)


def between(
    rule: str,
    measure: Measure,
    first: tuple[str, Mapping[str, Seed]],
    second: tuple[str, Mapping[str, Seed]],
    question: Question,
) -> Contrast | None:
    """One contrast, not yet settled among its company; None where no seed is shared."""
    mine, theirs = first[1], second[1]
    shared = [name for name in mine if name in theirs]
    known = [n for n in shared if "unknown" not in (mine[n].state, theirs[n].state)]
    if not known:
        return None
    before = {name: _tally(mine[name], question.repeats) for name in known}
    after = {name: _tally(theirs[name], question.repeats) for name in known}
    worse = [name for name in known if after[name].rate > before[name].rate]
    allowed = None
    if question.margin is not None:
        # What the second did not answer may be what it would have failed.
        worst = {name: _tally(theirs[name], question.repeats, unknown=True) for name in shared}
        best = {name: _tally(mine[name], question.repeats) for name in shared}
        allowed = replaceable(worst, best, question.margin, question.confidence)
    return Contrast(
        rule,
        measure,
        first[0],
        second[0],
        compare(after, before, question.confidence),
        len(shared) - len(known),
        replacement=allowed,
        worse_seeds=tuple(worse[:_NAMED]),
    )


def settled(found: Sequence[Contrast], question: Question) -> list[Contrast]:
    """The contrasts with the answers that may be given to all of them together (Holm)."""
    answers = statistics.outcomes(
        {str(i): c.comparison for i, c in enumerate(found)}, 1 - question.confidence
    )
    return [replace(c, answer=answers[str(i)]) for i, c in enumerate(found)]


def _both(first: Outcome, second: Outcome, question: Question) -> Iterator[Contrast]:
    for rule in dict.fromkeys(rule for rule, _ in first.groups):
        for measure in MEASURES:
            mine, theirs = first.groups.get((rule, measure)), second.groups.get((rule, measure))
            if mine is None or theirs is None:
                continue
            sides = (first.target, mine.seeds), (second.target, theirs.seeds)
            contrast = between(rule, measure, *sides, question)
            if contrast is not None:
                yield contrast


def _tally(seed: Seed, repeats: int, *, unknown: bool = False) -> Tally:
    """With one repeat the seed as a whole, which fails if any variant does; else its mean.

    With `unknown` what has no answer counts as failed.
    """
    failed = seed.failed + (seed.unknown if unknown else 0)
    return Tally(failed, seed.played) if repeats > 1 else Tally(int(failed > 0))
