"""The record for other programs and for people: as JSON Lines, and one entry to look at."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from remit.evidence import schema
from remit.evidence.record import EvidenceError

_COLUMNS = "position, writer, seq, time, id, kind, action, salt, digest, prev, hash, body"


def export(path: str | Path, out: str | Path | BinaryIO, *, format: str = "jsonl") -> int:
    """Writes every entry as a line of JSON; gives how many.

    A line holds the chain's fields (bytes as hexadecimal digits) and `body`: the exact text that
    was hashed, as a JSON string, or null where it was erased. With the description in `chain` that
    is enough to check the export by itself. `out` is a path, made with mode 0600 and not to exist
    yet, or an open binary file. Raises EvidenceError.
    """
    if format != "jsonl":
        raise EvidenceError(f"export: no format '{format}'; have jsonl")
    if not isinstance(out, str | Path):
        return _write(path, out)
    try:
        file = os.open(out, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise EvidenceError(f"export {out}: {error.strerror}; give a new path") from error
    with os.fdopen(file, "wb") as target:
        return _write(path, target)


def show(path: str | Path, id: str) -> dict[str, Any]:
    """The entry with that record id: its record, and its place in the chain.

    `record` is None where it was erased. Raises EvidenceError where there is no such id.
    """
    for row in _rows(path, "WHERE id = ? ORDER BY position DESC LIMIT 1", (id,)):
        line = _line(row)
        body = line.pop("body")
        return {"record": None if body is None else orjson.loads(body), "chain": line}
    raise EvidenceError(
        f"evidence {path}: no record {id}; take it from the answer's x-remit headers"
    )


def _write(path: str | Path, target: BinaryIO) -> int:
    count = 0
    for row in _rows(path, "ORDER BY position", ()):
        target.write(orjson.dumps(_line(row), option=orjson.OPT_APPEND_NEWLINE))
        count += 1
    return count


def _rows(path: str | Path, rest: str, values: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    file = schema.path_of(str(path))
    connection = schema.open_to_read(file)
    try:
        yield from connection.execute(
            f"SELECT {_COLUMNS} FROM entries {rest}",  # noqa: S608 no text from outside
            values,
        )
    except schema.FAULTS as error:
        raise EvidenceError(schema.explain(file, error)) from error
    finally:
        connection.close()


def _line(row: tuple[Any, ...]) -> dict[str, Any]:
    names = _COLUMNS.split(", ")
    line = dict(zip(names, row, strict=True))
    for name in ("salt", "digest", "prev", "hash"):
        line[name] = None if line[name] is None else line[name].hex()
    line["body"] = None if line["body"] is None else line["body"].decode()
    return line
