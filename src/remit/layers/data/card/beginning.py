"""A part's sketch, as the plan asks it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from remit.layers.data.card.sketch import UNKNOWN, Sketch, Tongue
from remit.layers.data.plan import Job, steps, surveys
from remit.layers.data.rows import Row, Step


def sketch(job: Job, part: int = 0) -> Sketch:
    """An empty sketch. Duplicates are not sampled: no one can judge them by one text alone."""
    plan = job.plan
    repeated = frozenset(survey.name for survey in surveys(plan) if survey.name != "triggers")
    tongue = _tongue(steps(job)) if plan.languages else None
    return Sketch(job.salt, plan.samples, tongue=tongue, unsampled=repeated, part=part)


def _tongue(asked: Sequence[Step]) -> Tongue | None:
    """What the language step says of documents, which are what it judges."""
    for step in asked:
        for heuristic in getattr(step, "heuristics", ()):
            if heuristic.name == "language":
                return lambda row: _language(row, heuristic.identify)
    return None


def _language(row: Row, identify: Callable[[str], tuple[str, float]]) -> str:
    """Of its first document: others are rare in one row."""
    for segment in row.segments:
        if segment.role == "document":
            return identify(segment.text)[0]
    return UNKNOWN
