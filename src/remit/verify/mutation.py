"""Would it be noticed? The remit with one part taken out, put to the same cases.

A rule without which nothing changes is decoration, for these cases and this model: something else
holds them back already, or nothing does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from remit.policy import Loaded, Policy, Rule
from remit.types import Action, Stage

Kind = Literal["drop", "weaken", "unplug", "layer"]
_WEAKEST = {Stage.INPUT: "flag", Stage.OUTPUT: "flag", Stage.TOOL: "flag"}


@dataclass(frozen=True, slots=True)
class Mutation:
    """A remit with one part of it gone. `rule` is the rule concerned, empty for a layer."""

    kind: Kind
    rule: str
    what: str
    policy: Policy


@dataclass(frozen=True, slots=True)
class Mutant:
    """What became of a mutation: seeds that held with the whole remit and fail without the part.

    `before` are seeds that failed with the whole remit, `after` those that fail with the mutant.
    """

    kind: Kind
    rule: str
    what: str
    seeds: int
    before: int
    after: int
    new: int
    broken: str = ""

    @property
    def noticed(self) -> bool:
        """True where verification tells the mutant from the remit."""
        return bool(self.new or self.broken)


def mutations(policy: Policy) -> Iterator[Mutation]:
    """Every rule dropped, made to flag only, and without each of its detectors."""
    for rule in policy.rules:
        if not any((rule.action(stage) or Action.ALLOW) > Action.FLAG for stage in _WEAKEST):
            continue
        yield Mutation("drop", rule.id, "the rule", _with(policy, rule, ()))
        then = {stage: _WEAKEST.get(stage, word) for stage, word in rule.then.items()}
        weak = rule.model_copy(update={"then": then})
        yield Mutation("weaken", rule.id, "its action, to flag", _with(policy, rule, (weak,)))
        for index, detect in enumerate(rule.detect):
            if len(rule.detect) == 1:
                break  # without its only detector a rule is dropped
            rest = (*rule.detect[:index], *rule.detect[index + 1 :])
            less = rule.model_copy(update={"detect": rest})
            what = f"detector {index + 1}, {detect.kind}"
            yield Mutation("unplug", rule.id, what, _with(policy, rule, (less,)))


def loaded(whole: Loaded, mutation: Mutation) -> Loaded:
    """The mutant as it is compiled: its problems would stand at the places of the remit."""
    return replace(whole, policy=mutation.policy)


def score(mutants: Sequence[Mutant]) -> dict[str, tuple[int, int]]:
    """Per rule how many of its mutants were noticed, and how many there were."""
    scores: dict[str, tuple[int, int]] = {}
    for mutant in mutants:
        noticed, count = scores.get(mutant.rule, (0, 0))
        scores[mutant.rule] = (noticed + mutant.noticed, count + 1)
    return scores


def _with(policy: Policy, rule: Rule, instead: tuple[Rule, ...]) -> Policy:
    rules = tuple(
        other for one in policy.rules for other in (instead if one.id == rule.id else (one,))
    )
    # A copy keeps the cached digest of the whole, which is not the mutant's.
    values = {name: getattr(policy, name) for name in Policy.model_fields}
    return Policy.model_construct(**{**values, "rules": rules})
