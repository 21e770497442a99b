"""Bias, apart from every rule: are people who differ in one trait alone treated alike?

Its numbers stand in a report of their own and never in a verdict on the remit: a model may keep
every rule and still treat people unequally, and the other way round.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from remit.statistics.bias import (
    BbqCount,
    BbqScore,
    TwinResult,
    Twins,
    ambiguous_score,
    disambiguated_score,
    twin_results,
)
from remit.statistics.judges import NotEstimable
from remit.statistics.multiplicity import familywise
from remit.types import Json
from remit.verify.bbq import Bbq
from remit.verify.cases import Case, Grade
from remit.verify.records import Sample
from remit.verify.results import BROKEN, Outcome
from remit.verify.runner import Grading, Plan, Run
from remit.verify.targets import Target
from remit.verify.twins import Design, Says

_NAMED = 20


@dataclass(frozen=True, slots=True)
class Gap:
    """One trait: `missing` pairs lack an answer; `apart` are some that were treated unlike."""

    trait: str
    twins: Twins
    result: TwinResult
    missing: int = 0
    apart: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """BBQ's score of one category in one kind of context; `unread` answers are not in it.

    Its interval is as wide as all intervals of the file need to hold together.
    """

    category: str
    context: str
    answers: int
    unread: int
    score: BbqScore | NotEstimable


@dataclass(frozen=True, slots=True)
class Bias:
    """What one target came to. Either `gaps` or `scores`, by what was asked.

    `unanswered` are traits of which no pair has both answers, with their number of pairs.
    `stopped` says why not all was asked, if it was not.
    """

    target: str
    gaps: tuple[Gap, ...] = ()
    scores: tuple[Score, ...] = ()
    unanswered: tuple[tuple[str, int], ...] = ()
    stopped: str = ""

    @property
    def measured(self) -> bool:
        """True where each trait and category came to a number."""
        estimable = not any(isinstance(score.score, NotEstimable) for score in self.scores)
        return estimable and not self.unanswered

    @property
    def unequal(self) -> bool:
        """True where a difference is shown, beyond chance."""
        return any(gap.result.different for gap in self.gaps) or any(
            not isinstance(s.score, NotEstimable) and 0.0 not in s.score.interval
            for s in self.scores
        )


@dataclass(slots=True)
class _Pairs:
    """What became of each pair, by trait: the outcomes of its two sides."""

    sides: dict[tuple[str, str], dict[str, bool | None]] = field(default_factory=dict)

    def add(self, sample: Sample, design: Design) -> None:
        side = sample.case.meta["side"]
        pair = self.sides.setdefault((sample.case.rule, sample.case.seed), {})
        unread = sample.failed or sample.grade.by == BROKEN
        pair[side] = None if unread else _outcome(sample, design)

    def whole(self, trait: str) -> dict[str, dict[str, bool | None]]:
        """A trait's pairs with both answers."""
        found = {seed: pair for (name, seed), pair in self.sides.items() if name == trait}
        return {s: p for s, p in found.items() if None not in (p.get("first"), p.get("second"))}

    def traits(self) -> dict[str, int]:
        """How many pairs each has."""
        return Counter(trait for trait, _ in self.sides)

    def unanswered(self) -> tuple[tuple[str, int], ...]:
        return tuple(item for item in self.traits().items() if not self.whole(item[0]))

    def gaps(self, margin: float, alpha: float) -> tuple[Gap, ...]:
        twins: dict[str, Twins] = {}
        missing: dict[str, int] = {}
        apart: dict[str, list[str]] = {}
        for trait, pairs in self.traits().items():
            whole = self.whole(trait)
            if not whole:
                continue
            missing[trait] = pairs - len(whole)
            first = [s for s, p in whole.items() if p["first"] and not p["second"]]
            second = [s for s, p in whole.items() if p["second"] and not p["first"]]
            twins[trait] = Twins(len(first), len(second), len(whole))
            apart[trait] = [*first, *second]
        results = twin_results(twins, margin, alpha) if twins else {}
        return tuple(
            Gap(trait, twins[trait], result, missing[trait], tuple(apart[trait][:_NAMED]))
            for trait, result in results.items()
        )


async def twins_of(
    target: Target,
    cases: Sequence[Case],
    design: Design,
    grade: Grading,
    *,
    confidence: float = 0.95,
    concurrency: int = 16,
) -> Bias:
    """Plays all twins once each. Raises RunError where the target does not answer."""
    # Each pair is there from the start: one that is never played is missing, not unknown.
    pairs = _Pairs({(case.rule, case.seed): {} for case in cases})
    stopped = await _played(
        target, cases, grade, lambda sample: pairs.add(sample, design), concurrency
    )
    gaps = pairs.gaps(design.margin, 1 - confidence)
    return Bias(target.name, gaps, (), pairs.unanswered(), stopped)


async def bbq_of(
    target: Target, cases: Sequence[Case], *, confidence: float = 0.95, concurrency: int = 16
) -> Bias:
    """Asks BBQ's questions once each. Raises RunError where the target does not answer."""
    bbq = Bbq()

    async def ungraded(transcript: object) -> Grade:
        return Grade("held", "none", "bbq")

    stopped = await _played(
        target, cases, ungraded, lambda sample: bbq.add(sample.transcript), concurrency
    )
    scores = []
    together = familywise(confidence, max(len(bbq.tallies), 1))
    for (category, context), tally in sorted(bbq.tallies.items()):
        count = tally.count()
        score = _scored(context, count, together)
        scores.append(Score(category, context, count.answers, tally.unread, score))
    return Bias(target.name, scores=tuple(scores), stopped=stopped)


def _scored(context: str, count: BbqCount, confidence: float) -> BbqScore | NotEstimable:
    if not context.startswith("ambig"):
        return disambiguated_score(count, confidence)
    try:
        return ambiguous_score(count, confidence)
    except ValueError as error:
        return NotEstimable(f"the file's labels are not BBQ's: {error}")


async def _played(
    target: Target,
    cases: Sequence[Case],
    grade: Grading,
    watch: Callable[[Sample], None],
    concurrency: int,
) -> str:
    """Plays each once, and says why the run stopped early, if it did."""
    run = Run(Plan(lambda: cases), grade, {target.name: Outcome(target.name)}, watch)
    run.concurrency = concurrency
    await run.play([target], None)
    return run.stopped


def _outcome(sample: Sample, design: Design) -> bool:
    if isinstance(design.outcome, Says):
        said = sample.transcript.replies[-1].lower() if sample.transcript.replies else ""
        return any(words.lower() in said for words in design.outcome.says)
    return sample.grade.refusal != "none"


def to_json(found: Sequence[Bias], policy: str) -> Json:
    """The report for programs."""
    return {
        "remit-bias": 1,
        "policy": policy,
        "targets": [
            {
                "name": one.target,
                "stopped": one.stopped,
                "unanswered": dict(one.unanswered),
                "twins": [_gap(gap) for gap in one.gaps],
                "bbq": [_score(score) for score in one.scores],
            }
            for one in found
        ],
    }


def _gap(gap: Gap) -> Json:
    result = gap.result
    return {
        "trait": gap.trait,
        "pairs": gap.twins.pairs,
        "missing": gap.missing,
        "first_only": gap.twins.first_only,
        "second_only": gap.twins.second_only,
        "gap": result.gap,
        "interval": [result.interval.low, result.interval.high],
        "margin": result.margin,
        "different_p": result.different_p,
        "equivalent_p": result.equivalent_p,
        "different": result.different,
        "equivalent": result.equivalent,
        "apart": list(gap.apart),
    }


def _score(score: Score) -> Json:
    value: Json = {
        "category": score.category,
        "context": score.context,
        "answers": score.answers,
        "unread": score.unread,
    }
    if isinstance(score.score, NotEstimable):
        return {**value, "not_estimable": score.score.reason}
    bounds = [score.score.interval.low, score.score.interval.high]
    return {
        **value,
        "score": score.score.score,
        "interval": bounds,
        "accuracy": score.score.accuracy,
    }
