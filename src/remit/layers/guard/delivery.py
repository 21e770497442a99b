"""What the client gets: the text with its masks, and the rule's words where it is withheld."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from remit.detectors.masks import mask_text
from remit.types import Span

# Said where a reply was already begun when a rule stopped it.
_STOPPED = {
    "en": "Sorry, I have to stop there.",
    "nl": "Sorry, hier moet ik stoppen.",
    "de": "Entschuldigung, hier muss ich aufhören.",
    "fr": "Pardon, je dois m'arrêter là.",
    "es": "Perdone, tengo que parar aquí.",
}


class Mark(NamedTuple):
    """Characters of the delivered text that Remit wrote, for which rule: `mask` or `answer`."""

    start: int
    end: int
    rule: str
    kind: str


@dataclass(frozen=True, slots=True)
class Masked:
    """A span to be masked, and the rule that asked for it."""

    span: Span
    rule: str

    @property
    def order(self) -> tuple[int, int, str, str]:
        """The first of overlapping spans gives the mask its name."""
        return (self.span.start, -self.span.end, self.span.label, self.rule)


def cut_text(language: str) -> str:
    """What joins the beginning of a reply to the rule's words."""
    return f"… {_STOPPED.get(language, _STOPPED['en'])}\n\n"


def mask_whole(text: str, masked: list[Masked]) -> tuple[str, list[Mark]]:
    """A text with its spans masked, and where the masks stand in the result."""
    writer = Writer()
    out = writer.write(text, 0, len(text), masked)
    return out, writer.marks


class Writer:
    """Writes text piece by piece with its masks; a masked run is written once, however cut."""

    def __init__(self) -> None:
        self.marks: list[Mark] = []
        self.length = 0
        self._masked_to = -1

    def write(self, text: str, start: int, end: int, masked: list[Masked], base: int = 0) -> str:
        """The delivered form of characters `start` to `end`; `text` begins at index `base`."""
        if not masked:
            return self.copy(text[start - base : end - base])
        out: list[str] = []
        at = start
        for first, last, item in _runs(masked, start, end):
            if first > at:
                out.append(self.copy(text[at - base : first - base]))
            if first > start or self._masked_to != start:
                out.append(self._mask(item))
            at = self._masked_to = last
        if at < end:
            out.append(self.copy(text[at - base : end - base]))
        return "".join(out)

    def answer(self, text: str, rule: str) -> str:
        """Remit's own words."""
        self.marks.append(Mark(self.length, self.length + len(text), rule, "answer"))
        self.length += len(text)
        return text

    def copy(self, text: str) -> str:
        """Text that passes as it is."""
        self.length += len(text)
        return text

    def _mask(self, item: Masked) -> str:
        text = mask_text(item.span.label)
        self.marks.append(Mark(self.length, self.length + len(text), item.rule, "mask"))
        self.length += len(text)
        return text


def _runs(masked: list[Masked], start: int, end: int) -> list[tuple[int, int, Masked]]:
    """Maximal masked runs between two indices; spans that overlap or touch are one."""
    runs: list[tuple[int, int, Masked]] = []
    for item in sorted(masked, key=lambda m: m.order):
        first, last = max(item.span.start, start), min(item.span.end, end)
        if first >= last:
            continue
        if runs and first <= runs[-1][1]:
            runs[-1] = (runs[-1][0], max(last, runs[-1][1]), runs[-1][2])
        else:
            runs.append((first, last, item))
    return runs
