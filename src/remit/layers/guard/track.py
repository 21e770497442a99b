"""How far each matcher has come in a stream, and what it has found so far."""

from __future__ import annotations

from dataclasses import dataclass

from remit.detectors.base import Reader
from remit.detectors.text import visible
from remit.enforce import Asked
from remit.types import CLEAN, Detection, Outcome, Span, merge_spans


class Found:
    """What one detector has found for one rule so far."""

    __slots__ = ("_reasons", "_score", "_spans")

    def __init__(self) -> None:
        self._score = 0.0
        self._spans: set[Span] = set()
        self._reasons: dict[str, None] = {}

    def add(self, more: Detection) -> None:
        """Takes in what a window holds."""
        self._score = max(self._score, more.score)
        self._spans.update(more.spans)
        if more.reason:
            self._reasons[more.reason] = None

    def detection(self) -> Detection:
        """What the windows come to."""
        return Detection(self._score, merge_spans(self._spans), ", ".join(self._reasons))


@dataclass(slots=True)
class Track:
    """One fast matcher's progress: its outcomes so far, and up to where it is settled."""

    asked: Asked
    reader: Reader
    found: list[Found | None]
    quiet: dict[str, int]
    settled: int = 0
    lead: str = ""

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """One outcome per rule; a failure stands among the stream's failures."""
        return tuple([found.detection() if found else CLEAN for found in self.found])


def last_seen(lead: str, passed: str) -> str:
    """The context of the next window: the last character, before an invisible one a visible too."""
    last = passed[-1]
    if last.isascii() or visible(last):
        return last
    seen = next((char for char in reversed(passed) if visible(char)), lead[:1])
    return seen + last if seen and visible(seen) else last
