"""Merges the shards' notes out-of-core: entries that share a key are one group.

1. *Spread.* Every (key, entry) goes to one of many files by the key's first bits, so that equal
   keys meet in one file and a file fits in memory.
2. *Join.* Each file is sorted; neighbours with equal keys are joined in a union-find, in which
   the lower entry is always the root. So a group's root is its first in corpus order, whatever
   the order of joining.
3. *Tell.* Every entry that is not a root is written with its root.

Memory: `memory` bytes, and some 8 MB for blocks in passing. Besides, the union-find (8 bytes an
entry), the places of the entries (16) and their prints (only if they are compared) are files
mapped into memory, whose pages the system may take back. Disk: about as much again as the notes;
the files die with the call.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from remit.layers.data.dedup.corpus import Corpus, gather
from remit.layers.data.dedup.outcome import Draft
from remit.layers.data.dedup.spread import Keyed, Spread
from remit.layers.data.dedup.union import Entries, join, root

_AT_A_TIME = 1 << 16


@dataclass(frozen=True, slots=True)
class Layout:
    """A note's records: fields number, segment, keys, print.

    Two entries that share a key are joined where at least `least_agreement` of the bytes of
    their prints are equal; 0 takes every pair.
    """

    record: np.dtype[Any]
    least_agreement: float = 0.0


def settle(notes: Sequence[Path], outcome: Path, layout: Layout, memory: int) -> None:
    """Writes which entry of the `notes`, taken in order, repeats which.

    Raises NoteError for a note that cannot be used, ValueError for less than 1 MiB of memory.
    """
    if memory < 1 << 20:
        raise ValueError(f"de-duplication: {memory} bytes of memory are too few; give 1 MiB")
    entries = sum(note.stat().st_size for note in notes) // layout.record.itemsize
    keys = layout.record["keys"].shape[0]
    with tempfile.TemporaryDirectory(dir=outcome.parent, prefix=".settle-") as name:
        folder = Path(name)
        spread = Spread(folder, entries * keys, memory // 2)
        compare = layout.least_agreement > 0
        corpus = gather(notes, layout.record, spread, folder, prints=compare)
        parent = np.memmap(folder / "parent", "<i8", "w+", shape=(max(1, corpus.count),))
        for some in _slices(corpus.count):
            parent[some] = np.arange(some.start, some.stop)
        for records in spread.groups():
            for pairs in _pairs(records, chain=compare):
                join(parent, *_alike(corpus, pairs, layout.least_agreement))
        _tell(corpus, parent, outcome)


def _slices(count: int) -> Iterator[slice]:
    for start in range(0, count, _AT_A_TIME):
        yield slice(start, min(start + _AT_A_TIME, count))


def _pairs(records: Keyed, *, chain: bool) -> Iterator[tuple[Entries, Entries]]:
    """Each entry with the first of its group; with `chain` also with the one before it.

    The first alone joins a whole group. Where pairs are compared it may be the odd one out: then
    its followers still find each other.
    """
    keys, entries = records["key"], records["entry"]
    same = np.flatnonzero(keys[1:] == keys[:-1]) + 1
    heads = np.arange(len(keys))
    heads[same] = 0
    heads = np.maximum.accumulate(heads)
    for some in _slices(len(same)):
        yield entries[heads[same[some]]], entries[same[some]]
        if chain:
            yield entries[same[some] - 1], entries[same[some]]


def _alike(
    corpus: Corpus, pairs: tuple[Entries, Entries], least_agreement: float
) -> tuple[Entries, Entries]:
    if not least_agreement:
        return pairs
    left, right = pairs
    agree = corpus.agreement(left, right) >= least_agreement
    return left[agree], right[agree]


def _tell(corpus: Corpus, parent: Entries, outcome: Path) -> None:
    counts = np.zeros(len(corpus.sources), np.int64)
    for some, repeated, _ in _repetitions(corpus.count, parent):
        counts += np.bincount(corpus.places["source"][some][repeated], minlength=len(counts))
    starts = np.cumsum(counts) - counts
    draft = Draft(outcome, corpus.sources, starts.tolist(), int(counts.sum()))
    at = 0
    for some, repeated, roots in _repetitions(corpus.count, parent):
        own, kept = corpus.places[some][repeated], corpus.places[roots]
        to = slice(at, at + len(own))
        for column in ("number", "segment"):
            draft.columns[column][to] = own[column]
            draft.columns[f"kept_{column}"][to] = kept[column]
        draft.columns["kept_source"][to] = kept["source"]
        at = to.stop
    draft.close()


def _repetitions(count: int, parent: Entries) -> Iterator[tuple[slice, Any, Entries]]:
    for some in _slices(count):
        entries = np.arange(some.start, some.stop)
        roots = root(parent, entries)
        repeated = roots != entries
        yield some, repeated, roots[repeated]
