"""The record as rows, read in one snapshot and without trust: what is damaged is counted, not met.

The store's own look-ups stop at a damaged entry, as a running gateway should. An auditor wants to
see the rest as well, so texts that are no UTF-8 and bodies that are no JSON are passed on as such.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import orjson

from remit.evidence import Anchor, Entry, EvidenceError
from remit.evidence.ledger import Reading, database_id, ledger_of
from remit.report.problems import ReportError
from remit.types import Json

_LARGEST: Final = 32_000_000
_ENTRIES: Final = (
    "SELECT time, id, kind, action, body IS NULL, CASE WHEN length(body) <= ? THEN body END"
    " FROM entries ORDER BY position"
)
# The answer's own entry says when it came: the case only knows its last step.
_CASES: Final = (
    "SELECT id, rule, owner, colleague, state, time, due, who, (SELECT min(time) FROM entries"
    " WHERE id = cases.id || '/answered' AND kind = 'case') FROM cases ORDER BY due, id"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One entry. `value` is None where it was erased or cannot be read; `erased` tells which."""

    time: str
    id: str
    kind: str
    action: str
    value: Json | None
    erased: bool


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One handoff, without what was asked or answered. `answered` is empty until it was."""

    id: str
    rule: str
    owner: str
    colleague: str
    state: str
    opened: str
    due: str
    who: str
    answered: str


class Snapshot:
    """One moment of the record."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def anchor(self, time: str) -> Anchor:
        """Where the chains end in this snapshot; `time` is put down as its time."""
        rows = self._reading.stream("SELECT writer, seq, hash FROM heads ORDER BY writer")
        heads = tuple(Entry(_text(w), int(s), bytes(h).hex()) for w, s, h in rows)
        database = database_id(self._reading)
        return Anchor(database, time, sum(head.seq for head in heads), heads)

    def rows(self) -> Iterator[Row]:
        """Every entry, in the order they were written."""
        rows = self._reading.stream(_ENTRIES, (_LARGEST,))
        for time, id_, kind, action, erased, body in rows:
            value = None if body is None else _object(body)
            yield Row(_text(time), _text(id_), _text(kind), _text(action), value, bool(erased))

    def cases(self) -> Iterator[CaseRow]:
        """Every handoff, the first due first."""
        for row in self._reading.stream(_CASES):
            yield CaseRow(*("" if part is None else _text(part) for part in row))


@contextmanager
def snapshot(url: str) -> Iterator[Snapshot]:
    """Opens the record to read. Raises ReportError where there is none, or it cannot be read."""
    try:
        place = ledger_of(url)
        reading = place.open_to_read(raw=True)
    except EvidenceError as error:
        raise ReportError(str(error)) from None
    faults: tuple[type[Exception], ...] = (*place.faults, EvidenceError, TypeError, ValueError)
    try:
        reading.begin()
        yield Snapshot(reading)
    except faults as error:
        raise ReportError(_explained(place.name, error)) from None
    finally:
        reading.close()


def _explained(name: str, error: Exception) -> str:
    if isinstance(error, EvidenceError):
        return str(error)
    return f"evidence {name}: {error}; `remit evidence verify` says what is damaged"


def _text(raw: Any) -> str:
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)


def _object(body: Any) -> Json | None:
    try:
        value = orjson.loads(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
