"""A shard as rows, whatever its format: bytes are cut and parsed, tables are taken by the batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from remit.layers.data.batches import Batch, Break, Cutter, Piece
from remit.layers.data.parsing import Parsed, parse_lines, parse_paragraphs
from remit.layers.data.plan import Plan
from remit.layers.data.sources import Shard, ranged
from remit.layers.data.streams import Seen, between, unpacked


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that follow one another, and all of them as they came: bytes, or a table."""

    rows: list[Parsed]
    whole: bytes | Any


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read, and the part that it belongs to."""

    part: int
    item: Block | Piece | Break


@dataclass(slots=True)
class Measure:
    """What came in, counted where it is cut and not where it is judged: law 5 compares the two."""

    lines: int = 0
    bytes: int = 0

    def add(self, item: Batch | Piece | Break) -> None:
        """Counts an item."""
        if isinstance(item, Batch):
            self.lines += len(item.lines)
            self.bytes += len(item.block)
        elif isinstance(item, Piece):
            self.lines += item.last
            self.bytes += len(item.data)


def read(
    shard: Shard,
    plan: Plan,
    seen: Seen,
    done: frozenset[int] = frozenset(),
    measure: Measure | None = None,
) -> Iterator[Reading]:
    """The shard in order. Parts that are done are passed over without parsing them."""
    if shard.source.format == "parquet":
        from remit.layers.data import tables

        if measure is not None:
            measure.lines += tables.row_count(shard)
        if shard.part not in done:
            for rows in tables.read(shard, dict(plan.columns), seen):
                yield Reading(shard.part, rows)
        return
    for item in items(shard, plan.part_bytes, seen):
        if measure is not None:
            measure.add(item)
        part = item.offset // plan.part_bytes
        if part in done and not isinstance(item, Break):
            continue
        yield Reading(part, parsed(shard, item, plan) if isinstance(item, Batch) else item)


def items(shard: Shard, part_bytes: int, seen: Seen) -> Iterator[Batch | Piece | Break]:
    """A shard that is no table, cut into rows that are not parsed yet."""
    source = shard.source
    cutter = Cutter(part_bytes, shard.first_row, shard.start)
    if ranged(source):
        stop = source.size if shard.stop is None else shard.stop
        yield from cutter.cut(between(source.path, shard.start, stop, seen))
    else:
        pieces = unpacked(source, seen)
        yield from cutter.cut(pieces, paragraphs=source.format == "text")


def parsed(shard: Shard, batch: Batch, plan: Plan) -> Block:
    """A batch of bytes as rows."""
    source = shard.source
    if source.format == "text":
        return Block(parse_paragraphs(source.name, batch.number, batch.lines), batch.block)
    columns = dict(plan.columns)
    rows = parse_lines(source.name, batch.number, batch.lines, columns, batch.block)
    return Block(rows, batch.block)
