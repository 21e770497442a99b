"""Handoffs: a question that waits for a person, kept in the same file as the record.

A case changes (open, answered, closed); each change is also an entry of the chain, of kind
`case`, written in the same transaction. So no case is lost, and none is answered unseen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

import orjson

from remit.evidence.database import Connection, Database
from remit.evidence.keys import Keys, opened_text
from remit.evidence.record import EvidenceError

COLUMNS: Final = (
    "id", "time", "due", "rule", "owner", "colleague",
    "state", "question", "answer", "who", "updated",
    "kind", "receipt", "conversation", "subject",
    "remind", "reminded", "fallback", "outcome", "notify",
)  # fmt: skip


class CaseError(EvidenceError):
    """The case is not there, or is past the state that this step needs."""


class State(StrEnum):
    """How far a case has come."""

    OPEN = "open"
    ANSWERED = "answered"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Case:
    """A question handed to a person. Times read as `stamp()` writes them.

    `owner` answers for the rule, `colleague` is whom the client was promised. `question` is any
    JSON object: what the person needs to see. The store fills in `answer`, `who`, `updated` and
    `outcome`. `kind` is handoff, approval or review. `receipt` is the record it came from,
    `conversation` the fingerprint of the conversation up to and with the turn it is about, and
    `subject` a pseudonym of the person. Of the schedule, `remind` (a time) and `reminded` (how
    often) are no part of the chain.
    """

    id: str
    time: str
    due: str
    rule: str
    owner: str
    colleague: str
    question: Mapping[str, Any] = field(default_factory=dict)
    state: State = State.OPEN
    answer: str = ""
    who: str = ""
    updated: str = ""
    kind: str = "handoff"
    receipt: str = ""
    conversation: str = ""
    subject: str = ""
    remind: str = ""
    reminded: int = 0
    fallback: str = ""
    outcome: str = ""
    notify: str = ""

    def overdue(self, now: str) -> bool:
        """True while nobody has answered and `now` (as `stamp()` writes it) is past `due`."""
        return self.state is State.OPEN and now > self.due


@dataclass(frozen=True, slots=True)
class Opening:
    """A new case."""

    case: Case

    def record(self) -> dict[str, Any]:
        """The entry that goes with it."""
        case = self.case
        return {
            "id": f"{case.id}/{State.OPEN}",
            "time": case.time,
            "kind": "case",
            "action": State.OPEN,
            "rule": case.rule,
            **({"subject": case.subject} if case.subject else {}),
            "case": {
                "id": case.id,
                "due": case.due,
                "owner": case.owner,
                "colleague": case.colleague,
                "question": dict(case.question),
                "kind": case.kind,
                "receipt": case.receipt,
                "conversation": case.conversation,
                "fallback": case.fallback,
                "notify": case.notify,
            },
        }

    def apply(self, database: Database) -> None:
        """Puts the case into the queue."""
        case = replace(
            self.case, state=State.OPEN, answer="", who="", outcome="", updated=self.case.time
        )
        row = _row(case)
        if None in row:
            raise CaseError(f"case {case.id}: {COLUMNS[row.index(None)]} is None; give every field")
        if case.subject:
            at = COLUMNS.index("question")
            row = (*row[:at], database.seal(case.subject, row[at]), *row[at + 1 :])
        marks = ", ".join("?" * len(COLUMNS))
        made = database.execute(
            f"INSERT INTO cases ({', '.join(COLUMNS)}) VALUES ({marks})"  # noqa: S608
            " ON CONFLICT (id) DO NOTHING",
            row,
        )
        if made.rowcount != 1:
            raise CaseError(f"case {case.id}: exists already; give each its own id")


@dataclass(frozen=True, slots=True)
class Step:
    """A case answered or closed by `who`, with a text: the answer, or why it needs none.

    `outcome` says in a word what came of it (approved, edited, released, rejected, timed_out);
    `subject` is the case's.
    """

    case: str
    state: State
    text: str
    who: str
    time: str
    outcome: str = ""
    subject: str = ""

    def record(self) -> dict[str, Any]:
        """The entry that goes with it."""
        return {
            "id": f"{self.case}/{self.state}",
            "time": self.time,
            "kind": "case",
            "action": self.state,
            "who": self.who,
            **({"subject": self.subject} if self.subject else {}),
            "case": {"id": self.case, "text": self.text, "outcome": self.outcome},
        }

    def apply(self, database: Database) -> None:
        """Moves the case on: open to answered, open or answered to closed."""
        sql = "SELECT state, who, subject FROM cases WHERE id = ?"
        row = database.execute(sql, (self.case,)).fetchone()
        if row is None:
            raise CaseError(f"case {self.case}: there is none; list the open ones")
        state, who, subject = State(row[0]), row[1], row[2]
        if state is State.CLOSED or state is self.state:
            raise CaseError(f"case {self.case}: already {state} by {who}; open a new one")
        answer = self.text if self.state is State.ANSWERED else None
        if answer and subject:
            if self.subject != subject:  # or its entry would say unsealed what was answered
                raise CaseError(f"case {self.case}: give the step the subject of the case")
            answer = database.seal(subject, answer)
        database.execute(
            "UPDATE cases SET state = ?, who = ?, updated = ?, answer = coalesce(?, answer),"
            " outcome = CASE ? WHEN '' THEN outcome ELSE ? END WHERE id = ?",
            (str(self.state), self.who, self.time, answer, self.outcome, self.outcome, self.case),
        )


def read_cases(
    database: Connection,
    keys: Keys | None = None,
    *,
    state: State | None = None,
    id: str | None = None,
) -> tuple[Case, ...]:
    """Cases, the first due first. What was sealed is opened where its key is there."""
    wanted = [(column, value) for column, value in (("state", state), ("id", id)) if value]
    where = " AND ".join(f"{column} = ?" for column, _ in wanted)
    rows = database.execute(
        f"SELECT {', '.join(COLUMNS)} FROM cases"  # noqa: S608 no text from outside
        f" {'WHERE ' if where else ''}{where} ORDER BY due, id",
        [str(value) for _, value in wanted],
    ).fetchall()
    return tuple(_case(row, keys) for row in rows)


def _row(case: Case) -> tuple[Any, ...]:
    values = {name: getattr(case, name) for name in COLUMNS}
    values["state"] = str(case.state)
    values["question"] = orjson.dumps(dict(case.question)).decode()
    return tuple(values.values())


def _case(row: Sequence[Any], keys: Keys | None) -> Case:
    values: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
    values["state"] = State(values["state"])
    values["question"] = orjson.loads(opened_text(values["question"], keys, "{}"))
    values["answer"] = opened_text(values["answer"], keys, "")
    return Case(**values)
