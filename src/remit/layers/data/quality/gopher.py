"""Gopher's quality filter: Rae et al. 2021, arXiv:2112.11446, section A1.1, "Quality filtering".

Parameters, order of the tests and arithmetic are those of datatrove 0.10.1
(`GopherQualityFilter`), so that with the same splitter the reason given is the same too. A limit
of None or 0 leaves its test out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from remit.layers.data.quality.batch import Batch
from remit.layers.data.quality.characters import ALPHA, LETTERLIKE
from remit.layers.data.quality.judgement import Judgement, too_high, too_low
from remit.layers.data.quality.words import Bits, Indices, Words


@dataclass(frozen=True, slots=True)
class GopherQuality:
    """Length, word length, symbols, bullets, letters, stop words: what running text has."""

    name: str = "gopher-quality"
    min_words: int | None = 50
    max_words: int | None = 100_000
    min_mean_word_length: float | None = 3
    max_mean_word_length: float | None = 10
    max_symbols_per_word: float | None = 0.1
    max_bullet_lines: float | None = 0.9
    max_ellipsis_lines: float | None = 0.3
    min_alphabetic_words: float | None = 0.8
    min_stop_words: int | None = 2
    stop_words: tuple[str, ...] = ("the", "be", "to", "of", "and", "that", "have", "with")

    def judge(self, batch: Batch) -> list[Judgement | None]:
        """One judgement a text: the first test that it fails."""
        words = batch.words
        kinds = words.flags_of_words(ALPHA | LETTERLIKE)
        proper = (kinds & LETTERLIKE) != 0
        numbers = zip(
            words.counts.tolist(),
            words.per_text(proper).tolist(),
            words.per_text(words.lengths * proper).tolist(),
            words.per_text((kinds & ALPHA) != 0).tolist(),
            strict=True,
        )
        stops = self._stop_words_in(words) if self.min_stop_words else words.counts
        signs = self._may_have_too_many_signs(batch)
        return [
            self._by_size(count, length)
            or (self._by_signs(text, total) if sign else None)
            or self._by_words(total, alphabetic, stop)
            for text, (total, count, length, alphabetic), stop, sign in zip(
                batch.texts, numbers, stops.tolist(), signs.tolist(), strict=True
            )
        ]

    def _may_have_too_many_signs(self, batch: Batch) -> Bits:
        """Whether a test of `_by_signs` may fail, shape (texts,)."""
        at, signs = batch.signs, batch.points[batch.signs]
        dots = at[signs == ord(".")]
        three = dots[:-2][
            dots[2:] - dots[:-2] == 2
        ]  # those that overlap too: more than are counted
        ellipses = batch.count(three) + batch.count(at[signs == ord("…")])
        most = np.maximum(batch.count(at[signs == ord("#")]), ellipses)
        bullets = batch.count(at[(signs == ord("-")) | (signs == ord("•"))])
        lines = np.maximum(np.bincount(batch.lines.text, minlength=len(batch.texts)) - 1, 1)
        too_many: Bits = (
            (most > (self.max_symbols_per_word or np.inf) * batch.words.counts)
            | (bullets > (self.max_bullet_lines or np.inf) * lines)
            | (ellipses > (self.max_ellipsis_lines or np.inf) * lines)
        )
        return too_many

    def _by_size(self, count: int, length: int) -> Judgement | None:
        if self.min_words and count < self.min_words:
            return too_low("words", count, self.min_words)
        if self.max_words and count > self.max_words:
            return too_high("words", count, self.max_words)
        mean = length / count if count else 0.0
        if self.min_mean_word_length and mean < self.min_mean_word_length:
            return too_low("mean word length", mean, self.min_mean_word_length)
        if self.max_mean_word_length and mean > self.max_mean_word_length:
            return too_high("mean word length", mean, self.max_mean_word_length)
        return None

    def _by_signs(self, text: str, total: int) -> Judgement | None:
        dots, ellipses = text.count("..."), text.count("…")
        if self.max_symbols_per_word and total:
            hashes = text.count("#") / total
            if hashes > self.max_symbols_per_word:
                return too_high("# per word", hashes, self.max_symbols_per_word)
            if (dots + ellipses) / total > self.max_symbols_per_word:
                share = (dots + ellipses) / total
                return too_high("ellipses per word", share, self.max_symbols_per_word)
        # Each such line has one of these signs, so mostly the lines need not be looked at.
        lines = text.count("\n") or 1
        signs = text.count("-") + text.count("•")
        if self.max_bullet_lines and signs > self.max_bullet_lines * lines:
            bullets = _share(text, _starts_with_bullet)
            if bullets > self.max_bullet_lines:
                return too_high("share of bullet lines", bullets, self.max_bullet_lines)
        if self.max_ellipsis_lines and dots + ellipses > self.max_ellipsis_lines * lines:
            ends = _share(text, _ends_with_ellipsis)
            if ends > self.max_ellipsis_lines:
                return too_high("share of lines ending in …", ends, self.max_ellipsis_lines)
        return None

    def _by_words(self, total: int, alphabetic: int, stops: int) -> Judgement | None:
        share = alphabetic / total if total else 0.0
        if self.min_alphabetic_words and share < self.min_alphabetic_words:
            return too_low("share of words with a letter", share, self.min_alphabetic_words)
        if self.min_stop_words and stops < self.min_stop_words:
            return too_low("different stop words", stops, self.min_stop_words)
        return None

    def _stop_words_in(self, words: Words) -> Indices:
        """How many different stop words each text has, shape (texts,)."""
        found = np.zeros(len(words.counts), np.int64)
        if not len(words.points):
            return found
        lengths, begin = words.lengths, words.starts[:-1]
        # First letter, last letter and length at once; then letter by letter where they agree.
        edges = words.points[begin] | (words.points[words.starts[1:] - 1].astype(np.int64) << 21)
        for stop in {word for word in self.stop_words if word}:
            at = np.flatnonzero(edges == (ord(stop[0]) | (ord(stop[-1]) << 21)))
            at = at[lengths[at] == len(stop)]
            for place, letter in enumerate(stop[1:-1], start=1):
                at = at[words.points[begin[at] + place] == ord(letter)]
            has = np.zeros(len(found), np.bool_)
            has[np.searchsorted(words.first, at, side="right") - 1] = True
            found += has
        return found


def _starts_with_bullet(line: str) -> bool:
    return line.lstrip().startswith(("•", "-"))


def _ends_with_ellipsis(line: str) -> bool:
    return line.rstrip().endswith(("...", "…"))


def _share(text: str, holds: Callable[[str], bool]) -> float:
    lines = text.splitlines()
    return sum(map(holds, lines)) / len(lines) if lines else 0.0
