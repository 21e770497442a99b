"""Compiled pattern databases, kept on disk between starts: compiling is most of a cold start.

A kept database is used only where its folder and file belong to this user and nobody else may
write them, and Hyperscan accepts it for this processor (it checks version, features and a CRC).
In any doubt it is compiled anew: the disk can cost time, never a match.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any

import hyperscan

_MOST_BYTES = 64_000_000


class Database:
    """A compiled database that threads may share; Hyperscan's work space serves one at a time."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self._lock = Lock()

    def scan(self, data: bytes, match_event_handler: Callable[..., object]) -> None:
        """Calls `match_event_handler(number, start, end, flags, context)` for every match."""
        with self._lock:
            self._database.scan(data, match_event_handler=match_event_handler)

    def dump(self) -> bytes:
        """The database as bytes, for this kind of processor."""
        return bytes(hyperscan.dumpb(self._database))


def compile_database(sources: Sequence[str], flags: int) -> Database:
    """A block-mode database. Raises hyperscan.error where an expression cannot be run."""
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[source.encode() for source in sources],
        ids=list(range(len(sources))),
        elements=len(sources),
        flags=[flags] * len(sources),
    )
    return Database(database)


class Shelf:
    """Databases by what they were compiled from. Without a folder it compiles each time."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def database(self, sources: Sequence[str], flags: int) -> Database:
        """The database of these expressions, from the shelf or compiled (and then kept)."""
        if self._folder is None:
            return compile_database(sources, flags)
        path = self._folder / f"{_key(sources, flags)}.hs"
        kept = _read(path)
        if kept is not None:
            return kept
        database = compile_database(sources, flags)
        with suppress(OSError):
            _write(path, database.dump())
        return database


def _key(sources: Sequence[str], flags: int) -> str:
    parts = (version("hyperscan"), platform.machine(), str(flags), *sources)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:40]


def _is_ours(status: os.stat_result) -> bool:
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _read(path: Path) -> Database | None:
    try:
        if not _is_ours(path.parent.stat()):
            return None
        with path.open("rb") as file:
            if not _is_ours(os.fstat(file.fileno())):
                return None
            database = hyperscan.loadb(file.read(_MOST_BYTES), hyperscan.HS_MODE_BLOCK)
        database.scratch = hyperscan.Scratch(database)
    except (OSError, hyperscan.error):
        return None
    return Database(database)


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all: a half-written file must not be found under the name."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _is_ours(path.parent.stat()):
        return
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    fresh.replace(path)
