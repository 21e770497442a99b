"""Verdicts on disk: one JSON line each, only ever added to, on the disk before it is confirmed.

Several processes may add: each line is written whole under a lock. A line that a kill cut short was
never confirmed; the next to write sets it aside in `torn.bin`, so that not a byte is thrown away.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import orjson

from remit.layers.training.preferences.verdicts import Verdict, read_verdict

NAME: Final = "verdicts.jsonl"
LINE_BYTES: Final = 1 << 20
_BLOCK: Final = 1 << 16


class StoreError(RuntimeError):
    """Verdicts cannot be read or written; the message names the place and the cure."""


class Store:
    """The verdicts of one folder. Raises StoreError where it cannot be used."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._torn = folder / "torn.bin"
        self._lock = threading.Lock()
        self._read = 0
        self._verdicts: list[Verdict] = []
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_WRONLY, 0o600))
        except OSError as error:
            raise StoreError(f"{folder}: {error.strerror}; give a folder to write to") from error

    def add(self, verdict: Verdict) -> None:
        """Returns when the verdict is on the disk. Raises StoreError."""
        line = orjson.dumps(verdict.to_json()) + b"\n"
        if len(line) > LINE_BYTES:
            raise StoreError("the verdict is longer than 1 MiB; shorten the edit")
        try:
            with self._opened() as file:
                self._mend(file)
                file.seek(0, os.SEEK_END)
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(
                f"{self.path}: {error.strerror}; nothing was kept, try again"
            ) from error

    def verdicts(self) -> tuple[Verdict, ...]:
        """All verdicts in the order in which they came, those of other processes too.

        Raises StoreError for a line that was tampered with or written by something else.
        """
        with self._lock:
            try:
                with self.path.open("rb") as file:
                    file.seek(self._read)
                    for line in file:
                        if not line.endswith(b"\n"):
                            break  # being written, or torn: not confirmed
                        self._verdicts.append(read_verdict(orjson.loads(line)))
                        self._read += len(line)
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                number = len(self._verdicts) + 1
                raise StoreError(
                    f"{self.path}:{number}: no verdict ({error}); restore it"
                ) from None
            return tuple(self._verdicts)

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        with self._lock, self.path.open("r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file

    def _mend(self, file: IO[bytes]) -> None:
        size = file.seek(0, os.SEEK_END)
        end = size
        tail = b""
        while end and not tail.endswith(b"\n"):
            start = max(0, end - _BLOCK)
            file.seek(start)
            block = file.read(end - start)
            at = block.rfind(b"\n") + 1
            end = start + at
            tail = b"\n" if at else b""
        if end == size:
            return
        file.seek(end)
        with self._torn.open("ab") as torn:
            torn.write(file.read(size - end) + b"\n")
            torn.flush()
            os.fsync(torn.fileno())
        file.truncate(end)
