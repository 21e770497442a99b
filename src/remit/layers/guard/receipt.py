"""What is told of an answer: which rules were checked on which channel, and what came of it.

The same record goes to the client as a receipt and into the evidence. It never says "checked" of
a channel that no text passed, and it holds of the conversation only what the remit allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from remit import __version__
from remit.enforce import Enforcer
from remit.evidence import Case, new_id, stamp
from remit.layers.guard.delivery import Mark, Masked, mask_whole
from remit.policy import Policy
from remit.types import Action, Interaction, Message, RuleResult, Stage, Verdict

_CHANNELS = (Stage.INPUT, Stage.OUTPUT, Stage.TOOL)
_SHOWN = 20_000  # characters of a text, for whoever has the case
_REMIND_SHARE = 0.75  # of its time, after which whoever has a case is reminded


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
    # What the gateway knows beside the texts: see `record`.
    interventions: tuple[str, ...] = ()
    conversation: str = ""
    follows: str = ""
    client: str = ""
    regenerated: list[list[str]] = field(default_factory=list)  # the rules of drafts before this
    waits: str = ""  # a case that is open already: the answer waits for a person
    subject: str = ""
    trace: str = ""  # the client's `traceparent`
    seconds: float | None = None  # from the request to the end of the answer
    usage: tuple[int, int] | None = None  # tokens in and out, as the model counted them
    sampled: float | None = None  # drawn to be audited, with this probability; 0: no room to

    @property
    def policy(self) -> Policy:
        """The remit."""
        return self.enforcer.policy

    @property
    def case_id(self) -> str | None:
        """The case that this answer opened or waits for."""
        return self.case.id if self.case else self.waits or None

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
        """The receipt, as JSON values. Opens the case where the answer was handed over.

        `interventions` were in force beside the remit; `conversation` is the fingerprint of the
        conversation up to and with the client's last turn, `follows` with the one before.
        `regenerated` names the rules that stopped earlier drafts of the same answer.
        """
        if self.action is Action.HAND_OVER and self.case is None:
            self.case = self._case(turns)
        text = "".join(self.delivered)
        policy = self.enforcer.policy
        record: dict[str, Any] = {
            "id": self.id,
            "time": stamp(),
            "kind": kind,
            "organisation": policy.organisation,
            "policy": policy.digest,
            "remit": __version__,
            "model": self.model,
            "upstream": self.upstream,
            "action": self.action.word,
            "channels": self._channels(),
            "unchecked": self.unchecked,
            "findings": [],
            "rules": {},
            "decisive": [],
            "delivered": {
                "complete": self.complete,
                "marks": [list(mark) for mark in self.marks],
                "sha256": sha256(text.encode("utf-8", "replace")).hexdigest(),
            },
            "input_marks": [],
            "case": self.case_id,
            "error": self.error,
            "interventions": list(self.interventions),
            "conversation": self.conversation,
            "follows": self.follows,
        }
        if self.regenerated:
            record["regenerated"] = self.regenerated
        record.update(self._beside())
        clean = self.enforcer.clean
        unclean = [(m, v) for m, v in self.verdicts if v is not clean(v.stage)]
        asked = _last_asked(turns)
        if unclean:
            record.update(self._told(unclean, asked))
        if policy.record != "fingerprint":
            record["asked"] = self._asked(turns, asked, unclean)
            record["answered"] = text
        return record

    def _beside(self) -> dict[str, Any]:
        """What is not known of every answer."""
        usage = self.usage and {"input": self.usage[0], "output": self.usage[1]}
        known = {"sampled": self.sampled, "seconds": self.seconds, "usage": usage}
        named = {"subject": self.subject, "trace": self.trace}
        return {
            **{name: value for name, value in known.items() if value is not None},
            **{name: value for name, value in named.items() if value},
        }

    def _told(self, unclean: Sequence[tuple[int, Verdict]], asked: int) -> dict[str, Any]:
        """What is only there where a detector found something, or failed."""
        findings = [f for message, verdict in unclean for f in self._findings(message, verdict)]
        return {
            "findings": findings,
            "rules": {
                f["rule"]: {"action": f["action"], "score": f["score"]}
                for f in findings
                if f["action"] != "allow"
            },
            "decisive": self.decisive(),
            "input_marks": [
                [message, span.start, span.end, rule, span.label]
                for message, verdict in unclean
                if message == asked and verdict.stage is Stage.INPUT
                for rule, result in verdict.rules.items()
                for span in result.spans
            ],
        }

    def _channels(self) -> dict[str, Any]:
        actions: dict[Stage, list[Action]] = {stage: [] for stage in _CHANNELS}
        for message, verdict in self.verdicts:
            actions[verdict.stage].append(self._done(message, verdict))
        return {
            stage.value: {
                "checked": bool(taken and self.enforcer.rules(stage)),
                "rules": [rule.id for rule in self.enforcer.rules(stage)] if taken else [],
                "texts": len(taken),
                "action": max(taken, default=Action.ALLOW).word,
            }
            for stage, taken in actions.items()
        }

    def _findings(self, message: int, verdict: Verdict) -> list[dict[str, Any]]:
        kinds = {f.rule: f.detector for f in verdict.findings}
        return [
            {
                "stage": verdict.stage.value,
                "message": message,
                "rule": name,
                "says": self.policy.rule(name).says,
                "owner": self.policy.rule(name).owner,
                "detector": kinds.get(name, ""),
                "action": result.action.word,
                "score": result.score,
                "reason": result.reason,
                "spans": [list(span) for span in result.spans],
                "failure": result.failure,
            }
            for name, result in verdict.rules.items()
            if _tells(self.policy, name, result)
            and (message >= self.newest or result.action > Action.ALLOW)
        ]

    def decisive(self) -> list[str]:
        """The rules that led to the gravest action."""
        worst = self.action
        if worst is Action.ALLOW:
            return []
        decisive = (v for m, v in self.verdicts if self._done(m, v) is worst)
        return list(dict.fromkeys(rule for verdict in decisive for rule in verdict.decisive_rules))

    def _asked(
        self, turns: Sequence[Message], index: int, unclean: Sequence[tuple[int, Verdict]]
    ) -> str:
        """The client's last words, as far as the remit lets the record hold them."""
        asked = turns[index].text if index >= 0 else ""
        if self.policy.record == "full" or not unclean:
            return asked
        masked = [
            Masked(span, rule)
            for message, verdict in unclean
            if message == index
            for rule, result in verdict.rules.items()
            for span in result.spans
        ]
        return mask_whole(asked, masked)[0] if masked else asked

    def _case(self, turns: Sequence[Message]) -> Case:
        now = datetime.now(UTC)
        decisive = self.decisive()
        rule = self.policy.rule(decisive[0])
        colleague = self.policy.colleague
        hours = colleague.within_hours
        return Case(
            id=f"case_{new_id()}",
            time=stamp(now),
            due=stamp(now + timedelta(hours=hours)),
            rule=rule.id,
            owner=rule.owner,
            colleague=colleague.name,
            question=self.question(turns, "".join(self.drafts)),
            receipt=self.id,
            conversation=self.conversation,
            remind=stamp(now + timedelta(hours=hours * _REMIND_SHARE)),
            notify=self.client,
            subject=self.subject,
        )

    def shift(self, before: str) -> None:
        """Puts words of Remit's own before what is delivered."""
        size = len(before)
        moved = (Mark(m.start + size, m.end + size, m.rule, m.kind) for m in self.marks)
        self.delivered = [before, *self.delivered]
        self.marks = (Mark(0, size, "", "answer"), *moved)

    def question(self, turns: Sequence[Message], draft: str) -> dict[str, Any]:
        """What a person needs to see: the newest of the conversation, and the model's words."""
        return {
            "receipt": self.id,
            "policy": self.policy.digest,
            "conversation": [
                {"role": turn.role, "text": turn.text[:_SHOWN]}
                for turn in turns[-20:]
                if turn.role in ("user", "assistant")
            ],
            "draft": draft[:_SHOWN],
            "told": "".join(self.delivered)[:_SHOWN],
        }


def _tells(policy: Policy, id: str, result: RuleResult) -> bool:
    """True for a rule that found something, or failed; what it found under `allow` counts too."""
    broke = result.score is not None and result.score >= policy.rule(id).threshold
    return broke or result.failure is not None


def _last_asked(turns: Sequence[Message]) -> int:
    for index in range(len(turns) - 1, -1, -1):
        if turns[index].role == "user":
            return index
    return -1


def context_of(turns: Sequence[Message], canaries: Sequence[str] = ()) -> Interaction:
    """The conversation whose next message, the assistant's, is yet to come."""
    return Interaction((*turns, Message("assistant", "")), canaries=tuple(canaries))
