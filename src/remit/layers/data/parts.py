"""One part of the output: what is kept, what was quarantined, the entries, the look-up records.

All four files appear whole or not at all, and the note that the part is done comes last. A run
that is killed at any moment does the parts again that have no such note, to the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import orjson

from remit.layers.data.accounts import Tally
from remit.layers.data.apply import Applied, apply
from remit.layers.data.batches import Break, Piece
from remit.layers.data.card.beginning import sketch
from remit.layers.data.entries import entry, quarantined, row_digest, row_id
from remit.layers.data.keys import Records
from remit.layers.data.parsing import Blank, Parsed, Unreadable, encode
from remit.layers.data.plan import Job
from remit.layers.data.reading import Block
from remit.layers.data.rows import Mark, Row
from remit.layers.data.sources import Source
from remit.layers.data.writing import Fresh, Written, whole
from remit.types import Json

Outputs = Sequence[Row | Blank | Json]
"""What leaves: rows as they came, and values that were changed or added."""


class Sink(Protocol):
    """Where rows go. Each method answers how many bytes were written, before packing."""

    def whole(self, block: Block) -> int:
        """A block as it came."""
        ...

    def some(self, block: Block, outputs: Outputs) -> int:
        """Of a block what is left, in order."""
        ...

    def commit(self) -> Written | None:
        """The file, safe on the disk."""
        ...

    def discard(self) -> None:
        """Leaves no trace."""
        ...


class Lines:
    """Rows as JSON Lines; those that were not changed byte for byte as they came."""

    def __init__(self, file: Fresh, *, text: bool) -> None:
        self._file = file
        self._text = text
        self.commit = file.commit
        self.discard = file.discard

    def whole(self, block: Block) -> int:
        """A block as it came; text becomes JSON."""
        if self._text:
            return self.some(block, [row for row in block.rows if isinstance(row, Row)])
        self._file.write(block.whole)
        return len(block.whole)

    def some(self, block: Block, outputs: Outputs) -> int:
        """Of a block what is left."""
        before = self._file.size
        last = len(outputs) - 1
        for index, output in enumerate(outputs):
            if isinstance(output, dict):
                self._file.write(encode(output))
            elif self._text:
                if isinstance(output, Row):
                    self._file.write(encode(output.value))
            else:
                self._file.write(output.raw)
                # A row that ended its file may be followed by one that was added to it.
                if index < last and not output.raw.endswith(b"\n"):
                    self._file.write(b"\n")
        return self._file.size - before


class Part:
    """A part in the making."""

    def __init__(self, job: Job, source: Source, number: int) -> None:
        self.job, self._source, self.number = job, source, number
        folder, name = Path(job.folder), source.part(number)
        self._sink = _sink(job, source, name)
        self._quarantine = Fresh(folder, f"quarantine/{name}.bin")
        self._entries = Fresh(folder, f"ledger/{name}.entries.jsonl")
        keys = Fresh(folder, f"ledger/{name}.keys")
        self._files = (self._sink, self._quarantine, self._entries, keys)
        self._records = Records(job.salt, keys)
        self._tally = Tally()
        self._sketch = sketch(job, number)
        self._shape = job.plan.shape
        self._every = self._shape.prefix is not None  # good texts are then told apart, too
        self._rewritten: Mapping[int, Applied] = {}
        self._long: tuple[Any, int] | None = None
        self._first: int | None = None
        self._next = 0
        self._damage: Json | None = None
        self._unread: list[tuple[int, int, str]] = []

    @property
    def torn(self) -> bool:
        """True in the middle of a row that is too long to be read at once."""
        return self._long is not None

    def take(
        self,
        block: Block,
        marks: Sequence[tuple[Mark, ...]],
        rewritten: Mapping[int, Applied] = MappingProxyType({}),
    ) -> None:
        """Rows with what the steps said of them (of those that could be read, in order).

        `rewritten` is what rows of these numbers became already.
        """
        self._rewritten = rewritten
        self._count(block.rows[0].number, len(block.rows))
        self._index(block)
        self._sketch.came(block.rows)
        if len(marks) == len(block.rows) and not any(marks) and not self._every:
            size = sum(len(row.raw) for row in block.rows)
            self._tally.add("kept", len(marks), size)
            self._tally.rows_out += len(marks)
            self._tally.bytes_out += self._sink.whole(block)
            self._sketch.left()
            return
        said = iter(marks)
        outputs: list[Row | Blank | Json] = []
        for row in block.rows:
            outputs += self._outputs(row, next(said) if isinstance(row, Row) else ())
        self._tally.rows_out += sum(not isinstance(output, Blank) for output in outputs)
        self._tally.bytes_out += self._sink.some(block, outputs)
        self._sketch.left(outputs)

    def _outputs(self, row: Parsed, marks: tuple[Mark, ...]) -> Outputs:
        if isinstance(row, Unreadable):
            self._refuse(row)
            return ()
        if isinstance(row, Blank):
            self._tally.add("blank", 1, len(row.raw))
            return (row,)
        if not marks and not self._every:
            self._tally.add("kept", 1, len(row.raw))
            return (row,)
        return self._applied(row, marks)

    def _applied(self, row: Row, marks: tuple[Mark, ...]) -> Outputs:
        said, marks = marks, tuple(mark for mark in marks if not mark.near)
        applied = self._rewritten.get(row.number) or apply(row, marks, self._shape)
        for step, asked in sorted({(mark.step, mark.way) for mark in marks}):
            self._tally.asked(step, asked.name.lower())
        if applied.aside:
            self._sketch.marked(row, said, "quarantined")
            self._refuse(Unreadable(row.number, row.raw, applied.aside), marks, row)
            return ()
        outcome = "kept" if applied.rows == (row,) else "changed" if applied.rows else "dropped"
        self._tally.add(outcome, 1, len(row.raw))
        self._sketch.marked(row, said, outcome)
        if marks:
            self._enter(entry(row, outcome, marks, applied.notes))
        return applied.rows

    def _refuse(
        self, refused: Unreadable, marks: Sequence[Mark] = (), row: Row | None = None
    ) -> None:
        at, size = self._quarantine.size, len(refused.raw)
        self._quarantine.write(refused.raw)
        self._tally.add("quarantined", 1, size)
        self._tally.refused(refused.reason)
        said = quarantined(refused.number, row_digest(refused.raw), refused.reason, at, size)
        self._enter({**entry(row, "quarantined", marks), **said} if row else said)

    def piece(self, piece: Piece) -> None:
        """A piece of a row that cannot be read."""
        digest, at = self._long or (hashlib.sha256(), self._quarantine.size)
        digest.update(piece.data.rstrip(b"\r\n") if piece.last else piece.data)
        self._quarantine.write(piece.data)
        self._long = None if piece.last else (digest, at)
        self._tally.add("quarantined", int(piece.last), len(piece.data))
        if piece.last:
            self._count(piece.number, 1)
            self._tally.refused(piece.reason)
            size = self._quarantine.size - at
            self._enter(quarantined(piece.number, digest, piece.reason, at, size))

    def broken(self, item: Break) -> None:
        """The source ends here, before its time."""
        damage: Json = {"reason": item.reason, "at": item.at, "unread": item.unread}
        self._damage = self._damage or damage
        self._enter({"damage": item.reason, "at": item.at, "unread": item.unread})
        if item.rows:
            self._count(item.number, item.rows)
            self._tally.add("quarantined", item.rows, 0)
            self._tally.refused(item.reason, item.rows)
            self._unread.append((item.number, item.rows, item.reason))

    def commit(self) -> None:
        """The part's files, safe on the disk, and then the note that it is done."""
        data, quarantine = self._sink.commit(), self._quarantine.commit()
        entries, keys = self._entries.commit(), self._records.commit()
        files = {"data": data, "quarantine": quarantine, "entries": entries, "keys": keys}
        note = {
            "source": self._source.name,
            "part": self.number,
            "first_row": self._first or 0,
            "lines": self._next - (self._first or 0),
            "files": {name: file.to_json() for name, file in files.items() if file},
            **({"damage": self._damage} if self._damage else {}),
            **({"unread": self._unread} if self._unread else {}),
            **self._tally.account().to_json(),
            "sketch": self._sketch.to_json(),
        }
        whole(part_note(self.job, self._source, self.number), orjson.dumps(note))

    def discard(self) -> None:
        """Leaves no trace."""
        for file in self._files:
            file.discard()

    def _count(self, number: int, rows: int) -> None:
        self._first = number if self._first is None else self._first
        self._next = number + rows

    def _enter(self, entry: Json) -> None:
        self._entries.write(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))

    def _index(self, block: Block) -> None:
        rows = [row for row in block.rows if not isinstance(row, Blank)]
        for row in rows:
            self._records.row(row_digest(row.raw).digest(), row.number)
            if isinstance(row, Row) and (named := row_id(row.value)) is not None:
                self._records.id(named, row.number)
        raws = [row.raw for row in rows]
        ends = list(accumulate(map(len, raws)))
        self._records.block(b"".join(raws), [row.number for row in rows], ends)


def _sink(job: Job, source: Source, name: str) -> Sink:
    if source.format == "parquet":
        from remit.layers.data import tables

        return tables.Sink(Path(job.folder), f"data/{name}", source, widened=job.plan.widens)
    file = Fresh(Path(job.folder), f"data/{name}", source.packing)
    return Lines(file, text=source.format == "text")


def part_note(job: Job, source: Source, number: int) -> Path:
    """Where it is noted that a part is done, and with what result."""
    return job.work / "parts" / f"{source.number:06d}-{number:05d}"
