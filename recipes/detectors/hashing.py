"""The linear stage's features: hashed n-grams of bytes and words, in numpy, and nothing else.

FORMAT.md is the specification; this is its reference. Hashes are differences of one polynomial
prefix hash, so that every n-gram of every length costs one subtraction and one multiplication.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from remit.detectors.text import plain

Bytes = npt.NDArray[np.uint8]
Hashes = npt.NDArray[np.uint32]
Places = npt.NDArray[np.int64]

_PRIME, _INVERSE, _GOLDEN = 0x01000193, 0x359C449B, 0x9E3779B1
_SPACE = 32
_WORD_KIND = 16
_APOSTROPHES = dict.fromkeys(map(ord, "'’`"))
_TABLE = bytes(
    ord("0") if 48 <= code <= 57 else code if 97 <= code <= 122 or code >= 0x80 else _SPACE
    for code in range(256)
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What is hashed into 2**`log2_buckets`: byte n-grams, word k-grams; windows in bytes."""

    log2_buckets: int = 18
    grams: tuple[int, ...] = (3, 4, 5)
    words: tuple[int, ...] = (1, 2)
    window: int = 400
    stride: int = 200


def fold(text: str) -> bytes:
    """The folded text: lower-case words in UTF-8, one space between, before and after."""
    clear = plain(text)
    if not clear.isascii():
        apart = unicodedata.normalize("NFKD", clear)
        clear = "".join(char for char in apart if unicodedata.category(char) != "Mn")
    lower = clear.lower().translate(_APOSTROPHES)
    words = lower.encode("utf-8", "replace").translate(_TABLE).split()
    return b" " + b" ".join(words) + b" " if words else b" "


def _powers(base: int, count: int) -> Hashes:
    powers = np.full(count, base, np.uint32)
    powers[:1] = 1
    return np.multiply.accumulate(powers, dtype=np.uint32)


def _finish(hashes: Hashes, kind: int, shape: Shape) -> Hashes:
    h = hashes ^ np.uint32(kind * _GOLDEN & 0xFFFFFFFF)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(16)
    return h >> np.uint32(32 - shape.log2_buckets)


def features(folded: bytes, shape: Shape) -> tuple[Hashes, Places]:
    """The bucket of every feature and the position of its first byte, in no special order."""
    data = np.frombuffer(folded, np.uint8)
    size = len(data)
    prefix = np.zeros(size + 1, np.uint32)
    np.cumsum((data + np.uint32(1)) * _powers(_PRIME, size), dtype=np.uint32, out=prefix[1:])
    back = _powers(_INVERSE, size + 1)
    spaces = np.flatnonzero(data == _SPACE)
    before = np.zeros(size + 1, np.int32)
    np.cumsum(data == _SPACE, out=before[1:])
    buckets, places = [], []

    def add(starts: Places, ends: Places, kind: int) -> None:
        buckets.append(_finish((prefix[ends] - prefix[starts]) * back[starts], kind, shape))
        places.append(starts)

    for n in shape.grams:
        starts = np.arange(size - n + 1)
        add(kept := starts[before[starts + n - 1] == before[starts + 1]], kept + n, n)
    for k in shape.words:
        count = max(len(spaces) - k, 0)
        add(spaces[:count] + 1, spaces[k : k + count], _WORD_KIND + k)
    return np.concatenate(buckets), np.concatenate(places)


def windows(size: int, shape: Shape) -> list[tuple[int, int]]:
    """Start and end of the windows over a folded text of `size` bytes."""
    if size <= shape.window:
        return [(0, size)]
    last = -(-(size - shape.window) // shape.stride)
    return [(i * shape.stride, min(i * shape.stride + shape.window, size)) for i in range(last + 1)]
