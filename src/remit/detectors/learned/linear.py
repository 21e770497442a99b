"""The first stage: hashed n-grams of bytes and words under a linear model, in numpy.

Most texts end here. Hashes are differences of one polynomial prefix hash, so an n-gram of any
length costs one subtraction and one multiplication. `recipes/detectors/FORMAT.md` is the
specification; training and run-time are held to the same numbers by test.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import numpy as np
import numpy.typing as npt

from remit.detectors.learned.weights import CURE, Shape, WeightsError
from remit.detectors.text import plain

Bytes = npt.NDArray[np.uint8]
Hashes = npt.NDArray[np.uint32]
Places = npt.NDArray[np.int64]
Logits = npt.NDArray[np.float32]

NO_FEATURE = -30.0
_PRIME, _INVERSE, _GOLDEN = 0x01000193, 0x359C449B, 0x9E3779B1
_SPACE = 32
_WORD_KIND = 16
_APOSTROPHES = dict.fromkeys(map(ord, "'’`"))
_TABLE = bytes(
    ord("0") if 48 <= code <= 57 else code if 97 <= code <= 122 or code >= 0x80 else _SPACE
    for code in range(256)
)
_DTYPES = {"I8": np.int8, "F32": np.float32}


class Linear:
    """The linear model of all heads."""

    def __init__(self, content: bytes, shape: Shape, heads: int) -> None:
        """`content` is a safetensors file. Raises WeightsError where its tensors do not fit."""
        tensors = _tensors(content)
        try:
            self._weight, self._scale = tensors["weight"], tensors["scale"].astype(np.float32)
        except KeyError as error:
            raise WeightsError(f"linear.safetensors lacks the tensor {error}; {CURE}") from None
        if self._weight.shape != (2**shape.log2_buckets, heads) or self._scale.shape != (heads,):
            raise WeightsError(f"linear.safetensors does not fit its manifest; {CURE}")
        self._shape = shape
        self._hasher = _Hasher(shape)

    def logits(self, text: str) -> Logits:
        """The highest logit over the windows of a text, per head: float32 `[heads]`."""
        folded = fold(text)
        buckets, places = self._hasher.features(folded)
        best = np.full(len(self._scale), NO_FEATURE, np.float32)
        bounds = windows(len(folded), self._shape)
        for start, end in bounds:
            mine = buckets if len(bounds) == 1 else buckets[(places >= start) & (places < end)]
            if len(mine):
                total = self._weight.take(mine, axis=0).sum(axis=0, dtype=np.int32)
                np.maximum(best, self._scale * total / np.float32(len(mine) ** 0.5), out=best)
        return best


def fold(text: str) -> bytes:
    """The folded text: lower-case words in UTF-8, one space between, before and after."""
    clear = plain(text)
    if not clear.isascii():
        apart = unicodedata.normalize("NFKD", clear)
        clear = "".join(char for char in apart if unicodedata.category(char) != "Mn")
    lower = clear.lower().translate(_APOSTROPHES)
    words = lower.encode("utf-8", "replace").translate(_TABLE).split()
    return b" " + b" ".join(words) + b" " if words else b" "


def windows(size: int, shape: Shape) -> list[tuple[int, int]]:
    """Start and end of the windows over a folded text of `size` bytes."""
    if size <= shape.window:
        return [(0, size)]
    last = -(-(size - shape.window) // shape.stride)
    return [(i * shape.stride, min(i * shape.stride + shape.window, size)) for i in range(last + 1)]


class _Hasher:
    """Hashes folded texts. The powers of the usual length are computed once."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._forth = _powers(_PRIME, 2_048)
        self._back = _powers(_INVERSE, 2_049)

    def features(self, folded: bytes) -> tuple[Hashes, Places]:
        """The bucket of every feature and the position of its first byte, in no special order."""
        data = np.frombuffer(folded, np.uint8)
        size = len(data)
        forth, back = self._forth[:size], self._back[: size + 1]
        if len(forth) < size:
            forth, back = _powers(_PRIME, size), _powers(_INVERSE, size + 1)
        prefix = np.zeros(size + 1, np.uint32)
        np.cumsum((data + np.uint32(1)) * forth, dtype=np.uint32, out=prefix[1:])
        is_space = data == _SPACE
        spaces = np.flatnonzero(is_space)
        before = np.zeros(size + 1, np.int32)
        np.cumsum(is_space, out=before[1:])
        buckets, places = [], []

        def add(starts: Places, ends: Places, kind: int) -> None:
            hashes = (prefix[ends] - prefix[starts]) * back[starts]
            buckets.append(_finish(hashes, kind, self._shape.log2_buckets))
            places.append(starts)

        for n in self._shape.grams:
            starts = np.arange(size - n + 1)
            # No space strictly inside: as many spaces before the last byte as after the first.
            add(kept := starts[before[starts + n - 1] == before[starts + 1]], kept + n, n)
        for k in self._shape.words:
            count = max(len(spaces) - k, 0)
            add(spaces[:count] + 1, spaces[k : k + count], _WORD_KIND + k)
        return np.concatenate(buckets), np.concatenate(places)


def _powers(base: int, count: int) -> Hashes:
    powers = np.full(count, base, np.uint32)
    powers[:1] = 1
    return np.multiply.accumulate(powers, dtype=np.uint32)


def _finish(hashes: Hashes, kind: int, bits: int) -> Hashes:
    """Mixes in the kind of the feature; the finaliser of MurmurHash3."""
    h = hashes ^ np.uint32(kind * _GOLDEN & 0xFFFFFFFF)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(16)
    return h >> np.uint32(32 - bits)


def _tensors(content: bytes) -> dict[str, npt.NDArray[Any]]:
    """The tensors of a safetensors file: a length, a JSON header, raw little-endian values."""
    try:
        size = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + size])
        return {
            name: np.frombuffer(
                content[8 + size + item["data_offsets"][0] : 8 + size + item["data_offsets"][1]],
                _DTYPES[item["dtype"]],
            ).reshape(item["shape"])
            for name, item in header.items()
            if name != "__metadata__"
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"linear.safetensors cannot be read ({error}); {CURE}") from None
