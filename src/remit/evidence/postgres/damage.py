"""What of a PostgreSQL record is not as this program makes it.

Whether a page is damaged on the disk is the server's own to tell (data checksums, pg_amcheck).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import psycopg

from remit.evidence.postgres.tables import COLUMNS, FUNCTIONS, SCHEMA, TRIGGERS
from remit.evidence.problems import COPY, Problem

_TRIGGERS: Final = """SELECT c.relname::text, t.tgname::text, p.proname::text, t.tgenabled = 'O'
  AND t.tgqual IS NULL AND t.tgattr = '' AND p.pronamespace = c.relnamespace
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND NOT t.tgisinternal"""
_FUNCTIONS: Final = """SELECT p.proname::text, p.prosrc FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = %s"""
_COLUMNS: Final = """SELECT table_name::text, column_name::text, data_type::text
FROM information_schema.columns WHERE table_schema = %s AND table_name <> 'alembic_version'"""
_RULES: Final = """SELECT tablename::text, rulename::text FROM pg_rules WHERE schemaname = %s"""


def found(connection: psycopg.Connection[Any]) -> Iterator[Problem]:
    """A table, function or trigger that is missing, changed, switched off, or not ours."""
    expected = _expected()
    present = _present(connection)
    for name in sorted(expected.keys() - present.keys()):
        yield Problem("", 0, f"missing: {name}", COPY)
    for name in sorted(present.keys() - expected.keys()):
        yield Problem("", 0, f"not of this format: {name}", COPY)
    for name in sorted(expected.keys() & present.keys()):
        if expected[name] != present[name]:
            yield Problem("", 0, f"changed: {name}", COPY)


def _expected() -> dict[str, object]:
    parts: dict[str, object] = {f"column {table}.{name}": type_ for table, name, type_ in COLUMNS}
    parts |= {f"function {name}": source for name, source in FUNCTIONS.items()}
    return parts | {
        f"trigger {name} on {table}": (rest.rsplit(" ", 1)[1].removesuffix("()"), True)
        for (table, name), rest in TRIGGERS.items()
    }


def _present(connection: psycopg.Connection[Any]) -> dict[str, object]:
    def rows(sql: str) -> list[tuple[Any, ...]]:
        found = connection.execute(sql, (SCHEMA,)).fetchall()
        return [tuple(_text(part) for part in row) for row in found]

    parts: dict[str, object] = {
        f"column {table}.{name}": type_ for table, name, type_ in rows(_COLUMNS)
    }
    parts |= {f"function {name}": source for name, source in rows(_FUNCTIONS)}
    parts |= {f"rule {name} on {table}": True for table, name in rows(_RULES)}
    return parts | {
        f"trigger {name} on {table}": (function, whole)
        for table, name, function, whole in rows(_TRIGGERS)
    }


def _text(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
