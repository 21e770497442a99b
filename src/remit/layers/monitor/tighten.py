"""A remit under lower thresholds: the same compiled detectors, decided more strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from remit.enforce import Enforcer
from remit.policy import Policy, Rule
from remit.types import Stage


def tightened(enforcer: Enforcer, thresholds: Mapping[str, float]) -> Enforcer:
    """The enforcer with these upper bounds on its rules' thresholds; itself where none is lower.

    Nothing is compiled anew, so it takes microseconds. The digest stays that of the remit which
    its owner signed: what else was in force is named by the receipt's `interventions`.
    """
    lower = {
        rule.id: thresholds[rule.id]
        for rule in enforcer.policy.rules
        if thresholds.get(rule.id, 1.0) < rule.threshold
    }
    if not lower:
        return enforcer
    rules = {rule.id: _under(rule, lower) for rule in enforcer.policy.rules}
    policy = enforcer.policy.model_copy(update={"rules": tuple(rules.values())})
    _keep_digest(policy, enforcer.policy.digest)
    stages = {
        stage: tuple(
            replace(asked, rules=tuple(rules[rule.id] for rule in asked.rules))
            for asked in enforcer.asked(stage)
        )
        for stage in Stage
    }
    return Enforcer(policy, stages)


def _under(rule: Rule, lower: Mapping[str, float]) -> Rule:
    if rule.id not in lower:
        return rule
    return rule.model_copy(update={"threshold": lower[rule.id]})


def _keep_digest(policy: Policy, digest: str) -> None:
    """Where `cached_property` keeps it: a frozen model has no other place for it."""
    policy.__dict__["digest"] = digest
