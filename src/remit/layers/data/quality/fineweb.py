"""FineWeb's own filters: Penedo et al. 2024, arXiv:2406.17557, section 3.6.

Parameters, order of the tests and arithmetic are those of datatrove 0.10.1
(`FineWebQualityFilter`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from remit.layers.data.quality.batch import Batch
from remit.layers.data.quality.characters import TERMINAL, among
from remit.layers.data.quality.judgement import Judgement, too_high, too_low
from remit.layers.data.quality.lines import Parts, repeated


@dataclass(frozen=True, slots=True)
class FineWeb:
    """Lines that end as sentences do, short lines, duplicate lines, line breaks per word."""

    name: str = "fineweb"
    min_ended_lines: float = 0.12
    allow_no_ended_line: bool = False
    ends: frozenset[str] = TERMINAL
    max_short_lines: float = 0.67
    short: int = 30
    max_duplicate_characters: float = 0.01
    max_breaks_per_word: float = 0.3

    def judge(self, batch: Batch) -> list[Judgement | None]:
        """One judgement a text: the first test that it fails."""
        texts, lines, words = len(batch.texts), batch.lines, batch.words.counts
        full = np.flatnonzero(lines.tokens)
        of, parts = lines.text[full], Parts(lines.text, lines.start, lines.end).chosen(full)
        last = among(self.ends).take(batch.points[parts.end - 1])
        count = np.bincount(of, minlength=texts)
        ended = np.bincount(of[last], minlength=texts)
        short = np.bincount(of[parts.end - parts.start <= self.short], minlength=texts)
        breaks = np.bincount(lines.text, minlength=texts) - 1
        duplicate = parts.seen(batch.points).sums(texts)[1]
        least = np.maximum(count, 1)
        suspect = (
            (count == 0)
            | (ended / least < self.min_ended_lines)
            | (short / least > self.max_short_lines)
            | (duplicate / np.maximum(batch.sizes - breaks, 1) > self.max_duplicate_characters)
            | (breaks / np.maximum(words, 1) > self.max_breaks_per_word)
        )
        judgements: list[Judgement | None] = [None] * texts
        numbers = np.stack((count, ended, short, breaks, words), axis=1)
        for i in np.flatnonzero(suspect).tolist():
            judgements[i] = self._text(batch.texts[i], *numbers[i].tolist())
        return judgements

    def _text(
        self, text: str, count: int, ends: int, shorts: int, breaks: int, words: int
    ) -> Judgement | None:
        if not count:
            return Judgement("empty")
        ended, short = ends / count, shorts / count
        if ended < self.min_ended_lines and not (ended == 0 and self.allow_no_ended_line):
            return too_low("share of lines with end punctuation", ended, self.min_ended_lines)
        if short > self.max_short_lines:
            return too_high("share of short lines", short, self.max_short_lines)
        lines = [line for line in text.split("\n") if line and not line.isspace()]
        duplicate = repeated(lines)[1] / (len(text) - breaks)
        if duplicate > self.max_duplicate_characters:
            what = "characters in duplicate lines"
            return too_high(what, duplicate, self.max_duplicate_characters)
        if words and breaks / words > self.max_breaks_per_word:
            return too_high("line breaks per word", breaks / words, self.max_breaks_per_word)
        return None
