"""From one store to another, all or nothing: the same chains, and all that goes with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from remit.evidence.ledger import Ledger, Reading, Writing, database_id, ledger_of
from remit.evidence.record import EvidenceError
from remit.evidence.verify import VerifyReport, anchor_of, read_anchor, verify

TABLES: Final = {
    "entries": "writer, seq, time, id, kind, action, salt, body, digest, prev, hash",
    "marks": "rule, time, writer, seq, kind, action",
    "counts": "day, kind, action, writer, number",
    "subjects": "subject, writer, seq",
    "cases": "id, time, due, rule, owner, colleague, state, question, answer, who, updated, kind,"
    " receipt, conversation, subject, remind, reminded, fallback, outcome, notify",
    "interventions": "id, time, rule, kind, setting, owner, who, why, statistic, starts, expires,"
    " state, ended, ended_by, ended_why",
    "accounts": "name, role, password, owner_of, disabled, created, updated",
    "sessions": "token, account, csrf, created, seen, expires",
    "remits": "digest, text, state, author, approver, note, created, updated",
    "state": "key, value, updated",
}
"""All tables, with the columns that go along; a place in a store of its own does not."""

_CHUNK: Final = 10_000


def move(source: str, target: str) -> VerifyReport:
    """Copies the record at `source` into the empty store at `target`, and verifies it there.

    In one transaction: a move that is interrupted leaves the target empty. Nothing may be written
    to the source meanwhile, which is checked. The source stays as it is. Raises EvidenceError.
    """
    origin, place = ledger_of(source), ledger_of(target)
    reading = origin.open_to_read()
    try:
        reading.begin()
        _copy(reading, place, origin)
    except origin.faults as error:
        raise EvidenceError(origin.explain(error)) from error
    finally:
        reading.close()
    report = verify(target, anchor=anchor_of(source))
    if not report.ok:
        raise EvidenceError(
            f"evidence {place.name}: moved, and not intact: {report.problems[0]}; "
            "verify the source, and move it to another empty store"
        )
    return report


def _copy(reading: Reading, place: Ledger, origin: Ledger) -> None:
    writing = place.open_to_write()
    try:
        _fill(reading, writing, place, origin)
    except place.faults as error:
        raise EvidenceError(place.explain(error)) from error
    finally:
        writing.close()


def _fill(reading: Reading, writing: Writing, place: Ledger, origin: Ledger) -> None:
    writing.begin()
    if writing.execute("SELECT 1 FROM heads LIMIT 1").fetchone() is not None:
        raise EvidenceError(f"evidence {place.name}: holds a record already; give an empty store")
    writing.execute("UPDATE meta SET value = ? WHERE key = 'database'", (database_id(reading),))
    for table, columns in TABLES.items():
        order = " ORDER BY position" if table == "entries" else ""
        rows = reading.stream(f"SELECT {columns} FROM {table}{order}")  # noqa: S608 our own names
        for chunk in _chunks(rows):
            writing.copy(table, columns, chunk)
    (pulse,) = reading.execute("SELECT value FROM pulse").fetchone()
    writing.execute("UPDATE pulse SET value = ?", (pulse,))
    now = origin.open_to_read()  # of this moment, where `reading` is of the beginning
    try:
        if not read_anchor(now).heads == read_anchor(reading).heads == read_anchor(writing).heads:
            raise EvidenceError(
                f"evidence {origin.name}: written to meanwhile; stop `remit serve`, and move again"
            )
    finally:
        now.close()
    writing.commit(erased=False)


def _chunks(rows: Iterator[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    rows = iter(rows)
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk
