"""Plays the cases of a rule against the remit without a part of it, and says what changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from remit.enforce import compile_policy
from remit.layers.guard import Guard
from remit.policy import Loaded, PolicyError
from remit.verify.cache import ReplyMemory
from remit.verify.cases import Case
from remit.verify.mutation import Mutant, Mutation, loaded, mutations
from remit.verify.results import Outcome
from remit.verify.runner import Plan, Run
from remit.verify.session import Session
from remit.verify.targets import LAYERS, Layer, Layered, layered

_CASES = 60
"""Cases of a rule that each of its mutants is put to: attacks are the last among them."""


@dataclass(frozen=True, slots=True)
class _Whole:
    """The remit as it is, its cases by rule, and which seeds it fails."""

    cases: dict[str, tuple[Case, ...]]
    failed: dict[str, frozenset[str]]


async def mutants(session: Session) -> AsyncIterator[Mutant]:
    """Every mutant of the session's remit with its result, on the first target's model.

    Prompt and guard are put around it here, whatever the session's own layers are; each mutant is
    graded by the whole remit. Ends early where the cost cap is reached: of what was not played
    nobody can say that it is decoration. Raises RunError where the model does not answer.
    """
    upstream = session.upstreams[0]
    if upstream.replies is None:
        upstream.replies = ReplyMemory()
    base = session.loaded
    guard = _guard(session, base)
    cases = _by_rule(session)
    everything = tuple(case for found in cases.values() for case in found)
    target = layered("whole", upstream, base.policy, LAYERS, guard)
    failed = await _failed(session, target, everything)
    whole = _Whole(cases, failed)
    for mutation in mutations(base.policy):
        if mutation.rule in cases:
            mutant = await _mutant(session, whole, mutation)
            if session.budget.exhausted:
                return
            yield mutant
    everywhere = frozenset(name for names in failed.values() for name in names)
    for layer in LAYERS:
        rest: tuple[Layer, ...] = tuple(other for other in LAYERS if other != layer)
        target = layered(f"without {layer}", upstream, base.policy, rest, guard)
        after = await _failed(session, target, everything)
        if session.budget.exhausted:
            return
        names = frozenset(name for found in after.values() for name in found)
        seeds = len({(case.rule, case.seed) for case in everything})
        counts = (seeds, len(everywhere), len(names), len(names - everywhere))
        yield Mutant("layer", "", f"the {layer}", *counts)


async def _mutant(session: Session, whole: _Whole, mutation: Mutation) -> Mutant:
    cases = whole.cases[mutation.rule]
    before = whole.failed.get(mutation.rule, frozenset())
    seeds = len({case.seed for case in cases})
    changed = loaded(session.loaded, mutation)
    result = Mutant(mutation.kind, mutation.rule, mutation.what, seeds, len(before), 0, 0)
    try:
        guard = _guard(session, changed)
    except PolicyError as error:
        return replace(result, broken=str(error)[:300])
    upstream = session.upstreams[0]
    target = layered(mutation.what, upstream, changed.policy, LAYERS, guard)
    after = (await _failed(session, target, cases)).get(mutation.rule, frozenset())
    return replace(result, after=len(after), new=len(after - before))


def _guard(session: Session, remit: Loaded) -> Guard:
    models = session.judges()
    return Guard(compile_policy(remit, models=models, cache=session.asked.compiled))


async def _failed(
    session: Session, target: Layered, cases: Sequence[Case]
) -> dict[str, frozenset[str]]:
    """The seeds of each rule that fail, under any measure but over-refusal."""
    outcome = Outcome(target.name)
    plan = Plan(lambda: cases, 1)
    run = Run(plan, session.grading.grade, {target.name: outcome})
    run.concurrency = session.asked.concurrency
    await run.play([target], None)
    failed: dict[str, set[str]] = {}
    for (rule, measure), group in outcome.groups.items():
        if measure != "over-refusal":
            names = (name for name, seed in group.seeds.items() if seed.failed)
            failed.setdefault(rule, set()).update(names)
    return {rule: frozenset(names) for rule, names in failed.items()}


def _by_rule(session: Session) -> dict[str, tuple[Case, ...]]:
    """The cases of each rule that aim to break it, the unattacked ones first."""
    found: dict[str, list[Case]] = {}
    for case in session.terms.course:
        if case.aim == "break":
            found.setdefault(case.rule, []).append(case)
    return {
        rule: tuple(islice(sorted(cases, key=lambda case: (bool(case.attack), 0)), _CASES))
        for rule, cases in found.items()
    }
