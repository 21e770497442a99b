"""What is erased, and when: one record, all of a person, or whatever is older than may be kept.

The entry stays with its time, kind and action; what it said is gone for good, and the chain holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from remit.evidence.cases import State
from remit.evidence.chain import Entry
from remit.evidence.database import Change
from remit.evidence.forgetting import CHUNK_MOST, Erasure, Purge
from remit.evidence.record import EvidenceError, stamp

KEPT_DAYS_LEAST: Final = 183
"""Six months: Regulation (EU) 2024/1689 (AI Act), articles 19(1) and 26(6)."""

CLASSES: Final[Mapping[str, tuple[str, ...]]] = {
    "answers": ("answer", "refusal", "error"),
    "judgements": ("judgement",),
    "access": ("seen",),
    "cases": ("case", "review"),
}
"""Classes of data that may hold personal data, with their kinds. All other kinds are kept."""

_CHUNK: Final = 2000
_OF_SUBJECT: Final = (
    "SELECT entries.writer, entries.seq FROM subjects JOIN entries"
    " ON entries.writer = subjects.writer AND entries.seq = subjects.seq"
    " WHERE subjects.subject = ? AND body IS NOT NULL"
)

Place = tuple[str, int]


class Store(Protocol):
    """What of an open record is used here."""

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        ...

    async def change(self, record: Mapping[str, Any], change: Change) -> Entry:
        """An entry with a change."""
        ...

    async def alter(self, change: Change) -> None:
        """A change alone."""
        ...


async def erase(store: Store, id: str, who: str, why: str) -> Entry:
    """Erases one record, or all of a case. Raises EvidenceError where nothing is left."""
    targets = _targets(store, [id, *_steps(id)])
    if not targets:
        raise EvidenceError(f"evidence: nothing to erase under {id}; look the id up first")
    erasure = Erasure(tuple(targets), (id,), who, why, stamp())
    return await store.change(erasure.record(), erasure)


async def forget(store: Store, subject: str, who: str, why: str) -> int:
    """Erases all entries and cases of a person, by their pseudonym."""
    cases = [row[0] for row in store.rows("SELECT id FROM cases WHERE subject = ?", (subject,))]
    targets = {(writer, seq) for writer, seq in store.rows(_OF_SUBJECT, (subject,))}
    for case in cases:
        targets.update(_targets(store, _steps(case)))
    for chunk in _chunks(sorted(targets)):
        erasure = Erasure(chunk, tuple(cases), who, why, stamp(), subject)
        await store.change(erasure.record(), erasure)
    return len(targets)


async def retain(store: Store, before: Mapping[str, str], who: str, why: str) -> int:
    """Erases what is older than its class may be kept.

    One entry tells the terms; the bodies then go in chunks, between which others write. Killed in
    between, it is run again.
    """
    for name in before:
        if name not in CLASSES:
            raise EvidenceError(f"retention: no class '{name}'; have {', '.join(CLASSES)}")
    others = {k: t for name, t in before.items() if name != "cases" for k in CLASSES[name]}
    count = 0
    if others:
        erasure = Erasure((), (), who, why, stamp(), terms=others)
        await store.change(erasure.record(), erasure)
        count = await _purge(store, others)
    if "cases" in before:
        count += await _retain_cases(store, before["cases"], who, why)
    return count


async def _purge(store: Store, terms: Mapping[str, str]) -> int:
    where = " OR ".join("(kind = ? AND time < ?)" for _ in terms)
    values = [part for term in terms.items() for part in term]
    position, count = 0, 0
    while True:
        rows = store.rows(
            f"SELECT position FROM entries WHERE position > ? AND ({where})"  # noqa: S608
            " AND body IS NOT NULL ORDER BY position LIMIT ?",
            (position, *values, _CHUNK),
        )
        positions = tuple(row[0] for row in rows)
        count += len(positions)
        last = len(positions) < _CHUNK
        await store.alter(Purge(positions, last))
        if last:
            return count
        position = positions[-1]


async def _retain_cases(store: Store, before: str, who: str, why: str) -> int:
    sql = "SELECT id FROM cases WHERE state = 'closed' AND updated < ? AND question != '{}'"
    count = 0
    for (case,) in store.rows(sql, (before,)):
        targets = _targets(store, [*_steps(case), f"{case}/review"])
        count += len(targets)
        erasure = Erasure(tuple(targets), (case,), who, why, stamp())
        await store.change(erasure.record(), erasure)
    return count


def _targets(store: Store, ids: Sequence[str]) -> list[Place]:
    """Where the entries with these ids are that still say something."""
    marks = ", ".join("?" * len(ids))
    rows = store.rows(
        f"SELECT writer, seq FROM entries WHERE id IN ({marks})"  # noqa: S608
        " AND body IS NOT NULL AND kind != 'erasure' ORDER BY position",
        ids,
    )
    return [(writer, seq) for writer, seq in rows]


def _steps(case: str) -> list[str]:
    return [f"{case}/{state}" for state in State]


def _chunks(targets: Sequence[Place]) -> Iterator[tuple[Place, ...]]:
    """At least one, for that a person was forgotten is on record even where nothing was kept."""
    for at in range(0, max(1, len(targets)), CHUNK_MOST):
        yield tuple(targets[at : at + CHUNK_MOST])
