"""Which keys come more than once: the one question behind duplicate lines and n-grams.

Keys are hashes of 64 bits. Equal things have equal keys, so whatever these functions call single
is single, for certain; what they call recurring may be a collision, and is looked at as a string
before anything is dropped for it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]

_ROOM, _MOST = 3, 22
"""A table has at least 2**3 places a key, so that few keys meet another by chance; but no more
than 2**22 (32 MB), which only texts of millions of characters fill."""


def mixed(value: Hashes) -> Hashes:
    """The same keys with their bits spread, so that any of them tell keys apart."""
    value = (value ^ (value >> np.uint64(32))) * np.uint64(0xBF58476D1CE4E5B9)
    return value ^ (value >> np.uint64(29))


def crowds(keys: Hashes) -> npt.NDArray[np.int64]:
    """For each key, how many keys share its place in a table: never fewer than are equal to it.

    One pass without sorting. The place is the key's highest bits.
    """
    bits = min(len(keys).bit_length() + _ROOM, _MOST)
    places = (keys >> np.uint64(64 - bits)).astype(np.int64)
    return np.bincount(places, minlength=1 << bits).take(places)


def may_recur(keys: Hashes) -> npt.NDArray[np.bool_]:
    """Whether a key may come twice, shape of `keys`."""
    recur = crowds(keys) > 1
    at = np.flatnonzero(recur)
    # Once more by other bits: what met by chance seldom does so twice.
    recur[at] = crowds(keys[at] << np.uint64(32)) > 1
    return recur


def came_before(keys: Hashes) -> npt.NDArray[np.bool_]:
    """Whether an equal key may stand further left, shape of `keys`."""
    before = np.zeros(len(keys), np.bool_)
    at = np.flatnonzero(may_recur(keys))
    order = np.argsort(keys[at], kind="stable")
    ranked = keys[at[order]]
    before[at[order[1:]]] = ranked[1:] == ranked[:-1]
    return before
