"""What a shard notes for the search for triggers: blocks of columns, several a shard."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from remit.layers.data.dedup.notes import NoteError
from remit.layers.data.triggers.units import SKETCH, Units

_HEAD = struct.Struct("<4sIII")
_MAGIC = b"RmT1"
_COLUMNS = (
    ("rows", "<u4", 0),
    ("openings", "<u8", 0),
    ("sketches", f"{SKETCH}<u2", 0),
    ("grams", "<u8", 1),
    ("gram_units", "<u4", 1),
    ("pairs", "<u8", 2),
    ("sides", "<u4", 2),
)
"""Name, kind, and which of a block's three lengths the column has."""


def write(units: Units, into: Any) -> None:
    """Appends one block: 44 bytes a unit, 12 a run, 12 a pair."""
    into.write(_HEAD.pack(_MAGIC, len(units.rows), len(units.grams), len(units.pairs)))
    for name, kind, _ in _COLUMNS:
        column = getattr(units, name)
        into.write(column.astype(np.dtype(kind).base).tobytes())


def read(path: Path) -> Iterator[Units]:
    """The blocks of a note. Raises NoteError for one that is cut off or foreign."""
    size = path.stat().st_size
    with path.open("rb") as note:
        while head := note.read(_HEAD.size):
            magic, *lengths = _HEAD.unpack(head) if len(head) == _HEAD.size else (b"", 0, 0, 0)
            widths = [np.dtype(kind).itemsize * lengths[which] for _, kind, which in _COLUMNS]
            if magic != _MAGIC or note.tell() + sum(widths) > size:
                message = (
                    f"note {path}: it is cut off or no note; delete it and note its shard again"
                )
                raise NoteError(message)
            yield Units(
                *(
                    _column(note.read(width), kind)
                    for (_, kind, _), width in zip(_COLUMNS, widths, strict=True)
                )
            )


def _column(octets: bytes, kind: str) -> npt.NDArray[Any]:
    column = np.frombuffer(octets, np.dtype(kind))
    return column.astype(np.int64) if column.dtype == np.uint32 else column
