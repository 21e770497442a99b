"""Sentences as C4 counts them: of one line, and of the lines of a batch at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from remit.layers.data.quality.characters import SPACE, among

if TYPE_CHECKING:
    from remit.layers.data.quality.batch import Batch
    from remit.layers.data.quality.lines import Lines
    from remit.layers.data.quality.words import Indices

_ENDS, _CLOSES = ".!?…。！？", "\"'”’»)]"
_SENTENCE = re.compile(rf"[{_ENDS}]++[{re.escape(_CLOSES)}]*+(\s++|$)?")


def sentences(line: str) -> Iterator[str]:
    """The line cut after end punctuation (and closing quotes) that stands before a blank."""
    at = 0
    for match in _SENTENCE.finditer(line):
        if match[1] is not None:  # 3.5 ends no sentence
            yield line[at : match.end()]
            at = match.end()
    if at < len(line):
        yield line[at:]


def counted(batch: Batch, lines: Lines) -> Indices:
    """How many sentences each line has, without the blanks around it, shape (lines,).

    One more than there are ends of sentences before a blank within; none in a blank line.
    """
    signs = batch.signs
    kind = np.zeros(len(signs), np.int8)
    points = batch.points[signs]
    kind[among(frozenset(_ENDS)).take(points)] = 1
    kind[among(frozenset(_CLOSES)).take(points)] = 2
    # Each closing sign looks back to the sign before its run.
    follows = np.zeros(len(signs), np.bool_)
    follows[1:] = (kind[1:] == 2) & (np.diff(signs) == 1)
    back = np.maximum.accumulate(np.where(follows, 0, np.arange(len(signs))))
    ends = signs[(kind[back] == 1) & (kind > 0)]
    ends = ends[(batch.kinds[ends + 1] & SPACE) != 0]
    of = np.searchsorted(lines.end, ends)
    within = of[ends < lines.close[of] - 1]
    return np.bincount(within, minlength=len(lines.end)) + (lines.tokens > 0)
