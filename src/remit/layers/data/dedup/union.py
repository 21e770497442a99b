"""A union-find that takes many pairs at a time and always roots a group in its lowest member."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Entries = npt.NDArray[np.int64]


def join(parent: Entries, left: Entries, right: Entries) -> None:
    """Makes each left[i] and right[i] one group; the order of the pairs does not matter.

    Each round hangs every root under the lowest one that a pair shows it, so the roots of a
    group at least halve: the rounds are logarithmic in the size of the group.
    """
    while left.size:
        a, b = root(parent, left), root(parent, right)
        apart = a != b
        left, right = np.minimum(a, b)[apart], np.maximum(a, b)[apart]
        np.minimum.at(parent, right, left)


def root(parent: Entries, entries: Entries) -> Entries:
    """The lowest member of each entry's group; shortens the ways it went."""
    above = parent[entries]
    while True:
        higher = parent[above]
        if np.array_equal(higher, above):
            return above
        parent[entries] = higher
        above = parent[higher]
