"""What a change of state is given: SQL that means the same on SQLite and on PostgreSQL.

`?` marks a value. Times are TEXT as `stamp()` writes them, JSON is TEXT, an upsert is
`INSERT … ON CONFLICT (key) DO UPDATE SET column = excluded.column` (a column's old value is
`table.column`); no rowid, and no function that only one of the two has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol


class Cursor(Protocol):
    """The rows of one statement, or how many it changed."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """The rows, one by one."""
        ...

    def fetchone(self) -> Any:
        """The next row, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        ...


class Connection(Protocol):
    """Executes portable SQL."""

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Cursor:
        """Executes one statement, with a value for each `?`."""
        ...


class Database(Connection, Protocol):
    """What a change is given: the connection, in the transaction of its entry."""

    def seal(self, subject: str, text: str, /) -> str:
        """`text` as it may be kept of a person: under their key, where the record has keys."""
        ...


class Change(Protocol):
    """A change of mutable state that goes with an entry, in its transaction.

    Changes are applied one after the other, those of other processes too: what one reads before
    it writes is still so when it writes.
    """

    def apply(self, database: Database) -> None:
        """Makes the change. Where it raises, neither it nor its entry is written.

        An EvidenceError (such as CaseError) reaches the caller as it is; whatever else is raised
        becomes one.
        """
        ...
