"""Parquet: row groups in, row groups out, columns and their types as they came (extra `parquet`).

A row's bytes, for its hash and for the accounts, are its values as JSON. Chat columns may differ
from row to row in JSON but not here, so a changed row is fitted to the file's own schema.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from remit.layers.data.batches import Break
from remit.layers.data.parsing import Blank, Parsed, Unreadable
from remit.layers.data.reading import Block
from remit.layers.data.rows import Row
from remit.layers.data.sources import Shard, Source
from remit.layers.data.streams import MissingExtraError
from remit.layers.data.texts import UnreadableError, texts
from remit.layers.data.writing import Written, sha256_of, sync_folder
from remit.types import Json

_BATCH_BYTES = 4_000_000
_GROUP_BYTES = 64_000_000
_MOST_ROWS = 4_096
# What Arrow raises of a damaged file; an encoding that it does not know is damage too.
_DAMAGE = (OSError, ValueError, NotImplementedError)


def shards(source: Source, part_bytes: int) -> list[Shard]:
    """A shard for as many row groups as make a part. A file that is no Parquet is one shard."""
    try:
        metadata = _file(source).metadata
    except _DAMAGE:
        return [Shard(source, 0, 0, 0)]
    made: list[Shard] = []
    start = row = rows = size = 0
    for group in range(metadata.num_row_groups):
        rows += metadata.row_group(group).num_rows
        size += metadata.row_group(group).total_byte_size
        if size >= part_bytes or group == metadata.num_row_groups - 1:
            made.append(Shard(source, len(made), start, group + 1, row))
            start, row, rows, size = group + 1, row + rows, 0, 0
    return made or [Shard(source, 0, 0, 0)]


def read(
    shard: Shard, columns: Mapping[str, str], seen: Callable[[int], None]
) -> Iterator[Block | Break]:
    """The rows of a shard's row groups. A damaged group ends with a Break, the others are read.

    The Break counts the rows that the file says are there and that nobody can read.
    """
    number = shard.first_row
    try:
        file = _file(shard.source)
    except _DAMAGE as error:
        yield Break(0, 0, f"no readable Parquet file ({_brief(error)})", 0, shard.source.size)
        return
    names = file.schema_arrow.names
    twice = len(set(names)) < len(names)
    for group in range(shard.start, shard.stop or 0):
        about = file.metadata.row_group(group)
        after = number + about.num_rows
        each = about.total_byte_size // max(about.num_rows, 1) + 1
        size = max(1, min(_MOST_ROWS, _BATCH_BYTES // each))
        try:
            for batch in file.iter_batches(batch_size=size, row_groups=[group]):
                yield Block(_rows(shard.source.name, number, batch, columns, twice=twice), batch)
                number += batch.num_rows
        except _DAMAGE as error:
            reason = f"row group {group} is damaged ({_brief(error)})"
            yield Break(number, 0, reason, group, about.total_byte_size, after - number)
        number = after
        seen(shard.source.size // max(file.metadata.num_row_groups, 1))


def row_count(shard: Shard) -> int:
    """How many rows the file says are in a shard; 0 where it cannot be read."""
    try:
        metadata = _file(shard.source).metadata
    except _DAMAGE:
        return 0
    groups = range(shard.start, shard.stop or 0)
    return sum(metadata.row_group(group).num_rows for group in groups)


def _brief(error: Exception) -> str:
    """An error's first line, without what differs from machine to machine."""
    return str(error).partition("\n")[0][:200]


def _rows(
    source: str, number: int, batch: Any, columns: Mapping[str, str], *, twice: bool
) -> list[Parsed]:
    try:
        values = [None] * batch.num_rows if twice else batch.to_pylist()
    except ValueError:  # a text that is no UTF-8 hides the whole batch
        values = [_alone(batch, index) for index in range(batch.num_rows)]
    rows: list[Parsed] = []
    for index, value in enumerate(values, number):
        if value is None:
            reason = "two columns of one name" if twice else "a text that is not UTF-8"
            rows.append(Unreadable(index, b"%d\n" % index, reason))
            continue
        raw = _json(value)
        try:
            rows.append(Row(source, index, raw, value, texts(value, columns)))
        except UnreadableError as error:
            rows.append(Unreadable(index, raw + b"\n", str(error)))
    return rows


def as_lines(path: Path) -> Iterator[list[bytes]]:
    """A file's rows as lines of JSON, some at a time."""
    from pyarrow import parquet

    for batch in parquet.ParquetFile(path).iter_batches(batch_size=_MOST_ROWS):
        yield [_json(value) + b"\n" for value in batch.to_pylist()]


def _json(value: Json) -> bytes:
    return orjson.dumps(value, default=_written, option=orjson.OPT_NON_STR_KEYS)


def _alone(batch: Any, index: int) -> Json | None:
    with suppress(ValueError):
        return batch.slice(index, 1).to_pylist()[0]  # type: ignore[no-any-return]
    return None


def _written(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


class Sink:
    """Rows as a Parquet file with its source's schema."""

    def __init__(self, folder: Path, path: str, source: Source, *, widened: bool) -> None:
        self._path = path
        self._target = folder / path
        self._own = self._target.with_name(f".{self._target.name}.{os.getpid()}.fresh")
        self._source = source
        self._widened = widened
        self._writer: Any = None
        self._held: list[Any] = []
        self._size = 0

    def whole(self, block: Block) -> int:
        """A block as it came."""
        self._hold(block.whole)
        return sum(len(row.raw) for row in block.rows)

    def some(self, block: Block, outputs: Sequence[Row | Blank | Json]) -> int:
        """Of a block what is left."""
        first = block.rows[0].number
        size = 0
        kept: list[int] = []
        for output in outputs:
            if isinstance(output, dict):
                self._take(block.whole, kept)
                kept = []
                self._hold(self._fitted(output))
                size += len(_json(output))
            else:
                kept.append(output.number - first)
                size += len(output.raw)
        self._take(block.whole, kept)
        return size

    def _take(self, batch: Any, indices: list[int]) -> None:
        if indices:
            self._hold(batch.take(_arrow().array(indices)))

    def _fitted(self, value: Json) -> Any:
        """A changed row in the file's own types. Raises ValueError where it does not fit them."""
        strange = ", ".join(sorted(value.keys() - set(self._schema.names)))
        if strange:
            name = self._source.name
            raise ValueError(
                f"{name}: a row got columns that the table has no place for: {strange}"
            )
        return _arrow().RecordBatch.from_pylist([value], schema=self._schema)

    @cached_property
    def _schema(self) -> Any:
        """The source's, with the columns that steps may add where there may be such."""
        arrow = _arrow()
        schema = _file(self._source).schema_arrow
        if not self._widened:
            return schema
        place = [("path", arrow.string()), ("start", arrow.int64()), ("end", arrow.int64())]
        added = {
            "remit": arrow.list_(arrow.string()),
            "mask_spans": arrow.list_(arrow.struct(place)),
            "remit_counter": arrow.string(),
        }
        for name, kind in added.items():
            if name not in schema.names:
                schema = schema.append(arrow.field(name, kind))
        # What other tools noted of the columns does not speak of the new ones.
        return schema.remove_metadata()

    def _hold(self, batch: Any) -> None:
        for name in self._schema.names[len(batch.schema.names) :]:
            field = self._schema.field(name)
            batch = batch.append_column(field, _arrow().nulls(batch.num_rows, field.type))
        self._held.append(batch.replace_schema_metadata(self._schema.metadata))
        self._size += batch.nbytes
        if self._size >= _GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        from pyarrow import parquet

        if not self._held:
            return
        if self._writer is None:
            self._own.parent.mkdir(parents=True, exist_ok=True)
            self._writer = parquet.ParquetWriter(self._own, self._schema, compression="zstd")
        self._writer.write_table(_arrow().Table.from_batches(self._held, self._schema))
        self._held.clear()
        self._size = 0

    def commit(self) -> Written | None:
        """The file, safe on the disk; none where no row is left."""
        self._flush()
        if self._writer is None:
            self._target.unlink(missing_ok=True)
            return None
        self._writer.close()
        with self._own.open("rb") as file:
            os.fsync(file.fileno())
        written = Written(self._path, sha256_of(self._own), self._own.stat().st_size)
        self._own.replace(self._target)
        sync_folder(self._target.parent)
        return written

    def discard(self) -> None:
        """Leaves no trace."""
        if self._writer is not None:
            self._writer.close()
        self._own.unlink(missing_ok=True)


def _arrow() -> Any:
    try:
        import pyarrow as pa
    except ImportError:
        raise MissingExtraError("Parquet files need pyarrow", "parquet") from None
    return pa


def _file(source: Source) -> Any:
    _arrow()
    from pyarrow import parquet

    return parquet.ParquetFile(source.path)
