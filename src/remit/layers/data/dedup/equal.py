"""Exact duplicates: equal but for white space and Unicode form.

A text is known by 128 bits of BLAKE2b. The first 64 bring texts together, the others must agree
too, so that a pair that is reported is a pair but for odds of 2^-128.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from remit.layers.data.dedup.cluster import Layout, settle
from remit.layers.data.dedup.notes import texts_of, write
from remit.layers.data.dedup.outcome import Duplicates, Verdicts
from remit.layers.data.rows import Row, Step

_RECORD = np.dtype(
    [("number", "<u8"), ("segment", "<i4"), ("keys", "<u8", (1,)), ("print", "u1", (8,))]
)


@dataclass(frozen=True, slots=True)
class Exact:
    """The survey; make it with `dedup.exact`."""

    scope: str
    roles: tuple[str, ...]
    verdicts: Verdicts
    memory: int

    @property
    def name(self) -> str:
        """What its marks are signed with."""
        return self.verdicts.step

    def note(self, rows: Sequence[Row], into: Any) -> None:
        """Appends one record of 28 bytes for each text that is not blank."""
        entries: list[tuple[Any, ...]] = []
        owners: list[int] = []
        for owner, row in enumerate(rows):
            for segment, digest in self._digests(row):
                key = int.from_bytes(digest[:8], "little")
                entries.append((row.number, segment, (key,), np.frombuffer(digest[8:], np.uint8)))
                owners.append(owner)
        write(rows, np.array(entries, _RECORD), owners, into)

    def settle(self, notes: Sequence[Path], outcome: Path) -> None:
        """Merges the notes; raises NoteError for one that is cut off or out of order."""
        settle(notes, outcome, Layout(_RECORD, least_agreement=1.0), self.memory)

    def step(self, outcome: Path) -> Step:
        """Judges by the outcome, which is mapped, not read."""
        return Duplicates.open(outcome, self.verdicts)

    def _digests(self, row: Row) -> list[tuple[int, bytes]]:
        found = []
        for segment, texts in texts_of(row, self.scope, self.roles):
            plain = [" ".join(unicodedata.normalize("NFC", text).split()) for text in texts]
            if any(plain):
                found.append((segment, _digest(plain)))
        return found


def _digest(texts: Sequence[str]) -> bytes:
    """Two lists of texts have the same digest only if they are cut at the same places."""
    state = hashlib.blake2b(digest_size=16)
    for text in texts:
        octets = text.encode("utf-8", "surrogatepass")
        state.update(len(octets).to_bytes(8, "little"))
        state.update(octets)
    return state.digest()
