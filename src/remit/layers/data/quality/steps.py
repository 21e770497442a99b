"""Heuristics as one step of the data layer: rows in, marks out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from remit.layers.data.quality.batch import Batch
from remit.layers.data.quality.judgement import Heuristic, Judgement
from remit.layers.data.quality.words import Split
from remit.layers.data.rows import Mark, Row, Way

_AT_ONCE = 1 << 17
"""Characters judged at once: large enough for whole-array work to pay, small enough for a cache."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Judges the texts of the given roles by all heuristics, their words found only once.

    Each heuristic sees the text as it came, whatever the others say, so their order cannot matter.
    `drop` is the way of what a heuristic would drop: TAG keeps the rows and says what they are.
    A text of more than `longest` characters is dropped unjudged, with that as the reason, because
    judging takes up to 190 bytes of memory a character.
    """

    name: str
    owner: str
    heuristics: tuple[Heuristic, ...]
    roles: frozenset[str] = frozenset({"document"})
    longest: int = 4_000_000
    split: Split = "unicode"
    drop: Way = Way.DROP

    def judge(self, rows: Sequence[Row]) -> list[tuple[Mark, ...]]:
        """The marks of each row."""
        marks: list[list[Mark]] = [[] for _ in rows]
        for places in self._portions(rows, marks):
            batch = Batch([rows[r].segments[s].text for r, s in places], self.split)
            for heuristic in self.heuristics:
                for (r, s), judgement in zip(places, heuristic.judge(batch), strict=True):
                    if judgement is not None:
                        marks[r].append(self._mark(heuristic.name, s, judgement))
        return [tuple(of_row) for of_row in marks]

    def _mark(self, step: str, segment: int, judgement: Judgement) -> Mark:
        way = self.drop if judgement.way is Way.DROP else judgement.way
        return Mark(step, self.owner, way, segment, judgement.spans, reason=judgement.reason)

    def _portions(
        self, rows: Sequence[Row], marks: list[list[Mark]]
    ) -> Iterator[list[tuple[int, int]]]:
        """Places of texts (row, segment), as many at a time as make some `_AT_ONCE` characters."""
        places: list[tuple[int, int]] = []
        size = 0
        for r, row in enumerate(rows):
            for s, segment in enumerate(row.segments):
                if segment.role not in self.roles:
                    continue
                length = len(segment.text)
                if length > self.longest:
                    reason = f"not judged: {length} characters in one text, over {self.longest}"
                    marks[r].append(Mark(self.name, self.owner, Way.DROP, s, reason=reason))
                    continue
                if places and size + length > _AT_ONCE:
                    yield places
                    places, size = [], 0
                places.append((r, s))
                size += length + 1
        if places:
            yield places
