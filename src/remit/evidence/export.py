"""The record for other programs and for people: as JSON Lines, and one entry to look at."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from remit.evidence.database import Connection
from remit.evidence.keys import Keys, opened
from remit.evidence.ledger import ledger_of
from remit.evidence.record import SEALED, EvidenceError

_COLUMNS = "position, writer, seq, time, id, kind, action, salt, digest, prev, hash, body"


def export(
    path: str | Path,
    out: str | Path | BinaryIO,
    *,
    format: str = "jsonl",
    keys: Keys | None = None,
) -> int:
    """Writes every entry as a line of JSON; gives how many.

    A line holds the chain's fields (bytes as hexadecimal digits) and `body`: the exact text that
    was hashed, as a JSON string, or null where it was erased. With the description in `chain` that
    is enough to check the export by itself. Of a sealed body, `opened` is what it says, where
    `keys` are given and hold its key. `out` is a path, made with mode 0600 and not to exist
    yet, or an open binary file. Raises EvidenceError.
    """
    if format != "jsonl":
        raise EvidenceError(f"export: no format '{format}'; have jsonl")
    if not isinstance(out, str | Path):
        return _write(path, out, keys)
    try:
        file = os.open(out, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise EvidenceError(f"export {out}: {error.strerror}; give a new path") from error
    with os.fdopen(file, "wb") as target:
        return _write(path, target, keys)


def show(path: str | Path, id: str, *, keys: Keys | None = None) -> dict[str, Any]:
    """The entry with that record id: its record, and its place in the chain.

    `record` is None where it was erased. Raises EvidenceError where there is no such id.
    """
    place = ledger_of(path)
    reading = place.open_to_read()
    try:
        return find(reading, place.name, id, keys)
    except place.faults as error:
        raise EvidenceError(place.explain(error)) from error
    finally:
        reading.close()


def find(connection: Connection, name: str, id: str, keys: Keys | None = None) -> dict[str, Any]:
    """As `show`, in an open ledger of that name."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM entries"  # noqa: S608 no text from outside
        " WHERE id = ? ORDER BY position DESC LIMIT 1",
        (id,),
    )
    row = rows.fetchone()
    if row is None:
        raise EvidenceError(
            f"evidence {name}: no record {id}; take it from the answer's x-remit headers"
        )
    line = _line(row)
    del line["body"]
    body = opened(row[-1], keys)
    return {"record": None if body is None else orjson.loads(body), "chain": line}


def _write(path: str | Path, target: BinaryIO, keys: Keys | None) -> int:
    place = ledger_of(path)
    reading = place.open_to_read()
    count = 0
    try:
        reading.begin()
        for row in reading.stream(f"SELECT {_COLUMNS} FROM entries ORDER BY position"):  # noqa: S608
            line = _line(row)
            if keys is not None and row[-1] is not None and row[-1].startswith(SEALED):
                plain = keys.unseal(row[-1])
                line["opened"] = None if plain is None else plain.decode()
            target.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            count += 1
    except place.faults as error:
        raise EvidenceError(place.explain(error)) from error
    finally:
        reading.close()
    return count


def _line(row: Sequence[Any]) -> dict[str, Any]:
    names = _COLUMNS.split(", ")
    line = dict(zip(names, row, strict=True))
    for name in ("salt", "digest", "prev", "hash"):
        line[name] = None if line[name] is None else line[name].hex()
    line["body"] = None if line["body"] is None else line["body"].decode()
    return line
