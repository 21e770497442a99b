"""A random sample of the rows that each step marked: the same for any number of workers.

Every marked row gets a number from a keyed hash of its place; the rows with the smallest numbers
are the sample (bottom-k; Cohen and Kaplan 2007, "Summarizing data using bottom-k sketches"). Which
rows these are depends on neither the order nor the division of the work, and samples of parts
merge to the sample of the whole.

For each step there is one sample of all its rows, from which bounds are computed, and one for each
language, so that a rare one is looked at too. A row may be in both (`drawn`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from heapq import heappush, heapreplace
from itertools import count

from remit.types import Json

ALL = ""
"""Stands for every language in a cell's name."""
# Cells (kind, step, language) at most: 30 references of up to 1 KB each make 60 MB.
_MOST_CELLS = 2_000

Cell = tuple[str, str, str]


class Bottom:
    """The references with the smallest numbers, `size` at most, of all that were offered."""

    __slots__ = ("_heap", "_size", "_turns", "offered")

    def __init__(self, size: int) -> None:
        self._size = size
        self._heap: list[tuple[int, int, Json]] = []
        self._turns = count()
        self.offered = 0

    def wants(self, number: int) -> bool:
        """True where a reference with this number would be among the smallest."""
        if len(self._heap) < self._size:
            return True
        return bool(self._heap) and number < -self._heap[0][0]

    def add(self, number: int, reference: Json) -> None:
        """Takes a reference that is wanted."""
        item = (-number, next(self._turns), reference)
        if len(self._heap) < self._size:
            heappush(self._heap, item)
        else:
            heapreplace(self._heap, item)

    def __iter__(self) -> Iterator[Json]:
        return (reference for _, _, reference in self._heap)


class Sample:
    """The samples of all steps. `size` is how many rows a cell holds; 0 draws none."""

    def __init__(self, salt: bytes, size: int) -> None:
        self._salt = salt
        self._size = size
        self._cells: dict[Cell, Bottom] = {}

    def offer(
        self, kind: str, step: str, language: str, number: int, refer: Callable[[], Json]
    ) -> None:
        """A row that a step marked; `refer` makes the reference, if it is wanted.

        `kind` is `found` or `near`, `number` the row's.
        """
        wanting: list[Bottom] = []
        for cell in ((kind, step, ALL), (kind, step, language)):
            bottom = self._cells.get(cell) or self._cell(cell)
            if bottom is not None:
                bottom.offered += 1
                if bottom.wants(number):
                    wanting.append(bottom)
        if wanting:
            reference = {"order": f"{number:016x}", "sample": kind, "step": step}
            reference |= {"language": language, **refer()}
            for bottom in wanting:
                bottom.add(number, reference)

    def plus(self, offered: Iterable[list[str | int]], items: Iterable[Json]) -> None:
        """Adds the sample of another part, as its `offered` and `items` say it."""
        for kind, step, language, rows in offered:
            bottom = self._cell((str(kind), str(step), str(language)))
            if bottom is not None:
                bottom.offered += int(rows)
        for item in items:
            number = int(item["order"], 16)
            for drawn in item["drawn"]:
                language = ALL if drawn == "step" else item["language"]
                bottom = self._cell((item["sample"], item["step"], language))
                if bottom is not None and bottom.wants(number):
                    bottom.add(number, item)

    def offered(self) -> list[list[str | int]]:
        """How many rows each cell was drawn from: kind, step, language (empty for all), rows."""
        return [[*cell, bottom.offered] for cell, bottom in sorted(self._cells.items())]

    def items(self) -> list[Json]:
        """The references by kind and step, in the order in which they were drawn."""
        found: dict[tuple[str, str, str], Json] = {}
        for (kind, step, language), bottom in self._cells.items():
            drawn = "step" if language == ALL else "language"
            for reference in bottom:
                place = (kind, step, reference["order"])
                known = found.setdefault(place, {**reference, "drawn": []})
                known["drawn"] = sorted({*known["drawn"], drawn})
        return [found[place] for place in sorted(found)]

    def _cell(self, cell: Cell) -> Bottom | None:
        """A cell, or none for a further language where there are very many already."""
        if cell not in self._cells:
            if not self._size or (len(self._cells) >= _MOST_CELLS and cell[2] != ALL):
                return None
            self._cells[cell] = Bottom(self._size)
        return self._cells[cell]

    def number(self, source: str, row: int) -> int:
        """A row's number: from its place, so that equal rows are drawn each by itself."""
        told = f"{source}\0{row}".encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(told, digest_size=8, key=self._salt, person=b"sample").digest()
        return int.from_bytes(digest, "big")
