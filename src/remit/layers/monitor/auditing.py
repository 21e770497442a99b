"""The auditors of a remit, over what was delivered: detectors that no guard and no training uses.

What an auditor finds in a reply that went out, the guard has missed. Its answers are data about
the guard and never decide on a reply.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from remit.detectors.registry import Registry
from remit.enforce import Enforcer, compile_policy
from remit.policy import Loaded
from remit.types import Interaction, Message, Stage

TURNS_MOST: Final = 8
"""Of a conversation's replies, so many are audited, the newest."""


@dataclass(frozen=True, slots=True)
class Audited:
    """What was found by rule: broken, held or unsure; and in which replies, by their hashes."""

    outcome: str
    score: float | None
    turns: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"outcome": self.outcome, "score": self.score, "turns": list(self.turns)}


class Auditor:
    """Audits whole conversations. `rules` are those that have an auditor that can be asked."""

    def __init__(self, enforcer: Enforcer) -> None:
        self._enforcer = enforcer
        self.rules = tuple(rule.id for rule in enforcer.rules(Stage.OUTPUT))

    @classmethod
    def of(cls, loaded: Loaded, kinds: Registry, models: Mapping[str, Any]) -> Auditor:
        """The remit's auditors. Without models, those that are judges are not asked.

        Raises PolicyError where a detector under `audit` is refused.
        """
        rules = []
        for rule in loaded.policy.rules:
            able = all(detect.kind != "judge" or models for detect in rule.audit)
            detect = rule.audit if able else ()
            then = {Stage.OUTPUT: "flag"} if detect else {}
            changes = {"detect": detect, "audit": (), "then": then, "on_failure": "flag"}
            rules.append(rule.model_copy(update=changes))
        policy = loaded.policy.model_copy(update={"rules": tuple(rules)})
        return cls(compile_policy(Loaded(policy, loaded.source), kinds, models))

    @property
    def waits(self) -> bool:
        """True where a model is asked, so that most of the time is waiting."""
        return self._enforcer.slow(Stage.OUTPUT)

    @property
    def heavy(self) -> bool:
        """True where auditing is read in a thread, by models."""
        return self._enforcer.heavy(Stage.OUTPUT)

    async def audit(self, turns: Sequence[Message]) -> dict[str, Audited]:
        """What the auditors find in the newest replies of a conversation, by rule."""
        found: dict[str, list[tuple[str, str, float]]] = {rule: [] for rule in self.rules}
        if not self.rules:
            return {}
        places = [at for at, turn in enumerate(turns) if turn.role == "assistant" and turn.text]
        for at in places[-TURNS_MOST:]:
            interaction = Interaction(tuple(turns[: at + 1]))
            verdict = await self._enforcer.ajudge(interaction, Stage.OUTPUT)
            name = hash_of(turns[at].text)
            for rule, result in verdict.rules.items():
                threshold = self._enforcer.policy.rule(rule).threshold
                broke = result.score is not None and result.score >= threshold
                said = "broken" if broke else "unsure" if result.failure else "held"
                found[rule].append((said, name, result.score or 0.0))
        return {rule: _together(said) for rule, said in found.items()}


def _together(said: Sequence[tuple[str, str, float]]) -> Audited:
    """Broken where any reply is; else unsure where one could not be told."""
    broken = tuple(name for outcome, name, _ in said if outcome == "broken")
    score = max((score for _, _, score in said), default=None)
    if broken:
        return Audited("broken", score, broken)
    unsure = any(outcome == "unsure" for outcome, _, _ in said)
    return Audited("unsure" if unsure else "held", score, ())


def hash_of(text: str) -> str:
    """The hash by which a receipt knows a delivered text."""
    return sha256(text.encode("utf-8", "replace")).hexdigest()
