"""Files that are either there as a whole or not at all, and the journal of a training.

A folder is written beside its place, synced and renamed; a kill leaves the one before.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from remit.layers.training.engine import Point
from remit.types import Json

_ASIDE = ".writing-"


def write_file(path: Path, data: bytes) -> None:
    """Writes a file as a whole, durably."""
    aside = path.with_name(_ASIDE + path.name)
    with aside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    _sync(path.parent)


def write_folder(path: Path, fill: Callable[[Path], None]) -> None:
    """Writes a folder as a whole, durably; one that is there is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside, old = path.with_name(_ASIDE + path.name), path.with_name(f"{_ASIDE}old-{path.name}")
    for left in (aside, old):
        shutil.rmtree(left, ignore_errors=True)
    aside.mkdir()
    fill(aside)
    for folder, _, names in os.walk(aside):
        for name in names:
            _sync(Path(folder, name))
        _sync(Path(folder))
    if path.exists():
        path.rename(old)
    aside.rename(path)
    _sync(path.parent)
    shutil.rmtree(old, ignore_errors=True)


def write_json(path: Path, value: Json) -> None:
    """Writes a value as indented JSON."""
    write_file(path, orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Journal:
    """`metrics.jsonl`: every measured point, a line each, in the order of its steps."""

    def __init__(self, path: Path, keep_to: int = 0) -> None:
        """Goes on with the journal at `path`: points after step `keep_to` were lost and are cut."""
        self.points: list[Point] = [p for p in read_points(path) if p.step <= keep_to]
        write_file(path, b"".join(_line(point) for point in self.points))
        self._file = path.open("ab")

    def add(self, point: Point) -> None:
        """Notes a point."""
        self.points.append(point)
        self._file.write(_line(point))
        self._file.flush()

    def close(self) -> None:
        """No more will come."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


def read_points(path: Path) -> Iterator[Point]:
    """The points of a journal; a last line that was cut off is passed over."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            try:
                value = orjson.loads(line)
            except ValueError:
                return
            step, split = int(value.pop("step")), str(value.pop("split", "train"))
            yield Point(step, {name: float(v) for name, v in value.items()}, split)


def _line(point: Point) -> bytes:
    # JSON has no infinity: a metric that is none is left out and not written as null.
    told = {k: v for k, v in point.to_json().items() if not isinstance(v, float) or v - v == 0}
    return orjson.dumps(told) + b"\n"
