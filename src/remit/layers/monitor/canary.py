"""The canary: the same fixed questions every day, so that a changed model shows as one.

Traffic changes from day to day; these questions don't. Where rates move and the canary has not,
the traffic has changed, as far as so many questions can tell; where it has moved too, the model
has. Each run is compared with the first of its epoch, question by question, by two exact sign
tests (which questions are broken now and were not, and the reverse: Q. McNemar 1947; which answers
are longer and which shorter). The d-th run may err with 5 % / d(d+1), half for each test, so that
all runs of an epoch together err with at most 5 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from remit.layers.monitor.answers import word
from remit.layers.monitor.clock import days
from remit.layers.monitor.overview import CanaryOverview
from remit.policy import Policy
from remit.statistics.paired import mcnemar

ALPHA: Final = 0.05
CASES_MOST: Final = 500

Outcomes = dict[str, tuple[list[str], int]]
"""By case: the rules that its answer broke, and the answer's length in characters."""


@dataclass(slots=True)
class Canary:
    """The first run of the epoch, how many followed it, and what the last one came to."""

    baseline: Outcomes = field(default_factory=dict)
    runs: int = 0
    model: str = ""
    time: str = ""
    moved_at: str = ""
    moved: list[str] = field(default_factory=list)
    broken: int = 0
    failed: int = 0
    words: str = ""

    def add(self, record: Mapping[str, Any]) -> bool:
        """Takes a run. True where the model has changed: then this run is the new baseline."""
        found = outcomes(record.get("cases"))
        model, self.time = word(record.get("model")), word(record.get("time"))
        failed = record.get("failed")
        self.failed = failed if isinstance(failed, int) else 0
        self.broken = sum(bool(broken) for broken, _ in found.values())
        if not self.baseline or not found:
            self.baseline, self.model = self.baseline or found, model
            self.words = f"{len(found)} questions asked: the first run, nothing to compare with"
            return False
        self.runs += 1
        renamed = bool(self.model and model and model != self.model)
        shared = [case for case in found if case in self.baseline]
        self.words = _compared(self.baseline, found, shared)
        behaved = _behaved(self.baseline, found, shared)
        longer, shorter = _lengths(self.baseline, found, shared)
        allowed = ALPHA / (2 * self.runs * (self.runs + 1))
        moved = min(mcnemar(*behaved), mcnemar(longer, shorter)) <= allowed
        if renamed:
            self.words = f"the model calls itself {model} now, and {self.model} before"
        if moved or renamed:
            self.moved = _rules(self.baseline, found, shared)
            self.moved_at, self.baseline, self.runs, self.model = self.time, found, 0, model
        return moved or renamed

    def view(self) -> CanaryOverview | None:
        """What the last run came to; None before the first."""
        if not self.time:
            return None
        count, moved = len(self.baseline), tuple(self.moved)
        return CanaryOverview(
            self.time, count, self.broken, self.failed, self.model, moved, self.moved_at, self.words
        )

    def as_list(self) -> list[Any]:
        """As plain JSON values."""
        return [
            self.baseline, self.runs, self.model, self.time, self.moved_at, self.moved,
            self.broken, self.failed, self.words,
        ]  # fmt: skip

    @classmethod
    def restored(cls, value: list[Any]) -> Canary:
        """What `as_list` wrote down. Raises ValueError or TypeError for anything else."""
        baseline, *rest = value
        kept = {case: (list(broken), int(size)) for case, (broken, size) in baseline.items()}
        return cls(kept, *rest)


def due(policy: Policy, last: str, now: str) -> bool:
    """True where the remit asks for a canary and the last run is long enough ago, or none was."""
    hours = None if policy.monitor is None else policy.monitor.canary_hours
    if hours is None:
        return False
    return not last or days(now) - days(last) >= hours / 24


def outcomes(cases: object) -> Outcomes:
    """What a record of a run says of each case; what makes no sense is left out."""
    found: Outcomes = {}
    for case, told in list(cases.items())[:CASES_MOST] if isinstance(cases, Mapping) else ():
        if isinstance(told, Mapping) and isinstance(told.get("broken"), list):
            size = told.get("length")
            broken = [word(rule) for rule in told["broken"][:50]]
            found[word(case)] = (broken, size if isinstance(size, int) else 0)
    return found


def _behaved(before: Outcomes, now: Outcomes, shared: list[str]) -> tuple[int, int]:
    """Cases that break a rule now and did not, and the reverse."""
    pairs = [(bool(before[case][0]), bool(now[case][0])) for case in shared]
    return pairs.count((False, True)), pairs.count((True, False))


def _lengths(before: Outcomes, now: Outcomes, shared: list[str]) -> tuple[int, int]:
    gaps = [now[case][1] - before[case][1] for case in shared]
    return sum(gap > 0 for gap in gaps), sum(gap < 0 for gap in gaps)


def _rules(before: Outcomes, now: Outcomes, shared: list[str]) -> list[str]:
    changed = (set(before[case][0]) ^ set(now[case][0]) for case in shared)
    return sorted(set().union(*changed))


def _compared(before: Outcomes, now: Outcomes, shared: list[str]) -> str:
    worse, better = _behaved(before, now, shared)
    longer, shorter = _lengths(before, now, shared)
    return (
        f"{len(shared)} questions beside the first run: {worse} broken that were not, {better} the "
        f"reverse; {longer} answers longer, {shorter} shorter"
    )
