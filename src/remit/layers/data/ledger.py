"""The chained manifest of a run: what came in, what became of it, and the hash of every file.

`ledger.jsonl` is one JSON object a line. Each holds in `prev` the SHA-256 of the line before it,
without its line's end; the first one holds 64 zeros. The entries of a part (which row, which rule,
whose, where, why) are a file of their own whose hash is in the chain, so that parts can be written
anywhere and in any order. The hash of the last line, kept elsewhere, proves all of it.

Nothing in it tells the time or the machine: the same input and remit give the same ledger.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from remit.layers.data.accounts import Account, Tally
from remit.layers.data.writing import Fresh, sha256_of
from remit.types import Json

NAME = "ledger.jsonl"
FIRST = "0" * 64


class LedgerError(Exception):
    """A folder holds no run, or one that cannot be read; the message says what to do."""


def chain(folder: Path, lines: Iterable[Json]) -> str:
    """Writes the manifest, whole or not at all; answers its head, the hash of the last line."""
    file = Fresh(folder, NAME)
    head = FIRST
    for value in lines:
        line = orjson.dumps({"prev": head, **value})
        head = hashlib.sha256(line).hexdigest()
        file.write(line + b"\n")
    file.commit()
    return head


def read(folder: str | Path) -> Iterator[Json]:
    """The lines of a manifest. Raises LedgerError where there is none."""
    try:
        with Path(folder, NAME).open("rb") as file:
            for line in file:
                yield orjson.loads(line)
    except FileNotFoundError:
        raise LedgerError(
            f"{folder}: holds no finished run; the folder given to `remit filter --out` does"
        ) from None
    except ValueError:
        raise LedgerError(
            f"{folder}/{NAME}: is damaged; `remit filter verify` says where"
        ) from None


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found: the head, how many lines and files, and every problem."""

    head: str
    lines: int
    files: int
    problems: tuple[str, ...]


def verify(folder: str | Path) -> Checked:
    """Recomputes the chain, the hash of every file, and the sums. Raises LedgerError."""
    head, count, files, problems = FIRST, 0, 0, []
    tally = Tally()
    end: Json | None = None
    sources: dict[str, Json] = {}
    rows: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for line in _raw(Path(folder)):
        count += 1
        try:
            value = orjson.loads(line)
            if value["prev"] != head:
                problems.append(f"line {count}: does not follow the line before it")
            head = hashlib.sha256(line).hexdigest()
            if value["kind"] == "part":
                account = Account.from_json(value)
                tally.plus(account)
                name = value["source"]
                rows[name] = rows.get(name, 0) + sum(account.rows.values())
                sizes[name] = sizes.get(name, 0) + account.bytes_in
                for file in value["files"].values():
                    files += 1
                    problems += _file_problem(Path(folder), file)
            elif value["kind"] == "source":
                sources[value["name"]] = value
            elif value["kind"] == "measures":
                for file in value["files"].values():
                    files += 1
                    problems += _file_problem(Path(folder), file)
            elif value["kind"] == "end":
                end = value
        except (ValueError, KeyError, TypeError, AttributeError):
            problems.append(f"line {count}: is no line of a manifest")
            head = hashlib.sha256(line).hexdigest()
    problems += _sums(tally, end, sources, rows, sizes)
    return Checked(head, count, files, tuple(problems))


def _raw(folder: Path) -> Iterator[bytes]:
    if not (folder / NAME).is_file():
        next(read(folder))
    with (folder / NAME).open("rb") as file:
        for line in file:
            yield line.rstrip(b"\n")


def _file_problem(folder: Path, file: Json) -> list[str]:
    path = folder / file["path"]
    if not path.resolve().is_relative_to(folder.resolve()):
        return [f"{file['path']}: lies outside the run's folder"]
    if not path.is_file():
        return [f"{file['path']}: is missing"]
    if sha256_of(path) != file["sha256"]:
        return [f"{file['path']}: was changed since the run"]
    return []


def _sums(
    tally: Tally,
    end: Json | None,
    sources: dict[str, Json],
    rows: dict[str, int],
    sizes: dict[str, int],
) -> list[str]:
    if end is None:
        return ["the last line is missing: the manifest was cut off"]
    problems = []
    if tally.account().to_json() != end["totals"]:
        problems.append("the parts do not add up to the totals")
    problems += [f"{name}: {text}" for name, text in unbalanced(sources, rows, sizes)]
    return problems


def unbalanced(
    sources: dict[str, Json], rows: dict[str, int], sizes: dict[str, int]
) -> Iterator[tuple[str, str]]:
    """Law 5, per source: what came in and what is accounted for, where they differ."""
    for name, source in sources.items():
        for what, expected, found in (
            ("bytes", source["unpacked"], sizes.get(name, 0)),
            ("lines", source["lines"], rows.get(name, 0)),
        ):
            if expected is not None and expected != found:
                yield name, f"{expected:,} {what} came in, {found:,} are accounted for"


def head(folder: str | Path) -> str:
    """The hash of the last line. Raises LedgerError."""
    last = deque(_raw(Path(folder)), maxlen=1)
    return hashlib.sha256(last[0] if last else b"").hexdigest()
