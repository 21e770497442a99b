"""Gopher's repetition filter: Rae et al. 2021, arXiv:2112.11446, table A1.

Parameters, order of the tests and arithmetic are those of datatrove 0.10.1
(`GopherRepetitionFilter`), so that with the same splitter the reason given is the same too. A
limit of None or 0 leaves its test out. N-grams are found by hash (see `grams`); a text is dropped
for them only after they were counted as strings.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from remit.layers.data.quality.grams import Grams
from remit.layers.data.quality.judgement import Judgement, too_high
from remit.layers.data.quality.lines import lines, paragraphs, repeated
from remit.layers.data.quality.words import Batch, Bits, Indices, Words

Numbers = npt.NDArray[np.float64] | Indices


@dataclass(frozen=True, slots=True)
class GopherRepetition:
    """Table A1: duplicate lines, paragraphs and n-grams, as shares of the text.

    `top` are (n, limit) for the most frequent n-gram, `duplicated` for all n-grams that came
    before, counted without overlap.
    """

    name: str = "gopher-repetition"
    max_lines: float | None = 0.3
    max_paragraphs: float | None = 0.3
    max_line_characters: float | None = 0.2
    max_paragraph_characters: float | None = 0.2
    top: tuple[tuple[int, float], ...] = ((2, 0.2), (3, 0.18), (4, 0.16))
    duplicated: tuple[tuple[int, float], ...] = (
        (5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.10),
    )  # fmt: skip

    def judge(self, batch: Batch) -> list[Judgement | None]:
        """One judgement a text: the first test that it fails."""
        judgements = [self._by_lines(text) for text in batch.texts]
        if len(batch.words.points):
            grams = Grams(batch.words)
            sizes = np.fromiter(map(len, batch.texts), np.int64, len(batch.texts))
            if self.top:
                self._by_top(sizes, grams, judgements)
            if self.duplicated:
                self._by_duplicated(sizes, grams, judgements)
        return judgements

    def _by_lines(self, text: str) -> Judgement | None:
        if not text:
            return Judgement("empty")
        for what, parts, most, most_characters in (
            ("paragraph", paragraphs(text), self.max_paragraphs, self.max_paragraph_characters),
            ("line", lines(text), self.max_lines, self.max_line_characters),
        ):
            count, characters = repeated(parts)
            if most and count / len(parts) > most:
                return too_high(f"share of duplicate {what}s", count / len(parts), most)
            share = characters / len(text)
            if most_characters and share > most_characters:
                return too_high(f"characters in duplicate {what}s", share, most_characters)
        return None

    def _by_top(self, sizes: Indices, grams: Grams, judgements: list[Judgement | None]) -> None:
        words = grams.words
        rising = sorted(n for n, _ in self.top)
        found = dict(zip(rising, grams.spaced(rising, _open(judgements, grams)), strict=True))
        for n, limit in self.top:
            most = np.zeros(len(sizes), np.int64)
            np.maximum.at(most, grams.text[found[n].at], found[n].size * found[n].length)
            # Where no n-gram comes twice, the most frequent is the first.
            first = words.first[:-1]
            ends = words.starts[np.minimum(first + n, words.first[1:])]
            alone = ends - words.starts[first] + n - 1
            at_most = np.where(most > 0, most, alone)
            for i in _above(limit, at_most, sizes, words.counts >= n):
                if judgements[i] is None:
                    twice = bool(most[i])
                    value = top_characters(words.strings(i), n) if twice else int(alone[i])
                    share = value / int(sizes[i])
                    if share > limit:
                        what = f"characters in the most frequent {n}-gram"
                        judgements[i] = too_high(what, share, limit)

    def _by_duplicated(
        self, sizes: Indices, grams: Grams, judgements: list[Judgement | None]
    ) -> None:
        rising = sorted(n for n, _ in self.duplicated)
        found = dict(zip(rising, grams.joined(rising, _open(judgements, grams)), strict=True))
        for n, limit in self.duplicated:
            at, text = found[n].at, grams.text[found[n].at]
            begins = grams.words.starts[at]
            own = np.minimum(found[n].length, np.diff(begins, append=grams.words.starts[-1]))
            at_most = np.bincount(text, weights=own, minlength=len(sizes))
            for i in _above(limit, at_most, sizes, sizes > 0):
                if judgements[i] is None:
                    low, high = np.searchsorted(text, (i, i + 1))
                    share = duplicated_characters(grams.words, i, at[low:high], n) / int(sizes[i])
                    if share > limit:
                        what = f"characters in duplicate {n}-grams"
                        judgements[i] = too_high(what, share, limit)


def _open(judgements: list[Judgement | None], grams: Grams) -> Indices:
    """The words of texts not judged yet."""
    undecided = np.fromiter((j is None for j in judgements), np.bool_, len(judgements))
    return np.flatnonzero(undecided[grams.text])


def _above(limit: float, characters: Numbers, sizes: Indices, asked: Bits) -> list[int]:
    """The texts of which so many characters are more than the limit's share."""
    above: list[int] = np.flatnonzero(asked & (characters / np.maximum(sizes, 1) > limit)).tolist()
    return above


def top_characters(words: list[str], n: int) -> int:
    """Characters of the most frequent n-gram, times its number; the first one where several are."""
    counts = Counter(map(" ".join, zip(*(words[i:] for i in range(n)), strict=False)))
    gram, count = counts.most_common(1)[0]
    return len(gram) * count


def duplicated_characters(words: Words, text: int, candidates: Indices, n: int) -> int:
    """Characters in n-grams that came before, from left to right without overlap.

    `candidates` are the positions where an n-gram that occurs again may begin; the others could
    only be seen once, so they need not be visited.
    """
    glued = words.glued(text)
    base = words.starts[words.first[text]]
    begins = (words.starts[candidates] - base).tolist()
    ends = (words.starts[candidates + n] - base).tolist()
    seen: set[str] = set()
    free = characters = 0
    for at, begin, end in zip(candidates.tolist(), begins, ends, strict=True):
        if at < free:
            continue
        gram = glued[begin:end]
        if gram in seen:
            characters += end - begin
            free = at + n
        else:
            seen.add(gram)
    return characters
