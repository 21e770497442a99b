"""Which of a draft's rules must read a recorded answer again, and which the record answers for.

A rule that recognises what it recognised before, and is no quicker to speak, found then what it
would find now: its recorded findings are decided anew, without any text. So a replay costs what
the draft changes, and masked answers can be replayed where the draft leaves their rules alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from remit.detectors.registry import Registry, registry
from remit.enforce import Enforcer, compile_policy, violation
from remit.policy import Loaded, Policy, Rule
from remit.types import Action, Span, Stage

PLACES: Final = (Stage.INPUT, Stage.OUTPUT)
# These kinds read nothing of a rule but their setting; others may read what it says, its examples.
_PLAIN: Final = frozenset({"phrases", "pattern", "identifier", "echo"})


@dataclass(frozen=True, slots=True)
class Hit:
    """What a rule came to at a place of an answer; spans count characters of the recorded text."""

    place: Stage
    rule: str
    action: Action
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """A draft against the remit under which answers were given.

    `recorded` are the places and rules that the record answers for, `anew` judges the rest;
    `models` are rules of that rest which only a model could judge in full.
    """

    draft: Policy
    recorded: frozenset[tuple[Stage, str]]
    anew: Enforcer | None
    models: tuple[str, ...] = ()

    def worst(self, place: Stage) -> Action:
        """The gravest that could come of a text which must be read, and is not there."""
        rules = self.anew.rules(place) if self.anew else ()
        return max((rule.action(place) or Action.ALLOW for rule in rules), default=Action.ALLOW)

    def decided(self, place: Stage, finding: Mapping[str, Any]) -> Hit | None:
        """A recorded finding, decided anew; None where the rule reads anew or nothing comes of it.

        Raises ValueError, TypeError or IndexError where the record is not as Remit writes it.
        """
        name = str(finding.get("rule", ""))
        if (place, name) not in self.recorded:
            return None
        rule = self.draft.rule(name)
        spans = tuple(Span(int(s[0]), int(s[1]), str(s[2])) for s in finding.get("spans") or ())
        score, taken = finding.get("score"), Action.ALLOW
        if score is not None and score >= rule.threshold:
            taken = violation(rule.action(place) or Action.ALLOW, spans)
        if finding.get("failure"):
            taken = max(taken, violation(rule.failure_action, ()))
        return Hit(place, name, taken, spans) if taken else None


def compare(old: Policy | None, draft: Loaded, kinds: Registry | None = None) -> Comparison:
    """The draft against `old`; where that is not known, every rule must read again.

    Raises PolicyError where the draft does not compile.
    """
    kinds, policy = kinds or registry(), draft.policy
    recorded = frozenset(_recorded(old, policy)) if old else frozenset()
    rules = [
        rule
        for rule in policy.rules
        if any(rule.action(place) is not None and (place, rule.id) not in recorded
               for place in PLACES)
    ]  # fmt: skip
    anew, models = _compiled(draft, rules, kinds)
    return Comparison(policy, recorded, anew, models)


def _recorded(old: Policy, new: Policy) -> list[tuple[Stage, str]]:
    former = {rule.id: rule for rule in old.rules}
    return [
        (place, rule.id)
        for rule in new.rules
        if rule.id in former
        # Lower scores were not recorded.
        and rule.threshold >= former[rule.id].threshold
        and _recogniser(rule, new) == _recogniser(former[rule.id], old)
        for place in PLACES
        if former[rule.id].action(place) is not None
    ]


def _recogniser(rule: Rule, policy: Policy) -> object:
    """All that decides what a rule's detectors find."""
    languages = policy.assistant.languages if policy.assistant else ("en",)
    plain = all(used.kind in _PLAIN for used in rule.detect)
    words = () if plain else (rule.says, rule.breaks, rule.keeps)
    return rule.detect, policy.regions, languages, words


def _compiled(
    draft: Loaded, rules: Sequence[Rule], kinds: Registry
) -> tuple[Enforcer | None, tuple[str, ...]]:
    """The rules that must read, without what asks a model; and the rules that lack that."""
    slow = _slow_kinds(draft, rules, kinds)
    models = tuple(rule.id for rule in rules if any(used.kind in slow for used in rule.detect))
    fast = [
        rule.model_copy(update={"detect": tuple(u for u in rule.detect if u.kind not in slow)})
        for rule in rules
    ]
    fast = [rule for rule in fast if rule.detect]
    return (_enforcer(draft, fast, kinds) if fast else None), models


def _slow_kinds(draft: Loaded, rules: Sequence[Rule], kinds: Registry) -> set[str]:
    others = [rule for rule in rules if not all(used.kind in _PLAIN for used in rule.detect)]
    enforcer = _enforcer(draft, others, kinds)
    return {asked.kind for place in PLACES for asked in enforcer.asked(place) if asked.slow}


def _enforcer(draft: Loaded, rules: Sequence[Rule], kinds: Registry) -> Enforcer:
    policy = draft.policy.model_copy(update={"rules": tuple(rules)})
    return compile_policy(Loaded(policy, draft.source), kinds)
