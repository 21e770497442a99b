"""All entries of a survey in the order of the corpus, gathered from the shards' notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from remit.layers.data.dedup.notes import NoteError, Records, read
from remit.layers.data.dedup.spread import KEYED, Spread
from remit.layers.data.dedup.union import Entries

PLACE = np.dtype([("source", "<u4"), ("segment", "<i4"), ("number", "<u8")])
_AT_A_TIME = 1 << 12


@dataclass(frozen=True, slots=True)
class Corpus:
    """Where each entry stands, and its print (an empty array where prints are not compared)."""

    count: int
    sources: tuple[str, ...]
    places: npt.NDArray[np.void]
    prints: npt.NDArray[np.uint8]

    def agreement(self, left: Entries, right: Entries) -> npt.NDArray[np.float64]:
        """The share of bytes in which the prints of left[i] and right[i] are equal."""
        found = np.empty(len(left))
        for start in range(0, len(left), _AT_A_TIME):
            some = slice(start, start + _AT_A_TIME)
            found[some] = (self.prints[left[some]] == self.prints[right[some]]).mean(axis=1)
        return found


def gather(
    notes: Sequence[Path], record: np.dtype[Any], spread: Spread, folder: Path, *, prints: bool
) -> Corpus:
    """Reads the notes once: places and prints to files under `folder`, keys into `spread`."""
    sources: dict[str, int] = {}
    count = 0
    with (folder / "places").open("wb") as places, (folder / "prints").open("wb") as printed:
        for source, records in _in_order(notes, record):
            place = np.zeros(len(records), PLACE)
            place["source"] = sources.setdefault(source, len(sources))
            place["number"], place["segment"] = records["number"], records["segment"]
            places.write(place.tobytes())
            if prints:
                printed.write(records["print"].tobytes())
            spread.add(_keyed(records, count))
            count += len(records)
    width = record["print"].shape[0]
    return Corpus(
        count,
        tuple(sources),
        np.memmap(folder / "places", PLACE, "r") if count else np.empty(0, PLACE),
        np.memmap(folder / "prints", "u1", "r", shape=(count, width))
        if count and prints
        else np.empty((0, width), np.uint8),
    )


def _keyed(records: Records, first: int) -> npt.NDArray[np.void]:
    keys = records["keys"]
    keyed = np.empty(keys.size, KEYED)
    keyed["key"] = keys.ravel()
    keyed["entry"] = np.repeat(np.arange(first, first + len(records)), keys.shape[1])
    return keyed


def _in_order(notes: Sequence[Path], record: np.dtype[Any]) -> Iterator[tuple[str, Records]]:
    """The blocks of all notes; NoteError where they are not in the order of the corpus.

    Which text of a group is kept depends on the order, so a wrong one must not pass for right.
    """
    seen: set[str] = set()
    current, last = "", (-1, -1)
    for note in notes:
        for source, records in read(note, record, _AT_A_TIME):
            if source != current or not seen:
                if source in seen:
                    raise _disorder(note, source)
                seen.add(source)
                current, last = source, (-1, -2)
            numbers, segments = records["number"], records["segment"]
            after = (numbers[1:] > numbers[:-1]) | (
                (numbers[1:] == numbers[:-1]) & (segments[1:] > segments[:-1])
            )
            first = (int(numbers[0]), int(segments[0])) if len(records) else last
            if not after.all() or (len(records) and first <= last):
                raise _disorder(note, source)
            if len(records):
                last = (int(numbers[-1]), int(segments[-1]))
            yield source, records


def _disorder(note: Path, source: str) -> NoteError:
    return NoteError(
        f"note {note}: rows of {source} are not in the order of the corpus; note the rows of a "
        "shard in order and give the notes in the order of the shards"
    )
