"""Samples on their way to the disk: gathered, then written and synced by a thread."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import orjson

from remit.types import Json
from remit.verify.records import FORMAT, RecordError, Sample, line, plan_line, samples

_EVERY = 0.25
_LARGEST = 8_000_000


class Record:
    """A record that is being written, by one process at a time. Memory is that of one line."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self.path = path

    @classmethod
    def create(cls, path: str | Path, plan: Json) -> Record:
        """A new record. Raises RecordError where there is one already, and OSError."""
        file = _opened(Path(path))
        record = cls(file, Path(path))
        if file.seek(0, os.SEEK_END):
            record.close()
            raise RecordError(f"{path} is there already; go on with --resume, or name another file")
        record.write(orjson.dumps({"remit-verify": FORMAT, **plan}) + b"\n")
        return record

    @classmethod
    def resume(cls, path: str | Path, plan: Json) -> tuple[Record, Iterator[Sample]]:
        """A record to go on with, and what it holds; take all of that before the first write.

        Raises RecordError where it is of another plan.
        """
        file = _opened(Path(path))
        record = cls(file, Path(path))
        if not file.read(1):
            record.write(orjson.dumps({"remit-verify": FORMAT, **plan}) + b"\n")
            return record, iter(())
        file.seek(0)
        try:
            _same(plan_line(file, path), plan, path)
        except RecordError:
            record.close()
            raise
        return record, record.held()

    def held(self) -> Iterator[Sample]:
        """What the record holds from here on; a broken tail is cut off."""
        end = self._file.tell()
        for sample, place in samples(self._file, self.path):
            end = place
            yield sample
        self._file.seek(end)
        self._file.truncate()

    def write(self, data: bytes) -> None:
        """Puts complete lines on the disk. Raises OSError."""
        self._file.write(data)
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Lets another process have it."""
        self._file.close()


def _same(held: Json, plan: Json, path: str | Path) -> None:
    for key, value in plan.items():
        if held.get(key) != value:
            raise RecordError(
                f"{path} is a record of another run: its {key} is {held.get(key)!r} and this one's "
                f"{value!r}; give the same remit, suites and options, or another --record"
            )


def _opened(path: Path) -> BinaryIO:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    file = os.fdopen(descriptor, "r+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise RecordError(f"{path} is being written by another run; wait for it") from None
    return file


class Journal:
    """Writes a record in batches, so that one sync serves hundreds of samples.

    At most a quarter of a second of samples is lost when the process is killed, and those are
    played again. Where the disk fails, the next `add` raises OSError.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._lines: list[bytes] = []
        self._size = 0
        self._task: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    async def add(self, sample: Sample) -> None:
        """Takes a sample; waits where the disk lags. Raises OSError."""
        data = line(sample)
        self._lines.append(data)
        self._size += len(data)
        if self._task is not None and self._task.done():
            self._task.result()
            self._task = None
        if self._task is None:
            self._task = asyncio.create_task(self._write_later())
        elif self._size > _LARGEST:
            self._hurry.set()
            await asyncio.shield(self._task)

    async def flush(self) -> None:
        """Returns once all is on the disk. Raises OSError."""
        if self._task is not None:
            self._hurry.set()
            task, self._task = self._task, None
            await task
        if self._lines:
            await self._write()

    async def _write_later(self) -> None:
        try:
            async with asyncio.timeout(_EVERY):
                await self._hurry.wait()
        except TimeoutError:
            pass
        self._hurry.clear()
        await self._write()

    async def _write(self) -> None:
        data, self._lines, self._size = b"".join(self._lines), [], 0
        await asyncio.to_thread(self._record.write, data)
