"""One pass over a stretch of the record: every hash, every link, and what there is to count.

A record is checked in as many stretches at once as there are processes to do it. What joins two
stretches (the link of a writer's first entry here to its last one there) is checked where they are
put together, in `verify`. Ledgers here read text as bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

import orjson

from remit.evidence import chain
from remit.evidence.erased import Erased
from remit.evidence.ledger import Reading
from remit.evidence.problems import COPY, Problem
from remit.evidence.record import SEALED, marks_of

PROBLEMS_MOST: Final = 1000
"""So many problems are listed; from there on they are only counted."""

Place = tuple[bytes, int]
Link = tuple[int, bytes]
Group = tuple[bytes, bytes, bytes, bytes]

_ROWS: Final = (
    "SELECT writer, seq, time, id, kind, action, salt, body, digest, prev, hash FROM entries"
    " WHERE position > ? AND position <= ? ORDER BY position"
)
_MARKS: Final = "SELECT rule, action FROM marks WHERE writer = ? AND seq = ?"
_SUBJECT: Final = "SELECT 1 FROM subjects WHERE subject = ? AND writer = ? AND seq = ?"


@dataclass(slots=True)
class Segment:
    """What a pass has found. `starts` and `ends` are where each writer's chain enters and leaves:
    (seq, prev) of its first entry, (seq, hash) of its last. `marks` is a sum over all marks that
    there should be, see `mark_number`. `found` counts problems, of which the first are listed."""

    entries: int = 0
    erased: int = 0
    opened: int = 0
    marks: int = 0
    found: int = 0
    starts: dict[bytes, Link] = field(default_factory=dict)
    ends: dict[bytes, Link] = field(default_factory=dict)
    counts: dict[Group, int] = field(default_factory=dict)
    met: set[Place] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    def add(self, problem: Problem) -> None:
        """Notes a problem."""
        self.found += 1
        if len(self.problems) < PROBLEMS_MOST:
            self.problems.append(problem)


class Pass:
    """Goes over one stretch."""

    def __init__(self, reading: Reading, expected: dict[Place, str], erased: Erased) -> None:
        self._reading = reading
        self._expected = expected
        self._erased = erased
        self.segment = Segment()

    def over(self, first: int, last: int) -> Segment:
        """Checks the entries at positions after `first`, up to `last`."""
        self._check(self._reading.stream(_ROWS, (first, last)))
        return self.segment

    def _check(self, rows: Iterable[Sequence[Any]]) -> None:
        """The inner loop: what is as usual costs two hashes and little else."""
        segment, ends, expected = self.segment, self.segment.ends, self._expected
        counts, body_head, entry_head, pack = segment.counts, chain.BODY, chain.ENTRY, chain.pack
        for row in rows:
            writer, seq, time, id_, kind, action, salt, body, digest, prev, hash_ = row
            try:
                group = (writer, time[:10], kind, action)
                counts[group] = counts.get(group, 0) + 1
                usual = (
                    ends.get(writer) == (seq - 1, prev)
                    and body is not None
                    and kind == b"answer"
                    and action == b"allow"
                    and sha256(body_head + salt + body).digest() == digest
                    and sha256(
                        entry_head
                        + pack(prev, seq, len(writer), len(time), len(id_), 6, 5)
                        + b"".join((writer, time, id_, b"answerallow", digest))
                    ).digest()
                    == hash_
                    and b'"subject":' not in body
                )
            except (TypeError, struct.error):
                usual = False
            if not usual:
                self._look(row)
            ends[writer] = (seq, hash_)
            segment.entries += 1
            if expected and (writer, seq) in expected:
                self._expect(writer, seq, hash_)

    def _expect(self, writer: bytes, seq: int, hash_: Any) -> None:
        self.segment.met.add((writer, seq))
        if not (isinstance(hash_, bytes) and self._expected[writer, seq] == hash_.hex()):
            self._tell(writer, seq, "differs from the receipt or anchor")

    def _look(self, row: Sequence[Any]) -> None:
        """At an entry that is not of the usual kind, or wrong."""
        writer, seq, time, _, kind, action, _, body, _, prev, _ = row
        end = self.segment.ends.get(writer)
        if end is None:
            self.segment.starts[writer] = (seq, prev)
        what = _wrong(row) or ("" if end is None else misplaced(seq, prev, *end))
        if what:
            self._tell(writer, seq, what)
        self.segment.opened += kind == b"case" and action == b"open"
        try:
            self._look_up(writer, seq, time, kind, action, body)
        except (TypeError, AttributeError):
            return  # columns of wrong types were told above

    def _look_up(
        self, writer: bytes, seq: int, time: bytes, kind: bytes, action: bytes, body: bytes | None
    ) -> None:
        """Is it to be found by what it is about? What can no longer be read, as it was."""
        record: Any = None
        if body is None:
            self.segment.erased += 1
            if not self._erased.covers(writer, seq, time, kind):
                self._tell(writer, seq, "its body is gone, and no erasure is on record")
        elif not body.startswith(SEALED):
            record = _read(body)
            if b'"subject":' in body:
                self._look_for_subject(writer, seq, record)
        if kind == b"answer" and action == b"allow":
            return
        if record is None:
            marks = self._reading.execute(_MARKS, (writer.decode(), seq)).fetchall()
        else:
            named = marks_of(record, action.decode(errors="replace"))
            marks = [(rule.encode(), done.encode()) for rule, done in named.items()]
        for rule, done in marks:
            self.segment.marks += mark_number(rule, time, writer, seq, kind, done)

    def _look_for_subject(self, writer: bytes, seq: int, record: dict[str, Any]) -> None:
        subject = record.get("subject")
        if subject and isinstance(subject, str):
            values = (subject, writer.decode(), seq)
            if self._reading.execute(_SUBJECT, values).fetchone() is None:
                self._tell(writer, seq, "is not found by its subject")

    def _tell(self, writer: Any, seq: Any, what: str) -> None:
        self.segment.add(Problem(text(writer), seq, what, COPY))


def mark_number(
    rule: bytes, time: bytes, writer: bytes, seq: int, kind: bytes, action: bytes
) -> int:
    """A number for a mark. Sums of them are equal only for equal sets, in whatever order."""
    parts = (rule, time, writer, str(seq).encode(), kind, action)
    return int.from_bytes(sha256(b"\0".join(parts)).digest()[:16], "big")


def misplaced(seq: int, prev: bytes, last: int, last_hash: bytes) -> str:
    """What is wrong with the place of an entry after `last`, the one before; empty if nothing."""
    if seq != last + 1:
        return f"out of order: {last + 1} was to follow"
    if prev != last_hash:
        return "it does not follow from the entry before: inserted, dropped or moved"
    return ""


def text(value: Any) -> str:
    """Whatever a column holds, to be shown."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _wrong(row: Sequence[Any]) -> str:
    writer, seq, time, id_, kind, action, salt, body, digest, prev, hash_ = row
    try:
        if body is not None and chain.digest(salt, body) != digest:
            return "its body was edited"
        if chain.link(prev, writer, seq, time, id_, kind, action, digest) != hash_:
            return "it was edited, or moved from elsewhere"
    except (TypeError, struct.error):
        return "it was edited: a column is of a wrong type"
    if body is None and salt is not None:
        return "its body is gone, and its salt is not"
    return ""


def _read(body: bytes) -> dict[str, Any]:
    try:
        record = orjson.loads(body)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}
