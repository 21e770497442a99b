"""The connections to a PostgreSQL database, as `ledger` wants them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import psycopg
import psycopg.sql

from remit.evidence.ledger import Row
from remit.evidence.postgres import damage, server
from remit.evidence.problems import Problem
from remit.evidence.record import EvidenceError

_ARRIVE: Final = (
    "SELECT arrive(%t, %b::bigint[], %b::text[], %b::text[], %b::text[], %b::text[],"
    " %b::bytea[], %b::bytea[], %b::bytea[], %b::bytea[], %b::bytea[], %b::text[], %b::text[])"
)
_LOCK: Final = 0x52454D49
_FETCHED: Final = 2000


class PostgresLedger:
    """A database on a server. Raises EvidenceError where `url` is none."""

    faults: tuple[type[Exception], ...] = (psycopg.Error,)

    def __init__(self, url: str) -> None:
        self._address = server.address_of(url)
        self.name = server.name_of(self._address)

    def open_to_write(self, *, healing: bool = False) -> PostgresWriting:
        """Makes the tables where there are none, and opens. Raises EvidenceError."""
        return PostgresWriting(self._connect(write=True))

    def open_to_read(self, *, raw: bool = False) -> PostgresReading:
        """Opens a record to read. Raises EvidenceError where there is none."""
        return PostgresReading(self._connect(write=False), raw=raw)

    def migrate(self) -> None:
        """Brings the tables to this program's version. Raises EvidenceError."""
        try:
            server.bring_up_to_date(self._address)
        except psycopg.Error as error:
            raise EvidenceError(self.explain(error)) from error

    def is_lost(self, error: Exception) -> bool:
        """True where the server went away."""
        return server.is_lost(error)

    def is_grave(self, error: Exception) -> bool:
        """True for a server without space, memory, or connections, or one that is stopped."""
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)

    def explain(self, error: Exception) -> str:
        """What went wrong with the server and what to do about it."""
        return server.explain(self.name, error)

    def _connect(self, *, write: bool) -> psycopg.Connection[Any]:
        try:
            connection = server.connect(self._address)
        except psycopg.Error as error:
            raise EvidenceError(self.explain(error)) from error
        try:
            server.check(connection, self._address, make=write)
            server.settle(connection, write=write)
        except BaseException as error:
            connection.close()
            if isinstance(error, psycopg.Error):
                raise EvidenceError(self.explain(error)) from error
            raise
        return connection


class PostgresReading:
    """A connection that cannot write."""

    def __init__(self, connection: psycopg.Connection[Any], *, raw: bool) -> None:
        self._connection = connection
        self.execute: Callable[..., psycopg.Cursor[Any]] = functools.partial(_execute, connection)
        if raw:
            server.read_raw(connection)

    def begin(self, snapshot: str = "") -> str:
        """One snapshot from now on, and its name."""
        self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if snapshot:
            quoted = psycopg.sql.SQL("SET TRANSACTION SNAPSHOT {}").format(snapshot)
            self._connection.execute(quoted)
            return snapshot
        row = self._connection.execute("SELECT pg_export_snapshot()").fetchone()
        return server.plain(row[0]) if row else ""

    def stream(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Sequence[Any]]:
        """The rows of a query, some thousand at a time."""
        with psycopg.ServerCursor(self._connection, "rows", withhold=False) as cursor:
            cursor.itersize = _FETCHED
            cursor.execute(server.translated(sql), values or None, binary=True)
            yield from cursor

    def damage(self) -> Iterator[Problem]:
        """What is wrong with the tables, functions and triggers."""
        return damage.found(self._connection)

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()


class PostgresWriting:
    """The writer's connection, in autocommit mode. A batch is one call of one function."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self.execute: Callable[..., psycopg.Cursor[Any]] = functools.partial(_execute, connection)

    def head(self, writer: str) -> tuple[int, bytes] | None:
        """The end of a writer's chain."""
        sql = "SELECT seq, hash FROM heads WHERE writer = ?"
        row: tuple[int, bytes] | None = self.execute(sql, (writer,)).fetchone()
        return row

    def begin(self) -> None:
        """Begins, and takes turns with the other writers who change state."""
        self.execute("BEGIN")
        self.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))

    def commit(self, *, erased: bool) -> None:
        """Commits."""
        self.execute("COMMIT")
        if erased:
            # Until it is vacuumed, a table keeps what was written over.
            self.execute("VACUUM entries")

    def insert(self, rows: Sequence[Row]) -> None:
        """One call for all rows, which are of one writer."""
        writer, *columns = zip(*rows, strict=True)
        with self._connection.cursor() as cursor:
            cursor.execute(_ARRIVE, (writer[0], *map(list, columns)), prepare=True, binary=True)

    def copy(self, table: str, columns: str, rows: Sequence[Sequence[Any]]) -> None:
        """Copies rows in as they are."""
        with (
            self._connection.cursor() as cursor,
            cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copying,
        ):
            for row in rows:
                copying.write_row(row)

    def close(self) -> None:
        """Closes the connection, and with it a transaction that was not committed."""
        self._connection.close()


def _execute(
    connection: psycopg.Connection[Any], sql: str, values: Sequence[Any] = ()
) -> psycopg.Cursor[Any]:
    """One statement, its values put in by the client: a type is then found as in SQLite."""
    cursor = psycopg.ClientCursor(connection)
    return cursor.execute(server.translated(sql), values or None)
