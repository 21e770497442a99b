"""Runs of words that recur within a text: found by 64-bit hashes, for a batch at once.

Equal runs always have equal hashes. So what the hashes call new is new, for certain; what they
call a repetition is looked at once more as strings before a text is dropped for it.

Speed: a hash of any run of characters is two look-ups and a multiplication (prefix sums of a
polynomial modulo 2**64). Sorting is what costs, so it is done twice for all words, and otherwise
only for those that may still recur.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from remit.layers.data.quality.words import Bits, Indices, Words

Hashes = npt.NDArray[np.uint64]

HEAD = 12
"""Runs of this many characters that recur must begin with the same so many characters."""

_BASE = 0x9E3779B97F4A7C15
_SALT = 0xD1B54A32D192ED03
_TUPLE = 0xC2B2AE3D27D4EB4F
_MIX = 0xBF58476D1CE4E5B9


@dataclass(frozen=True, slots=True)
class Recurring:
    """Words where a run begins that recurs in its text, in reading order.

    `size` says how many such runs the text has, `length` how many characters the run has.
    """

    at: Indices
    size: Indices
    length: Indices


class Grams:
    """Hashes of all runs of words in a batch. Memory: some 20 bytes a character, 60 a word."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self.text = np.repeat(np.arange(len(words.counts)), words.counts)
        """The text of each word, shape (words,)."""
        total = len(words.points)
        self._powers: Hashes = np.multiply.accumulate(np.full(total + 1, _BASE, np.uint64))
        self._sums = np.zeros(total + 1, np.uint64)
        values = (words.points.astype(np.uint64) + np.uint64(1)) * np.uint64(_TUPLE)
        np.cumsum(values * self._powers[:-1], out=self._sums[1:])
        self._last = words.first[1:][self.text]
        self._salt = (self.text.astype(np.uint64) + np.uint64(1)) * np.uint64(_SALT)

    def characters(self, start: Indices, end: Indices) -> Hashes:
        """Hashes of the characters from `start` to `end` of the words' characters."""
        total = len(self.words.points)
        raw: Hashes = (self._sums[end] - self._sums[start]) * self._powers[total - start]
        return _mixed(raw)

    def joined(self, sizes: Sequence[int], at: Indices) -> list[Recurring]:
        """For each size, rising: the runs of so many words that recur, written without spaces.

        `at` are all words of the texts that are looked at.
        """
        starts, found = self.words.starts, []
        at = self._fitting(at, sizes[0])
        at = at[self._heads_recur(at) | (starts[at + sizes[0]] - starts[at] < HEAD)]
        for size in sizes:
            at = self._fitting(at, size)
            end = starts[at + size]
            keys = self.characters(starts[at], end) + self._salt[at]
            found.append(_recurring(at, keys, end - starts[at]))
        return found

    def spaced(self, sizes: Sequence[int], at: Indices) -> list[Recurring]:
        """For each size, rising: the runs of so many words that recur, word by word.

        `at` are all words of the texts that are looked at.
        """
        starts, found = self.words.starts, []
        each = self.characters(starts[:-1], starts[1:])
        for size in sizes:
            at = self._fitting(at, size)
            keys = self._salt[at]
            for step in range(size):
                keys = keys * np.uint64(_TUPLE) + each[at + step]
            found.append(_recurring(at, _mixed(keys), starts[at + size] - starts[at] + size - 1))
            at = found[-1].at  # a longer run recurs only where a shorter one does
        return found

    def _heads_recur(self, at: Indices) -> Bits:
        """Whether a run of `HEAD` characters or more that begins here may recur, shape of `at`."""
        starts = self.words.starts
        ends = np.minimum(starts[at] + HEAD, starts[self._last[at]])
        recur: Bits = times(self.characters(starts[at], ends) + self._salt[at]) > 1
        return recur

    def _fitting(self, at: Indices, size: int) -> Indices:
        """The words from which on `size` words of the same text are left."""
        return at[at + size <= self._last[at]]


def times(keys: Hashes) -> Indices:
    """How often each key occurs, in the order of the keys.

    The lowest bits give way to the place, which makes one plain sort of it: three times as fast as
    sorting places by keys. With 2**18 words some 46 bits of the hash are left: two different runs
    of a text are taken for one in about 1 of 2,000 batches, which costs a second look, no more.
    """
    bits = np.uint64(max(len(keys) - 1, 1).bit_length())
    low = (np.uint64(1) << bits) - np.uint64(1)
    ranked = np.sort((keys & ~low) | np.arange(len(keys), dtype=np.uint64))
    order = (ranked & low).astype(np.int64)
    ranked >>= bits
    same = ranked[1:] == ranked[:-1]
    again = np.zeros(len(keys), np.bool_)
    again[1:] |= same
    again[:-1] |= same
    at = np.flatnonzero(again)  # few: the rest is once
    begins = np.flatnonzero(~same[at[1:] - 1]) + 1
    counts = np.diff(begins, prepend=0, append=len(at))
    found = np.ones(len(keys), np.int64)
    found[order[at]] = np.repeat(counts, counts)
    return found


def _recurring(at: Indices, keys: Hashes, length: Indices) -> Recurring:
    size = times(keys)
    again = np.flatnonzero(size > 1)
    return Recurring(at[again], size[again], length[again])


def _mixed(value: Hashes) -> Hashes:
    value = (value ^ (value >> np.uint64(32))) * np.uint64(_MIX)
    return value ^ (value >> np.uint64(29))
