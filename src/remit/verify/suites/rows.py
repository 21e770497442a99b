"""Rows out of a local file: CSV, JSON Lines, JSON, plain lines; gzip or not; each with its place.

Files are hostile: lines, cells, whole documents and what comes out of gzip are bounded, and what
cannot be read stops the reading with an error that names the line. Nothing is passed over.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from remit.verify.suites.errors import SuiteError

MAX_LINE = 4_000_000
"""Bytes of a line at most."""
MAX_WHOLE = 64_000_000
"""Bytes at most of a file that can only be read as a whole (JSON, YAML), out of gzip."""
MAX_STREAM = 4_000_000_000
"""Bytes at most of a file that is read line by line, out of gzip."""

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Row:
    """A row's value, and where it stands (`file.csv:12`), for errors."""

    value: Any
    where: str


def rows(path: str | Path) -> Iterator[Row]:
    """The rows of a file, by its ending: .csv .tsv .jsonl .json .txt, each also with .gz.

    A JSON list is a row an element; a JSON object is one row. Raises SuiteError, and OSError
    where there is no file.
    """
    path = Path(path)
    ending = suffix(path)
    readers = {
        ".csv": lambda file: _csv(file, path, ","),
        ".tsv": lambda file: _csv(file, path, "\t"),
        ".jsonl": lambda file: _json_lines(file, path),
        ".ndjson": lambda file: _json_lines(file, path),
        ".json": lambda file: _json(file, path),
        ".txt": lambda file: _lines(file, path),
    }
    if ending not in readers:
        have = " ".join(sorted(readers))
        raise SuiteError(f"{path.name}: no suite ends in '{ending}'; have {have} .yaml, or .gz")
    with opened(path) as file:
        yield from readers[ending](file)


def suffix(path: Path) -> str:
    """The file's ending without .gz, in lower case."""
    endings = [ending.lower() for ending in path.suffixes if ending.lower() != ".gz"]
    return endings[-1] if endings else ""


def opened(path: Path) -> BinaryIO:
    """The file's bytes, out of gzip where it begins like one. Raises OSError."""
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    return gzip.open(path) if packed else path.open("rb")  # type: ignore[return-value]


def whole(file: BinaryIO, path: Path, most: int = MAX_WHOLE) -> bytes:
    """All bytes of a file. Raises SuiteError where there are more than `most`."""
    try:
        data = file.read(most + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SuiteError(f"{path.name}: broken gzip: {error}; fetch the file again") from None
    if len(data) > most:
        raise SuiteError(f"{path.name}: larger than {most:,} bytes; split it, or use JSON Lines")
    return data


def _raw_lines(file: BinaryIO, path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers, without their ends; blank ones are passed over."""
    number = size = 0
    while True:
        number += 1
        try:
            line = file.readline(MAX_LINE + 1)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise SuiteError(
                f"{path.name}:{number}: broken gzip: {error}; fetch the file again"
            ) from None
        size += len(line)
        if len(line) > MAX_LINE:
            raise SuiteError(f"{path.name}:{number}: longer than {MAX_LINE:,} bytes; shorten it")
        if size > MAX_STREAM:
            raise SuiteError(
                f"{path.name}:{number}: more than {MAX_STREAM:,} bytes; split the file"
            )
        if not line:
            return
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if line.strip():
            yield number, line.rstrip(b"\r\n")


def _json_lines(file: BinaryIO, path: Path) -> Iterator[Row]:
    for number, line in _raw_lines(file, path):
        where = f"{path.name}:{number}"
        yield Row(_parsed(line, where), where)


def _json(file: BinaryIO, path: Path) -> Iterator[Row]:
    value = _parsed(whole(file, path).removeprefix(b"\xef\xbb\xbf"), path.name)
    if isinstance(value, list):
        for number, item in enumerate(value, 1):
            yield Row(item, f"{path.name}: row {number}")
    else:
        yield Row(value, path.name)


def _parsed(data: bytes, where: str) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise SuiteError(f"{where}: not JSON: {error}") from None


def _lines(file: BinaryIO, path: Path) -> Iterator[Row]:
    for number, line in _raw_lines(file, path):
        where = f"{path.name}:{number}"
        yield Row({"prompt": _text(line, where)}, where)


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SuiteError(f"{where}: not UTF-8: {error.reason}; convert the file") from None


def _csv(file: BinaryIO, path: Path, delimiter: str) -> Iterator[Row]:
    # The reader keeps cells below 131,072 characters by itself, so an open quote is bounded.
    text = io.TextIOWrapper(
        io.BufferedReader(_Bounded(file, path)), encoding="utf-8-sig", newline=""
    )
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    try:
        head = next(reader, None)
        if head is None:
            return
        for cells in reader:
            where = f"{path.name}:{reader.line_num}"
            if not cells:
                continue
            if len(cells) != len(head):
                raise SuiteError(
                    f"{where}: {len(cells)} cells where the head has {len(head)}; "
                    "put quotes round cells with a comma"
                )
            yield Row(dict(zip(head, cells, strict=True)), where)
    except UnicodeDecodeError as error:
        raise SuiteError(
            f"{path.name}: not UTF-8 after line {reader.line_num}: {error.reason}; convert the file"
        ) from None
    except csv.Error as error:
        raise SuiteError(f"{path.name}:{reader.line_num}: {error}") from None


class _Bounded(io.RawIOBase):
    """A binary file that refuses to give more than the bound, whatever gzip makes of it."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file, self._path, self._size = file, path, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._file.read(len(buffer))
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise SuiteError(
                f"{self._path.name}: broken gzip: {error}; fetch the file again"
            ) from None
        self._size += len(data)
        if self._size > MAX_STREAM:
            raise SuiteError(f"{self._path.name}: more than {MAX_STREAM:,} bytes; split the file")
        buffer[: len(data)] = data
        return len(data)
