"""What the ledger says of a row: its number and hash, what became of it, who asked for that, why.

Removed text is not copied: the hash and the spans find it in the source, for who still has that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from remit.layers.data.rows import Mark, Row
from remit.types import Json

IDS = ("id", "_id", "uid", "uuid", "doc_id", "document_id", "row_id")
"""Columns whose value names a row; the first that is there does."""


def entry(row: Row, outcome: str, marks: Sequence[Mark], notes: Sequence[str] = ()) -> Json:
    """The entry of a row that a step spoke of; `notes` say what could not be done beside."""
    said: Json = {"row": row.number, "sha256": row_digest(row.raw).hexdigest()}
    if (named := row_id(row.value)) is not None:
        said["id"] = named
    said["outcome"] = outcome
    said["marks"] = [_mark(row, mark) for mark in marks]
    if notes:
        said["notes"] = list(notes)
    return said


def row_digest(raw: bytes) -> Any:
    """SHA-256 of a row without its line's end: `head -n1 FILE | tr -d '\\n' | sha256sum`."""
    return hashlib.sha256(raw.rstrip(b"\r\n"))


def row_id(value: Mapping[str, Any]) -> str | None:
    """What names a row among its kind, where a column does."""
    for name in IDS:
        named = value.get(name)
        if isinstance(named, str | int) and not isinstance(named, bool):
            return str(named)[:256]
    return None


def quarantined(number: int, digest: Any, reason: str, at: int, size: int) -> Json:
    return {
        "row": number,
        "sha256": digest.hexdigest(),
        "outcome": "quarantined",
        "reason": reason,
        "at": at,
        "bytes": size,
    }


def _mark(row: Row, mark: Mark) -> Json:
    said: Json = {"step": mark.step, "owner": mark.owner, "asks": mark.way.name.lower()}
    if mark.segment >= 0:
        segment = row.segments[mark.segment]
        said |= {"role": segment.role, "path": list(segment.path)}
    if mark.spans:
        said["spans"] = [list(span) for span in mark.spans]
    said["score"] = round(mark.score, 6)
    if mark.reason:
        said["reason"] = mark.reason
    return said


def entries_in(path: Path) -> Iterator[Json]:
    """The entries of a part, in order."""
    with path.open("rb") as file:
        for line in file:
            yield orjson.loads(line)
