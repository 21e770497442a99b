"""What is judged at once: a sentence, or a few short ones, cut by what stands before the cut alone.

Where a unit ends depends on its own characters only, never on what follows, so a stream and the
whole text are cut alike. A unit is at least 32 characters long where more text follows, because a
"Yes." says nothing by itself, and at most 600.
"""

from __future__ import annotations

import re

MIN_UNIT = 32
MAX_UNIT = 600
PASSAGE = 2_000
OVERLAP = 400

# A line break or a stop of unspaced scripts; or another stop, quotes and brackets, and a space.
# No end after `Dr.`, `St.`, an initial, the number of a list or the letters of `e.g.`. What is
# matched has been read when it decides.
_END = re.compile(
    r"[.!?…\n。！？](?:(?<=[\n。！？])"
    r"|(?<!\b\w\.)(?<!\b[A-Z]\w\.)(?<!\b[A-Z]\w\w\.)[\"'”’)\]]*\s)"
)

Bounds = tuple[int, int]


def units(text: str, start: int = 0, *, final: bool = True) -> tuple[list[Bounds], int]:
    """Start and end of each finished unit from `start` on, and where the unfinished one begins.

    The white space around a unit is not part of it. A final text is finished to its end.
    """
    found: list[Bounds] = []
    while (end := _end(text, start)) is not None:
        found += _trimmed(text, start, end)
        start = end
    if final:
        found += _trimmed(text, start, len(text))
        start = len(text)
    return found, start


def _end(text: str, start: int) -> int | None:
    """Where the unit that begins at `start` ends; None where more text decides."""
    piece = text[start : start + MAX_UNIT]
    for match in _END.finditer(piece):
        if match.end() >= MIN_UNIT:
            return start + match.end()
    if len(piece) < MAX_UNIT:
        return None
    space = piece.rfind(" ", MAX_UNIT // 2)
    return start + (space + 1 if space >= 0 else MAX_UNIT)


def passages(text: str) -> list[Bounds]:
    """A whole text in overlapping passages: what is spread over sentences is seen together."""
    if len(text) <= PASSAGE:
        return _trimmed(text, 0, len(text))
    starts = range(0, len(text) - OVERLAP, PASSAGE - OVERLAP)
    return [bounds for at in starts for bounds in _trimmed(text, at, min(at + PASSAGE, len(text)))]


def _trimmed(text: str, start: int, end: int) -> list[Bounds]:
    piece = text[start:end]
    begin = start + len(piece) - len(piece.lstrip())
    stop = start + len(piece.rstrip())
    return [(begin, stop)] if begin < stop else []
