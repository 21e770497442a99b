"""Which cases are played, in which order: every rule in turn, each seed with its attacks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from remit.types import Json
from remit.verify.attacks import Attack, AttackError, variants
from remit.verify.cases import Case

ADAPTIVE = ("pair", "crescendo")
"""Attacks that a model carries out, which see the replies and try again."""


@dataclass(frozen=True, slots=True)
class Course:
    """Cases without attacks, and how they are attacked. Attacked variants are made as they go.

    The first `attacked` seeds of each rule are put under every attack, random ones `budget`
    times, and under the `adaptive` ones, whose case names them in its `meta`. Iterating gives
    the same cases in the same order each time.
    """

    bases: tuple[Case, ...]
    attacks: tuple[Attack, ...] = ()
    attacked: int = 0
    budget: int = 1
    seed: int = 0
    adaptive: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Case]:
        counts: dict[str, int] = {}
        for (rule, _), group in groupby(self.bases, key=_scenario):
            cases = list(group)
            yield from cases
            target = next((case for case in cases if case.aim == "break"), None)
            if target is None or not (self.attacks or self.adaptive):
                continue
            counts[rule] = counts.get(rule, 0) + 1
            if counts[rule] <= self.attacked:
                yield from self._variants(target)

    def _variants(self, case: Case) -> Iterator[Case]:
        for attack in self.attacks:
            try:
                yield from variants(case, (attack,), seed=self.seed, budget=self.budget)
            except AttackError:
                # Some cannot be carried out on some cases: one without a turn, or one too long.
                continue
        for name in self.adaptive:
            meta = {**case.meta, "adaptive": name}
            yield replace(case, id=f"{case.id}-{name}", attack=name, meta=meta)

    def seeds(self) -> dict[str, int]:
        """How many seeds of ordinary traffic each rule has."""
        found: dict[str, set[str]] = {}
        for case in self.bases:
            found.setdefault(case.rule, set()).add(case.seed)
        return {rule: len(names) for rule, names in found.items()}


@dataclass(frozen=True, slots=True)
class Suites:
    """What was played, for whoever reads the result: sizes by suite, and one hash of it all."""

    digest: str
    cases: int
    sizes: dict[str, int] = field(default_factory=dict)
    attacks: tuple[str, ...] = ()

    def to_json(self) -> Json:
        """As JSON values."""
        return {
            "digest": self.digest,
            "cases": self.cases,
            "sizes": self.sizes,
            "attacks": list(self.attacks),
        }


def described(course: Course) -> Suites:
    """Goes through all cases once; the hash is over their ids, which are hashes, in order."""
    digest, sizes, count = hashlib.sha256(), dict[str, int](), 0
    for case in course:
        digest.update(f"{case.id}\n".encode())
        name = f"{case.suite} attacked" if case.attack else case.suite
        sizes[name] = sizes.get(name, 0) + 1
        count += 1
    names = (*(attack.name for attack in course.attacks), *course.adaptive)
    return Suites(digest.hexdigest(), count, sizes, names)


def arranged(cases: Iterable[Case], rules: Sequence[str]) -> tuple[Case, ...]:
    """The cases seed by seed, a seed of each rule in turn, so that a run cut short saw every rule.

    A seed's own cases stay in their order; rules that the remit lacks come after its own.
    """
    by_rule: dict[str, dict[str, list[Case]]] = {rule: {} for rule in rules}
    for case in cases:
        by_rule.setdefault(case.rule, {}).setdefault(case.seed, []).append(case)
    queues = [list(seeds.values()) for seeds in by_rule.values() if seeds]
    longest = max(map(len, queues), default=0)
    rounds = (queue[turn] for turn in range(longest) for queue in queues if turn < len(queue))
    return tuple(case for seed in rounds for case in seed)


def _scenario(case: Case) -> tuple[str, str]:
    return case.rule, case.seed
