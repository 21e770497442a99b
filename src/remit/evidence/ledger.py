"""Where the record is kept: a SQLite file or a PostgreSQL database, behind one interface.

A ledger is a place. It is opened once to write, by the writer's thread, and once or more to read.
It knows nothing of hashes: it keeps rows that extend chains, and refuses those that do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from remit.evidence.database import Connection
from remit.evidence.problems import Problem
from remit.evidence.record import EvidenceError

BUSY_SECONDS: Final = 5.0
"""How long a write waits for another process that writes, or for a server that restarts."""


class Row(NamedTuple):
    """An entry, and what it is found by: `rules` is JSON, {rule: action}."""

    writer: str
    seq: int
    time: str
    id: str
    kind: str
    action: str
    salt: bytes
    body: bytes
    digest: bytes
    prev: bytes
    hash: bytes
    rules: str | None
    subject: str | None


class Reading(Connection, Protocol):
    """A connection that reads. Used by one thread at a time."""

    def begin(self, snapshot: str = "") -> str:
        """One moment of the record for all that is read from now on, until it is closed.

        Gives a name by which another connection may read of the same moment, while this one does;
        it is empty for a store where what was written before a position never changes.
        """
        ...

    def stream(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Sequence[Any]]:
        """The rows of a query, in constant memory."""
        ...

    def damage(self) -> Iterator[Problem]:
        """What is not as this program makes it: tables, triggers, types, and the file itself."""
        ...

    def close(self) -> None:
        """Lets go of it. May be called twice."""
        ...


class Writing(Connection, Protocol):
    """The connection of one writer's thread. Each statement is durable when it returns, unless
    `begin` was called; then `commit` makes all durable."""

    def head(self, writer: str) -> tuple[int, bytes] | None:
        """The seq and hash of the writer's last entry."""
        ...

    def begin(self) -> None:
        """A transaction in which this connection alone may change state."""
        ...

    def commit(self, *, erased: bool) -> None:
        """Makes it durable; where bodies were `erased`, leaves no copy of them in the log."""
        ...

    def insert(self, rows: Sequence[Row]) -> None:
        """Appends entries in one statement."""
        ...

    def copy(self, table: str, columns: str, rows: Sequence[Sequence[Any]]) -> None:
        """Puts many rows into a table as they are, within a transaction."""
        ...

    def close(self) -> None:
        """Lets go of it, and of a transaction that was not committed."""
        ...


class Ledger(Protocol):
    """A place for the record."""

    @property
    def name(self) -> str:
        """What it is called in messages: without a password."""
        ...

    @property
    def faults(self) -> tuple[type[Exception], ...]:
        """What its connections raise."""
        ...

    def open_to_write(self, *, healing: bool = False) -> Writing:
        """Makes what is missing, and opens. `healing` is after a fault. Raises EvidenceError."""
        ...

    def open_to_read(self, *, raw: bool = False) -> Reading:
        """Opens what is there; with `raw`, texts come as bytes. Raises EvidenceError."""
        ...

    def migrate(self) -> None:
        """Brings the tables to this program's version. Raises EvidenceError."""
        ...

    def is_lost(self, error: Exception) -> bool:
        """True where the connection is gone, so that it is not known what became of a commit."""
        ...

    def is_grave(self, error: Exception) -> bool:
        """True where not one statement failed, but the ledger."""
        ...

    def explain(self, error: Exception) -> str:
        """What went wrong and what to do about it. Never quotes a record or a password."""
        ...


def ledger_of(url: str | Path) -> Ledger:
    """The ledger at `url`: a path, sqlite:///PATH or postgresql://…. Raises EvidenceError."""
    text = str(url)
    scheme, separator, _ = text.partition("://")
    if separator and scheme in ("postgresql", "postgres"):
        try:
            from remit.evidence.postgres.ledger import PostgresLedger
        except ImportError as error:
            raise EvidenceError(
                f"evidence: PostgreSQL needs more of Remit ({error}); "
                "run `pip install 'remit[postgres]'`"
            ) from None
        return PostgresLedger(text)
    from remit.evidence.sqlite.ledger import SqliteLedger

    return SqliteLedger(text)


def database_id(connection: Connection) -> str:
    """The random id that the record got when it was made. Raises EvidenceError without one."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'database'").fetchone()
    if row is None:
        raise EvidenceError("evidence: the database has lost its id; restore it from a copy")
    value = row[0]
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
