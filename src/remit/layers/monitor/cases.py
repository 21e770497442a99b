"""Layer 5, people: what a person may make of a case, and what becomes of one that nobody takes.

A *handoff* is a question that a rule passed on; an *approval* is an answer that waits to be sent;
a *review* is an answer to be looked at afterwards. Pure decisions, each a step of the chain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from remit.evidence import Case, CaseError, Database, Evidence, State, Step, stamp
from remit.layers.monitor.people import AUTOMATIC, Person

APPROVAL: Final = "approval"
HANDOFF: Final = "handoff"
REVIEW: Final = "review"
TEXT_MOST: Final = 100_000
REMINDED, OVERDUE = 1, 2  # how far the schedule of a case has come

_REMIND_SHARE = 0.75  # of its time, after which a case is recalled
_DUE_MOST = 100
_WAITING_MOST = 5_000


class Verb(StrEnum):
    """What a person does with a case."""

    ANSWER = "answer"  # in words of one's own
    APPROVE = "approve"  # the answer that waits may be sent as it is
    EDIT = "edit"  # the draft, changed
    RELEASE = "release"  # what a rule withheld was fine: the rule was wrong
    REJECT = "reject"  # the draft may not be sent; the rule was right


_FITS: Final[Mapping[str, tuple[Verb, ...]]] = {
    HANDOFF: (Verb.ANSWER, Verb.EDIT, Verb.RELEASE, Verb.REJECT),
    APPROVAL: (Verb.APPROVE, Verb.EDIT, Verb.REJECT),
    REVIEW: (Verb.RELEASE, Verb.EDIT, Verb.REJECT),
}
_OUTCOMES: Final = {
    Verb.ANSWER: "answered",
    Verb.APPROVE: "approved",
    Verb.EDIT: "edited",
    Verb.RELEASE: "released",
    Verb.REJECT: "rejected",
}
# What it says of the rule and the draft: a label that a person has given for free.
_LABELS: Final = {
    Verb.ANSWER: "unsure",
    Verb.APPROVE: "held",
    Verb.EDIT: "broken",
    Verb.RELEASE: "held",
    Verb.REJECT: "broken",
}


def verbs(case: Case) -> tuple[Verb, ...]:
    """What may be done with an open case; nothing with any other."""
    return _FITS.get(case.kind, ()) if case.state is State.OPEN else ()


def draft_of(case: Case) -> str:
    """What the model wrote: withheld by a rule, or waiting to be sent."""
    return str(case.question.get("draft") or "")


def remind_at(opened: datetime, due: datetime) -> str:
    """When whoever has the case is reminded: with a quarter of its time left."""
    return stamp(opened + timedelta(seconds=(due - opened).total_seconds() * _REMIND_SHARE))


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's step, and the review that follows from it, to be appended once it is durable."""

    step: Step
    review: Mapping[str, Any]


def decision(case: Case, verb: Verb, person: Person, text: str, now: datetime) -> Decision:
    """What a person makes of a case. Raises CaseError, naming the cure.

    `text` is the answer or the edited draft; at `reject` it is what the client is told in its
    place (else the case's fallback); at approve and release the draft itself is what counts.
    """
    if case.state is not State.OPEN:
        raise CaseError(f"case {case.id}: {case.outcome or case.state} by {case.who} already")
    if verb not in verbs(case):
        have = ", ".join(verbs(case))
        raise CaseError(f"case {case.id}: a case of kind {case.kind} takes {have}, not {verb}")
    moment = stamp(now)
    if case.kind == APPROVAL and case.due <= moment:
        raise CaseError(f"case {case.id}: its time ended at {case.due}; nothing is sent")
    said = _said(case, verb, text.strip())
    if len(said) > TEXT_MOST:
        raise CaseError(f"case {case.id}: over {TEXT_MOST} characters; shorten the text")
    outcome = _OUTCOMES[verb]
    step = Step(case.id, State.ANSWERED, said, person.name, moment, outcome, case.subject)
    return Decision(step, _review(case, verb, person, said, moment))


def _said(case: Case, verb: Verb, text: str) -> str:
    if verb in (Verb.APPROVE, Verb.RELEASE):
        draft = draft_of(case)
        if not draft and not case.question.get("body"):
            raise CaseError(f"case {case.id}: it has no draft to {verb}; answer it in words")
        return draft
    if verb is Verb.REJECT:
        return text or case.fallback
    if not text:
        raise CaseError(f"case {case.id}: {verb} needs a text")
    return text


def _review(case: Case, verb: Verb, person: Person, said: str, moment: str) -> dict[str, Any]:
    unchanged = verb is Verb.EDIT and said == draft_of(case).strip()
    return {
        "id": f"{case.id}/review",
        "time": moment,
        "kind": "review",
        "rule": case.rule,
        "who": person.name,
        "door": person.door,
        "case": case.id,
        "receipt": case.receipt,
        "outcome": _OUTCOMES[verb],
        "label": "held" if unchanged else _LABELS[verb],
    }


async def decide(
    evidence: Evidence,
    id: str,
    verb: Verb,
    person: Person,
    text: str = "",
    now: datetime | None = None,
) -> Case:
    """Carries out a decision, and returns the case as it then is. Raises CaseError."""
    made = decision(evidence.case(id), verb, person, text, now or datetime.now(UTC))
    await evidence.change(made.step.record(), made.step)
    await evidence.append(made.review)
    return evidence.case(id)


def decide_sync(
    evidence: Evidence,
    id: str,
    verb: Verb,
    person: Person,
    text: str = "",
    now: datetime | None = None,
) -> Case:
    """As `decide`, from a thread without an event loop."""
    made = decision(evidence.case(id), verb, person, text, now or datetime.now(UTC))
    evidence.change_sync(made.step.record(), made.step)
    evidence.append_sync(made.review)
    return evidence.case(id)


# --- What nobody took in time -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Noted:
    """A case is recalled, or its promise is broken; it stays open for a late answer."""

    case: Case
    stage: int  # REMINDED or OVERDUE
    time: str

    def record(self) -> dict[str, Any]:
        """The entry that goes with it."""
        word = "reminded" if self.stage == REMINDED else "overdue"
        return {
            "id": f"{self.case.id}/{word}",
            "time": self.time,
            "kind": "case",
            "action": word,
            "rule": self.case.rule,
            "who": AUTOMATIC,
            "case": {
                "id": self.case.id,
                "due": self.case.due,
                "owner": self.case.owner,
                "colleague": self.case.colleague,
            },
        }

    def apply(self, database: Database) -> None:
        """Moves its schedule on, once. Raises CaseError where another process was first."""
        moved = database.execute(
            "UPDATE cases SET reminded = ? WHERE id = ? AND state = 'open' AND reminded < ?",
            (self.stage, self.case.id, self.stage),
        )
        if moved.rowcount != 1:
            raise CaseError(f"case {self.case.id}: noted already, or no longer open")


def next_step(case: Case, now: str) -> Noted | Step | None:
    """What the time alone does with an open case; None where nothing is due.

    An answer that waited for approval becomes the case's fallback, never itself.
    """
    if case.state is not State.OPEN:
        return None
    if case.due <= now:
        if case.kind == APPROVAL:
            text = case.fallback
            return Step(case.id, State.ANSWERED, text, AUTOMATIC, now, "timed_out", case.subject)
        return Noted(case, OVERDUE, now) if case.reminded < OVERDUE else None
    if case.remind and case.remind <= now and case.reminded < REMINDED:
        return Noted(case, REMINDED, now)
    return None


def due_cases(evidence: Evidence, now: str) -> list[Case]:
    """Open cases whose time or reminder has come, the first due first; at most a hundred."""
    rows = evidence.rows(
        "SELECT id FROM cases WHERE state = 'open' AND"
        " ((due <= ? AND (kind = 'approval' OR reminded < 2))"
        " OR (remind <> '' AND remind <= ? AND reminded < 1)) ORDER BY due LIMIT ?",
        (now, now, _DUE_MOST),
    )
    return [evidence.case(row[0]) for row in rows]


def next_due(evidence: Evidence) -> str:
    """When the next open case comes due or is recalled; empty where none will."""
    rows = evidence.rows(
        "SELECT min(due), min(CASE WHEN remind <> '' AND reminded < 1 THEN remind ELSE due END)"
        " FROM cases WHERE state = 'open' AND (kind = 'approval' OR reminded < 2)"
    )
    return min((moment for moment in rows[0] if moment), default="")


# --- What a client is still to be told ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Waiting:
    """A case of which a client is to hear in its conversation.

    `decided` once there is an answer; `late` where a handoff's promise is broken. `updated` is
    when it last changed.
    """

    id: str
    conversation: str
    colleague: str
    answer: str
    updated: str
    approval: bool
    decided: bool
    late: bool


def waiting(evidence: Evidence, since: str) -> list[Waiting]:
    """Cases with something to be told, of changes after `since`; the newest five thousand.

    Answered but not yet heard of, past their promise, or waiting for approval.
    """
    rows = evidence.rows(
        "SELECT id, conversation, colleague, answer, updated, kind, state FROM cases"
        " WHERE conversation <> '' AND kind <> 'review' AND updated >= ?"
        " AND (state = 'answered' OR (state = 'open' AND (kind = 'approval' OR reminded >= 2)))"
        " ORDER BY updated DESC LIMIT ?",
        (since, _WAITING_MOST),
    )
    return [_waiting(*row) for row in rows]


def _waiting(
    id: str, conversation: str, colleague: str, answer: str, updated: str, kind: str, state: str
) -> Waiting:
    return Waiting(
        id,
        conversation,
        colleague,
        answer,
        updated,
        approval=kind == APPROVAL,
        decided=state == State.ANSWERED,
        late=kind == HANDOFF and state == State.OPEN,
    )


def heard(case: str, time: str) -> Step:
    """The client has its answer: the case is over."""
    return Step(case, State.CLOSED, "the answer is in the conversation", AUTOMATIC, time)
