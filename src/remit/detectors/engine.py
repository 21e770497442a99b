"""The scanning engine: many bounded patterns, one linear pass, exact spans, also of a stream.

Three parts, each made when first needed. A *gate* of all patterns, in Hyperscan's fastest mode,
says which patterns occur at all: for ordinary text, none. For those that do, an exact database
gives every match with its start. For streams, an automaton says what may still become a match.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from threading import Lock
from typing import Any

import hyperscan

from remit.detectors.automaton import Beginnings, is_word
from remit.detectors.bounded import Bounded, PatternError, bounded
from remit.detectors.compiled import Shelf, compile_database
from remit.detectors.gate import occurrence
from remit.detectors.text import Text, plain
from remit.types import Span

# A hit is final only when this much text follows it, so that a confirmation may look at it.
LOOKAHEAD = 2
# More candidates than this in one text is an attack on the scanner, not a text.
MAX_CANDIDATES = 200_000

Confirm = Callable[[bytes, int, int], "tuple[int, int] | None"]

# Without HS_FLAG_UCP, in which Hyperscan has no \b: \w, \d and \b mean ASCII, to which foreign
# digits are folded. Bytes are as good as characters where the text is ASCII, and faster.
_GATE = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_SINGLEMATCH
_EXACT = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_SOM_LEFTMOST | hyperscan.HS_FLAG_UTF8


class TooManyCandidatesError(RuntimeError):
    """The text holds more candidates than can be confirmed in bounded time."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A pattern, which use it belongs to, and the exact confirmation of a candidate.

    `confirm` is given the folded text and the byte offsets of a candidate, and answers the byte
    offsets of what is found, or None. It looks at most one character back and two ahead.
    """

    pattern: Bounded
    use: int
    label: str = ""
    confirm: Confirm | None = None


@dataclass(frozen=True, slots=True)
class Scan:
    """Spans per use, and the character before which all is settled."""

    hits: tuple[tuple[int, Span], ...]
    settled: int


def parse_pattern(source: str) -> Bounded:
    """A pattern of an owner's own, known to run. Raises PatternError."""
    pattern = bounded(source)
    try:
        for form in (source, _led(source)):
            _exact(form)
    except hyperscan.error as error:
        raise PatternError(
            f"pattern {source!r} cannot be run in linear time ({error}); "
            "make its repetitions smaller"
        ) from None
    return pattern


@lru_cache(maxsize=2_048)
def _exact(source: str) -> Any:
    """The database of one pattern that reports where its matches start."""
    return compile_database([source], _EXACT)


class Engine:
    """Compiled expressions over the plain folding of a text."""

    def __init__(self, expressions: Sequence[Expression], shelf: Shelf | None = None) -> None:
        self._expressions = tuple(expressions)
        self._shelf = shelf or Shelf()
        self._making = Lock()

    @cached_property
    def _gate(self) -> Any:
        return self._shelf.database([occurrence(e.pattern) for e in self._expressions], _GATE)

    @cached_property
    def _beginnings(self) -> Beginnings:
        return Beginnings([e.pattern for e in self._expressions])

    def prepare(self) -> None:
        """Compiles what is otherwise compiled by the first text."""
        if self._expressions:
            with self._making:  # stages share engines, and prepare side by side
                _ = self._gate, self._beginnings

    def fires(self, data: bytes) -> bool:
        """True where some expression matches in the plain folding, confirmed or not."""
        fired: list[int] = []
        if self._expressions:
            self._gate.scan(data, match_event_handler=lambda number, *_: fired.append(number))
        return bool(fired)

    def scan(self, text: Text, *, final: bool) -> Scan:
        """All confirmed hits of a window. Raises TooManyCandidatesError."""
        if not self._expressions:
            return Scan((), len(text.raw))
        fired: list[int] = []

        def on_fire(number: int, _start: int, _end: int, _flags: int, _context: object) -> None:
            fired.append(number)

        data = text.plain
        self._gate.scan(data, match_event_handler=on_fire)
        hits: set[tuple[int, Span]] = set()
        pending = len(data)
        for number in fired:
            pending = min(pending, self._confirmed(text, number, final, hits))
        if final:
            return Scan(tuple(sorted(hits)), len(text.raw))
        return Scan(tuple(sorted(hits)), self._settled(text, pending))

    def _settled(self, text: Text, pending: int) -> int:
        folded = text.plain.decode()
        live = self._beginnings.first(folded, len(plain(text.raw[: text.lead])))
        settled = min(pending, live if text.raw.isascii() else len(folded[:live].encode()))
        return text.plain_index(settled)

    def _confirmed(self, text: Text, number: int, final: bool, hits: set[tuple[int, Span]]) -> int:
        """Adds the confirmed hits of an expression; answers where an undecided one begins."""
        expression = self._expressions[number]
        data, lead, pending = text.plain, text.plain_lead, len(text.plain)
        candidates: list[tuple[int, int]] = []

        def on_match(_number: int, start: int, end: int, _flags: int, _context: object) -> None:
            candidates.append((start, end))

        _exact(expression.pattern.source).scan(data, match_event_handler=on_match)
        if len(candidates) > MAX_CANDIDATES:
            raise TooManyCandidatesError(f"{len(candidates)} candidates in one text")
        for reported, end in candidates:
            start = self._start(number, data, lead, reported, end)
            if start < 0:
                continue
            if not final and end + LOOKAHEAD > len(data):
                pending = min(pending, start)
                continue
            exact = expression.confirm(data, start, end) if expression.confirm else (start, end)
            if exact is not None:
                hits.add((expression.use, text.plain_span(*exact, expression.label)))
        return pending

    def _start(self, number: int, data: bytes, lead: int, start: int, end: int) -> int:
        """The leftmost start that counts of a match that ends at `end`, or -1.

        Hyperscan reports the leftmost start of all. That one does not count where it is only
        context, further off than the pattern is wide, or inside a word where the pattern stands
        apart; one more to the right may.
        """
        pattern = self._expressions[number].pattern
        counts = start >= lead and not (pattern.apart and _in_word(data, start))
        if counts and end - start <= pattern.width:
            return start
        first = max(start, lead, _back(data, end, pattern.width))
        if counts and first == start:
            return start
        if pattern.apart and data[first:end].isalnum() and _in_word(data, first):
            return -1
        return _leftmost(pattern, data, first, end)


def _leftmost(pattern: Bounded, data: bytes, first: int, end: int) -> int:
    r"""The leftmost start from `first` on of a match that ends at `end`, or -1.

    The character before `first` is read too, for `\b`, but it must not begin the match: the
    pattern is led by any one character. A pattern that stands apart needs none before it.
    """
    if not pattern.apart:
        begin = _back(data, first, 1)
        database = _exact(pattern.source if begin == first else _led(pattern.source))
        starts = _starts(database, data[begin : _next(data, end)], end - begin)
        start = begin + min(starts, default=0)
        return -1 if not starts else start if begin == first else _next(data, start)
    while first < end:
        first = _word_end(data, first, end) if _in_word(data, first) else first
        starts = _starts(_exact(pattern.source), data[first : _next(data, end)], end - first)
        if not starts or not _in_word(data, first + min(starts)):
            return first + min(starts) if starts else -1
        first += min(starts)
    return -1


def _led(source: str) -> str:
    """The pattern after any one character."""
    return f"(?s:.)(?:{source})"


def _starts(database: Any, data: bytes, end: int) -> list[int]:
    """The reported starts of matches that end at `end`."""
    starts: list[int] = []

    def on_match(_number: int, start: int, at: int, _flags: int, _context: object) -> None:
        if at == end:
            starts.append(start)

    database.scan(data, match_event_handler=on_match)
    return starts


def _word_end(data: bytes, start: int, end: int) -> int:
    """The first index after `start`, `end` at most, that is not inside a word."""
    at = start + 1
    if data[at:end].isalnum():
        return end
    while at < end and _in_word(data, at):
        at += 1
    return at


def _in_word(data: bytes, start: int) -> bool:
    return start > 0 and is_word(chr(data[start - 1])) and is_word(chr(data[start]))


def _next(data: bytes, index: int) -> int:
    """The byte index after the character at `index`."""
    index += 1
    while index < len(data) and data[index] & 0xC0 == 0x80:
        index += 1
    return min(index, len(data))


def _back(data: bytes, end: int, count: int) -> int:
    """The byte index `count` characters before `end`."""
    near = data[max(0, end - 4 * count) : end].decode(errors="ignore")
    return end - len(near[-count:].encode())
