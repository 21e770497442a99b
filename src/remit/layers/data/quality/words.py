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


@dataclass(frozen=True, slots=True)
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

    def flags_of_words(self) -> Flags:
        """The union of the flags of each word's characters, shape (words,)."""
        if not len(self.points):
            return np.zeros(0, np.uint8)
        return np.bitwise_or.reduceat(self.flags, self.starts[:-1])

    def per_text(self, of_words: npt.NDArray[np.number] | Bits) -> Indices:
        """Sums over each text of whole numbers given for each word, shape (texts,)."""
        running = np.zeros(len(of_words) + 1, np.int64)
        np.cumsum(of_words, out=running[1:])
        return np.diff(running[self.first])

    def strings(self, text: int) -> list[str]:
        """The words of one text as strings."""
        bounds = self.starts[self.first[text] : self.first[text + 1] + 1]
        if len(bounds) < 2:
            return []
        glued = self.glued(text)
        cuts = (bounds - bounds[0]).tolist()
        return [glued[a:b] for a, b in pairwise(cuts)]

    def glued(self, text: int) -> str:
        """The words of one text as one string with nothing between them."""
        start, end = self.starts[self.first[text]], self.starts[self.first[text + 1]]
        return self.points[start:end].tobytes().decode("utf-32-le", "surrogatepass")


class Batch:
    """Texts that are judged together, with their words found once for all heuristics."""

    def __init__(self, texts: Sequence[str], split: Split = "unicode") -> None:
        self.texts = tuple(texts)
        self.split = split

    @cached_property
    def words(self) -> Words:
        """The words of all texts. Raises what a given splitter raises."""
        if callable(self.split):
            return given_words([self.split(text) for text in self.texts])
        points = as_points(self.texts)
        kinds = flags().take(points)
        start = unicode_starts(points, kinds) if self.split == "unicode" else space_starts(kinds)
        return _pack(points, kinds, start, _bounds(self.texts))


def as_points(texts: Sequence[str]) -> Points:
    """The code points of the texts, each text followed by a line break, shape (characters,)."""
    joined = "\n".join((*texts, ""))
    return np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)


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
    at = np.flatnonzero(kinds & GLUE)
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
    return Words(points, flags().take(points), _running(lengths), _running(np.array(counts, int)))


def _bounds(texts: Sequence[str]) -> Indices:
    return _running(np.fromiter((len(text) + 1 for text in texts), np.int64, len(texts)))


def _running(sizes: Indices) -> Indices:
    running = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=running[1:])
    return running


def _pack(points: Points, kinds: Flags, start: Bits, bounds: Indices) -> Words:
    kept = np.flatnonzero((kinds & SPACE) == 0)
    at = np.flatnonzero(start)
    starts = np.empty(len(at) + 1, np.int64)
    starts[:-1] = np.flatnonzero(start.take(kept))
    starts[-1] = len(kept)
    return Words(points.take(kept), kinds.take(kept), starts, np.searchsorted(at, bounds))
