"""Handoffs: a question that waits for a person, kept in the same file as the record.

A case changes (open, answered, closed); each change is also an entry of the chain, of kind
`case`, written in the same transaction. So no case is lost, and none is answered unseen.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, Protocol

import orjson

from remit.evidence.record import EvidenceError

COLUMNS: Final = (
    "id", "time", "due", "rule", "owner", "colleague",
    "state", "question", "answer", "who", "updated",
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
    JSON object: what the person needs to see. The store fills in `answer`, `who` and `updated`.
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

    def overdue(self, now: str) -> bool:
        """True while nobody has answered and `now` (as `stamp()` writes it) is past `due`."""
        return self.state is State.OPEN and now > self.due


class Change(Protocol):
    """A change of mutable state that goes with an entry, in its transaction."""

    def apply(self, connection: sqlite3.Connection) -> None:
        """Makes the change. Raises CaseError where it does not fit, and then changes nothing."""
        ...


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
            "case": {
                "id": case.id,
                "due": case.due,
                "owner": case.owner,
                "colleague": case.colleague,
                "question": dict(case.question),
            },
        }

    def apply(self, connection: sqlite3.Connection) -> None:
        """Puts the case into the queue."""
        case = replace(self.case, state=State.OPEN, answer="", who="", updated=self.case.time)
        marks = ", ".join("?" * len(COLUMNS))
        try:
            connection.execute(f"INSERT INTO cases VALUES ({marks})", _row(case))  # noqa: S608
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
                raise CaseError(f"case {case.id}: exists already; give each its own id") from error
            raise CaseError(f"case {case.id}: {error}; give every field") from error


@dataclass(frozen=True, slots=True)
class Step:
    """A case answered or closed by `who`, with a text: the answer, or why it needs none."""

    case: str
    state: State
    text: str
    who: str
    time: str

    def record(self) -> dict[str, Any]:
        """The entry that goes with it."""
        return {
            "id": f"{self.case}/{self.state}",
            "time": self.time,
            "kind": "case",
            "action": self.state,
            "who": self.who,
            "case": {"id": self.case, "text": self.text},
        }

    def apply(self, connection: sqlite3.Connection) -> None:
        """Moves the case on: open to answered, open or answered to closed."""
        row = connection.execute(
            "SELECT state, who FROM cases WHERE id = ?", (self.case,)
        ).fetchone()
        if row is None:
            raise CaseError(f"case {self.case}: there is none; list the open ones")
        state, who = State(row[0]), row[1]
        if state is State.CLOSED or state is self.state:
            raise CaseError(f"case {self.case}: already {state} by {who}; open a new one")
        if self.state is State.ANSWERED:
            connection.execute("UPDATE cases SET answer = ? WHERE id = ?", (self.text, self.case))
        connection.execute(
            "UPDATE cases SET state = ?, who = ?, updated = ? WHERE id = ?",
            (str(self.state), self.who, self.time, self.case),
        )


@dataclass(frozen=True, slots=True)
class Erasure:
    """Entries whose bodies are erased for good, with what `cases` holds of them."""

    targets: tuple[tuple[str, int], ...]
    case: str
    who: str
    why: str
    time: str
    id: str

    def record(self) -> dict[str, Any]:
        """The entry that goes with it: what was erased, by whom and why; never what it said."""
        return {
            "id": self.id,
            "time": self.time,
            "kind": "erasure",
            "who": self.who,
            "why": self.why,
            "erased": [list(target) for target in self.targets],
        }

    def apply(self, connection: sqlite3.Connection) -> None:
        """Erases bodies and salts, and the case's question and answer."""
        connection.executemany(
            "UPDATE entries SET body = NULL, salt = NULL"
            " WHERE writer = ? AND seq = ? AND body IS NOT NULL",
            self.targets,
        )
        connection.execute(
            "UPDATE cases SET question = '{}', answer = '' WHERE id = ?", (self.case,)
        )


def read_cases(
    connection: sqlite3.Connection, *, state: State | None = None, id: str | None = None
) -> tuple[Case, ...]:
    """Cases, the first due first."""
    rows = connection.execute(
        f"SELECT {', '.join(COLUMNS)} FROM cases"  # noqa: S608 no text from outside
        " WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR id = ?2) ORDER BY due, id",
        (None if state is None else str(state), id),
    ).fetchall()
    return tuple(_case(row) for row in rows)


def _row(case: Case) -> tuple[str, ...]:
    question = orjson.dumps(dict(case.question)).decode()
    return (
        case.id, case.time, case.due, case.rule, case.owner, case.colleague,
        str(case.state), question, case.answer, case.who, case.updated,
    )  # fmt: skip


def _case(row: tuple[str, ...]) -> Case:
    values: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
    values["state"] = State(values["state"])
    values["question"] = orjson.loads(values["question"])
    return Case(**values)
