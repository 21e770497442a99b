"""Where each run of words of the evaluation items stands, by its hash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from remit.layers.data.contamination.items import Item
from remit.layers.data.contamination.words import PIECE, plain
from remit.layers.data.dedup.shingles import shingles
from remit.layers.data.dedup.xxh64 import U64

_ENTRY = np.dtype([("hash", "<u8"), ("item", "<u4"), ("offset", "<u4")])
_MOST_ITEMS = 16
"""Items looked at for one run: a phrase of a thousand items is named by the first of them."""

_ENDS = (b"", b" ", b"\n")

Hits = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Known:
    """An item's name and its words as UTF-8, one space apart."""

    name: str
    words: bytes


@dataclass(frozen=True, slots=True)
class Table:
    """Runs of `size` words. With `whole`, an item must occur with all its words, not only these.

    `entries` ascend by hash, then by item; 16 bytes each.
    """

    size: int
    whole: bool
    entries: npt.NDArray[np.void]
    hashes: U64
    known: tuple[Known, ...]

    def hits(self, hashes: U64) -> Hits:
        """Which of the hashes may be of a run in the table."""
        if not len(self.hashes):
            return np.empty(0, np.intp)
        place = np.searchsorted(self.hashes, hashes)
        place[place == len(self.hashes)] = 0
        return np.flatnonzero(self.hashes[place] == hashes)

    def items(self, buffer: bytes, start: int, end: int, value: np.uint64) -> Iterator[Known]:
        """The items that have the run `buffer[start:end]` of hash `value`, compared by the letter.

        With `whole`, their other words must follow in the buffer.
        """
        low, high = (
            np.searchsorted(self.hashes, value),
            np.searchsorted(self.hashes, value, "right"),
        )
        for entry in self.entries[low : min(high, low + _MOST_ITEMS)]:
            known, offset = self.known[entry["item"]], int(entry["offset"])
            if self.whole:
                after = start + len(known.words)
                if buffer.startswith(known.words, start) and buffer[after : after + 1] in _ENDS:
                    yield known
            elif known.words[offset : offset + end - start] == buffer[start:end]:
                yield known


@dataclass(frozen=True, slots=True)
class Index:
    """The tables of an evaluation set, and how many items were too short to be looked for."""

    tables: tuple[Table, ...]
    size: int
    items: int
    skipped: int


def index(items: Iterable[Item], size: int, shortest: int) -> Index:
    """Reads all items; memory is their text and 24 bytes a word. Raises what `items` raises."""
    long: list[Known] = []
    short: list[Known] = []
    skipped = 0
    for item in items:
        words = plain(item.text)
        count = words.count(" ") + 1 if words else 0
        if count < shortest:
            skipped += 1
        else:
            (short if count < size else long).append(Known(str(item), words.encode()))
    tables = [_table(long, size, whole=False), _table(short, shortest, whole=True)]
    used = tuple(table for table in tables if len(table.hashes))
    return Index(used, size, len(long) + len(short), skipped)


def _table(known: Sequence[Known], size: int, *, whole: bool) -> Table:
    found = [_entries(known, first, last, size, whole=whole) for first, last in _batches(known)]
    entries = np.concatenate([np.empty(0, _ENTRY), *found])
    entries = entries[np.lexsort((entries["offset"], entries["item"], entries["hash"]))]
    again = (entries["hash"][1:] == entries["hash"][:-1]) & (
        entries["item"][1:] == entries["item"][:-1]
    )
    entries = entries[np.concatenate((np.ones(min(1, len(entries)), bool), ~again))]
    return Table(size, whole, entries, np.ascontiguousarray(entries["hash"]), tuple(known))


def _batches(known: Sequence[Known]) -> Iterator[tuple[int, int]]:
    first = length = 0
    for place, item in enumerate(known):
        length += len(item.words)
        if length >= PIECE:
            yield first, place + 1
            first, length = place + 1, 0
    if first < len(known):
        yield first, len(known)


def _entries(
    known: Sequence[Known], first: int, last: int, size: int, *, whole: bool
) -> npt.NDArray[np.void]:
    some = known[first:last]
    found = shingles([item.words.decode() for item in some], size)
    begins = np.cumsum([0, *(len(item.words) + 1 for item in some[:-1])])
    entries = np.empty(len(found.hashes), _ENTRY)
    entries["hash"] = found.hashes
    entries["item"] = found.owners + first
    entries["offset"] = found.starts - begins[found.owners]
    return entries[entries["offset"] == 0] if whole else entries
