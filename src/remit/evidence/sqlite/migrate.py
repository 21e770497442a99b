"""From one version of the SQLite format to the next, in place and in one transaction.

A file that may only be read stays as it is: `view_as_newest` then shows it as the newest version.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable
from typing import Any, Final

import orjson

from remit.evidence.record import marks_of
from remit.evidence.sqlite import tables

VERSION: Final = 2
APPLICATION_ID: Final = 0x524D4954  # "RMIT", shown by file(1)

_CASES_1: Final = (
    "id, time, due, rule, owner, colleague, state, question, answer, who, updated,"
    " 'handoff' AS kind, '' AS receipt, '' AS conversation, '' AS subject, '' AS remind,"
    " 0 AS reminded, '' AS fallback, '' AS outcome, '' AS notify"
)
_MARKED_1: Final = "SELECT writer, seq, time, kind, action, body FROM entries WHERE body NOT NULL"


def migrate(connection: sqlite3.Connection) -> None:
    """Makes the tables of a new file, or brings those of an old one up to date."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        for number in range(version, VERSION):
            _STEPS[number](connection)
            connection.execute(f"PRAGMA user_version = {number + 1}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def view_as_newest(connection: sqlite3.Connection, version: int) -> None:
    """Makes an older file that cannot be written look like one of the newest version."""
    if version != 1:
        return
    connection.create_function("marks_of", 2, _marks_text, deterministic=True)
    connection.execute(f"CREATE TEMP VIEW cases AS SELECT {_CASES_1} FROM main.cases")  # noqa: S608 our own columns
    connection.execute(
        "CREATE TEMP VIEW marks AS SELECT key AS rule, time, writer, seq, kind, value AS action"
        " FROM main.entries, json_each(marks_of(action, body))"
    )
    connection.execute(
        "CREATE TEMP VIEW counts AS SELECT substr(time, 1, 10) AS day, kind, action, writer,"
        " count(*) AS number FROM main.entries GROUP BY 1, 2, 3, 4"
    )
    connection.execute("CREATE TEMP TABLE subjects (subject, writer, seq)")
    for statement in tables.STATE:
        if statement.startswith("CREATE TABLE "):
            connection.execute(statement.replace("CREATE TABLE ", "CREATE TEMP TABLE "))
    connection.execute("INSERT INTO temp.pulse VALUES (1, 0)")


def _first(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for statement in tables.ENTRIES + tables.CASES_1:
        connection.execute(statement)
    connection.execute("INSERT INTO meta VALUES ('database', ?)", (secrets.token_hex(16),))


def _second(connection: sqlite3.Connection) -> None:
    # A table that is altered keeps another text than one that is made: so it is made anew.
    connection.execute("DROP TRIGGER cases_kept")
    connection.execute("DROP INDEX cases_by_state")
    connection.execute("ALTER TABLE cases RENAME TO cases_1")
    for statement in tables.CASES + tables.ARRIVALS + tables.STATE:
        connection.execute(statement)
    connection.execute(f"INSERT INTO cases SELECT {_CASES_1} FROM cases_1")  # noqa: S608 our own columns
    connection.execute("DROP TABLE cases_1")
    connection.execute("INSERT INTO pulse VALUES (1, 0)")
    connection.execute(
        "INSERT INTO counts SELECT substr(time, 1, 10), kind, action, writer, count(*)"
        " FROM entries GROUP BY 1, 2, 3, 4"
    )
    for writer, seq, time, kind, action, body in connection.execute(_MARKED_1):
        connection.executemany(
            "INSERT INTO marks VALUES (?, ?, ?, ?, ?, ?)",
            [(rule, time, writer, seq, kind, word) for rule, word in _marks(action, body).items()],
        )


_STEPS: Final[tuple[Callable[[sqlite3.Connection], None], ...]] = (_first, _second)


def _marks(action: str, body: bytes) -> dict[str, str]:
    try:
        record = orjson.loads(body)
    except ValueError:
        return {}  # damaged: `verify` tells
    return marks_of(record, action) if isinstance(record, dict) else {}


def _marks_text(action: str, body: Any) -> str:
    return "{}" if body is None else orjson.dumps(_marks(action, body)).decode()
