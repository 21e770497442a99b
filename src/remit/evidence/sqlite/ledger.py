"""The connections to a SQLite file, as `ledger` wants them."""

from __future__ import annotations

import functools
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from remit.evidence import ledger
from remit.evidence.ledger import Row
from remit.evidence.problems import Problem
from remit.evidence.sqlite import damage, file

_PAUSE_SECONDS: Final = 0.0005
_WIDTH: Final = len(Row._fields)


class SqliteLedger:
    """A file. `url` is `sqlite:///PATH` or a plain path; raises EvidenceError for another."""

    faults: tuple[type[Exception], ...] = file.FAULTS

    def __init__(self, url: str) -> None:
        self.path = file.path_of(url)
        self.name = str(self.path)

    def open_to_write(self, *, healing: bool = False) -> SqliteWriting:
        """Makes the file or brings it up to date, and opens it. Raises EvidenceError."""
        return SqliteWriting(file.open_to_write(self.path), healing=healing)

    def open_to_read(self, *, raw: bool = False) -> SqliteReading:
        """Opens the file to read. Raises EvidenceError where there is none."""
        connection = file.open_to_read(self.path)
        if raw:
            connection.text_factory = bytes
        return SqliteReading(connection)

    def migrate(self) -> None:
        """Opening it to write does so."""
        self.open_to_write().close()

    def is_lost(self, error: Exception) -> bool:
        """A file is not lost."""
        return False

    def is_grave(self, error: Exception) -> bool:
        """True for a disk that is full or fails, a file that is held or damaged."""
        return isinstance(error, sqlite3.OperationalError)

    def explain(self, error: Exception) -> str:
        """What went wrong with the file and what to do about it."""
        return file.explain(self.path, error)


class SqliteReading:
    """A connection that cannot write."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.execute: Callable[..., sqlite3.Cursor] = connection.execute

    def begin(self, snapshot: str = "") -> str:
        """One snapshot from now on. It has no name: positions grow in the order of commits."""
        self._connection.execute("BEGIN")
        return ""

    def stream(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Sequence[Any]]:
        """The rows of a query."""
        return self._connection.execute(sql, values)

    def damage(self) -> Iterator[Problem]:
        """What is wrong with the tables or the file."""
        return damage.found(self._connection)

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()


class SqliteWriting:
    """The writer's connection, in autocommit mode.

    A batch is one SQL statement: begin, insert, commit and fsync happen in a single call of
    SQLite, during which Python's lock is free. Row by row, the thread would have to win the lock
    back from a busy event loop each time, at up to 5 ms (sys.getswitchinterval) a row.
    """

    def __init__(self, connection: sqlite3.Connection, *, healing: bool) -> None:
        self._connection = connection
        self.execute: Callable[..., sqlite3.Cursor] = connection.execute
        if healing:
            # After a failed fsync the log on disk may have a hole; start a fresh one, or all
            # that is written after the hole would be lost with it in a crash.
            self._empty_log()
        connection.execute("PRAGMA busy_timeout = 0")  # see _in_turn

    def head(self, writer: str) -> tuple[int, bytes] | None:
        """The end of a writer's chain."""
        sql = "SELECT seq, hash FROM heads WHERE writer = ?"
        row: tuple[int, bytes] | None = self.execute(sql, (writer,)).fetchone()
        return row

    def begin(self) -> None:
        """Takes the file for writing."""
        _in_turn(self._connection, "BEGIN IMMEDIATE", ())

    def commit(self, *, erased: bool) -> None:
        """Commits."""
        self.execute("COMMIT")
        if erased:
            # Or the log would keep the erased text until it is next written over.
            self._empty_log()

    def insert(self, rows: Sequence[Row]) -> None:
        """One statement for all rows."""
        size = 1 << (len(rows) - 1).bit_length()
        values = [value for row in rows for value in row]
        values += [None] * (_WIDTH * (size - len(rows)))
        _in_turn(self._connection, _insertion(size), values)

    def copy(self, table: str, columns: str, rows: Sequence[Sequence[Any]]) -> None:
        """Inserts rows as they are."""
        marks = ", ".join("?" * len(columns.split(",")))
        self._connection.executemany(
            f"INSERT INTO {table} ({columns}) VALUES ({marks})",  # noqa: S608 no outside text
            rows,
        )

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def _empty_log(self) -> None:
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


@functools.cache
def _insertion(rows: int) -> str:
    """An INSERT for up to `rows` rows, those of NULLs left out: few texts, so all stay prepared."""
    marks = f"({', '.join('?' * _WIDTH)})"
    return (
        f"INSERT INTO arrivals ({', '.join(Row._fields)}) SELECT * FROM"  # noqa: S608 no outside text
        f" (VALUES {', '.join([marks] * rows)}) WHERE column2 IS NOT NULL"
    )


def _in_turn(connection: sqlite3.Connection, sql: str, values: Sequence[Any]) -> None:
    """Executes; while another process writes, tries again every half millisecond.

    SQLite's own waiting doubles its pauses up to 100 ms, and starves who comes last.
    """
    deadline = time.monotonic() + ledger.BUSY_SECONDS
    while True:
        try:
            connection.execute(sql, values)
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return
