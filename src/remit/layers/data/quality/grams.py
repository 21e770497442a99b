"""Runs of words that recur within a text: found by 64-bit hashes, for a batch at once.

Equal runs always have equal hashes. So what the hashes call new is new, for certain; what they
call a repetition is looked at once more as strings before a text is dropped for it.

Speed: a hash of any run of characters is a difference and a multiplication (prefix sums of a
polynomial modulo 2**64). Hashes are not sorted but thrown into a table, once for all words; and
then only those of words that may still matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from remit.layers.data.quality.recurrence import Hashes, crowds, may_recur, mixed
from remit.layers.data.quality.words import Bits, Indices, Words

HEAD = 16
"""Runs of this many characters that recur must begin with the same so many characters."""

_AT_ONCE = 1 << 17
"""Runs of several sizes are hashed together up to this number, which bounds memory."""

_BASE = 0x9E3779B97F4A7C15
_SALT = 0xD1B54A32D192ED03
_TUPLE = 0xC2B2AE3D27D4EB4F


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of words, by the words where they begin, in reading order.

    `size` is the number of words, `text` the text, `length` the number of characters, all of shape
    (runs,).
    """

    at: Indices
    size: Indices
    text: Indices
    length: Indices

    def chosen(self, which: Bits | slice) -> Runs:
        """Only some of them."""
        at = which if isinstance(which, slice) else np.flatnonzero(which)
        return Runs(self.at[at], self.size[at], self.text[at], self.length[at])


class Grams:
    """Hashes of all runs of words in a batch. Memory: some 20 bytes a character, 60 a word."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self.text = np.repeat(np.arange(len(words.counts)), words.counts)
        """The text of each word, shape (words,)."""
        total = len(words.points)
        self._powers = _powers(total + 1)
        self._sums = np.zeros(total + 1, np.uint64)
        values = words.points * self._powers[:-1]
        np.cumsum(values, out=self._sums[1:])
        # The same for the first character of each word, where nearly all runs begin and end.
        self._starts = self._sums[words.starts]
        self._scale = self._powers[total - words.starts[:-1]] * np.uint64(_TUPLE)
        self._words = np.diff(self._starts) * self._scale
        self._left = np.repeat(words.first[1:], words.counts) - np.arange(len(self.text))
        salts = np.arange(1, len(words.counts) + 1, dtype=np.uint64) * np.uint64(_SALT)
        self._salt = np.repeat(salts, words.counts)

    def runs(self, at: Indices, size: int | Indices, *, blanks: int) -> Runs:
        """The runs of so many words from the given on, as far as a text has them.

        Between two words are so many blanks, which count as characters.
        """
        size = np.broadcast_to(np.int64(size), at.shape)
        fit = np.flatnonzero(self._left[at] >= size)
        at, size = at[fit], size[fit]
        starts = self.words.starts
        length = starts[at + size] - starts[at]
        return Runs(at, size, self.text[at], length + blanks * (size - 1) if blanks else length)

    def characters(self, runs: Runs) -> Hashes:
        """Hashes of the characters of each run, written without spaces, shape (runs,)."""
        starts = self._starts
        hashes: Hashes = (starts[runs.at + runs.size] - starts[runs.at]) * self._scale[runs.at]
        return hashes

    def joined(self, runs: Runs) -> Hashes:
        """Keys of runs, equal where those of a text are equal without spaces, shape (runs,)."""
        return mixed(self.characters(runs)) + self._salt[runs.at]

    def spaced(self, runs: Runs, size: int) -> Hashes:
        """Keys of runs of so many words, equal where those of a text are equal word by word."""
        keys = self._words[runs.at]
        for step in range(1, size):
            keys *= np.uint64(_TUPLE)
            keys += self._words[runs.at + step]
        return mixed(keys) + self._salt[runs.at]

    def often(self, size: int) -> Indices:
        """How often the run of so many words from each word on comes at most, shape (words,).

        0 where the text has fewer words left.
        """
        count = max(0, len(self.text) - size + 1)
        keys = self._words[:count].copy()
        for step in range(1, size):
            keys *= np.uint64(_TUPLE)
            keys += self._words[step : count + step]
        often = np.zeros(len(self.text), np.int64)
        often[:count] = crowds(mixed(keys) + self._salt[:count])
        often[self._left < size] = 0
        return often

    def recurring(self, sizes: Sequence[int], wanted: Bits) -> Iterator[tuple[int, Runs]]:
        """For each size, rising: the runs of so many words that may recur without spaces.

        Only of the texts that are wanted, shape (texts,).
        """
        head = self._heads_may_recur()
        short = np.zeros(len(head), np.bool_)
        starts = self.words.starts
        short[: 1 - sizes[0] or None] = (starts[sizes[0] :] - starts[: -sizes[0]]) < HEAD
        at = np.flatnonzero((head | short) & (self._left >= sizes[0]))
        at = at[wanted[self.text[at]]]
        together = max(1, _AT_ONCE // max(1, len(at)))  # fewer, larger arrays are faster
        for some in range(0, len(sizes), together):
            group = sizes[some : some + together]
            runs = self.runs(np.tile(at, len(group)), np.repeat(group, len(at)), blanks=0)
            runs = runs.chosen(head[runs.at] | (runs.length < HEAD))
            runs = runs.chosen(may_recur(self.joined(runs)))
            cuts = np.searchsorted(runs.size, [*group, group[-1] + 1])
            for size, low, high in zip(group, cuts[:-1], cuts[1:], strict=True):
                yield size, runs.chosen(slice(low, high))

    def _heads_may_recur(self) -> Bits:
        """Whether the next `HEAD` characters may recur at another word of the text, shape (words,).

        A run of so many characters or more recurs only where this holds, however it is cut.
        """
        words = self.words
        ends = np.minimum(
            words.starts[:-1] + HEAD, np.repeat(words.starts[words.first[1:]], words.counts)
        )
        return may_recur(mixed((self._sums[ends] - self._starts[:-1]) * self._scale) + self._salt)


def _powers(count: int) -> Hashes:
    """The first powers of the base, shape (count,): each half from the one before."""
    powers = np.empty(count, np.uint64)
    powers[0] = 1
    done = 1
    while done < count:
        more = min(done, count - done)
        factor = np.uint64(pow(_BASE, done, 1 << 64))
        np.multiply(powers[:more], factor, out=powers[done : done + more])
        done += more
    return powers
