"""The outcome of a survey of duplicates: which text repeats which, by source and row.

A JSON line (sources, where each begins, how many entries), then one column after another, each
of fixed width, so that a reader maps the file and touches only what it looks up.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from remit.layers.data.rows import WHOLE_ROW, Mark, Row, Way

COLUMNS = (
    ("number", "<u8"),
    ("segment", "<i4"),
    ("kept_source", "<u4"),
    ("kept_number", "<u8"),
    ("kept_segment", "<i4"),
)
_FORMAT = "remit-duplicates-1"
_ALIGN = 64

Columns = dict[str, npt.NDArray[Any]]


class OutcomeError(ValueError):
    """An outcome file cannot be used; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """How duplicates are marked: the step's name, who asks for it, and what is to be done."""

    step: str
    owner: str
    way: Way


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Marks each row or text that the outcome says is a repetition."""

    verdicts: Verdicts
    sources: tuple[str, ...]
    bounds: dict[str, tuple[int, int]]
    columns: Columns

    @classmethod
    def open(cls, outcome: Path, verdicts: Verdicts) -> Duplicates:
        """Maps `outcome`. Raises OutcomeError where it is foreign or cut off."""
        with outcome.open("rb") as file:
            head = _head(outcome, file.readline())
            at = file.tell()
        count = head["count"]
        if outcome.stat().st_size != at + count * _WIDTH:
            raise OutcomeError(f"outcome {outcome} is cut off; delete it and settle again")
        starts = [*head["starts"], count]
        bounds = {source: (starts[i], starts[i + 1]) for i, source in enumerate(head["sources"])}
        return cls(verdicts, tuple(head["sources"]), bounds, _columns(outcome, at, count, "r"))

    @property
    def name(self) -> str:
        """What its marks are signed with."""
        return self.verdicts.step

    def judge(self, rows: Sequence[Row]) -> list[tuple[Mark, ...]]:
        """One mark for each repetition in a row, naming the row that is kept."""
        return [self._judge(row) for row in rows]

    def _judge(self, row: Row) -> tuple[Mark, ...]:
        low, high = self.bounds.get(row.source, (0, 0))
        numbers = self.columns["number"][low:high]
        # A plain Python int would make numpy compare (and copy) the column as floats.
        number = np.uint64(row.number)
        first, last = (int(np.searchsorted(numbers, number, side)) for side in ("left", "right"))
        return tuple(self._mark(low + place) for place in range(first, last))

    def _mark(self, place: int) -> Mark:
        segment, source, number, kept = (
            int(self.columns[name][place])
            for name in ("segment", "kept_source", "kept_number", "kept_segment")
        )
        where = "" if kept == WHOLE_ROW else f", text {kept}"
        return Mark(
            self.verdicts.step,
            self.verdicts.owner,
            self.verdicts.way,
            segment,
            reason=f"repeats {self.sources[source]} row {number}{where}",
        )


class Draft:
    """An outcome being written: `columns` are the file itself, mapped; `close` puts it in place."""

    def __init__(
        self, outcome: Path, sources: Sequence[str], starts: Sequence[int], count: int
    ) -> None:
        self._outcome = outcome
        self._partial = outcome.with_name(outcome.name + ".partial")
        head = {"format": _FORMAT, "count": count, "sources": sources, "starts": starts}
        line = json.dumps(head).encode()
        line += b" " * (-(len(line) + 1) % _ALIGN) + b"\n"
        with self._partial.open("wb") as file:
            file.write(line)
            file.truncate(len(line) + count * _WIDTH)
        self.columns = _columns(self._partial, len(line), count, "r+")

    def close(self) -> None:
        """All or nothing: the file appears under its name when it is durable."""
        for column in self.columns.values():
            if isinstance(column, np.memmap):
                column.flush()
        with self._partial.open("rb+") as file:
            os.fsync(file.fileno())
        self._partial.replace(self._outcome)


_WIDTH = sum(np.dtype(kind).itemsize for _, kind in COLUMNS)


def _head(outcome: Path, line: bytes) -> dict[str, Any]:
    try:
        head = json.loads(line)
        if head["format"] == _FORMAT and len(head["sources"]) == len(head["starts"]):
            return dict(head)
    except (ValueError, KeyError, TypeError):
        pass
    raise OutcomeError(f"{outcome} is no outcome of a de-duplication; settle the notes again")


def _columns(path: Path, at: int, count: int, mode: Any) -> Columns:
    columns: Columns = {}
    for name, kind in COLUMNS:
        column = np.dtype(kind)
        columns[name] = (
            np.memmap(path, column, mode, at, (count,)) if count else np.empty(0, column)
        )
        at += count * column.itemsize
    return columns
