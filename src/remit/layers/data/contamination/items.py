"""Evaluation items, read from JSON Lines or text."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import orjson

_JSON = frozenset({".json", ".jsonl", ".ndjson"})
_LONGEST = 1 << 26
"""Bytes of a line: an evaluation item is far shorter, and a longer line is no item."""


@dataclass(frozen=True, slots=True)
class Item:
    """One text of an evaluation set; `line` counts from 1."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file} line {self.line}"


def items(files: Sequence[Path], fields: tuple[str, ...]) -> Iterator[Item]:
    """The texts of `files` in order. Raises ValueError as `contamination.step` says."""
    for path in files:
        found = False
        with _opened(path) as file:
            for number, line in _lines(path, file):
                for text in _texts(path, number, line, fields):
                    found = True
                    yield Item(path.name, number, text)
        if not found:
            what = f"with a field {' or '.join(fields)}" if fields else "with a text"
            raise ValueError(f"evaluation set {path}: no line {what}; name its fields")


def _opened(path: Path) -> gzip.GzipFile | BufferedReader:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _lines(path: Path, file: gzip.GzipFile | BufferedReader) -> Iterator[tuple[int, bytes]]:
    number = 0
    try:
        while line := file.readline(_LONGEST + 1):
            number += 1
            if len(line) > _LONGEST:
                raise ValueError(f"evaluation set {path}, line {number}: longer than 64 MiB")
            if line.strip():
                yield number, line
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"evaluation set {path}: {error}; get the file again") from error


def _texts(path: Path, number: int, line: bytes, fields: tuple[str, ...]) -> Iterable[str]:
    suffixes = path.suffixes[:-1] if path.suffix == ".gz" else path.suffixes
    try:
        if not suffixes or suffixes[-1] not in _JSON:
            return [line.decode("utf-8")]
        value = orjson.loads(line)
    except ValueError as error:
        raise ValueError(f"evaluation set {path}, line {number}: {error}; mend it") from error
    if not fields:
        return _strings(value)
    chosen = [value[name] for name in fields if isinstance(value, dict) and name in value]
    return _strings(chosen)


def _strings(value: Any) -> Iterator[str]:
    """Every string in a JSON value, keys apart, in reading order."""
    rest = [value]
    while rest:
        now = rest.pop()
        if isinstance(now, str):
            yield now
        elif isinstance(now, list):
            rest.extend(reversed(now))
        elif isinstance(now, dict):
            rest.extend(reversed(now.values()))
