"""Is the record as it was written? Recomputes every hash, in one pass.

Memory does not grow with the record: only what was erased, and receipts given, are kept in mind.

What it finds by itself: any byte of an entry edited, entries dropped, inserted, reordered, doubled
or moved between writers, a tail cut off, a case that differs from its entries, a missing trigger,
a damaged file. What it needs an anchor or a receipt for: a record rewritten as a whole by someone
who can write the file and knows this format, since the chain holds no secret. So keep anchors
elsewhere.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

import orjson

from remit.evidence import audit, schema
from remit.evidence.chain import Entry
from remit.evidence.problems import Problem
from remit.evidence.record import EvidenceError, stamp

PROBLEMS_MOST: Final = 1000
"""So many problems are listed; from there on they are only counted."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where all chains ended at a time. Small; keep it where the record's keeper cannot write."""

    database: str
    time: str
    entries: int
    heads: tuple[Entry, ...]

    def to_json(self) -> str:
        """One line of JSON."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Reads what `to_json` wrote. Raises EvidenceError."""
        try:
            value = orjson.loads(text)
            heads = tuple(Entry(h["writer"], int(h["seq"]), h["hash"]) for h in value["heads"])
            return cls(value["database"], value["time"], int(value["entries"]), heads)
        except (ValueError, KeyError, TypeError) as error:
            raise EvidenceError(
                f"anchor: not one of ours ({error!r}); give what `anchor` printed"
            ) from None


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What verification found. `problems` holds the first thousand; `found` counts them all."""

    path: str
    database: str
    entries: int
    writers: int
    erased: int
    cases: int
    problems: tuple[Problem, ...]
    found: int

    @property
    def ok(self) -> bool:
        """True where nothing is wrong."""
        return self.found == 0

    def lines(self) -> Iterator[str]:
        """The report for a person to read."""
        yield (
            f"{self.path}: {self.entries} entries of {self.writers} writers, "
            f"{self.erased} erased on record, {self.cases} cases"
        )
        yield from (f"  {problem}" for problem in self.problems)
        if self.found > len(self.problems):
            yield f"  … and {self.found - len(self.problems)} more"
        yield "intact" if self.ok else f"NOT INTACT: {self.found} problems"

    def to_dict(self) -> dict[str, Any]:
        """The report for a program."""
        return {"ok": self.ok, **asdict(self)}


def verify(
    path: str | Path,
    *,
    anchor: Anchor | None = None,
    receipts: Iterable[Entry | Mapping[str, Any]] = (),
) -> VerifyReport:
    """Checks the whole record at `path` (or sqlite URL), which may be in use meanwhile.

    `anchor` and `receipts` (entries, or mappings with writer, seq and hash) must be in the chain
    as they say. Raises EvidenceError where there is no readable evidence database.
    """
    file = schema.path_of(str(path))
    connection = schema.open_to_read(file)
    connection.text_factory = bytes  # compares as stored, and cannot fail on bad UTF-8
    problems: list[Problem] = []
    found = 0
    tally = audit.Tally()
    try:
        connection.execute("BEGIN")  # one snapshot for entries, heads and cases
        tally.database = schema.database_id(connection)
        for problem in _all(connection, tally, anchor, [_entry(receipt) for receipt in receipts]):
            found += 1
            if found <= PROBLEMS_MOST:
                problems.append(problem)
    except schema.FAULTS as error:
        found += 1
        problems.append(Problem("", 0, f"the file is damaged: {error}", "restore it from a copy"))
    finally:
        connection.close()
    return VerifyReport(
        str(file), tally.database, tally.entries, len(tally.ends), tally.erased, tally.cases,
        tuple(problems), found,
    )  # fmt: skip


def anchor_of(path: str | Path) -> Anchor:
    """The anchor of the record at `path` (or sqlite URL), in use or not. Raises EvidenceError."""
    file = schema.path_of(str(path))
    connection = schema.open_to_read(file)
    try:
        return read_anchor(connection)
    except schema.FAULTS as error:
        raise EvidenceError(schema.explain(file, error)) from error
    finally:
        connection.close()


def read_anchor(connection: sqlite3.Connection) -> Anchor:
    """The heads of all chains, from one snapshot."""
    database = schema.database_id(connection)
    rows = connection.execute("SELECT writer, seq, hash FROM heads ORDER BY writer").fetchall()
    heads = tuple(Entry(writer, seq, hash_.hex()) for writer, seq, hash_ in rows)
    return Anchor(database, stamp(), sum(head.seq for head in heads), heads)


def _all(
    connection: sqlite3.Connection,
    tally: audit.Tally,
    anchor: Anchor | None,
    receipts: list[Entry],
) -> Iterator[Problem]:
    expected = list(receipts)
    if anchor is not None:
        expected += anchor.heads
        if anchor.database != tally.database:
            yield Problem("", 0, "the anchor is of another database", "give the one of this file")
    yield from audit.schema_problems(connection)
    yield from audit.file_problems(connection)
    yield from audit.type_problems(connection)
    yield from audit.chain_problems(connection, tally, expected)
    yield from audit.head_problems(connection, tally)
    yield from audit.case_problems(connection, tally)


def _entry(receipt: Entry | Mapping[str, Any]) -> Entry:
    if isinstance(receipt, Entry):
        return receipt
    try:
        return Entry(str(receipt["writer"]), int(receipt["seq"]), str(receipt["hash"]))
    except (KeyError, ValueError) as error:
        raise EvidenceError(f"receipt: needs writer, seq and hash ({error!r})") from None
