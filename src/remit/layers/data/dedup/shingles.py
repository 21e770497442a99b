"""All runs of n words of many texts, hashed at once.

Words stand one space apart here, so a run of n words is a slice of the bytes: no string is made
for it. `datatrove` hashes the same bytes with the same function.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from remit.layers.data.dedup.xxh64 import U64, Places, xxh64

_SPACE, _NEWLINE = b" \n"


@dataclass(frozen=True, slots=True)
class Shingles:
    """Runs of n words in the order of the texts, then of the words.

    `hashes[i]` is of the bytes `starts[i]` to `ends[i]` of `buffer`, and that run stands in the
    text number `owners[i]`.
    """

    buffer: bytes
    hashes: U64
    owners: Places
    starts: Places
    ends: Places


def shingles(texts: Sequence[str], size: int) -> Shingles:
    """The runs of `size` words of texts whose words are one space apart (no line ends in them).

    A text of fewer words has none. Memory is about 100 bytes a character.
    """
    buffer = "\n".join(texts).encode("utf-8", "surrogatepass")
    octets = np.frombuffer(buffer, np.uint8)
    breaks = np.flatnonzero((octets == _SPACE) | (octets == _NEWLINE))
    starts = np.concatenate(([0], breaks + 1))
    ends = np.concatenate((breaks, [len(buffer)]))
    owners = np.concatenate(([0], np.cumsum(octets[breaks] == _NEWLINE)))
    count = len(starts) - size + 1
    if count <= 0:
        none = np.empty(0, np.int64)
        return Shingles(buffer, np.empty(0, np.uint64), none, none, none)
    within = owners[:count] == owners[size - 1 :]
    # An empty text counts as one empty word.
    whole = np.flatnonzero(within & (ends[size - 1 :] > starts[:count]))
    starts, ends = starts[whole], ends[whole + size - 1]
    return Shingles(buffer, xxh64(buffer, starts, ends), owners[whole], starts, ends)
