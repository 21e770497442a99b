"""Texts that are judged together, with what several heuristics look at found once for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from remit.layers.data.quality.characters import SPACE, WORD, among, flags, small
from remit.layers.data.quality.lines import Lines, cut
from remit.layers.data.quality.words import (
    Flags,
    Indices,
    Points,
    Split,
    Tokens,
    Words,
    given_words,
    packed,
    running,
    tokens,
)

LINE_BREAKS = frozenset("\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
"""What `str.splitlines` takes for the end of a line."""


class Batch:
    """A batch of texts, joined: each followed by a line break.

    Positions are those of characters in `joined`; text `t` has those from `bounds[t]` to
    `bounds[t + 1] - 1`, where its line break is.
    """

    def __init__(self, texts: Sequence[str], split: Split = "unicode") -> None:
        self.texts = tuple(texts)
        self.split = split
        self.joined = "\n".join((*self.texts, ""))
        lengths = np.fromiter(map(len, self.texts), np.int64, len(self.texts))
        self.sizes: Indices = lengths
        """Characters of each text, shape (texts,)."""
        self.bounds: Indices = running(lengths + 1)

    @cached_property
    def points(self) -> Points:
        """The code points, shape (characters,)."""
        return np.frombuffer(self.joined.encode("utf-32-le", "surrogatepass"), np.uint32)

    @cached_property
    def kinds(self) -> Flags:
        """The flags of each character, shape (characters,)."""
        return flags().take(self.points)

    @cached_property
    def small(self) -> bytes:
        """A byte for each character: in ASCII as `str.lower` has it, or 0 for all others."""
        return small().take(self.points).tobytes()

    @cached_property
    def words(self) -> Words:
        """The words of all texts. Raises what a given splitter raises."""
        if callable(self.split):
            return given_words([self.split(text) for text in self.texts])
        return packed(self.points, self.kinds, self.bounds, self.split)

    @cached_property
    def blanks(self) -> Indices:
        """Where blanks are, line breaks among them."""
        return np.flatnonzero((self.kinds & SPACE) != 0)

    @cached_property
    def tokens(self) -> Tokens:
        """What stands between blanks, whatever the splitter."""
        return tokens(self.blanks)

    @cached_property
    def signs(self) -> Indices:
        """Where characters are that belong to no word and are not blank."""
        return np.flatnonzero((self.kinds & (SPACE | WORD)) == 0)

    @cached_property
    def lines(self) -> Lines:
        """The texts cut at every `\\n`, as `str.split` does."""
        breaks = self.blanks[self.points[self.blanks] == ord("\n")]
        return cut(breaks, self.bounds, self.tokens)

    @cached_property
    def all_lines(self) -> Lines:
        """The texts cut at every sign that breaks a line; one more for a text that ends in one.

        So `str.splitlines` does, which has no such last line.
        """
        others = self.blanks[self.points[self.blanks] != ord(" ")]
        signs = self.points[others]
        odd = among(LINE_BREAKS).take(signs)
        # Of \r\n only the second breaks, so that there is no line between them.
        pair = (signs[:-1] == ord("\r")) & (signs[1:] == ord("\n")) & (np.diff(others) == 1)
        odd[:-1] &= ~pair
        breaks = others[odd]
        same = len(breaks) == len(self.lines.end)
        return self.lines if same else cut(breaks, self.bounds, self.tokens)

    def text_of(self, positions: Indices) -> Indices:
        """The text in which each position is, shape of `positions`."""
        return np.searchsorted(self.bounds, positions, side="right") - 1

    def count(self, positions: Indices) -> Indices:
        """How many of the positions, which rise, each text has, shape (texts,)."""
        return np.diff(np.searchsorted(positions, self.bounds))

    def having(self, phrase: str) -> Iterator[int]:
        """The texts that have a phrase in small letters of ASCII, whatever their own case."""
        wanted = phrase.encode("ascii")
        at = self.small.find(wanted)
        while at >= 0:
            text = int(np.searchsorted(self.bounds, at, side="right")) - 1
            yield text
            at = self.small.find(wanted, int(self.bounds[text + 1]))
