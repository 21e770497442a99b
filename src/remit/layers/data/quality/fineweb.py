"""FineWeb's own filters: Penedo et al. 2024, arXiv:2406.17557, section 3.6.

Parameters, order of the tests and arithmetic are those of datatrove 0.10.1
(`FineWebQualityFilter`).
"""

from __future__ import annotations

from dataclasses import dataclass

from remit.layers.data.quality.characters import TERMINAL
from remit.layers.data.quality.judgement import Judgement, too_high, too_low
from remit.layers.data.quality.lines import repeated
from remit.layers.data.quality.words import Batch


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
        counts = batch.words.counts.tolist()
        return [self._text(text, n) for text, n in zip(batch.texts, counts, strict=True)]

    def _text(self, text: str, words: int) -> Judgement | None:
        lines = [line for line in text.split("\n") if line and not line.isspace()]
        if not lines:
            return Judgement("empty")
        ended = sum(line[-1] in self.ends for line in lines) / len(lines)
        if ended < self.min_ended_lines and not (ended == 0 and self.allow_no_ended_line):
            return too_low("share of lines with end punctuation", ended, self.min_ended_lines)
        short = sum(len(line) <= self.short for line in lines) / len(lines)
        if short > self.max_short_lines:
            return too_high("share of short lines", short, self.max_short_lines)
        breaks = text.count("\n")
        duplicate = repeated(lines)[1] / (len(text) - breaks)
        if duplicate > self.max_duplicate_characters:
            what = "characters in duplicate lines"
            return too_high(what, duplicate, self.max_duplicate_characters)
        if words and breaks / words > self.max_breaks_per_word:
            return too_high("line breaks per word", breaks / words, self.max_breaks_per_word)
        return None
