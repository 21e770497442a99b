"""Looking through the record: a page of entries, those of a rule, and what came since."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import orjson

from remit.evidence.chain import Entry
from remit.evidence.database import Connection
from remit.evidence.keys import Keys, opened

Look = Callable[[Callable[[Connection], list[Sequence[Any]]]], list[Sequence[Any]]]

PAGE_MOST: Final = 500
_COLUMNS: Final = (
    "entries.position, entries.writer, entries.seq, entries.hash, entries.time, entries.id,"
    " entries.kind, entries.action, entries.body"
)


@dataclass(frozen=True, slots=True)
class Stored:
    """An entry as it lies in the store.

    `record` is None where it was erased, or is sealed and its key is not there.
    """

    position: int
    entry: Entry
    time: str
    id: str
    kind: str
    action: str
    record: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Followed:
    """What came after a cursor, and the cursor to go on from."""

    entries: tuple[Stored, ...]
    cursor: dict[str, int]


def walk(
    look: Look, keys: Keys | None = None, *, after: int = 0, rule: str | None = None, **wanted: Any
) -> Iterator[Stored]:
    """Entries in the order they were written; of a rule, in that of their times.

    `look` calls a function with a connection, once a page, so that nothing is locked in between.
    `wanted` may hold `action`, `kind` and `since`.
    """
    start: tuple[Any, ...] = (after,) if rule is None else (wanted.pop("since", None) or "", "", 0)
    while True:
        page = look(partial(_page, start=start, rule=rule, after=after, **wanted))
        for row in page:
            yield _stored(row, keys)
        if len(page) < PAGE_MOST:
            return
        position, writer, seq, _, time, *_ = page[-1]
        start = (position,) if rule is None else (time, writer, seq)


def _page(
    connection: Connection,
    *,
    start: tuple[Any, ...],
    rule: str | None,
    after: int,
    action: str | None = None,
    kind: str | None = None,
    since: str | None = None,
) -> list[Sequence[Any]]:
    """The columns of up to PAGE_MOST entries from `start` on, each page from where one ended."""
    if rule is None:
        tables, order = "entries", "position"
        wanted: list[tuple[str, Any]] = [("position > ?", start[0])]
    else:
        # In the order of the marks' key: so that each page reads its own marks only.
        tables = "marks JOIN entries ON entries.writer = marks.writer AND entries.seq = marks.seq"
        order = "marks.time, marks.writer, marks.seq"
        wanted = [("marks.rule = ?", rule), ("marks.time >= ?", start[0])]
        wanted.append((f"({order}) > (?, ?, ?)", start))
        wanted.append(("entries.position > ?", after))
    wanted += [
        (f"entries.{column} {sign} ?", value)
        for column, sign, value in (
            ("action", "=", action),
            ("kind", "=", kind),
            ("time", ">=", since),
        )
        if value is not None
    ]
    values = [part for _, value in wanted for part in _parts(value)]
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM {tables}"  # noqa: S608 no text from outside
        f" WHERE {' AND '.join(sql for sql, _ in wanted)} ORDER BY {order} LIMIT ?",
        [*values, PAGE_MOST],
    )
    return rows.fetchall()


def read_heads(database: Connection) -> dict[str, int]:
    """How far each writer's chain has come."""
    return dict(database.execute("SELECT writer, seq FROM heads").fetchall())


def read_after(
    database: Connection, cursor: Mapping[str, int], limit: int, keys: Keys | None = None
) -> Followed:
    """Entries that came after `cursor`, {writer: seq}; each writer's in order, and no gaps.

    A position says nothing here: with several writers on a server, a lower one may be committed
    after a higher one.
    """
    grown = [
        (writer, cursor.get(writer, 0))
        for writer, seq in read_heads(database).items()
        if seq > cursor.get(writer, 0)
    ]
    found: list[Stored] = []
    share = max(1, limit // max(1, len(grown)))
    for writer, seq in grown:
        rows = database.execute(
            f"SELECT {_COLUMNS} FROM entries WHERE writer = ? AND seq > ?"  # noqa: S608
            " ORDER BY seq LIMIT ?",
            (writer, seq, min(share, limit - len(found))),
        )
        found += [_stored(row, keys) for row in rows.fetchall()]
        if len(found) >= limit:
            break
    found.sort(key=lambda stored: stored.position)
    reached = {stored.entry.writer: stored.entry.seq for stored in found}
    return Followed(tuple(found), {**cursor, **reached})


def _stored(row: Sequence[Any], keys: Keys | None) -> Stored:
    position, writer, seq, hash_, time, id_, kind, action, body = row
    plain = opened(body, keys)
    record = None if plain is None else orjson.loads(plain)
    return Stored(position, Entry(writer, seq, hash_.hex()), time, id_, kind, action, record)


def _parts(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)
