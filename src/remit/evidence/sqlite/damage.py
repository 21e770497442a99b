"""What of a SQLite file is not as this program makes it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

from remit.evidence.problems import COPY, Problem
from remit.evidence.sqlite import tables
from remit.evidence.sqlite.file import version_of

_TEXTS: Final = ("writer", "time", "id", "kind", "action")
_BLOBS: Final = ("digest", "prev", "hash")


def found(connection: sqlite3.Connection) -> Iterator[Problem]:
    """All of it; the connection reads text as bytes."""
    yield from _schema(connection)
    yield from _file(connection)
    yield from _types(connection)


def _schema(connection: sqlite3.Connection) -> Iterator[Problem]:
    """A table or trigger that is missing, changed, or not ours."""
    rows = connection.execute("SELECT sql FROM main.sqlite_master WHERE sql IS NOT NULL")
    present = {row[0].decode(errors="replace") for row in rows}
    expected = tables.DEFINITIONS[version_of(connection)]
    for statement in sorted(expected - present):
        yield Problem("", 0, f"missing or changed: {_first_words(statement)}", COPY)
    for statement in sorted(present - expected):
        yield Problem("", 0, f"not of this format: {_first_words(statement)}", COPY)


def _file(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Damage to the file itself, indexes included."""
    for (what,) in connection.execute("PRAGMA integrity_check(20)"):
        if what != b"ok":
            text = what.decode(errors="replace")
            yield Problem("", 0, f"the file is damaged: {text}", "restore it from a copy")


def _types(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Columns of another type than they were written with, which look-ups would then miss."""
    wrong = [f"typeof({name}) != 'text'" for name in _TEXTS]
    wrong += [f"typeof({name}) != 'blob'" for name in _BLOBS]
    wrong += ["typeof(seq) != 'integer'", "typeof(body) NOT IN ('blob', 'null')"]
    rows = connection.execute(
        f"SELECT position FROM entries WHERE {' OR '.join(wrong)}"  # noqa: S608 no outside text
    )
    for (position,) in rows:
        yield Problem("", 0, f"the entry at position {position} has a column of a wrong type", COPY)


def _first_words(statement: str) -> str:
    return " ".join(statement.split()[:3])
