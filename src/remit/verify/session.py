"""From options to a verification: opens targets, plays, grades, records, compares."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from remit import __version__
from remit.enforce import compile_policy
from remit.layers.guard import Guard
from remit.policy import Loaded
from remit.statistics.judges import JudgeCalibration
from remit.types import Json
from remit.verify.attacks.adaptive import crescendo, pair
from remit.verify.cache import ReplyFile, ReplyMemory
from remit.verify.cases import Case, Transcript
from remit.verify.contrast import Question, contrasts
from remit.verify.grading import Panel, panel
from remit.verify.journal import Record
from remit.verify.opening import Address, opened
from remit.verify.pace import Pace
from remit.verify.plan import Course, Suites, described
from remit.verify.records import Sample
from remit.verify.results import Outcome
from remit.verify.runner import Plan, Run, play
from remit.verify.targets import Layer, Layered, Target, layered, marker, rungs
from remit.verify.upstream import Asker, Budget, Price, Replies, Upstream
from remit.verify.verdicts import Limits, Sequential, lines
from remit.verify.verification import Verification, Verified
from remit.verify.wire import Sampling


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is verified, and how they are asked; `seconds` are allowed for one reply.

    `keys` are by address, since a judge may have the name of a target on another host. `prices`
    are by name.
    """

    targets: tuple[Address, ...]
    layers: tuple[Layer, ...] = ()
    ladder: bool = False
    judge: Address | None = None
    attacker: Address | None = None
    keys: dict[Address, str] = field(default_factory=dict)
    prices: dict[str, Price] = field(default_factory=dict)
    sampling: Sampling = field(default_factory=Sampling)
    concurrency: int = 16
    rate: float | None = None
    cost_cap: float | None = None
    cache: str | None = None
    compiled: Path | None = None
    seconds: float = 180.0


@dataclass(frozen=True, slots=True)
class Terms:
    """What they are asked, and what it is held against."""

    course: Course
    limits: Limits = field(default_factory=Limits)
    repeats: int = 1
    margin: float | None = None
    tries: int = 8
    judges: dict[str, JudgeCalibration] = field(default_factory=dict)

    @property
    def question(self) -> Question:
        """How targets are compared."""
        return Question(self.repeats, self.limits.confidence, self.margin)


class Session:
    """One verification from its opening to its result. Use as an async context."""

    def __init__(self, loaded: Loaded, asked: Asked, terms: Terms) -> None:
        """Raises TargetError, PromptError, PolicyError and CacheError where it cannot start."""
        self.loaded, self.asked, self.terms = loaded, asked, terms
        self.budget = Budget(asked.cost_cap)
        self.suites: Suites = described(terms.course)
        self._cache = ReplyFile(asked.cache) if asked.cache else None
        self.upstreams = [self._upstream(place, asked.sampling) for place in asked.targets]
        self._judge = self._upstream(asked.judge, Sampling(0.0)) if asked.judge else None
        self._attacker = self._upstream(asked.attacker, Sampling()) if asked.attacker else None
        self.guard = self._guard()
        self.targets = self._targets()
        self.grading = self._panel()
        self.sequential = self._sequential()

    async def run(
        self, record: Record | None, held: Iterable[Sample], watch: Callable[[Sample], None]
    ) -> Verification:
        """Plays what the record does not hold yet. Raises RunError and OSError."""
        started, begin = datetime.now(UTC), time.perf_counter()
        outcomes = {target.name: Outcome(target.name) for target in self.targets}
        run = Run(
            Plan(lambda: self.terms.course, self.terms.repeats),
            self.grading.grade,
            outcomes,
            watch,
            self.sequential,
            self._attack if self._attacker is not None else None,
            self.asked.concurrency,
        )
        run.held(held)
        await run.play(self.targets, record)
        found = tuple(self._verified(target, outcomes[target.name]) for target in self.targets)
        played = [outcomes[target.name] for target in self.targets]
        return Verification(
            self.loaded.policy,
            __version__,
            self.suites,
            self.terms.limits,
            found,
            self.terms.course.seed,
            self.terms.repeats,
            started.isoformat(timespec="seconds"),
            time.perf_counter() - begin,
            self.budget.spent,
            run.stopped,
            self.asked.ladder,
            tuple(contrasts(played, self.terms.question, neighbours=self.asked.ladder)),
        )

    def plan(self) -> Json:
        """What a record must agree with to be gone on with."""
        asked = self.asked
        return {
            "policy": self.loaded.policy.digest,
            "suites": self.suites.digest,
            "cases": self.suites.cases,
            "repeats": self.terms.repeats,
            "targets": [target.name for target in self.targets],
            "addresses": [upstream.origin for upstream in self.upstreams],
            "models": [upstream.model_id for upstream in self.upstreams],
            "layers": [list(target.layers) for target in self.targets],
            "sampling": [asked.sampling.temperature, asked.sampling.max_tokens],
            "judge": _told(asked.judge),
            "attacker": _told(asked.attacker),
            "claim": None if self.terms.limits.claim is None else str(self.terms.limits.claim),
        }

    async def close(self) -> None:
        """Gives back connections and the cache."""
        for upstream in self.upstreams:
            await upstream.close()
        for other in (self._judge, self._attacker):
            if other is not None:
                await other.close()
        if self._cache is not None:
            self._cache.close()

    # --- opening ------------------------------------------------------------------------------

    def _upstream(self, place: Address, sampling: Sampling) -> Upstream:
        asked = self.asked
        replies: Replies | None = self._cache
        if replies is None and asked.ladder:
            # The rungs ask the same model the same; without this, chance would part them.
            replies = ReplyMemory()
        return Upstream(
            place.name,
            opened(place, asked.keys.get(place), asked.seconds),
            place.model_id,
            sampling,
            Pace(asked.rate, seed=self.terms.course.seed),
            asked.prices.get(place.name),
            self.budget,
            replies,
            asked.seconds,
            place.where,
        )

    def judges(self) -> dict[str, Any]:
        """The judge, for rules that ask for one; none where none is given."""
        return {} if self._judge is None else {"default": Asker(self._judge)}

    async def _attack(self, case: Case, target: Target, repeat: int) -> Transcript:
        """The best try of the attacker; the case keeps its own id, so that it counts once."""
        assert self._attacker is not None  # noqa: S101  the run is given this only where there is one
        bare = replace(case, attack="")
        attack = {"pair": pair, "crescendo": crescendo}[case.meta["adaptive"]]

        async def ask(tried: Case) -> Transcript:
            return await play(tried, target, repeat)

        says = {rule.id: rule.says for rule in self.loaded.policy.rules}.get(case.rule, "")
        grade, tries = self.grading.grade, self.terms.tries
        found = await attack(bare, ask, Asker(self._attacker), tries, grade, rule=says)
        tried = replace(found.transcript.case, id=case.id, attack=case.attack)
        return replace(found.transcript, case=tried)

    def _guard(self) -> Guard | None:
        if not self.asked.ladder and "guard" not in self.asked.layers:
            return None
        models = self.judges()
        guard = Guard(compile_policy(self.loaded, models=models, cache=self.asked.compiled))
        guard.prepare()
        return guard

    def _targets(self) -> list[Layered]:
        policy, layers = self.loaded.policy, self.asked.layers
        if self.asked.ladder and self.guard is not None:
            return [rung for one in self.upstreams for rung in rungs(one, policy, self.guard)]
        return [layered(one.name, one, policy, layers, self.guard) for one in self.upstreams]

    def _panel(self) -> Panel:
        planted = marker(self.loaded.policy)
        return panel(self.loaded, models=self.judges(), canaries=(planted,) if planted else ())

    def _sequential(self) -> Sequential | None:
        claim = self.terms.limits.claim
        return None if claim is None else Sequential(claim, self.terms.course.seeds())

    def _verified(self, target: Layered, outcome: Outcome) -> Verified:
        found = lines(
            outcome,
            self.loaded.policy,
            self.terms.limits,
            self.sequential,
            self.terms.judges,
            self.terms.course.seeds(),
        )
        return Verified(target.name, tuple(found), outcome, target.layers)


def _told(place: Address | None) -> list[str] | None:
    return None if place is None else [place.where, place.model_id]
