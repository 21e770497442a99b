"""What is told of an answer: which rules were checked on which channel, and what came of it.

The same record goes to the client as a receipt and into the evidence. It never says "checked" of
a channel that no text passed, and it holds of the conversation only what the remit allows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from remit import __version__
from remit.enforce import Enforcer
from remit.evidence import Case, new_id, stamp
from remit.layers.guard.delivery import Mark, Masked, mask_whole
from remit.policy import Policy
from remit.types import Action, Interaction, Message, RuleResult, Stage, Verdict

_CHANNELS = (Stage.INPUT, Stage.OUTPUT, Stage.TOOL)


@dataclass(slots=True)
class Log:
    """Collects verdicts while an answer is made, and writes the receipt at its end."""

    enforcer: Enforcer
    model: str = ""
    upstream: str = ""
    id: str = field(default_factory=lambda: f"rct_{new_id()}")
    verdicts: list[tuple[int, Verdict]] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    delivered: list[str] = field(default_factory=list)
    drafts: list[str] = field(default_factory=list)
    marks: tuple[Mark, ...] = ()
    complete: bool = True
    error: str | None = None
    case: Case | None = None
    action: Action = Action.ALLOW
    newest: int = 0  # the first message that is new in this request

    @property
    def policy(self) -> Policy:
        """The remit."""
        return self.enforcer.policy

    def note(self, message: int, verdict: Verdict) -> None:
        """Adds the verdict on a message, by its index in the conversation."""
        self.verdicts.append((message, verdict))
        self.action = max(self.action, self._done(message, verdict))

    def _done(self, message: int, verdict: Verdict) -> Action:
        """What was done with a message. One of an earlier turn that a rule stops is taken out.

        It was answered in its own time: what was handed over then is not handed over again.
        """
        return verdict.action if message >= self.newest else min(verdict.action, Action.REDACT)

    def record(self, turns: Sequence[Message], kind: str = "answer") -> dict[str, Any]:
        """The receipt, as JSON values. Opens the case where the answer was handed over."""
        findings = [
            finding
            for message, verdict in self._unclean()
            for finding in self._findings(message, verdict)
        ]
        if self.action is Action.HAND_OVER and self.case is None:
            self.case = self._case(turns)
        text = "".join(self.delivered)
        last = max((i for i, turn in enumerate(turns) if turn.role == "user"), default=-1)
        record: dict[str, Any] = {
            "id": self.id,
            "time": stamp(),
            "kind": kind,
            "organisation": self.policy.organisation,
            "policy": self.policy.digest,
            "remit": __version__,
            "model": self.model,
            "upstream": self.upstream,
            "action": self.action.word,
            "channels": {stage.value: self._channel(stage) for stage in _CHANNELS},
            "unchecked": self.unchecked,
            "findings": findings,
            "rules": {
                f["rule"]: {"action": f["action"], "score": f["score"]}
                for f in findings
                if f["action"] != "allow"
            },
            "decisive": self._decisive(),
            "delivered": {
                "complete": self.complete,
                "marks": [list(mark) for mark in self.marks],
                "sha256": hashlib.sha256(text.encode("utf-8", "replace")).hexdigest(),
            },
            "input_marks": self._input_marks(last),
            "case": self.case.id if self.case else None,
            "error": self.error,
        }
        if self.policy.record != "fingerprint":
            record["asked"] = self._asked(turns, last)
            record["answered"] = text
        return record

    def _unclean(self) -> list[tuple[int, Verdict]]:
        """The verdicts that say anything; most answers have none."""
        clean = self.enforcer.clean
        return [(m, v) for m, v in self.verdicts if v is not clean(v.stage)]

    def _channel(self, stage: Stage) -> dict[str, Any]:
        mine = [self._done(m, verdict) for m, verdict in self.verdicts if verdict.stage is stage]
        rules = [rule.id for rule in self.enforcer.rules(stage)] if mine else []
        action = max(mine, default=Action.ALLOW)
        return {
            "checked": bool(rules),
            "rules": rules,
            "texts": len(mine),
            "action": action.word,
        }

    def _findings(self, message: int, verdict: Verdict) -> list[dict[str, Any]]:
        kinds = {f.rule: f.detector for f in verdict.findings}
        return [
            {
                "stage": verdict.stage.value,
                "message": message,
                "rule": id,
                "says": self.policy.rule(id).says,
                "owner": self.policy.rule(id).owner,
                "detector": kinds.get(id, ""),
                "action": result.action.word,
                "score": result.score,
                "reason": result.reason,
                "spans": [list(span) for span in result.spans],
                "failure": result.failure,
            }
            for id, result in verdict.rules.items()
            if _tells(self.policy, id, result)
            and (message >= self.newest or result.action > Action.ALLOW)
        ]

    def _decisive(self) -> list[str]:
        worst = self.action
        if worst is Action.ALLOW:
            return []
        decisive = (v for m, v in self.verdicts if self._done(m, v) is worst)
        return list(dict.fromkeys(rule for verdict in decisive for rule in verdict.decisive_rules))

    def _input_marks(self, last: int) -> list[list[Any]]:
        return [
            [message, span.start, span.end, rule, span.label]
            for message, verdict in self._unclean()
            if message == last and verdict.stage is Stage.INPUT
            for rule, result in verdict.rules.items()
            for span in result.spans
        ]

    def _asked(self, turns: Sequence[Message], last: int) -> str:
        """The client's last words, as far as the remit lets the record hold them."""
        asked = turns[last].text if last >= 0 else ""
        if self.policy.record == "full":
            return asked
        masked = [
            Masked(span, rule)
            for message, verdict in self._unclean()
            if message == last
            for rule, result in verdict.rules.items()
            for span in result.spans
        ]
        return mask_whole(asked, masked)[0] if masked else asked

    def _case(self, turns: Sequence[Message]) -> Case:
        now = datetime.now(UTC)
        decisive = self._decisive()
        rule = self.policy.rule(decisive[0])
        colleague = self.policy.colleague
        return Case(
            id=f"case_{new_id()}",
            time=stamp(now),
            due=stamp(now + timedelta(hours=colleague.within_hours)),
            rule=rule.id,
            owner=rule.owner,
            colleague=colleague.name,
            question={
                "receipt": self.id,
                "conversation": [
                    {"role": turn.role, "text": turn.text[:20_000]}
                    for turn in turns[-20:]
                    if turn.role in ("user", "assistant")
                ],
                "draft": "".join(self.drafts)[:20_000],
                "told": "".join(self.delivered)[:20_000],
            },
        )


def _tells(policy: Policy, id: str, result: RuleResult) -> bool:
    """True for a rule that found something, or failed; what it found under `allow` counts too."""
    broke = result.score is not None and result.score >= policy.rule(id).threshold
    return broke or result.failure is not None


def context_of(turns: Sequence[Message], canaries: Sequence[str] = ()) -> Interaction:
    """The conversation whose next message, the assistant's, is yet to come."""
    return Interaction((*turns, Message("assistant", "")), canaries=tuple(canaries))
