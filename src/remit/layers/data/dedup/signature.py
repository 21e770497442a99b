"""MinHash signatures (Broder 1997): two texts agree at a place as often as their shingles do.

The permutations are datatrove 0.10's, seed and arithmetic included, so that a signature here
equals one made there from the same words: `(a x + b mod 2^64) mod (2^61 - 1)`, with a and b from
numpy's `RandomState(seed)`, whose stream is frozen by numpy's compatibility policy (NEP 19).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from remit.layers.data.dedup.xxh64 import U64, Places

_PRIME = np.uint64((1 << 61) - 1)
_BITS = np.uint64(61)
_BLOCK = 1 << 14  # 128 KB of shingles: what is computed from it stays in a core's own cache


def permutations(count: int, seed: int) -> tuple[U64, U64]:
    """`count` multipliers and as many offsets."""
    draw = np.random.RandomState(seed)
    shape = (1, count)
    a = draw.randint(1, int(_PRIME), dtype=np.uint64, size=shape)
    b = draw.randint(0, int(_PRIME), dtype=np.uint64, size=shape)
    return a[0], b[0]


def signatures(hashes: U64, owners: Places, count: int, places: tuple[U64, U64]) -> U64:
    """Shape (count, permutations): the least permuted hash of each owner's shingles.

    `owners` ascend. An owner without shingles has the largest number everywhere.
    """
    multipliers, offsets = places
    found = np.full((len(multipliers), count), np.iinfo(np.uint64).max, np.uint64)
    for start in range(0, len(hashes), _BLOCK):
        block = hashes[start : start + _BLOCK]
        owner = owners[start : start + _BLOCK]
        first = np.flatnonzero(np.concatenate(([True], owner[1:] != owner[:-1])))
        least = _least(block, first, multipliers, offsets)
        who = owner[first]
        found[:, who] = np.minimum(found[:, who], least)
    return np.ascontiguousarray(found.T)


def _least(block: U64, first: npt.NDArray[np.intp], multipliers: U64, offsets: U64) -> U64:
    permuted, spare = np.empty_like(block), np.empty_like(block)
    least = np.empty((len(multipliers), len(first)), np.uint64)
    for place, (a, b) in enumerate(zip(multipliers, offsets, strict=True)):
        np.multiply(block, a, out=permuted)
        np.add(permuted, b, out=permuted)
        # x mod 2^61-1 without a division: add the high bits to the low ones, take the prime off
        # once more where that makes less (below the prime, the subtraction wraps to a large one).
        np.right_shift(permuted, _BITS, out=spare)
        np.bitwise_and(permuted, _PRIME, out=permuted)
        np.add(permuted, spare, out=permuted)
        np.subtract(permuted, _PRIME, out=spare)
        np.minimum(permuted, spare, out=permuted)
        np.minimum.reduceat(permuted, first, out=least[place])
    return least
