"""Files that appear whole or not at all, with their hash; packed where their source was."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from remit.layers.data.streams import zstandard

# Recompression, not matching, is the wall of packed data: these are the levels that keep up.
_GZIP_LEVEL = 3
_ZSTD_LEVEL = 3
_HELD = 1_000_000


@dataclass(frozen=True, slots=True)
class Written:
    """A finished file: its path below the output folder, SHA-256, and size in bytes."""

    path: str
    sha256: str
    size: int

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {"path": self.path, "sha256": self.sha256, "size": self.size}


class Fresh:
    """A file in the making, under another name until `commit`. Nothing written makes no file."""

    def __init__(self, folder: Path, path: str, packing: str = "") -> None:
        self._folder, self._path = folder, path
        self._target = folder / path
        self._own = self._target.with_name(f".{self._target.name}.{os.getpid()}.fresh")
        self._packing = packing
        self._file: BinaryIO | None = None
        self._pack: Any = None
        self._sha256 = hashlib.sha256()
        self._held: list[bytes] = []
        self._waiting = 0
        self.size = 0
        """Bytes written, before packing."""

    def write(self, data: bytes) -> None:
        """Appends bytes."""
        self._held.append(data)
        self._waiting += len(data)
        self.size += len(data)
        if self._waiting >= _HELD:
            self._flush()

    def commit(self) -> Written | None:
        """The file under its name, safe on the disk. None where nothing was written."""
        self._flush()
        if self._file is None:
            self._target.unlink(missing_ok=True)
            return None
        if self._pack is not None:
            self._out(self._pack.flush())
        self._file.flush()
        os.fsync(self._file.fileno())
        size = self._file.tell()
        self._file.close()
        self._own.replace(self._target)
        sync_folder(self._target.parent)
        return Written(self._path, self._sha256.hexdigest(), size)

    def discard(self) -> None:
        """Leaves no trace."""
        if self._file is not None:
            self._file.close()
            with suppress(OSError):
                self._own.unlink()

    def _flush(self) -> None:
        if not self._held:
            return
        data = b"".join(self._held)
        self._held.clear()
        self._waiting = 0
        if self._file is None:
            self._target.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._own.open("wb")
            self._pack = _packer(self._packing)
        self._out(data if self._pack is None else self._pack.compress(data))

    def _out(self, data: bytes) -> None:
        assert self._file is not None  # noqa: S101  opened by the first flush
        self._sha256.update(data)
        self._file.write(data)


def _packer(packing: str) -> Any:
    if packing == "gzip":
        return zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 31)  # no time, no name: same bytes
    if packing == "zstd":
        made = zstandard().ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True)
        return made.compressobj()
    return None


def whole(path: Path, data: bytes, *, lasting: bool = True) -> None:
    """A small file that is there whole or not at all, and survives what comes after.

    One that is not `lasting` may be gone or empty after a power cut (see `noted`): of what can be
    made again, waiting for the disk is most of the cost where files are tiny.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    own = path.with_name(f".{path.name}.{os.getpid()}.fresh")
    with own.open("wb") as file:
        file.write(data)
        if lasting:
            file.flush()
            os.fsync(file.fileno())
    own.replace(path)
    if lasting:
        sync_folder(path.parent)


def noted(path: Path) -> bool:
    """True where a note is there and was not lost in a power cut. No note is empty."""
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def sync_folder(folder: Path) -> None:
    """Makes a rename in the folder survive a power cut."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def sha256_of(path: str | Path, seen: Callable[[int], None] = lambda size: None) -> str:
    """SHA-256 of a file, as `sha256sum` says it."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while data := file.read(1 << 20):
            digest.update(data)
            seen(len(data))
    return digest.hexdigest()
