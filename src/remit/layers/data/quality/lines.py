"""Lines and paragraphs of texts, and which of them came before.

For one text as strings, exactly; and for a batch as arrays, with a bound on what came before, so
that strings are only made where the bound does not settle it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from remit.layers.data.quality.recurrence import came_before, mixed
from remit.layers.data.quality.words import Indices, Points, Tokens


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of a batch in reading order, all arrays of shape (lines,) but `first`.

    Line `i` of text `text[i]` has the characters from `start[i]` to `end[i]`, where its break is;
    without the blanks around it those from `begin[i]` to `close[i]`; and the tokens from
    `first[i]` to `first[i + 1]`. In a blank line `begin` and `close` are its `end`.
    """

    text: Indices
    start: Indices
    end: Indices
    begin: Indices
    close: Indices
    first: Indices

    @property
    def tokens(self) -> Indices:
        """How many tokens each line has, shape (lines,)."""
        return np.diff(self.first)


def cut(breaks: Indices, bounds: Indices, tokens: Tokens) -> Lines:
    """The lines that end at `breaks`; the last character of each text is one."""
    counts = np.diff(np.searchsorted(breaks, bounds))
    first = np.zeros(len(breaks) + 1, np.int64)
    first[1:] = np.searchsorted(tokens.begin, breaks)
    start = np.zeros(len(breaks), np.int64)
    start[1:] = breaks[:-1] + 1
    begin, close = breaks.copy(), breaks.copy()
    full = np.flatnonzero(first[1:] > first[:-1])
    begin[full] = tokens.begin[first[full]]
    close[full] = tokens.end[first[full + 1] - 1]
    return Lines(np.repeat(np.arange(len(counts)), counts), start, breaks, begin, close, first)


@dataclass(frozen=True, slots=True)
class Parts:
    """Lines or paragraphs of a batch in reading order, all arrays of shape (parts,)."""

    text: Indices
    start: Indices
    end: Indices

    def chosen(self, which: npt.NDArray[np.bool_] | Indices) -> Parts:
        """Only some of them, by a mask or by number."""
        return Parts(self.text[which], self.start[which], self.end[which])

    def seen(self, points: Points) -> Parts:
        """Those that may have been there before in their text: all that were are among them.

        Parts are told apart by length and four characters; most differ in these.
        """
        last = np.maximum(self.end - 1, self.start)
        keys = self.text.astype(np.uint64)
        middle = (self.start + last) >> 1
        for value in (self.end - self.start, *(points[at] for at in (
            self.start, (self.start + middle) >> 1, middle, last,
        ))):  # fmt: skip
            keys = keys * np.uint64(0xC2B2AE3D27D4EB4F) + value.astype(np.uint64)
        return self.chosen(came_before(mixed(keys)))

    def sums(self, texts: int) -> tuple[Indices, Indices]:
        """How many parts each text has, and how many characters they have, shape (texts,)."""
        characters = np.bincount(self.text, self.end - self.start, texts).astype(np.int64)
        return np.bincount(self.text, minlength=texts), characters


def of_lines(found: Lines) -> Parts:
    """The lines that `lines` gives, for a batch, but for empty ones at both ends of a text."""
    return Parts(found.text, found.start, found.end).chosen(found.end > found.start)


def of_paragraphs(found: Lines, texts: int) -> Parts:
    """The paragraphs that `paragraphs` gives, for a batch, but for those of blank texts.

    A paragraph is a run of lines that are not empty. What is blank around the text goes first: so
    only lines from its first to its last with a token count, and these two are cut to their text.
    """
    text, (first, last) = found.text, _edges(found, texts)
    at = np.arange(len(text))
    inside = (found.end > found.start) & (at >= first[text]) & (at <= last[text])
    start = np.where(at == first[text], found.begin, found.start)
    end = np.where(at == last[text], found.close, found.end)
    opens, closes = inside.copy(), inside.copy()
    opens[1:] &= ~(inside[:-1] & (text[1:] == text[:-1]))
    closes[:-1] &= ~(inside[1:] & (text[1:] == text[:-1]))
    return Parts(text[opens], start[opens], end[closes])


def _edges(found: Lines, texts: int) -> tuple[Indices, Indices]:
    """The first and last line of each text that are not blank; none is between 1 and 0."""
    full = np.flatnonzero(found.tokens)
    of = found.text[full]
    first, last = np.ones(texts, np.int64), np.zeros(texts, np.int64)
    last[of] = full  # of several, the last one stays
    first[of[::-1]] = full[::-1]
    return first, last


def repeated(parts: list[str]) -> tuple[int, int]:
    """How many parts were there before, and how many characters they have."""
    if len(set(parts)) == len(parts):
        return 0, 0
    seen: set[str] = set()
    count = characters = 0
    for part in parts:
        if part in seen:
            count += 1
            characters += len(part)
        seen.add(part)
    return count, characters


def paragraphs(text: str) -> list[str]:
    """The text without what is blank around it, cut at runs of two line breaks and more."""
    text = text.strip()
    if "\n\n" not in text:
        return [text]
    return [part.lstrip("\n") for part in text.split("\n\n") if part]


def lines(text: str) -> list[str]:
    """The text cut at runs of line breaks: what `re.split("\\n+", text)` gives, faster."""
    parts = text.split("\n")
    if "\n\n" not in text:
        return parts
    return [parts[0], *filter(None, parts[1:-1]), parts[-1]]
