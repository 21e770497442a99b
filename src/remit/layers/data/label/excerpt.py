"""What of a row is shown: the marked passages, and as much around them as a person can read.

A row may hold 16 MB, and a label takes seconds: some 20,000 characters at most are shown, and
where text is left out the page says how much.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from remit.layers.data.rows import Row, Segment
from remit.types import Json, Span, merge_spans

_WHOLE = 6_000
_AROUND = 1_200
_BESIDE = 1_500
_MOST = 20_000
_NEIGHBOURS = 6


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text; `kind` is text, marked, or gap (`text` then says how much is left out)."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Passage:
    """One text of a row as shown; `judged` where the step marked it."""

    role: str
    place: str
    judged: bool
    pieces: tuple[Piece, ...]


def passages(row: Row, marks: Sequence[Json]) -> tuple[Passage, ...]:
    """The marked texts of a row and their neighbours, in reading order."""
    spans: dict[int, list[Span]] = {}
    for mark in marks:
        segment = int(mark.get("segment", -1))
        if 0 <= segment < len(row.segments):
            spans.setdefault(segment, []).extend(Span(*span) for span in mark.get("spans", ()))
    about = sorted(spans) or [0]
    near = {i for at in about for i in range(at - _NEIGHBOURS, at + _NEIGHBOURS + 1)}
    shown: list[Passage] = []
    room = _MOST
    for index, text in enumerate(row.segments):
        if index not in near or room <= 0:
            continue
        judged = index in spans or not spans
        pieces = tuple(_pieces(text, spans.get(index, []), judged=judged))
        room -= sum(len(piece.text) for piece in pieces)
        place = ".".join(str(key) for key in text.path)
        shown.append(Passage(text.role, place, judged, pieces))
    return tuple(shown)


def _pieces(segment: Segment, spans: Sequence[Span], *, judged: bool) -> Iterator[Piece]:
    text = segment.text
    marked = merge_spans(s for s in spans if 0 <= s.start < s.end <= len(text))
    at = 0
    for start, end in _windows(len(text), marked, judged=judged):
        if start > at:
            yield Piece("gap", f"{start - at:,}")
        at = start
        for span in marked:
            if span.end <= at or span.start >= end:
                continue
            if span.start > at:
                yield Piece("text", text[at : span.start])
            yield Piece("marked", text[max(span.start, at) : min(span.end, end)])
            at = min(span.end, end)
        if end > at:
            yield Piece("text", text[at:end])
            at = end
    if at < len(text):
        yield Piece("gap", f"{len(text) - at:,}")


def _windows(size: int, marked: Sequence[Span], *, judged: bool) -> list[tuple[int, int]]:
    """Which characters of a text are shown."""
    whole = _WHOLE if judged else _BESIDE
    if size <= whole:
        return [(0, size)]
    if not marked:
        return [(0, whole)]
    windows: list[tuple[int, int]] = []
    room = _MOST
    for span in marked:
        end = min(size, span.end + _AROUND, span.start + _WHOLE)
        start = max(0, span.start - _AROUND)
        if windows and start <= windows[-1][1]:
            start, _ = windows.pop()
            end = min(end, start + _MOST)
        room -= end - start
        windows.append((start, end))
        if room <= 0:
            break
    return windows
