"""What is usual in the corpus: how often replies begin alike, and how odd what follows is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from remit.layers.data.dedup.spread import KEYED, Keyed, Spread
from remit.layers.data.dedup.xxh64 import Places
from remit.layers.data.triggers.notes import read
from remit.layers.data.triggers.units import SKETCH

_COLUMNS = (
    ("rows", "<i8", ()),
    ("openings", "<u8", ()),
    ("alike", "<u4", ()),  # units with the same opening
    ("sketches", "<u2", (SKETCH,)),
    ("pairs", "<u2", (2,)),  # before and after: pairs of words looked at
    ("novel", "<u2", (2,)),  # and those that no other row has
    ("odd_in_row", "<u4", ()),  # by row, not by unit: how many of its units are odd
    ("turn", "<i2", ()),  # the share of novel ones after, less that before; in steps of 1/128
)
_STEPS = 128
_FEWEST_PAIRS = 8
_NO_TURN = -32768
_AT_A_TIME = 1 << 16


@dataclass(frozen=True, slots=True)
class Corpus:
    """A column per property, a line per unit; the columns are files mapped into memory."""

    count: int
    columns: dict[str, npt.NDArray[Any]]
    turns_from: int = 0
    turned: int = 0
    replied: int = 0

    def odd(self, units: Places) -> npt.NDArray[np.bool_]:
        """Whether what follows a unit is gibberish beside what stands before."""
        return np.asarray(self.columns["turn"][units] >= self.turns_from)

    def odd_in_rows(self, units: Places) -> Places:
        """How many units of each unit's row are odd: a planted text turns odd all around."""
        return np.asarray(self.columns["odd_in_row"][self.columns["rows"][units]], np.int64)


def gather(notes: Sequence[Path], folder: Path, grams: Spread, memory: int) -> Corpus:
    """Reads the notes once; the runs of words go into `grams`. Raises NoteError."""
    count, pairs = _sizes(notes)
    columns: dict[str, npt.NDArray[Any]] = {
        name: np.memmap(folder / name, kind, "w+", shape=(max(1, count), *shape))
        for name, kind, shape in _COLUMNS
    }
    openings = Spread(folder / "openings-spread", count, memory)
    novelty = Spread(folder / "pairs-spread", pairs, memory)
    unit = row = 0
    for note in notes:
        for block in read(note):
            size = len(block.rows)
            # Rows without a unit are not counted, so there are no more rows than units.
            rows = np.cumsum(np.diff(block.rows, prepend=block.rows[:1]) != 0)
            columns["rows"][unit : unit + size] = rows + row
            columns["openings"][unit : unit + size] = block.openings
            columns["sketches"][unit : unit + size] = block.sketches
            replies = np.flatnonzero(block.openings)
            openings.add(_keyed(block.openings[replies], replies + unit))
            novelty.add(_keyed(block.pairs, block.sides + 2 * unit))
            grams.add(_keyed(block.grams, block.gram_units + unit))
            unit += size
            row += int(rows[-1]) + 1 if size else 0
    _count_alike(openings, columns)
    _count_novel(novelty, columns)
    turns_from = _turns(columns, unit)
    turned = replied = 0
    for some in _slices(unit):
        odd = columns["turn"][some] >= turns_from
        turned += int(np.count_nonzero(odd))
        np.add.at(columns["odd_in_row"], columns["rows"][some][odd], np.uint32(1))
        replied += int(np.count_nonzero(columns["openings"][some]))
    return Corpus(unit, columns, turns_from, turned, replied)


def group_starts(records: Keyed) -> Places:
    """Where each group of equal keys begins."""
    keys = records["key"]
    return np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))


def _sizes(notes: Sequence[Path]) -> tuple[int, int]:
    blocks = [(len(block.rows), len(block.pairs)) for note in notes for block in read(note)]
    return sum(units for units, _ in blocks), sum(pairs for _, pairs in blocks)


def _keyed(hashes: npt.NDArray[np.uint64], entries: Places) -> Keyed:
    keyed = np.empty(len(hashes), KEYED)
    keyed["key"], keyed["entry"] = hashes, entries
    return keyed


def _slices(count: int) -> Iterator[slice]:
    for start in range(0, count, _AT_A_TIME):
        yield slice(start, min(start + _AT_A_TIME, count))


def _count_alike(openings: Spread, columns: dict[str, npt.NDArray[Any]]) -> None:
    for records in openings.groups():
        starts = group_starts(records)
        sizes = np.diff(np.append(starts, len(records)))
        # A group in several parts adds up; its first unit is in all of them and gets the sum.
        np.add.at(columns["alike"], records["entry"], np.repeat(sizes, sizes).astype(np.uint32))


def _count_novel(novelty: Spread, columns: dict[str, npt.NDArray[Any]]) -> None:
    for records in novelty.groups():
        starts = group_starts(records)
        sizes = np.diff(np.append(starts, len(records)))
        units, sides = np.divmod(records["entry"], 2)
        rows = columns["rows"][units]
        one_row = np.minimum.reduceat(rows, starts) == np.maximum.reduceat(rows, starts)
        novel = np.repeat(one_row, sizes)
        np.add.at(columns["pairs"], (units, sides), np.uint16(1))
        np.add.at(columns["novel"], (units[novel], sides[novel]), np.uint16(1))


def _turns(columns: dict[str, npt.NDArray[Any]], count: int) -> int:
    """Fills in `turn`; returns from where on it is odd.

    Odd is two standard deviations above the median, the deviation estimated by the median
    absolute one, so that planted units do not hide themselves by widening it.
    """
    usual = _usual_before(columns, count)
    histogram = np.zeros(2 * _STEPS + 1, np.int64)
    for some in _slices(count):
        seen, novel = columns["pairs"][some].astype(float), columns["novel"][some].astype(float)
        share = novel / np.maximum(seen, 1)
        before = np.where(seen[:, 0] >= _FEWEST_PAIRS, share[:, 0], usual)
        turn = np.rint((share[:, 1] - before) * _STEPS).astype(np.int64)
        known = seen[:, 1] >= _FEWEST_PAIRS
        columns["turn"][some] = np.where(known, turn, _NO_TURN)
        histogram += np.bincount(turn[known] + _STEPS, minlength=len(histogram))
    steps = np.arange(-_STEPS, _STEPS + 1)
    middle = _median(steps, histogram)
    deviation = _median(*_folded(steps - middle, histogram))
    return middle + max(_STEPS // 8, round(2 * 1.4826 * deviation))


def _usual_before(columns: dict[str, npt.NDArray[Any]], count: int) -> float:
    """The share of novel pairs before a unit, over the corpus: for units that nothing precedes."""
    sums = np.zeros(2)
    for some in _slices(count):
        sums += columns["novel"][some, 0].sum(), columns["pairs"][some, 0].sum()
    return float(sums[0] / max(1.0, sums[1]))


def _median(values: Places, counts: Places) -> int:
    place = np.searchsorted(np.cumsum(counts), (counts.sum() + 1) // 2)
    return int(values[min(int(place), len(values) - 1)])


def _folded(values: Places, counts: Places) -> tuple[Places, Places]:
    sums = np.bincount(np.abs(values), counts).astype(np.int64)
    return np.arange(len(sums)), sums
