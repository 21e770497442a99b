"""Looking through the record: a page of entries, and which of them a rule is in."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from remit.evidence.chain import Entry

PAGE_MOST: Final = 500
_PAGE_SQL: Final = (
    "SELECT position, writer, seq, hash, time, id, kind, action, body FROM entries"
    " WHERE position > ?1 AND (?2 IS NULL OR action = ?2) AND (?3 IS NULL OR kind = ?3)"
    " AND (?4 IS NULL OR time >= ?4) AND (?5 IS NULL OR instr(body, ?5) > 0)"
    " ORDER BY position LIMIT ?6"
)


@dataclass(frozen=True, slots=True)
class Stored:
    """An entry as it lies in the store. `record` is None where it was erased."""

    position: int
    entry: Entry
    time: str
    id: str
    kind: str
    action: str
    record: dict[str, Any] | None


def read_page(
    connection: sqlite3.Connection,
    after: int,
    *,
    action: str | None = None,
    kind: str | None = None,
    since: str | None = None,
    rule: str | None = None,
) -> list[Stored]:
    """Up to PAGE_MOST entries from the position after `after` on; `rule` occurs in their bodies."""
    needle = None if rule is None else orjson.dumps(rule)
    rows = connection.execute(_PAGE_SQL, (after, action, kind, since, needle, PAGE_MOST))
    return [
        Stored(
            position,
            Entry(writer, seq, hash_.hex()),
            time,
            id_,
            kind_,
            action_,
            None if body is None else orjson.loads(body),
        )
        for position, writer, seq, hash_, time, id_, kind_, action_, body in rows
    ]


def names_rule(record: Mapping[str, Any] | None, rule: str) -> bool:
    """True where the record says that the rule was broken, or is about it."""
    if record is None:
        return False
    if record.get("rule") == rule:
        return True
    rules = record.get("rules", ())
    if rule not in rules:
        return False
    result = rules[rule] if isinstance(rules, Mapping) else None
    return not (isinstance(result, Mapping) and result.get("action") == "allow")
