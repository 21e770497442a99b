"""Auditors: detectors that taught nothing, and are the only ones to say what was learnt.

Law 7: a detector used as reward, critic or guard is refused as the auditor of the same rule. A
model that was trained to please a detector pleases it, whatever it learnt of the rule.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import orjson

from remit.detectors.base import ConfigError
from remit.detectors.registry import Registry, registry
from remit.enforce import compile_policy
from remit.layers.training.engine import Prompt, TrainingError
from remit.layers.training.judged import Judged
from remit.policy import Detect, Loaded, Rule
from remit.types import Detection, Stage


class OwnJudgeError(TrainingError):
    """A detector would grade what it taught; the message names rule, detector and cure."""


@dataclass(frozen=True, slots=True)
class Audits:
    """The auditors of a remit, asked about replies."""

    judged: Judged

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that have an auditor."""
        return self.judged.rules

    def broken(
        self, prompts: Sequence[Prompt], replies: Sequence[str]
    ) -> list[dict[str, bool | None]]:
        """For each reply, whether each rule is broken; None where an auditor could not answer.

        A violation that one auditor found stands, whatever became of the others.
        """
        thresholds = {rule.id: rule.threshold for rule in self.judged.enforcer.policy.rules}
        told = []
        for verdict in self.judged.verdicts(prompts, replies):
            found: dict[str, bool | None] = dict.fromkeys(self.rules, False)
            for finding in verdict.findings:
                if not isinstance(finding.outcome, Detection):
                    found[finding.rule] = found[finding.rule] or None
                elif finding.outcome.score >= thresholds[finding.rule]:
                    found[finding.rule] = True
            told.append(found)
        return told

    def scores(self, prompts: Sequence[Prompt], replies: Sequence[str]) -> list[float | None]:
        """How good each reply is: the share of rules that are kept. For alarms."""
        return [
            fmean([not held for held in found.values()]) if None not in found.values() else None
            for found in self.broken(prompts, replies)
        ]


def audits(
    loaded: Loaded,
    kinds: Registry | None = None,
    models: Mapping[str, object] | None = None,
    only: Collection[str] = (),
) -> Audits:
    """The auditors of a remit's rules; a judge needs its model among `models`.

    Raises OwnJudgeError where one of them is a detector of the same rule, PolicyError where one
    cannot be compiled, TrainingError where no rule has an auditor that can be asked.
    """
    kinds = kinds or registry()
    models = models or {}
    rules = []
    for rule in loaded.policy.rules:
        refuse_own(rule, rule.audit, kinds)
        asked = tuple(a for a in rule.audit if a.kind != "judge" or _model(a) in models)
        if asked and (not only or rule.id in only):
            then = {Stage.TRAINING: "penalise"}
            rules.append(rule.model_copy(update={"detect": asked, "audit": (), "then": then}))
    if not rules:
        raise TrainingError(
            "no rule has an auditor that can be asked; add audit: to the rules, or name the model "
            "of audit: [{judge: default}] with --judge"
        )
    policy = loaded.policy.model_copy(update={"rules": tuple(rules)})
    enforcer = compile_policy(Loaded(policy, loaded.source), kinds, models)
    return Audits(Judged(enforcer, Stage.TRAINING))


def refuse_own(rule: Rule, auditors: Sequence[Detect], kinds: Registry | None = None) -> None:
    """Raises OwnJudgeError where an auditor is one of the rule's detectors, in part or respelt."""
    kinds = kinds or registry()
    for auditor in auditors:
        for used in rule.detect:
            if auditor.kind == used.kind and _shared(auditor, used, kinds):
                raise OwnJudgeError(
                    f"rule {rule.id}: the detector '{auditor.kind}' taught the model and may not "
                    "audit what it learnt; audit with another kind or other settings"
                )


def _shared(auditor: Detect, used: Detect, kinds: Registry) -> bool:
    """Whether they mean the same, or one entry of a list stands in both."""
    try:
        kind = kinds.kind(used.kind)
        if kind.parse(auditor.config) == kind.parse(used.config):
            return True
    except ConfigError as error:
        raise TrainingError(str(error)) from None
    return bool(_entries(auditor.config) & _entries(used.config))


def _entries(config: object) -> set[bytes]:
    entries = config if isinstance(config, list | tuple) else [config]
    return {orjson.dumps(entry, option=orjson.OPT_SORT_KEYS) for entry in entries}


def _model(auditor: Detect) -> str:
    config = auditor.config
    if isinstance(config, Mapping):
        return str(config.get("model", "default"))
    return str(config or "default")
