"""Gopher's repetition filter: Rae et al. 2021, arXiv:2112.11446, table A1.

Parameters, order of the tests and arithmetic are those of datatrove 0.10.1
(`GopherRepetitionFilter`), so that with the same splitter the reason given is the same too. A
limit of None or 0 leaves its test out.

Most texts repeat little, and a bound says so: what of a text recurs by hash is never less than
what does. Only texts whose bound is above a limit are looked at as strings, and only that drops.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from remit.layers.data.quality.batch import Batch
from remit.layers.data.quality.grams import Grams, Runs
from remit.layers.data.quality.judgement import Judgement, too_high
from remit.layers.data.quality.lines import (
    lines,
    of_lines,
    of_paragraphs,
    paragraphs,
    repeated,
)
from remit.layers.data.quality.recurrence import crowds
from remit.layers.data.quality.words import Bits, Indices, Words

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
        judgements: list[Judgement | None] = [None] * len(batch.texts)
        for i in np.flatnonzero(self._may_repeat_lines(batch)).tolist():
            judgements[i] = self._by_lines(batch.texts[i])
        if len(batch.words.points):
            grams = Grams(batch.words)
            if self.top:
                self._by_top(batch.sizes, grams, judgements)
            if self.duplicated:
                self._by_duplicated(batch.sizes, grams, judgements)
        return judgements

    def _may_repeat_lines(self, batch: Batch) -> Bits:
        """Whether a test of lines and paragraphs may fail, shape (texts,)."""
        texts, sizes = len(batch.texts), batch.sizes
        parts = of_paragraphs(batch.lines, texts)
        count, characters = parts.seen(batch.points).sums(texts)
        fail: Bits = sizes == 0
        fail |= _over(self.max_paragraphs or np.inf, count, parts.sums(texts)[0])
        fail |= _over(self.max_paragraph_characters or np.inf, characters, sizes)
        parts = of_lines(batch.lines)
        count, characters = parts.seen(batch.points).sums(texts)
        # An empty first and last line count as lines, and as equal.
        first = (batch.points[batch.bounds[:-1]] == ord("\n")) & (sizes > 0)
        last = (batch.points[np.maximum(batch.bounds[1:] - 2, 0)] == ord("\n")) & (sizes > 0)
        total = parts.sums(texts)[0] + first + last
        fail |= _over(self.max_lines or np.inf, count + (first & last), total)
        return fail | _over(self.max_line_characters or np.inf, characters, sizes)

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
        shortest = min(n for n, _ in self.top)
        often = grams.often(shortest)
        at = np.flatnonzero(often > 1)
        for n, limit in self.top:
            # No run comes more often than the shorter one that it begins with.
            runs = grams.runs(at, n, blanks=1)
            alone = _first_length(grams.words, n)  # the most frequent where none comes twice
            above = _over(limit, _at_most(alone, runs, often[runs.at]), sizes)
            runs = runs.chosen(above[runs.text])
            count = crowds(grams.spaced(runs, n))
            runs, count = runs.chosen(count > 1), count[count > 1]
            above = _over(limit, _at_most(alone, runs, count), sizes)
            for i in np.flatnonzero(above).tolist():
                if judgements[i] is None:
                    mine = slice(*np.searchsorted(runs.text, (i, i + 1)))
                    most = top_characters(grams.words, runs.at[mine], count[mine], n)
                    share = (most or int(alone[i])) / int(sizes[i])
                    if share > limit:
                        what = f"characters in the most frequent {n}-gram"
                        judgements[i] = too_high(what, share, limit)

    def _by_duplicated(
        self, sizes: Indices, grams: Grams, judgements: list[Judgement | None]
    ) -> None:
        rising = sorted({n for n, _ in self.duplicated})
        found = dict(grams.recurring(rising, _open(judgements)))
        for n, limit in self.duplicated:
            runs = found[n]
            for i in np.flatnonzero(_over(limit, _covered(runs, grams.words), sizes)).tolist():
                if judgements[i] is None:
                    again = runs.at[slice(*np.searchsorted(runs.text, (i, i + 1)))]
                    share = duplicated_characters(grams.words, again, n) / int(sizes[i])
                    if share > limit:
                        what = f"characters in duplicate {n}-grams"
                        judgements[i] = too_high(what, share, limit)


def _open(judgements: list[Judgement | None]) -> Bits:
    """Which texts are not judged yet, shape (texts,)."""
    return np.fromiter((j is None for j in judgements), np.bool_, len(judgements))


def _over(limit: float, part: Numbers, whole: Indices) -> Bits:
    """Where the part is more than the limit's share of the whole."""
    over: Bits = part / np.maximum(whole, 1) > limit
    return over


def _at_most(alone: Indices, runs: Runs, count: Indices) -> Indices:
    """Characters that the most frequent n-gram of each text may have at most, shape (texts,).

    Given those of the first, and the runs that may recur, with how often they come at most.
    """
    at_most = alone.copy()
    np.maximum.at(at_most, runs.text, count * runs.length)
    return at_most


def _first_length(words: Words, n: int) -> Indices:
    """Characters of each text's first n-gram, with blanks, or 0 without one, shape (texts,)."""
    first = words.first[:-1]
    ends = words.starts[np.minimum(first + n, words.first[1:])]
    return np.where(words.counts < n, 0, ends - words.starts[first] + n - 1)


def _covered(runs: Runs, words: Words) -> Numbers:
    """Characters that the runs cover of each text, shape (texts,).

    Runs that are counted do not overlap, so they have no more characters than all runs cover.
    """
    begins = words.starts[runs.at]
    own = np.minimum(runs.length, np.diff(begins, append=words.starts[-1]))
    return np.bincount(runs.text, weights=own, minlength=len(words.counts))


def top_characters(words: Words, at: Indices, count: Indices, n: int) -> int:
    """Characters of the most frequent n-gram, times its number; the first one where several are.

    `at` are the positions where an n-gram that comes twice may begin, in reading order, and
    `count` is how often each comes at most. 0 where none comes twice.
    """
    if not len(at):
        return 0
    most = int(count.max())
    gram, number = _most_frequent(words, at[count == most], n)
    if number < most:  # then another may come as often
        gram, number = _most_frequent(words, at, n)
    return len(gram) * number if number > 1 else 0


def _most_frequent(words: Words, at: Indices, n: int) -> tuple[str, int]:
    cuts = words.starts[at[:, np.newaxis] + np.arange(n + 1)].tolist()
    glued = words.glued
    counts = Counter(" ".join([glued[a:b] for a, b in pairwise(of)]) for of in cuts)
    return counts.most_common(1)[0]


def duplicated_characters(words: Words, candidates: Indices, n: int) -> int:
    """Characters in n-grams that came before, from left to right without overlap.

    `candidates` are the positions where an n-gram that occurs again may begin; the others could
    only be seen once, so they need not be visited.
    """
    glued = words.glued
    begins = words.starts[candidates].tolist()
    ends = words.starts[candidates + n].tolist()
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
