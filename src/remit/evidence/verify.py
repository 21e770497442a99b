"""Is the record as it was written? Recomputes every hash, in one pass.

Memory does not grow with the record: only what was erased one by one, the days' counts and the
receipts given are kept in mind.

What it finds by itself: any byte of an entry edited, entries dropped, inserted, reordered, doubled
or moved between writers, a tail cut off, a case that differs from its entries, a missing trigger,
a damaged file. What it needs an anchor or a receipt for: a record rewritten as a whole by someone
who can write the file and knows this format, since the chain holds no secret. So keep anchors
elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import orjson

from remit.evidence import audit
from remit.evidence.chain import Entry
from remit.evidence.database import Connection
from remit.evidence.erased import Erased
from remit.evidence.keys import Keys
from remit.evidence.ledger import Reading, database_id, ledger_of
from remit.evidence.problems import COPY, Problem
from remit.evidence.record import EvidenceError, stamp
from remit.evidence.segment import Place, Segment
from remit.evidence.stretches import check, join


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


class HasAnchor(Protocol):
    """A checkpoint, of which the anchor is what must be in the chain."""

    @property
    def anchor(self) -> Anchor:
        """Where the chains ended."""
        ...


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
    checkpoints: Iterable[HasAnchor] = (),
    receipts: Iterable[Entry | Mapping[str, Any]] = (),
    keys: Keys | None = None,
) -> VerifyReport:
    """Checks the whole record at `path` (or URL), which may be in use meanwhile.

    `anchor`, those of `checkpoints`, and `receipts` (entries, or mappings with writer, seq and
    hash) must be in the chain as they say. With `keys`, cases that are sealed are compared as a
    whole. A long record is checked by two processes. Raises EvidenceError where there is no
    readable evidence database.
    """
    place = ledger_of(path)
    anchors = [each.anchor for each in checkpoints] + ([anchor] if anchor else [])
    expected = [_entry(receipt) for receipt in receipts]
    expected += [head for each in anchors for head in each.heads]
    reading = place.open_to_read(raw=True)  # compares as stored, and cannot fail on bad UTF-8
    whole, database, writers, cases = Segment(), "", 0, 0
    try:
        snapshot = reading.begin()
        database = database_id(reading)
        places = {(entry.writer.encode(), entry.seq): entry.hash for entry in expected}
        whole = join(database, check(str(path), reading, snapshot, places))
        writers = len(whole.ends)
        (cases,) = reading.execute("SELECT count(*) FROM cases").fetchone()
        for problem in _beside(reading, whole, database, anchors, expected, keys):
            whole.add(problem)
    except place.faults as error:
        whole.add(Problem("", 0, f"the file is damaged: {error}", "restore it from a copy"))
    finally:
        reading.close()
    return VerifyReport(
        place.name, database, whole.entries, writers, whole.erased, cases,
        tuple(whole.problems), whole.found,
    )  # fmt: skip


def _beside(
    reading: Reading,
    whole: Segment,
    database: str,
    anchors: Sequence[Anchor],
    expected: Sequence[Entry],
    keys: Keys | None,
) -> Iterator[Problem]:
    """What is wrong beside the entries."""
    if any(anchor.database != database for anchor in anchors):
        yield Problem("", 0, "the anchor is of another database", "give the one of this file")
    hashes: dict[Place, str] = {}
    for entry in expected:
        place = (entry.writer.encode(), entry.seq)
        if hashes.setdefault(place, entry.hash) != entry.hash:
            yield Problem(entry.writer, entry.seq, "receipts and anchors contradict each other")
        if place not in whole.met:
            what = "is in the receipt or anchor, and no longer in the record"
            yield Problem(entry.writer, entry.seq, what, COPY)
    yield from reading.damage()
    yield from audit.head_problems(reading, whole)
    yield from audit.mark_problems(reading, whole)
    yield from audit.case_problems(reading, Erased.read(reading), whole, keys)


def anchor_of(path: str | Path) -> Anchor:
    """The anchor of the record at `path` (or URL), in use or not. Raises EvidenceError."""
    place = ledger_of(path)
    reading = place.open_to_read()
    try:
        return read_anchor(reading)
    except place.faults as error:
        raise EvidenceError(place.explain(error)) from error
    finally:
        reading.close()


def read_anchor(connection: Connection) -> Anchor:
    """The heads of all chains, from one snapshot."""
    database = database_id(connection)
    rows = connection.execute("SELECT writer, seq, hash FROM heads ORDER BY writer").fetchall()
    heads = tuple(Entry(writer, seq, hash_.hex()) for writer, seq, hash_ in rows)
    return Anchor(database, stamp(), sum(head.seq for head in heads), heads)


def _entry(receipt: Entry | Mapping[str, Any]) -> Entry:
    if isinstance(receipt, Entry):
        return receipt
    try:
        return Entry(str(receipt["writer"]), int(receipt["seq"]), str(receipt["hash"]))
    except (KeyError, ValueError) as error:
        raise EvidenceError(f"receipt: needs writer, seq and hash ({error!r})") from None
