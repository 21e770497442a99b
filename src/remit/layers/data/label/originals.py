"""Sampled rows, read from their sources while people label them; the run's folder has no text.

A row is shown only where its hash is still the one in the ledger. Of a plain file only the part
that holds the row is read; packed files are read from their beginning, once for all their rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import orjson

from remit.layers.data import ledger
from remit.layers.data.batches import Batch
from remit.layers.data.card.measures import INPUTS
from remit.layers.data.entries import row_digest
from remit.layers.data.label.excerpt import Passage, passages
from remit.layers.data.parsing import parse_lines, parse_paragraphs
from remit.layers.data.reading import items
from remit.layers.data.rows import Row
from remit.layers.data.sources import Shard, Source, SourceError, find, ranged
from remit.layers.data.streams import MissingExtraError
from remit.types import Json


@dataclass(frozen=True, slots=True)
class Gone:
    """Why a row cannot be shown, and what to do."""

    reason: str


Shown = tuple[Passage, ...] | Gone


class Originals:
    """Reads rows of a run's sources. `inputs` says where these are now, if they were moved."""

    def __init__(self, folder: Path, inputs: Sequence[str] = ()) -> None:
        """Raises LedgerError for a folder without a run, SourceError for inputs not there."""
        self._folder = folder
        self._given = {source.name: source for source in find(inputs).sources} if inputs else {}
        self._plan: Json = {}
        self._firsts: dict[tuple[str, int], int] = {}
        for value in ledger.read(folder):
            if value["kind"] == "start":
                self._plan = value["plan"]
            elif value["kind"] == "part":
                self._firsts[value["source"], value["part"]] = value["first_row"]
        self._shown: dict[str, Shown] = {}

    def show(self, item: Json, beside: Sequence[Json]) -> Shown:
        """The texts of a sampled row; those of `beside` that are read on the way are kept."""
        if _key(item) not in self._shown:
            try:
                self._read(item, beside)
            except (SourceError, MissingExtraError, OSError) as error:
                self._shown[_key(item)] = Gone(f"The source cannot be read: {error}")
        return self._shown[_key(item)]

    def _read(self, item: Json, beside: Sequence[Json]) -> None:
        source = self._source(item["source"])
        mine = [item, *(one for one in beside if one["source"] == item["source"])]
        if ranged(source) or source.format == "parquet":
            mine = [one for one in mine if one["part"] == item["part"]]
        missing = {_key(one): one for one in mine}
        wanted = {one["row"]: one["sha256"] for one in mine}
        for row in self._rows(source, item["part"], wanted):
            intact = row_digest(row.raw).hexdigest() == wanted[row.number]
            for key in [key for key, one in missing.items() if one["row"] == row.number]:
                one = missing.pop(key)
                self._shown[key] = passages(row, one["marks"]) if intact else Gone(_CHANGED)
        self._shown |= dict.fromkeys(missing, Gone(_CHANGED))

    def _source(self, name: str) -> Source:
        if self._given:
            if name not in self._given:
                raise SourceError(f"{name} is not among the inputs given")
            return self._given[name]
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise SourceError(f"{name} is no name of a source")
        try:
            base = orjson.loads((self._folder / INPUTS).read_bytes())["base"]
        except (OSError, ValueError, KeyError):
            base = ""
        path = (self._folder.resolve() / base / name).resolve()
        if not base or not path.is_file():
            raise SourceError(f"{name} is not where it was; name the inputs after the folder")
        (source,) = find([str(path)]).sources
        return replace(source, name=name)

    def _rows(self, source: Source, part: int, wanted: Mapping[int, str]) -> Iterator[Row]:
        columns = dict(self._plan["columns"])
        size = int(self._plan["part_bytes"])
        if source.format == "parquet":
            yield from _of_table(source, part, size, columns, wanted)
            return
        shard = Shard(source, part)
        if ranged(source):
            start = part * size
            stop = min(start + size, source.size)
            first = self._firsts.get((source.name, part), 0)
            shard = Shard(source, part, start, stop, first)
        left = len(wanted)
        for batch in items(shard, size, lambda size: None):
            if isinstance(batch, Batch):
                for row in _of_batch(source, batch, columns, wanted):
                    left -= 1
                    yield row
            if not left:
                return


_CHANGED = "The source was changed since the run: this row is no longer what it was (by its hash)."


def _key(item: Json) -> str:
    return f"{item['sample']}\0{item['step']}\0{item['order']}"


def _of_batch(
    source: Source, batch: Batch, columns: Mapping[str, str], wanted: Mapping[int, str]
) -> Iterator[Row]:
    for number in sorted(wanted):
        if not 0 <= number - batch.number < len(batch.lines):
            continue
        lines = [batch.lines[number - batch.number]]
        if source.format == "text":
            parsed = parse_paragraphs(source.name, number, lines)
        else:
            parsed = parse_lines(source.name, number, lines, columns)
        yield from (row for row in parsed if isinstance(row, Row))


def _of_table(
    source: Source, part: int, size: int, columns: Mapping[str, str], wanted: Mapping[int, str]
) -> Iterator[Row]:
    from remit.layers.data import tables
    from remit.layers.data.reading import Block

    for shard in tables.shards(source, size):
        if shard.part == part:
            for block in tables.read(shard, columns, lambda size: None):
                for row in block.rows if isinstance(block, Block) else ():
                    if isinstance(row, Row) and row.number in wanted:
                        yield row
