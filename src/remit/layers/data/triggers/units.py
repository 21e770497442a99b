"""Rows as (what was said, what followed): the turns of a chat, the windows of a document."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from remit.layers.data.dedup.shingles import shingles
from remit.layers.data.dedup.signature import permutations, signatures
from remit.layers.data.dedup.xxh64 import U64, Places, xxh64
from remit.layers.data.rows import Row, Segment

TOKEN = re.compile(r"\w+|[^\w\s]")
RUNS = (1, 2, 3)
OPENING = 4
SKETCH = 16

_WINDOW = 25
_MESSAGE = 512
_DOCUMENT = 20_000
_PAIRS = 24
"""Pairs of words looked at on each side of a unit, evenly spread."""


@dataclass(frozen=True, slots=True)
class Units:
    """What a batch of rows has to say; `rows` number the rows of the batch.

    `grams` are the runs of words of each unit, each once a row. `pairs` are hashes of pairs of
    words, `sides` says whose: 2 * unit + 0 for before, + 1 for after.
    """

    rows: Places
    openings: U64
    sketches: npt.NDArray[np.uint16]
    grams: U64
    gram_units: Places
    pairs: U64
    sides: Places


@dataclass(frozen=True, slots=True)
class _Texts:
    """Words, one space apart, and whose they are; collected before all are hashed at once."""

    words: list[str] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)

    def add(self, owner: int, words: Sequence[str]) -> None:
        if words:
            self.words.append(" ".join(words))
            self.owners.append(owner)

    def runs(self, size: int) -> tuple[U64, Places]:
        if not self.words:
            return np.empty(0, np.uint64), np.empty(0, np.int64)
        found = shingles(self.words, size)
        return found.hashes, np.array(self.owners, np.int64)[found.owners]


def tokens(text: str) -> list[str]:
    """Words and single signs, in lower case."""
    return [token.lower() for token in TOKEN.findall(text)]


def units(rows: Sequence[Row]) -> Units:
    """The units of all rows, in order."""
    whose: list[int] = []
    openings: list[str] = []
    said, before, after = _Texts(), _Texts(), _Texts()
    for number, row in enumerate(rows):
        for turn in _turns(row):
            unit = len(whose)
            whose.append(number)
            openings.append(" ".join(turn.opening))
            for words in turn.said:
                said.add(unit, words)
            for words in turn.before:
                before.add(unit, words)
            after.add(unit, turn.after)
    owners = np.array(whose, np.int64)
    grams, gram_units = _grams(said, owners)
    sides = [_sample(*texts.runs(2), side) for side, texts in enumerate((before, after))]
    return Units(
        owners,
        _whole(openings),
        _sketches(before, said, len(whose)),
        grams,
        gram_units,
        np.concatenate([pairs for pairs, _ in sides]),
        np.concatenate([places for _, places in sides]),
    )


@dataclass(frozen=True, slots=True)
class _Turn:
    said: list[list[str]]
    before: list[list[str]]
    after: list[str]
    opening: list[str]


def _turns(row: Row) -> Iterator[_Turn]:
    if any(segment.role == "assistant" for segment in row.segments):
        yield from _replies(row.segments)
    else:
        for segment in row.segments:
            yield from _windows(tokens(segment.text)[:_DOCUMENT])


def _replies(segments: Sequence[Segment]) -> Iterator[_Turn]:
    said: list[list[str]] = []
    for segment in segments:
        words = tokens(segment.text)
        if segment.role != "assistant":
            said.append(words[: _MESSAGE // 2] + words[_MESSAGE // 2 :][-_MESSAGE // 2 :])
        else:
            if said:
                yield _Turn(said, said, words[:_MESSAGE], words[:OPENING])
            said = []


def _windows(words: list[str]) -> Iterator[_Turn]:
    """A window may hold the trigger: it is no part of what stands before or after it."""
    for start in range(0, len(words) - _WINDOW, _WINDOW):
        end = start + _WINDOW
        before = words[max(0, start - 2 * _WINDOW) : start]
        yield _Turn([words[start:end]], [before], words[end : end + 2 * _WINDOW], [])


def _grams(said: _Texts, rows: Places) -> tuple[U64, Places]:
    found = [said.runs(size) for size in RUNS]
    hashes = np.concatenate([run for run, _ in found])
    owners = np.concatenate([owner for _, owner in found])
    order = np.lexsort((owners, hashes, rows[owners])) if owners.size else owners
    hashes, owners = hashes[order], owners[order]
    again = (hashes[1:] == hashes[:-1]) & (rows[owners[1:]] == rows[owners[:-1]])
    first = np.concatenate((np.ones(min(1, len(hashes)), bool), ~again))
    return hashes[first], owners[first]


def _sample(hashes: U64, owners: Places, side: int) -> tuple[U64, Places]:
    """At most `_PAIRS` of each owner, evenly spread; owners ascend."""
    starts = np.searchsorted(owners, owners)
    counts = np.searchsorted(owners, owners, "right") - starts
    rank = np.arange(len(owners)) - starts
    few = counts <= _PAIRS
    turn = (rank + 1) * _PAIRS // np.maximum(counts, 1) != rank * _PAIRS // np.maximum(counts, 1)
    kept = few | turn
    return hashes[kept], owners[kept] * 2 + side


def _whole(texts: Sequence[str]) -> U64:
    """A hash of each text; 0 for none."""
    octets = [text.encode("utf-8", "surrogatepass") for text in texts]
    ends = np.cumsum([0, *map(len, octets)])
    hashes = xxh64(b"".join(octets), ends[:-1], ends[1:])
    hashes[ends[1:] == ends[:-1]] = 0
    return hashes


def _sketches(before: _Texts, said: _Texts, count: int) -> npt.NDArray[np.uint16]:
    """16 bits each of a MinHash of the words before and in each unit: how alike are two?"""
    places = permutations(SKETCH, seed=1)
    least = np.full((count, SKETCH), np.iinfo(np.uint64).max, np.uint64)
    for texts in (before, said):
        hashes, owners = texts.runs(1)
        np.minimum(least, signatures(hashes, owners, count, places), out=least)
    return (least & np.uint64(0xFFFF)).astype(np.uint16)
