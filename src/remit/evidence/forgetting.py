"""Erasing: the changes by which what entries said is gone for good, while the chain holds."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from remit.evidence.database import Database
from remit.evidence.erased import ID_PREFIX

CHUNK_MOST: Final = 1000
"""Entries that one erasure names at most."""


def erasure_id() -> str:
    """A new id of an erasure, by which it is found."""
    return f"{ID_PREFIX}{secrets.token_hex(8)}"


@dataclass(frozen=True, slots=True)
class Erasure:
    """Entries whose bodies are erased for good, with what `cases` holds of them.

    `terms` says {kind: time} where all of a kind before a time is erased, by `Purge`.
    """

    targets: tuple[tuple[str, int], ...]
    cases: tuple[str, ...]
    who: str
    why: str
    time: str
    subject: str = ""
    terms: Mapping[str, str] = field(default_factory=dict)
    id: str = field(default_factory=erasure_id)

    def record(self) -> dict[str, Any]:
        """The entry that goes with it: what was erased, by whom and why; never what it said."""
        return {
            "id": self.id,
            "time": self.time,
            "kind": "erasure",
            "who": self.who,
            "why": self.why,
            "erased": [list(target) for target in self.targets],
            **({"of": self.subject} if self.subject else {}),
            **({"terms": dict(self.terms)} if self.terms else {}),
        }

    def apply(self, database: Database) -> None:
        """Erases bodies and salts, and the cases' questions and answers."""
        for target in self.targets:
            database.execute(
                "UPDATE entries SET body = NULL, salt = NULL"
                " WHERE writer = ? AND seq = ? AND body IS NOT NULL",
                target,
            )
        for case in self.cases:
            database.execute("UPDATE cases SET question = '{}', answer = '' WHERE id = ?", (case,))


@dataclass(frozen=True, slots=True)
class Purge:
    """One chunk of what an erasure's terms cover, by positions. `last` ends the work."""

    positions: tuple[int, ...]
    last: bool

    def apply(self, database: Database) -> None:
        """Erases bodies and salts."""
        for position in self.positions:
            database.execute(
                "UPDATE entries SET body = NULL, salt = NULL"
                " WHERE position = ? AND body IS NOT NULL",
                (position,),
            )


def leaves_traces(change: object) -> bool:
    """True for a change after which the store must let go of what was written over."""
    return isinstance(change, Erasure) or (isinstance(change, Purge) and change.last)
