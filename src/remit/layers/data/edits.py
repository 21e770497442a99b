"""Taking spans out of a text, inside JSON too, and where everything else then stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from remit.detectors.arguments import TOKEN
from remit.detectors.masks import mask_text
from remit.types import Span, merge_spans

# What stands for one character inside a JSON string; cut in two it would stand for another.
_ESCAPE = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Cut:
    """Characters `start` to `end` (exclusive) of a text became `words`."""

    start: int
    end: int
    words: str


@dataclass(frozen=True, slots=True)
class Edited:
    """A text after its cuts, which are in order and do not overlap."""

    text: str
    cuts: tuple[Cut, ...] = ()

    def moved(self, span: Span) -> Span:
        """Where a span of the text before stands now; where it was cut, it takes in the words."""
        return Span(self._moved(span.start), self._moved(span.end, ends=True), span.label)

    def _moved(self, at: int, *, ends: bool = False) -> int:
        shift = 0
        for cut in self.cuts:
            if at >= cut.end:
                shift += len(cut.words) - (cut.end - cut.start)
            elif at > cut.start:
                return cut.start + shift + (len(cut.words) if ends else 0)
            else:
                break
        return at + shift


def edited(text: str, cuts: Iterable[Cut]) -> Edited:
    """A text with cuts that do not overlap."""
    ordered = tuple(sorted(cuts, key=lambda cut: cut.start))
    parts, at = [], 0
    for cut in ordered:
        parts += [text[at : cut.start], cut.words]
        at = cut.end
    return Edited("".join([*parts, text[at:]]), ordered)


def redacted(text: str, spans: Iterable[Span]) -> Edited:
    """A text with its spans replaced by what they are; touching ones become one."""
    return edited(text, (Cut(s.start, s.end, mask_text(s.label)) for s in merge_spans(spans)))


def redacted_json(text: str, spans: Iterable[Span]) -> Edited | None:
    """A JSON text with its spans replaced and still JSON; None where that cannot be done.

    Inside a string only the span goes; a number or a word goes as a whole and leaves a string.
    """
    merged = merge_spans(spans)
    tokens = [match.span() for match in TOKEN.finditer(text)]
    cuts: list[Cut] = []
    for span in merged:
        mine = list(_cuts(text, tokens, span))
        if not mine:
            return None
        cuts += mine
    result = edited(text, _apart(cuts))
    return result if is_json(result.text) else None


def is_json(text: str) -> bool:
    """True for the JSON of an object or a list."""
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _cuts(text: str, tokens: Sequence[tuple[int, int]], span: Span) -> Iterator[Cut]:
    words = mask_text(span.label)
    for start, end in tokens:
        if start >= span.end or end <= span.start:
            continue
        if text[start] != '"':
            yield Cut(start, end, f'"{words}"')
            continue
        first, last = max(span.start, start + 1), min(span.end, end - 1)
        for escape in _ESCAPE.finditer(text, start + 1, end - 1):
            if escape.start() < first < escape.end():
                first = escape.start()
            if escape.start() < last < escape.end():
                last = escape.end()
        if first < last:
            yield Cut(first, last, words)


def _apart(cuts: Iterable[Cut]) -> list[Cut]:
    """Cuts of one token that two spans ask for, widened to escapes, may meet: the first stays."""
    kept: list[Cut] = []
    for cut in sorted(cuts, key=lambda cut: (cut.start, -cut.end)):
        if kept and cut.start < kept[-1].end:
            last = kept.pop()
            kept.append(Cut(last.start, max(last.end, cut.end), last.words))
        else:
            kept.append(cut)
    return kept
