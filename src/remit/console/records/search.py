"""Searching the record: newest first, a page at a time, and never longer than a page may take.

What is asked for decides which index leads: an id, a rule, a kind, an action, or the order of
writing alone. A time becomes a position by bisection, since entries are written in the order of
their times but for the clocks of several machines; hence the slack. A text is looked for in what
is left, as far as the time allows; then the page says how far back it has looked.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from remit.console.records.words import wordings
from remit.evidence import Evidence

PAGE: Final = 50
_BATCH: Final = 500
_SLACK: Final = 2_000
_COLUMNS: Final = "e.position, e.writer, e.seq, e.time, e.id, e.kind, e.action"
_STEPS: Final = ("open", "answered", "closed")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; an empty value leaves it open. Times as `stamp()` writes them.

    `id` is that of a record, or of a case for all that happened to it. `text` is looked for in
    what was asked and answered, whatever its case.
    """

    rule: str = ""
    action: str = ""
    kind: str = ""
    id: str = ""
    text: str = ""
    since: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One entry that was found."""

    position: int
    writer: str
    seq: int
    time: str
    id: str
    kind: str
    action: str


@dataclass(frozen=True, slots=True)
class Found:
    """A page of entries. `older` is the cursor of the next page, '' where there is none.

    `looked_to` is set where the time was over first: up to that moment nothing was missed.
    """

    lines: tuple[Line, ...]
    older: str = ""
    looked_to: str = ""


def search(evidence: Evidence, wanted: Wanted, older: str = "", *, seconds: float = 0.1) -> Found:
    """The newest entries that are wanted, from the cursor `older` on. Raises EvidenceError."""
    if wanted.id:
        return Found(_by_id(evidence, wanted.id))
    end = time.monotonic() + seconds
    lines: list[Line] = []
    last: Line | None = None
    for batch in _batches(evidence, wanted, older):
        kept = _holding(evidence, batch, wanted.text) if wanted.text else batch
        lines += kept
        last = batch[-1]
        if len(lines) > PAGE:
            return Found(tuple(lines[:PAGE]), _cursor(wanted, lines[PAGE - 1]))
        if time.monotonic() > end:
            return Found(tuple(lines), _cursor(wanted, last), last.time)
    return Found(tuple(lines))


def _by_id(evidence: Evidence, id: str) -> tuple[Line, ...]:
    ids = (id, *(f"{id}/{step}" for step in _STEPS))
    marks = ", ".join("?" * len(ids))
    sql = f"SELECT {_COLUMNS} FROM entries e WHERE e.id IN ({marks})"  # noqa: S608 no outside text
    return tuple(_lines(evidence.rows(f"{sql} ORDER BY e.position DESC LIMIT {PAGE}", ids)))


# --- Batches, newest first -----------------------------------------------------------------------


def _batches(evidence: Evidence, wanted: Wanted, older: str) -> Iterator[list[Line]]:
    batch = _BATCH if wanted.text else PAGE + 1
    read = _of_rule if wanted.rule else _in_order
    while lines := read(evidence, wanted, older, batch):
        yield lines
        if len(lines) < batch:
            return
        older = _cursor(wanted, lines[-1])


def _of_rule(evidence: Evidence, wanted: Wanted, older: str, batch: int) -> list[Line]:
    """By the marks that each record of a rule leaves, whose key is rule, time, writer and seq."""
    where = ["m.rule = ?"]
    values: list[Any] = [wanted.rule]
    for sql, value in _wishes(wanted, "m"):
        where.append(sql)
        values.append(value)
    if older:
        where.append("(m.time, m.writer, m.seq) < (?, ?, ?)")
        moment, writer, seq = _parts(older)
        values += [moment, writer, seq]
    return _lines(
        evidence.rows(
            f"SELECT {_COLUMNS} FROM marks m"  # noqa: S608 no text from outside
            " JOIN entries e ON e.writer = m.writer AND e.seq = m.seq"
            f" WHERE {' AND '.join(where)}"
            " ORDER BY m.time DESC, m.writer DESC, m.seq DESC LIMIT ?",
            (*values, batch),
        )
    )


def _in_order(evidence: Evidence, wanted: Wanted, older: str, batch: int) -> list[Line]:
    where = ["1 = 1"]
    values: list[Any] = []
    for sql, value in _wishes(wanted, "e"):
        where.append(sql)
        values.append(value)
    # The words of the partial indexes, or neither store would use them.
    if wanted.kind and wanted.kind != "answer":
        where.append("e.kind <> 'answer'")
    elif wanted.action and wanted.action != "allow":
        where.append("e.action <> 'allow'")
    before = int(older) if older.isdecimal() else 0
    if not before and wanted.until:
        before = position_at(evidence, wanted.until) + _SLACK
    if before:
        where.append("e.position < ?")
        values.append(before)
    if wanted.since:
        where.append("e.position > ?")
        values.append(position_at(evidence, wanted.since) - _SLACK)
    return _lines(
        evidence.rows(
            f"SELECT {_COLUMNS} FROM entries e WHERE {' AND '.join(where)}"  # noqa: S608
            " ORDER BY e.position DESC LIMIT ?",
            (*values, batch),
        )
    )


def _wishes(wanted: Wanted, table: str) -> Iterator[tuple[str, Any]]:
    if wanted.kind:
        yield f"{table}.kind = ?", wanted.kind
    if wanted.action:
        yield f"{table}.action = ?", wanted.action
    if wanted.since:
        yield f"{table}.time >= ?", wanted.since
    if wanted.until:
        yield f"{table}.time <= ?", wanted.until


def position_at(evidence: Evidence, moment: str) -> int:
    """About where the first entry from `moment` on stands; one past the last where none does."""
    rows = evidence.rows("SELECT max(position) FROM entries")
    low, high = 1, int(rows[0][0] or 0) + 1
    sql = "SELECT time FROM entries WHERE position >= ? ORDER BY position LIMIT 1"
    while low < high:
        middle = (low + high) // 2
        found = evidence.rows(sql, (middle,))
        if found and found[0][0] < moment:
            low = middle + 1
        else:
            high = middle
    return low


def _cursor(wanted: Wanted, line: Line) -> str:
    return f"{line.time}~{line.writer}~{line.seq}" if wanted.rule else str(line.position)


def _parts(cursor: str) -> tuple[str, str, int]:
    moment, _, rest = cursor.partition("~")
    writer, _, seq = rest.rpartition("~")
    return moment, writer, int(seq) if seq.isdecimal() else 0


def _lines(rows: Sequence[tuple[Any, ...]]) -> list[Line]:
    return [Line(*row) for row in rows]


# --- Text --------------------------------------------------------------------------------------


def _holding(evidence: Evidence, batch: Sequence[Line], text: str) -> list[Line]:
    """Those in whose texts it occurs. Most are ruled out by their bytes, unread."""
    needle = text.casefold()
    word = max(re.findall(r"[a-z0-9]+", needle), key=len, default="").encode()
    marks = ", ".join("?" * len(batch))
    sql = f"SELECT position, body FROM entries WHERE position IN ({marks})"  # noqa: S608
    bodies = dict(evidence.rows(sql, [line.position for line in batch]))
    return [
        line
        for line in batch
        if _may_hold(bodies.get(line.position), word)
        and any(needle in told.casefold() for told in wordings(evidence.get(line.id) or {}))
    ]


def _may_hold(body: Any, word: bytes) -> bool:
    if body is None:
        return False
    data = bytes(body)
    return not data.startswith(b"{") or word in data.lower()  # one that is sealed must be opened
