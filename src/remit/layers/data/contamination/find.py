"""Runs of words that a training text shares with an evaluation item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from remit.layers.data.contamination.index import Index, Table
from remit.layers.data.contamination.words import PIECE, WORD, pieces, plain
from remit.layers.data.dedup.shingles import Shingles, shingles
from remit.layers.data.rows import Mark, Row, Way
from remit.types import Span, merge_spans

_MOST_MARKS = 16
"""Items named for one text; what more there is goes into one mark together."""


@dataclass(frozen=True, slots=True)
class Marking:
    """Who asks, what is to be done, how far around, and from how many places on to drop."""

    owner: str
    way: Way
    window: int
    most_cuts: int | None


@dataclass(frozen=True, slots=True)
class _Piece:
    """Characters `start` to `end` of a row's segment, and their words."""

    row: int
    segment: int
    start: int
    end: int
    words: str


_Places = dict[tuple[int, int], dict[str, list[Span]]]
"""By row and segment: for each item, where."""


@dataclass(frozen=True, slots=True)
class Contamination:
    """The step; make it with `contamination.step`."""

    index: Index
    marking: Marking

    @property
    def name(self) -> str:
        """What its marks are signed with."""
        return "contamination"

    @property
    def skipped(self) -> int:
        """Evaluation items that are too short to be looked for."""
        return self.index.skipped

    def judge(self, rows: Sequence[Row]) -> list[tuple[Mark, ...]]:
        """A mark for each text and evaluation item that share a run, with where in the text."""
        places: _Places = {}
        for batch in _batches(rows, self.index.size - 1):
            for table in self.index.tables:
                found = shingles([piece.words for piece in batch], table.size)
                _collect(rows, batch, table, found, places)
        marks: list[list[Mark]] = [[] for _ in rows]
        for (row, segment), items in sorted(places.items()):
            length = len(rows[row].segments[segment].text)
            marks[row] += self._marks(segment, length, items)
        return [tuple(some) for some in marks]

    def _marks(self, segment: int, length: int, items: dict[str, list[Span]]) -> Iterator[Mark]:
        every = self._widened([span for spans in items.values() for span in spans], length)
        way = self.marking.way
        if self.marking.most_cuts is not None and len(every) > self.marking.most_cuts:
            way = max(way, Way.DROP)
        named = sorted(items, key=lambda name: (min(items[name]), name))
        for item in named[:_MOST_MARKS]:
            spans = self._widened(items[item], length)
            yield self._mark(segment, way, spans, f"shares a run of words with {item}")
        if rest := named[_MOST_MARKS:]:
            yield self._mark(segment, way, every, f"and with {len(rest)} more items")

    def _mark(self, segment: int, way: Way, spans: tuple[Span, ...], reason: str) -> Mark:
        return Mark(self.name, self.marking.owner, way, segment, spans, reason=reason)

    def _widened(self, spans: Sequence[Span], length: int) -> tuple[Span, ...]:
        by = self.marking.window
        return merge_spans(Span(max(0, s.start - by), min(length, s.end + by)) for s in spans)


def _batches(rows: Sequence[Row], overlap: int) -> Iterator[list[_Piece]]:
    batch: list[_Piece] = []
    length = 0
    for number, row in enumerate(rows):
        for place, segment in enumerate(row.segments):
            for start, end in pieces(segment.text, overlap):
                batch.append(_Piece(number, place, start, end, plain(segment.text[start:end])))
                length += end - start
                if length >= PIECE:
                    yield batch
                    batch, length = [], 0
    if batch:
        yield batch


def _collect(
    rows: Sequence[Row], batch: Sequence[_Piece], table: Table, found: Shingles, places: _Places
) -> None:
    hits = table.hits(found.hashes)
    owners = found.owners[hits]
    for owner in np.unique(owners).tolist():
        piece = batch[owner]
        first = int(np.searchsorted(found.owners, owner))
        text = rows[piece.row].segments[piece.segment].text
        words = [word.span() for word in WORD.finditer(text, piece.start, piece.end)]
        for hit in hits[owners == owner].tolist():
            start, end = int(found.starts[hit]), int(found.ends[hit])
            word = hit - first
            for item in table.items(found.buffer, start, end, found.hashes[hit]):
                last = word + item.words.count(b" ") if table.whole else word + table.size - 1
                span = Span(words[word][0], words[last][1])
                places.setdefault((piece.row, piece.segment), {}).setdefault(item.name, []).append(
                    span
                )
