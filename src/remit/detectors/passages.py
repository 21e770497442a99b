"""Verbatim passages of confidential text, found after folding, in any alignment.

A passage begins with a word, ends with a word, and is at least `RUN` letters and digits (about
40 characters as written) that also stand in a source. Every such run holds a whole block of
`BLOCK` letters at a multiple of `BLOCK`, wherever one starts to count, so an ordinary text costs
one look-up in sixteen letters.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from struct import Struct

from remit.detectors.text import WORD_START, Text
from remit.types import Span

BLOCK = 16
RUN = 32
_LONGEST = 512
_SHORT = 8
_SHORT_WINDOW = 48
_WINDOWS = 20_000
_CACHE = 64
# Blocks that are cut from a text at a time: one cutter is kept for each number of them.
_CUT = 256
_CACHED_CHARS = 8_000_000


class Passages:
    """Keeps the books of recently seen sources: a system prompt is read once, not every time."""

    def __init__(self) -> None:
        self._books: OrderedDict[tuple[str, ...], Book] = OrderedDict()

    def book(self, sources: tuple[str, ...]) -> Book:
        """The book of these sources."""
        book = self._books.get(sources)
        if book is None:
            book = self._books[sources] = Book(sources)
            while len(self._books) > 1 and (
                len(self._books) > _CACHE
                or sum(len(b.folded) for b in self._books.values()) > _CACHED_CHARS
            ):
                self._books.popitem(last=False)
        else:
            self._books.move_to_end(sources)
        return book


class Book:
    """One set of sources, folded, with its blocks."""

    def __init__(self, sources: tuple[str, ...]) -> None:
        self._settles: dict[str, int] = {}
        # The separator never occurs in a folding, so no run crosses from one source to the next.
        self.folded = b"\0".join(Text(source).skeleton for source in sources)
        self._blocks = self._grams(BLOCK)
        self._shorts = self._grams(_SHORT)

    def _grams(self, size: int) -> frozenset[bytes]:
        folded = self.folded
        return frozenset(folded[i : i + size] for i in range(len(folded) - size + 1))

    def look(self, text: Text, *, final: bool) -> tuple[list[Span], int]:
        """As `find`, remembering where short windows of a stream settled that held nothing."""
        short = not final and text.lead == 1 and len(text.raw) <= _SHORT_WINDOW
        known = self._settles.get(text.raw) if short else None
        if known is not None:
            return [], known
        spans, settled = self.find(text, final=final)
        if short and not spans and len(self._settles) < _WINDOWS:
            self._settles[text.raw] = settled
        return spans, settled

    def find(self, text: Text, *, final: bool) -> tuple[list[Span], int]:
        """Passages in a window, and the character before which none can begin any more."""
        spans = self._spans(text, final) if self._suspicious(text.skeleton) else []
        return spans, len(text.raw) if final else self._settled(text)

    def _suspicious(self, folded: bytes) -> bool:
        whole = len(folded) // BLOCK
        for at in range(0, whole, _CUT):
            blocks = _cut(min(_CUT, whole - at)).unpack_from(folded, at * BLOCK)
            if not self._blocks.isdisjoint(blocks):
                return True
        return False

    def _spans(self, text: Text, final: bool) -> list[Span]:
        """For every word, the longest passage that begins with it; overlapping ones merge later."""
        spans = []
        for match in WORD_START.finditer(text.raw, text.lead):
            rest = Text(text.raw[match.start() : match.start() + 4 * _LONGEST])
            if rest.skeleton[:BLOCK] not in self._blocks:
                continue
            length = self._run(rest.skeleton[:_LONGEST])
            if length < RUN or (not final and length == len(rest.skeleton) < _LONGEST):
                continue  # too short, or still going on
            end = _word_end(rest, length)
            if end is not None:
                first = match.start() + rest.skeleton_origins[0]
                spans.append(Span(first, match.start() + end, "passages"))
        return spans

    def _run(self, folded: bytes) -> int:
        """How many letters of the beginning stand in a source."""
        low, high = 0, len(folded)
        while low < high:
            middle = (low + high + 1) // 2
            if folded[:middle] in self.folded:
                low = middle
            else:
                high = middle - 1
        return low

    def _settled(self, text: Text) -> int:
        """The first word from which all the rest of the window stands in a source."""
        for match in WORD_START.finditer(text.raw, text.lead):
            rest = Text(text.raw[match.start() :]).skeleton
            if len(rest) >= _LONGEST or not rest:
                continue
            if len(rest) >= _SHORT and rest[:_SHORT] not in self._shorts:
                continue
            if rest in self.folded:
                return match.start()
        return len(text.raw)


@lru_cache(maxsize=_CUT)
def _cut(blocks: int) -> Struct:
    return Struct(f"{BLOCK}s" * blocks)


def _word_end(text: Text, length: int) -> int | None:
    """The index after the last word that ends within the first `length` letters, if RUN remain."""
    raw, origins = text.raw, text.skeleton_origins
    for count in range(length, RUN - 1, -1):
        end = origins[count - 1] + 1
        if end >= len(raw) or not raw[end].isalnum() or not raw[end - 1].isalnum():
            return end
    return None
