"""What is to be filtered: files found, their formats told, and cut into shards.

A source's name is its path below the deepest folder that holds all inputs, so names are unique
and do not change when the whole is moved.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PART_BYTES = 64_000_000
"""Bytes of a source (unpacked) that make a part: what one task writes at once."""

_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_FORMATS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".txt": "text",
    ".parquet": "parquet",
}
_PACKINGS = (".gz", ".zst")


class SourceError(Exception):
    """An input cannot be used; the message names it and the cure."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its number in corpus order, its name in the output, where it is, what it holds.

    `format` is jsonl, text or parquet; `packing` is empty, gzip or zstd; `size` in bytes.
    """

    number: int
    name: str
    path: str
    format: str
    packing: str
    size: int
    changed: int

    def part(self, number: int) -> str:
        """The name of a part of the output: corpus-00002.jsonl.gz. Text goes out as JSON Lines."""
        packed = {"gzip": ".gz", "zstd": ".zst"}.get(self.packing, "")
        ending = ".parquet" if self.format == "parquet" else ".jsonl"
        return f"{self.name}-{number:05d}{ending}{packed}"


@dataclass(frozen=True, slots=True)
class Shard:
    """What one task reads: rows whose first byte is in `start` to `stop`, from row `first_row` on.

    Plain JSON Lines have a shard a part. A packed or plain text file is one shard of many parts,
    since it can only be read from its beginning; `stop` is then None. Of Parquet, `start` and
    `stop` are row groups.
    """

    source: Source
    part: int
    start: int = 0
    stop: int | None = None
    first_row: int = 0

    @property
    def key(self) -> str:
        """Names the shard in the working folder."""
        return f"{self.source.number:06d}-{self.part:05d}"


@dataclass(frozen=True, slots=True)
class Found:
    """The sources in corpus order, and the files of folders that are in no known format."""

    sources: tuple[Source, ...]
    passed_over: tuple[str, ...]


def find(inputs: Sequence[str], out: str = "") -> Found:
    """The sources that files, folders and globs come to, in order of their names.

    Links to folders are not followed: where they lead back, there would be no end.
    Raises SourceError for an input that is not there, of no known format, or that holds `out`.
    """
    files, base = _files(inputs, out)
    named = sorted((os.path.relpath(path, base), path) for path in files)
    sources: list[Source] = []
    passed: list[str] = []
    seen: set[str] = set()
    for name, path in named:
        _printable(name)
        if Path(path).is_dir():
            passed.append(f"{name}{os.sep}")
            continue
        real = os.path.realpath(path)
        if real in seen:
            continue
        seen.add(real)
        if _known(name):
            sources.append(_source(len(sources), name, path))
        elif files[path]:
            known = ", ".join(_FORMATS)
            raise SourceError(
                f"{path}: of no known format; rename it to one of {known} (.gz, .zst)"
            )
        else:
            passed.append(name)
    if not sources:
        raise SourceError(f"nothing to filter in {', '.join(inputs)}; have .jsonl, .txt, .parquet")
    return Found(tuple(sources), tuple(passed))


def _files(inputs: Sequence[str], out: str) -> tuple[dict[str, bool], str]:
    """The files, each with whether it was named by itself, and the folder that holds all inputs."""
    files: dict[str, bool] = {}
    bases: list[str] = []
    for given in inputs:
        for path in _expanded(given):
            if Path(path).is_dir():
                _outside(out, path)
                bases.append(path)
                for file in _below(path):
                    files.setdefault(file, False)
            else:
                bases.append(str(Path(path).parent))
                files[path] = True
    return files, os.path.commonpath(bases) if bases else ""


def _expanded(given: str) -> list[str]:
    path = str(Path(given).absolute())
    if Path(path).exists():
        return [path]
    found = sorted(glob.glob(path, recursive=True))  # noqa: PTH207  of an absolute path
    if not found:
        raise SourceError(f"{given}: no such file or folder")
    return found


def _outside(out: str, folder: str) -> None:
    if out and Path(os.path.realpath(out)).is_relative_to(os.path.realpath(folder)):
        raise SourceError(f"{out}: lies in the input {folder}; choose a folder outside it")


def _below(folder: str) -> Iterator[str]:
    for where, folders, names in os.walk(folder, onerror=_unreadable):
        folders.sort()
        links = [name for name in folders if Path(where, name).is_symlink()]
        yield from (str(Path(where, name)) for name in sorted([*names, *links]))


def _printable(name: str) -> None:
    """The ledger names every file, and is JSON."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise SourceError(f"{os.fsencode(name)!r}: the name is not UTF-8; rename it") from None


def _unreadable(error: OSError) -> None:
    raise SourceError(f"{error.filename}: cannot be read ({error.strerror})") from None


def _ending(name: str) -> str:
    packing = Path(name).suffix if Path(name).suffix.lower() in _PACKINGS else ""
    return Path(name.removesuffix(packing)).suffix + packing


def _known(name: str) -> bool:
    return _format(name) in _FORMATS.values()


def _format(name: str) -> str:
    ending = _ending(name)
    for packing in _PACKINGS:
        ending = ending.lower().removesuffix(packing)
    return _FORMATS.get(ending, "")


def _source(number: int, name: str, path: str) -> Source:
    if not Path(path).is_file():
        raise SourceError(f"{path}: is no regular file; a link to nowhere, or a pipe?")
    try:
        with Path(path).open("rb") as file:
            head = file.read(4)
            status = os.fstat(file.fileno())
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror})") from None
    packing = next((word for magic, word in _MAGIC.items() if head.startswith(magic)), "")
    kind = _format(name)
    packing = "" if kind == "parquet" else packing
    return Source(
        number, Path(name).as_posix(), path, kind, packing, status.st_size, status.st_mtime_ns
    )


def shards(source: Source, part_bytes: int, first_rows: Sequence[int] = (0,)) -> list[Shard]:
    """The shards of a file in bytes; `first_rows` holds the first row's number of each."""
    if not ranged(source):
        return [Shard(source, 0)]
    return [
        Shard(source, part, start, min(start + part_bytes, source.size), row)
        for (part, start), row in zip(
            enumerate(starts(source, part_bytes)), first_rows, strict=True
        )
    ]


def starts(source: Source, part_bytes: int) -> Iterable[int]:
    """Where the parts of a plain JSON Lines file begin."""
    return range(0, max(source.size, 1), part_bytes)


def ranged(source: Source) -> bool:
    """True where a file can be read from any byte on."""
    return source.format == "jsonl" and not source.packing
