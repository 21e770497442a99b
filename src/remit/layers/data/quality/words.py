"""Words of a batch of texts, as numbers: one pass over all characters, not one text at a time.

The published heuristics leave open what a word is, and every implementation takes another
splitter. Here it is a choice: `unicode` (the default), `whitespace` (`str.split`), or any function
from a text to its words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from remit.layers.data.quality.characters import (
    ALPHA,
    DIGIT,
    GLUE,
    LOWER,
    SPACE,
    UPPER,
    WORD,
    flags,
)

Bits = npt.NDArray[np.bool_]
Flags = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.int64]
Points = npt.NDArray[np.uint32]

Split = Literal["unicode", "whitespace"] | Callable[[str], Sequence[str]]
"""How a text is cut into words. What a function gives should have no blanks within."""


@dataclass(frozen=True)
class Words:
    """The words of a batch's texts, one after the other without what stands between them.

    `points` and `flags` have one entry a character of a word; word `i` has those from `starts[i]`
    to `starts[i + 1]`; text `t` has the words from `first[t]` to `first[t + 1]`.
    """

    points: Points
    flags: Flags
    starts: Indices
    first: Indices

    @property
    def counts(self) -> Indices:
        """How many words each text has, shape (texts,)."""
        return np.diff(self.first)

    @property
    def lengths(self) -> Indices:
        """How many characters each word has, shape (words,)."""
        return np.diff(self.starts)

    def flags_of_words(self, wanted: int) -> Flags:
        """Which of the wanted flags a character of each word has, shape (words,); others too."""
        union = self.flags[self.starts[:-1]]
        # Most words are letters or one sign, and the first character says all that is asked.
        rest = np.flatnonzero((self.lengths > 1) & ((union & wanted) != wanted))
        if len(rest):
            lengths = self.lengths[rest]
            begins = running(lengths)[:-1]
            within = np.arange(lengths.sum()) + np.repeat(self.starts[rest] - begins, lengths)
            union[rest] = np.bitwise_or.reduceat(self.flags[within], begins)
        return union

    def per_text(self, of_words: npt.NDArray[np.number] | Bits) -> Indices:
        """Sums over each text of whole numbers given for each word, shape (texts,)."""
        return np.diff(running(of_words)[self.first])

    def strings(self, text: int) -> list[str]:
        """The words of one text as strings."""
        bounds = self.starts[self.first[text] : self.first[text + 1] + 1]
        if len(bounds) < 2:
            return []
        return [self.glued[a:b] for a, b in pairwise(bounds.tolist())]

    @cached_property
    def glued(self) -> str:
        """All words as one string with nothing between them; `starts` says where each begins."""
        if len(self.points) and self.points.max() < 256:  # ten times as fast
            return self.points.astype(np.uint8).tobytes().decode("latin-1")
        return self.points.tobytes().decode("utf-32-le", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Tokens:
    """What `str.split` gives: characters from `begin[i]` to `end[i]`, in reading order."""

    begin: Indices
    end: Indices


def tokens(blanks: Indices) -> Tokens:
    """What stands between the blanks; the last character of a batch is one."""
    before = np.empty(len(blanks), np.int64)
    before[:1] = -1
    before[1:] = blanks[:-1]
    gaps = np.flatnonzero(blanks - before > 1)
    return Tokens(before[gaps] + 1, blanks[gaps])


def space_starts(kinds: Flags) -> Bits:
    """Where the words of `str.split` begin, shape (characters,)."""
    inside: Bits = (kinds & SPACE) == 0
    start = inside.copy()
    start[1:] &= ~inside[:-1]
    return start


def unicode_starts(points: Points, kinds: Flags) -> Bits:
    """Where words begin, shape (characters,): runs of letters, digits, marks and `_`; signs alone.

    A sign between two word characters joins them where it is `@` or `&`, `.` unless it stands
    between a small letter and a capital, or one of `, : /` between digits. An apostrophe between
    word characters begins a word that goes on: `it's` is `it` and `'s`. Runs of `.` and of `-`
    are one word. Scripts without spaces are not cut.
    """
    part = (kinds & WORD) != 0
    at = np.flatnonzero((kinds & GLUE) != 0)
    at = at[(at > 0) & (at < len(points) - 1)]
    before, after, sign = at - 1, at + 1, points[at]
    left, right = kinds[before], kinds[after]
    between = (left & right & WORD) != 0
    apostrophe = between & ((sign == ord("'")) | (sign == ord("’"))) & ((right & ALPHA) != 0)
    part[at[apostrophe | (between & _joins(sign, left, right))]] = True
    start: Bits = (kinds & SPACE) == 0
    start[1:] &= ~(part[1:] & part[:-1])
    start[at[apostrophe]] = True
    repeated = (points[before] == sign) & ((sign == ord(".")) | (sign == ord("-")))
    start[at[repeated]] = False
    return start


def _joins(sign: Points, left: Flags, right: Flags) -> Bits:
    always = (sign == ord("@")) | (sign == ord("&"))
    full_stop = (sign == ord(".")) & (((left & LOWER) == 0) | ((right & UPPER) == 0))
    numeric = (left & right & DIGIT) != 0
    among_digits = (sign == ord(",")) | (sign == ord(":")) | (sign == ord("/"))
    joins: Bits = always | full_stop | (among_digits & numeric)
    return joins


def given_words(texts: Sequence[Sequence[str]]) -> Words:
    """The words that a splitter of the caller's found; empty ones are left out."""
    words = [word for text in texts for word in text if word]
    lengths = np.fromiter(map(len, words), np.int64, len(words))
    counts = [sum(1 for word in text if word) for text in texts]
    raw = "".join(words).encode("utf-32-le", "surrogatepass")
    points = np.frombuffer(raw, np.uint32)
    return Words(points, flags().take(points), running(lengths), running(np.array(counts, int)))


def packed(points: Points, kinds: Flags, bounds: Indices, split: str) -> Words:
    """The words of a batch, given its characters, their flags, and where its texts begin."""
    start = unicode_starts(points, kinds) if split == "unicode" else space_starts(kinds)
    kept = np.flatnonzero((kinds & SPACE) == 0)
    at = np.flatnonzero(start)
    starts = np.empty(len(at) + 1, np.int64)
    starts[:-1] = np.flatnonzero(start.take(kept))
    starts[-1] = len(kept)
    return Words(points.take(kept), kinds.take(kept), starts, np.searchsorted(at, bounds))


def running(sizes: npt.NDArray[np.number] | Bits) -> Indices:
    """Sums of the whole numbers before each, and of all at the end, shape (sizes + 1,)."""
    sums = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=sums[1:])
    return sums
