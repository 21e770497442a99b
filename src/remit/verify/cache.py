"""Replies kept between runs, so that a change of rules or graders asks no model again."""

from __future__ import annotations

import sqlite3
import zlib
from pathlib import Path
from typing import Self

_BATCH = 512
_LARGEST = 50_000_000


class CacheError(OSError):
    """The file cannot serve as a cache; the message names the cure."""


class ReplyFile:
    """A SQLite file of replies by key, of one process and one thread at a time.

    What is not yet committed when a process is killed is asked again: a cache may forget.
    Raises CacheError where the file is something else, in use elsewhere, or cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = str(path)
        self._pending = 0
        try:
            self._file = sqlite3.connect(self._path, timeout=0, isolation_level=None)
            # Kept locked: two runs would wait for each other's batches, and give up in the middle.
            self._file.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._file.execute("PRAGMA journal_mode=WAL")
            self._file.execute("PRAGMA synchronous=NORMAL")
            self._file.execute(
                "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, body BLOB) WITHOUT ROWID"
            )
        except sqlite3.Error as error:
            raise self._refusal(error) from None

    def get(self, key: str) -> bytes | None:
        """The body kept under a key; None where there is none, or it is damaged."""
        try:
            row = self._file.execute("SELECT body FROM replies WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error as error:
            raise self._refusal(error) from None
        if row is None:
            return None
        try:
            return zlib.decompressobj().decompress(row[0], _LARGEST)
        except (zlib.error, TypeError):
            return None

    def put(self, key: str, body: bytes) -> None:
        """Keeps a body."""
        packed = zlib.compress(body, 1)
        try:
            if self._pending == 0:
                self._file.execute("BEGIN")
            self._file.execute("INSERT OR REPLACE INTO replies VALUES (?, ?)", (key, packed))
            self._pending += 1
            if self._pending >= _BATCH:
                self._commit()
        except sqlite3.Error as error:
            raise self._refusal(error) from None

    def close(self) -> None:
        """Writes what is pending."""
        self._commit()
        self._file.close()

    def _refusal(self, error: sqlite3.Error) -> CacheError:
        cure = "another run has it; wait for that" if "locked" in str(error) else "see to that"
        return CacheError(
            f"{self._path} cannot keep replies ({error}); {cure}, or name a new file with --cache"
        )

    def _commit(self) -> None:
        if self._pending:
            self._file.execute("COMMIT")
            self._pending = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ReplyMemory:
    """Replies of one run, at most `most` of them; what is over is asked again."""

    def __init__(self, most: int = 200_000) -> None:
        self._bodies: dict[str, bytes] = {}
        self._most = most

    def get(self, key: str) -> bytes | None:
        """The body kept under a key."""
        packed = self._bodies.get(key)
        return None if packed is None else zlib.decompress(packed)

    def put(self, key: str, body: bytes) -> None:
        """Keeps a body while there is room."""
        if len(self._bodies) < self._most:
            self._bodies[key] = zlib.compress(body, 1)
