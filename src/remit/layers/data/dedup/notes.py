"""What shards write down for a survey: blocks of fixed-width records, each under its source.

A block is a head (magic, length of the source's name, width of a record, number of records), the
name, the records. A note that is cut off or foreign is refused, never read as far as it goes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from remit.layers.data.rows import WHOLE_ROW, Row

Records = npt.NDArray[np.void]

_HEAD = struct.Struct("<4sIII")
_MAGIC = b"RmN1"


class NoteError(ValueError):
    """A shard's note cannot be used; the message says which and what to do."""


def texts_of(row: Row, scope: str, roles: tuple[str, ...]) -> list[tuple[int, list[str]]]:
    """What is compared of a row: (segment, its texts), in order; nothing where there is no text."""
    chosen = [
        (place, segment.text)
        for place, segment in enumerate(row.segments)
        if segment.text and (not roles or segment.role in roles)
    ]
    if scope == "segment":
        return [(place, [text]) for place, text in chosen]
    return [(WHOLE_ROW, [text for _, text in chosen])] if chosen else []


def write(rows: Sequence[Row], entries: Records, owners: Sequence[int], into: Any) -> None:
    """Appends `entries`, of which number i belongs to `rows[owners[i]]`; owners ascend."""
    sources = [rows[owner].source for owner in owners]
    start = 0
    for source, run in groupby(sources):
        count = sum(1 for _ in run)
        name = source.encode("utf-8", "surrogateescape")
        into.write(_HEAD.pack(_MAGIC, len(name), entries.dtype.itemsize, count))
        into.write(name)
        into.write(entries[start : start + count].tobytes())
        start += count


def read(path: Path, record: np.dtype[Any], most: int) -> Iterator[tuple[str, Records]]:
    """(source, records) of a note, at most `most` records at a time. Raises NoteError."""
    size = path.stat().st_size
    with path.open("rb") as note:
        while head := note.read(_HEAD.size):
            if len(head) < _HEAD.size:
                raise _broken(path, "it ends inside a block")
            magic, length, width, count = _HEAD.unpack(head)
            if magic != _MAGIC or width != record.itemsize:
                raise _broken(path, "it was written by other settings, or is no note")
            if note.tell() + length + count * width > size:
                raise _broken(path, "it ends inside a block")
            source = note.read(length).decode("utf-8", "surrogateescape")
            yield from _parts(note, source, record, count, most)


def _parts(
    note: BinaryIO, source: str, record: np.dtype[Any], count: int, most: int
) -> Iterator[tuple[str, Records]]:
    while count:
        some = min(count, most)
        yield source, np.frombuffer(note.read(some * record.itemsize), record)
        count -= some


def _broken(path: Path, what: str) -> NoteError:
    return NoteError(f"note {path}: {what}; delete it and note its shard again")
