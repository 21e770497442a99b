"""Equal keys are brought together on disk, however many there are.

(key, entry) records go to files by the first bits of the key; what is too large for memory is
spread again by the next bits. Files are opened to append and closed again, so that their number
is bounded by the disk, not by what a process may hold open.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

KEYED = np.dtype([("key", "<u8"), ("entry", "<i8")])

Keyed = npt.NDArray[np.void]
Entries = npt.NDArray[np.int64]

_WORK = 96
"""Bytes of memory that sorting takes for each record, measured at its peak and rounded up."""

_STEP = 4
"""Bits by which a file that is too large is spread again."""


class Spread:
    """Files of records under `folder`, by the first `bits` of their keys."""

    def __init__(self, folder: Path, expected: int, memory: int) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._most = max(1024, memory // _WORK)
        self._bits = (expected // self._most).bit_length()
        self._pending: list[Keyed] = []
        self._held = 0

    def add(self, records: Keyed) -> None:
        """Takes records in the order of their entries."""
        self._pending.append(records)
        self._held += len(records)
        if self._held >= self._most // 2:
            self._flush()

    def groups(self) -> Iterator[Keyed]:
        """Records sorted by key, then by entry, as many at a time as memory holds.

        A group is never divided, but for one that is itself too large: its parts all begin with
        its first record.
        """
        self._flush()
        for path in sorted(self._folder.glob("keys-*")):
            yield from self._sorted(path, self._bits)

    def _flush(self) -> None:
        if self._held:
            records = np.concatenate(self._pending)
            self._pending, self._held = [], 0
            self._append(records, 0, self._bits, self._folder / "keys")

    def _append(self, records: Keyed, skip: int, bits: int, stem: Path) -> None:
        """Appends records to the files of the `bits` bits of their keys that follow `skip`."""
        part = (records["key"] << np.uint64(skip)) >> np.uint64(64 - bits) if bits else 0
        part = np.broadcast_to(np.asarray(part, np.uint64), records.shape)
        order = np.argsort(part, kind="stable")
        names, starts = np.unique(part[order], return_index=True)
        for name, some in zip(names.tolist(), np.split(order, starts[1:]), strict=True):
            with stem.with_name(f"{stem.name}-{name:012x}").open("ab") as file:
                file.write(records[some].tobytes())

    def _sorted(self, path: Path, skip: int) -> Iterator[Keyed]:
        if path.stat().st_size <= self._most * KEYED.itemsize:
            records = np.fromfile(path, KEYED)
            yield records[np.argsort(records["key"], kind="stable")]
        elif self._one_key(path):
            yield from self._parts_of_one_group(path)
        else:
            bits = min(_STEP, 64 - skip)
            for records in self._read(path):
                self._append(records, skip, bits, path)
            for part in sorted(path.parent.glob(path.name + "-*")):
                yield from self._sorted(part, skip + bits)
        path.unlink()

    def _one_key(self, path: Path) -> bool:
        first = np.fromfile(path, KEYED, 1)["key"][0]
        return all(bool(np.all(records["key"] == first)) for records in self._read(path))

    def _parts_of_one_group(self, path: Path) -> Iterator[Keyed]:
        first = np.fromfile(path, KEYED, 1)
        for records in self._read(path):
            yield np.concatenate((first, records))

    def _read(self, path: Path) -> Iterator[Keyed]:
        with path.open("rb") as file:
            while (records := np.fromfile(file, KEYED, self._most // 2)).size:
                yield records
