"""What became of a row, and which rows a person's data is in: answers from a finished run.

Look-ups bisect the parts' records (`keys`), so they take milliseconds a run. What is not indexed
(a name, an address) is searched for in what the run put out, line by line.
"""

from __future__ import annotations

import gzip
import mmap
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

import orjson

from remit.layers.data import keys, ledger
from remit.layers.data.entries import entries_in
from remit.layers.data.streams import Seen, zstandard
from remit.types import Json

_HASH = re.compile(r"[0-9a-f]{16,64}")
_PLACE = re.compile(r"(?:(.+):)?([0-9]{1,15})")


@dataclass(frozen=True, slots=True)
class Told:
    """What a run says of a row. `said` is its entry; a row nobody spoke of was kept as it came."""

    run: str
    source: str
    row: int
    outcome: str
    said: Json
    policy: str
    data: str

    def to_json(self) -> Json:
        """As JSON."""
        return {
            "run": self.run,
            "source": self.source,
            "row": self.row,
            "outcome": self.outcome,
            **{key: value for key, value in self.said.items() if key not in ("row", "outcome")},
            "policy": self.policy,
            "data": self.data or None,
        }


@dataclass(frozen=True, slots=True)
class Found:
    """A line of a run's output that holds a key; `line` counts from 1."""

    run: str
    file: str
    line: int

    def to_json(self) -> Json:
        """As JSON."""
        return {"run": self.run, "file": self.file, "line": self.line}


class Run:
    """A finished run. Raises LedgerError where the folder holds none."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        lines = list(ledger.read(folder))
        if not lines or lines[-1]["kind"] != "end":
            raise ledger.LedgerError(f"{folder}: the ledger is cut off; run the filter again")
        self.policy: str = lines[0]["policy"]
        self.salt = bytes.fromhex(lines[0]["salt"])
        self.parts = [line for line in lines if line["kind"] == "part"]

    def explain(self, row: str) -> list[Told]:
        """What became of a row: SOURCE:NUMBER (from 0), NUMBER, its hash, or its id."""
        found = list(self._by_id(row))
        if _HASH.fullmatch(row):
            found += self._by_record(bytes.fromhex(row[:16]), row)
        place = _PLACE.fullmatch(row)
        if place and not found:
            found += self._by_place(place[1], int(place[2]))
        return found

    def touched(self, key: str) -> list[Told] | None:
        """The rows that hold an identifier, or whose id it is; None where it is not indexed."""
        found = list(self._by_id(key))
        asked = keys.asked(key)
        if asked is not None:
            found += self._by_record(keys.keyed(self.salt, b"key", asked))
        elif not found:
            return None
        places = {(told.source, told.row): told for told in found}
        return [places[place] for place in sorted(places)]

    def search(self, key: str, seen: Seen) -> Iterator[Found]:
        """Every line of the output that holds a text, in any case. Reads all of the output."""
        forms = {key.lower().encode(), orjson.dumps(key.lower())[1:-1]}
        forms.add(_ascii(key.lower()))
        for part in self.parts:
            for kind in ("data", "quarantine"):
                if file := part["files"].get(kind):
                    seen(file["size"])
                    for number in _lines_with(self.folder / file["path"], forms):
                        yield Found(str(self.folder), file["path"], number)

    def some(self, most: int) -> Iterator[Told]:
        """The first rows that somebody spoke of."""
        for part in self.parts:
            path = part["files"].get("entries", {}).get("path")
            for entry in entries_in(self.folder / path) if path else ():
                if "row" in entry and most > 0:
                    most -= 1
                    yield from self._told(part, [entry["row"]])

    def _by_id(self, id: str) -> Iterator[Told]:
        return self._by_record(keys.keyed(self.salt, b"id", id[:256].encode()))

    def _by_record(self, prefix: bytes, digest: str = "") -> Iterator[Told]:
        for part in self.parts:
            file = part["files"].get("keys")
            rows = keys.look_up(self.folder / file["path"], prefix) if file else []
            for told in self._told(part, rows):
                if told.said.get("sha256", digest).startswith(digest):
                    yield told

    def _by_place(self, source: str | None, row: int) -> Iterator[Told]:
        for part in self.parts:
            here = part["first_row"] <= row < part["first_row"] + part["lines"]
            if here and source in (None, part["source"], Path(part["source"]).name):
                yield from self._told(part, [row])

    def _told(self, part: Json, rows: Sequence[int]) -> Iterator[Told]:
        if not rows:
            return
        files = part["files"]
        entries = (
            _entries(self.folder / files["entries"]["path"], rows) if "entries" in files else {}
        )
        for row in rows:
            said = entries.get(row) or _unread(part, row)
            outcome = said.get("outcome", "kept")
            where = {"kept": "data", "changed": "data", "quarantined": "quarantine"}.get(
                outcome, ""
            )
            path = files.get(where, {}).get("path", "")
            yield Told(str(self.folder), part["source"], row, outcome, said, self.policy, path)


def _unread(part: Json, row: int) -> Json:
    """What is said of a row that stands in a damaged piece of its file."""
    for first, count, reason in part.get("unread", ()):
        if first <= row < first + count:
            return {"outcome": "quarantined", "reason": reason}
    return {}


def _entries(path: Path, rows: Iterable[int]) -> dict[int, Json]:
    """The entries of rows, found by their first bytes rather than by reading all of them."""
    found: dict[int, Json] = {}
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for row in sorted(rows):
            sign = b'{"row":%d,' % row
            at = 0 if data[: len(sign)] == sign else data.find(b"\n" + sign) + 1
            if at or data[: len(sign)] == sign:
                end = data.find(b"\n", at)
                found[row] = orjson.loads(data[at:end])
    return found


def _ascii(key: str) -> bytes:
    escaped = key.encode("utf-16-be")
    pairs = (escaped[i : i + 2] for i in range(0, len(escaped), 2))
    return b"".join(
        pair[1:] if pair[0] == 0 and pair[1] < 0x80 else b"\\u%02x%02x" % (pair[0], pair[1])
        for pair in pairs
    )


def _lines_with(path: Path, forms: Iterable[bytes]) -> Iterator[int]:
    with _opened(path) as file:
        number = 0
        while lines := file.readlines(4_000_000):
            block = b"".join(lines)
            if any(form in _lower(block) for form in forms):
                for index, line in enumerate(lines, number + 1):
                    if any(form in _lower(line) for form in forms):
                        yield index
            number += len(lines)


def _lower(data: bytes) -> bytes:
    return data.lower() if data.isascii() else data.decode(errors="replace").lower().encode()


def _opened(path: Path) -> IO[bytes] | Any:
    if path.suffix == ".gz":
        return gzip.open(path)
    if path.suffix == ".zst":
        return zstandard().open(path, "rb")
    if path.suffix == ".parquet":
        return _Table(path)
    return path.open("rb")


class _Table:
    """A Parquet file as lines of JSON."""

    def __init__(self, path: Path) -> None:
        from remit.layers.data import tables

        self._lines = tables.as_lines(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def readlines(self, size: int) -> list[bytes]:
        return next(self._lines, [])
