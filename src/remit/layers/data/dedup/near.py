"""Near-duplicates by MinHash (Broder 1997) and banding (Lee et al. 2022, appendix A)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from remit.layers.data.dedup.cluster import Layout, settle
from remit.layers.data.dedup.notes import Records, texts_of, write
from remit.layers.data.dedup.outcome import Duplicates, Verdicts
from remit.layers.data.dedup.shingles import shingles
from remit.layers.data.dedup.signature import permutations, signatures
from remit.layers.data.dedup.simplify import PIECE, simplified
from remit.layers.data.dedup.xxh64 import U64, xxh64
from remit.layers.data.rows import Row, Step

_SIGNED_AT_A_TIME = 256


@dataclass(frozen=True, slots=True)
class Shape:
    """Words of a shingle, bands, hashes of a band, and the seed of the permutations."""

    words: int
    bands: int
    hashes: int
    seed: int

    def __post_init__(self) -> None:
        for name, most in (("words", 100), ("bands", 1000), ("hashes", 1000)):
            if not 1 <= getattr(self, name) <= most:
                raise ValueError(f"minhash: {name} must be 1 to {most}")

    @property
    def record(self) -> np.dtype[Any]:
        """A text's record: where it stands, a key for each band, a byte of each hash."""
        return np.dtype(
            [
                ("number", "<u8"),
                ("segment", "<i4"),
                ("keys", "<u8", (self.bands,)),
                ("print", "u1", (self.bands * self.hashes,)),
            ]
        )


@dataclass(frozen=True, slots=True)
class MinHash:
    """The survey; make it with `dedup.minhash`."""

    shape: Shape
    verify: float | None
    scope: str
    roles: tuple[str, ...]
    verdicts: Verdicts
    memory: int

    @property
    def name(self) -> str:
        """What its marks are signed with."""
        return self.verdicts.step

    def note(self, rows: Sequence[Row], into: Any) -> None:
        """Appends one record for each text of enough words: 236 bytes at FineWeb's figures."""
        owners, places, texts = [], [], []
        for owner, row in enumerate(rows):
            for segment, parts in texts_of(row, self.scope, self.roles):
                owners.append(owner)
                places.append((row.number, segment))
                texts.append("\n".join(parts))
        signed, enough = sign(texts, self.shape)
        entries = _entries(signed[enough], [places[i] for i in enough], self.shape)
        write(rows, entries, [owners[i] for i in enough], into)

    def settle(self, notes: Sequence[Path], outcome: Path) -> None:
        """Merges the notes; raises NoteError for one that is cut off or out of order."""
        settle(notes, outcome, Layout(self.shape.record, self._least_agreement()), self.memory)

    def step(self, outcome: Path) -> Step:
        """Judges by the outcome, which is mapped, not read."""
        return Duplicates.open(outcome, self.verdicts)

    def _least_agreement(self) -> float:
        """Share of equal bytes that a similarity asks for: bytes also agree by chance, 1 in 256.

        (Li and König 2010, b-bit minwise hashing, with b = 8 and sparse sets.)
        """
        return 0.0 if self.verify is None else self.verify + (1 - self.verify) / 256


def sign(texts: Sequence[str], shape: Shape) -> tuple[U64, list[int]]:
    """Signatures, shape (texts, bands * hashes), and which texts had a shingle at all."""
    places = permutations(shape.bands * shape.hashes, shape.seed)
    signed = np.full((len(texts), len(places[0])), np.iinfo(np.uint64).max, np.uint64)
    enough: set[int] = set()
    for pieces in _batches(_pieces(texts, shape.words)):
        found = shingles([piece for _, piece in pieces], shape.words)
        if not found.hashes.size:
            continue
        owners = np.array([owner for owner, _ in pieces])[found.owners]
        base = int(owners[0])
        count = int(owners[-1]) - base + 1
        least = signatures(found.hashes, owners - base, count, places)
        np.minimum(signed[base : base + count], least, out=signed[base : base + count])
        enough.update(owners[np.flatnonzero(np.diff(owners, prepend=-1))].tolist())
    return signed, sorted(enough)


def _pieces(texts: Sequence[str], size: int) -> Iterator[tuple[int, str]]:
    """Simplified pieces of each text; the last words of one begin the next, so none is lost."""
    for owner, text in enumerate(texts):
        kept: list[str] = []
        for piece in simplified(text):
            whole = " ".join((*kept, piece))
            yield owner, whole
            kept = whole.rsplit(" ", size - 1)[-(size - 1) :] if size > 1 else []


def _batches(pieces: Iterable[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    batch: list[tuple[int, str]] = []
    length = 0
    for owner, piece in pieces:
        batch.append((owner, piece))
        length += len(piece)
        if length >= PIECE:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch


def _entries(signed: U64, places: Sequence[tuple[int, int]], shape: Shape) -> Records:
    entries = np.zeros(len(signed), shape.record)
    if len(signed):
        entries["number"] = [number for number, _ in places]
        entries["segment"] = [segment for _, segment in places]
        entries["print"] = (signed & np.uint64(255)).astype(np.uint8)
    for start in range(0, len(signed), _SIGNED_AT_A_TIME):
        some = slice(start, start + _SIGNED_AT_A_TIME)
        entries["keys"][some] = _keys(signed[some], shape)
    return entries


def _keys(signed: U64, shape: Shape) -> U64:
    """A band's key is a hash of all its bits and its number: 64 bits stand for `hashes` * 64."""
    banded = np.empty((len(signed), shape.bands, shape.hashes + 1), "<u8")
    banded[:, :, :-1] = signed.reshape(len(signed), shape.bands, shape.hashes)
    banded[:, :, -1] = np.arange(shape.bands)
    width = banded.itemsize * banded.shape[2]
    starts = np.arange(len(signed) * shape.bands) * width
    return xxh64(banded.tobytes(), starts, starts + width).reshape(len(signed), shape.bands)
