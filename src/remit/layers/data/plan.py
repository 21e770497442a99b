"""What is to be done with a corpus: a plain description, from which any process makes the steps."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import orjson

from remit.enforce import Enforcer, compile_policy
from remit.layers.data.apply import Shape
from remit.layers.data.rows import Step, Survey
from remit.layers.data.sources import PART_BYTES
from remit.layers.data.writers import Writer
from remit.policy import Policy, loads
from remit.types import Stage

# The share of its threshold from which on a score is near: what a rule may have missed is there.
_NEAR = 0.5


@dataclass(frozen=True)
class Plan:
    """The remit's bytes, and which steps stand beside its rules.

    `quality` names steps of `remit.layers.data.quality`, `languages` those that documents may be
    in, `dedup` is exact and/or minhash, `decontaminate` are files with evaluation sets, `columns`
    pairs a column with the role of its text. `part_bytes` is what one task writes at once.
    `prefix` are control tokens of good and bad texts, such as `<|good|>` and `<|bad|>`.
    `samples` rows a step and language are drawn at random, for people to label.
    `writer` is the model that says rows anew; without one they are quarantined.
    `cache` is where compiled patterns are kept; it has no part in the outcome.
    """

    remit: bytes
    quality: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    dedup: tuple[str, ...] = ()
    decontaminate: tuple[str, ...] = ()
    triggers: bool = False
    labels: str = ""
    columns: tuple[tuple[str, str], ...] = ()
    prefix: tuple[str, ...] = ()
    samples: int = 30
    part_bytes: int = PART_BYTES
    writer: Writer | None = None
    cache: str = field(default="", compare=False)

    @cached_property
    def policy(self) -> Policy:
        """The remit. Raises PolicyError."""
        return loads(self.remit).policy

    @property
    def owner(self) -> str:
        """Who answers for the steps that are no rule of the remit."""
        return self.policy.responsible.owner if self.policy.responsible else "nobody named"

    @property
    def shape(self) -> Shape:
        """How changes are written."""
        prefix = (self.prefix[0], self.prefix[1]) if self.prefix else None
        return Shape(self.policy, prefix)

    @property
    def widens(self) -> bool:
        """True where rows may get a column of ours; a table then has it in every row."""
        words = {rule.then.get(Stage.DATA) for rule in self.policy.rules}
        flagged = any(rule.on_failure == "flag" for rule in self.policy.rules)
        bounded = any(rule.wrongly is not None for rule in self.policy.rules)
        return bool(words & {"tag", "mask", "counter"}) or flagged or bounded or self.triggers

    def to_json(self) -> dict[str, Any]:
        """What decides the outcome, for the ledger; files by name and hash."""
        return {
            "policy": self.policy.digest,
            "remit_sha256": hashlib.sha256(self.remit).hexdigest(),
            "quality": list(self.quality),
            "languages": list(self.languages),
            "dedup": list(self.dedup),
            "decontaminate": [_named(path) for path in self.decontaminate],
            "triggers": self.triggers,
            "labels": _named(self.labels) if self.labels else None,
            "columns": dict(self.columns),
            "prefix": list(self.prefix),
            "samples": self.samples,
            "part_bytes": self.part_bytes,
            "writer": self.writer.to_json() if self.writer else None,
        }

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what decides the outcome."""
        return hashlib.sha256(orjson.dumps(self.to_json())).hexdigest()


def _named(path: str) -> dict[str, str]:
    return {"name": Path(path).name, "sha256": hashlib.sha256(Path(path).read_bytes()).hexdigest()}


@dataclass(frozen=True)
class Job:
    """A plan and the folder it is carried out in: what a process needs to know, and no more."""

    plan: Plan
    folder: str

    @property
    def work(self) -> Path:
        """What is needed until the end only."""
        return Path(self.folder, ".work")

    @property
    def salt(self) -> bytes:
        """Keys the look-up records of this run."""
        return bytes.fromhex(self.plan.digest)[:16]

    def outcome(self, survey: str) -> Path:
        """Where a survey's outcome is."""
        return self.work / "surveys" / f"{survey}.outcome"

    def note(self, survey: str, shard: str) -> Path:
        """Where a survey's notes on a shard are."""
        return self.work / "surveys" / survey / shard


@lru_cache(maxsize=1)
def steps(job: Job) -> tuple[Step, ...]:
    """The steps of a job, the remit's rules first. Its surveys must be settled."""
    settled = (survey.step(job.outcome(survey.name)) for survey in surveys(job.plan))
    return (*direct(job.plan), *settled)


@lru_cache(maxsize=1)
def direct(plan: Plan) -> tuple[Step, ...]:
    """The steps that need no survey. Kept, because compiling takes a second.

    Raises PolicyError for a remit that is refused, ValueError or ImportError for other steps.
    """
    made: list[Step] = [_rules(plan), *_quality(plan)]
    if plan.decontaminate:
        from remit.layers.data import contamination

        made.append(contamination.step(map(Path, plan.decontaminate), owner=plan.owner))
    return tuple(made)


def surveys(plan: Plan) -> list[Survey]:
    """The steps that must see the whole corpus first, in the order they are asked in."""
    made: list[Survey] = []
    if plan.dedup:
        from remit.layers.data import dedup

        kinds: Mapping[str, Any] = {"exact": dedup.exact, "minhash": dedup.minhash}
        made += [kinds[kind](owner=plan.owner) for kind in plan.dedup]
    if plan.triggers:
        from remit.layers.data import triggers

        made.append(triggers.survey(owner=plan.owner))
    return made


def enforcer(plan: Plan) -> Enforcer:
    """The remit's detectors, compiled. Raises PolicyError."""
    cache = Path(plan.cache) if plan.cache else None
    return compile_policy(loads(plan.remit), cache=cache)


def _rules(plan: Plan) -> Step:
    from remit.layers.data.bounds import read_labels, tagging
    from remit.layers.data.rules import RuleStep

    labels = Path(plan.labels).read_bytes().splitlines() if plan.labels else []
    tagged = tagging(plan.policy, read_labels(labels))
    return RuleStep(enforcer(plan), tagged, near=_NEAR if plan.samples else 1.0)


def _quality(plan: Plan) -> list[Step]:
    if not plan.quality and not plan.languages:
        return []
    from remit.layers.data import quality

    names = [name for name in plan.quality if name != "language"]
    if not plan.languages:
        return [quality.together(plan.owner, names)]
    language = {"languages": plan.languages}
    return [quality.together(plan.owner, [*names, "language"], language=language)]
