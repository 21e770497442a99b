"""The scanning engine: many bounded patterns, one linear pass, exact spans, also of a stream.

Three parts, each made when first needed. A *gate* of all patterns, in Hyperscan's fastest mode,
says which patterns occur at all: for ordinary text, none. For those that do, an exact database
gives every match with its start. For streams, an automaton says what may still become a match.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import hyperscan

from remit.detectors.automaton import Beginnings
from remit.detectors.bounded import Bounded, PatternError, bounded
from remit.detectors.text import Text, plain
from remit.types import Span

# A hit is final only when this much text follows it, so that a confirmation may look at it.
LOOKAHEAD = 2
# More candidates than this in one text is an attack on the scanner, not a text.
MAX_CANDIDATES = 50_000

Confirm = Callable[[bytes, int, int], "tuple[int, int] | None"]

# Without HS_FLAG_UCP, in which Hyperscan has no \b: \w, \d and \b mean ASCII, to which foreign
# digits are folded. Bytes are as good as characters where the text is ASCII, and faster.
_GATE = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_SINGLEMATCH
_EXACT = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_SOM_LEFTMOST | hyperscan.HS_FLAG_UTF8


class TooManyCandidates(RuntimeError):
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
        _compile([source], _EXACT)
    except hyperscan.error as error:
        raise PatternError(
            f"pattern {source!r} cannot be run in linear time ({error}); "
            "make its repetitions smaller"
        ) from None
    return pattern


def _compile(sources: Sequence[str], flags: int) -> Any:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[source.encode() for source in sources],
        ids=list(range(len(sources))),
        elements=len(sources),
        flags=[flags] * len(sources),
    )
    return database


class Engine:
    """Compiled expressions over the plain folding of a text."""

    def __init__(self, expressions: Sequence[Expression]) -> None:
        self._expressions = tuple(expressions)
        self._exact: dict[int, Any] = {}
        self._beginnings: dict[frozenset[int] | None, Beginnings] = {}
        if expressions:
            self._ascii_gate = _compile([e.pattern.source for e in expressions], _GATE)

    @cached_property
    def _gate(self) -> Any:
        sources = [e.pattern.source for e in self._expressions]
        return _compile(sources, _GATE | hyperscan.HS_FLAG_UTF8)

    def _begins(self, wanted: frozenset[int] | None) -> Beginnings:
        beginnings = self._beginnings.get(wanted)
        if beginnings is None:
            patterns = [e.pattern for e in self._expressions if _is_wanted(e, wanted)]
            beginnings = self._beginnings[wanted] = Beginnings(patterns)
        return beginnings

    def preparations(self, wanted: frozenset[int] | None = None) -> Iterator[Callable[[], None]]:
        """Steps that compile what is otherwise compiled when first needed."""
        if not self._expressions:
            return
        yield partial(self._begins, wanted)
        for number, expression in enumerate(self._expressions):
            if _is_wanted(expression, wanted):
                yield partial(self._exactly, number)

    def scan(self, text: Text, *, final: bool, wanted: frozenset[int] | None = None) -> Scan:
        """All confirmed hits of a window, of all uses or those wanted. Raises TooManyCandidates."""
        if not self._expressions:
            return Scan((), len(text.raw))
        fired: list[int] = []

        def on_fire(number: int, _start: int, _end: int, _flags: int, _context: object) -> None:
            fired.append(number)

        data = text.plain
        gate = self._ascii_gate if data.isascii() else self._gate
        gate.scan(data, match_event_handler=on_fire)
        hits: set[tuple[int, Span]] = set()
        pending = len(data)
        for number in fired:
            if not _is_wanted(self._expressions[number], wanted):
                continue
            pending = min(pending, self._confirmed(text, number, final, hits))
        if final:
            return Scan(tuple(sorted(hits)), len(text.raw))
        return Scan(tuple(sorted(hits)), self._settled(text, pending, wanted))

    def _settled(self, text: Text, pending: int, wanted: frozenset[int] | None) -> int:
        folded = text.plain.decode()
        live = self._begins(wanted).first(folded, len(plain(text.raw[: text.lead])))
        settled = min(pending, live if text.raw.isascii() else len(folded[:live].encode()))
        return text.plain_index(settled)

    def _exactly(self, number: int) -> Any:
        database = self._exact.get(number)
        if database is None:
            database = _compile([self._expressions[number].pattern.source], _EXACT)
            self._exact[number] = database
        return database

    def _confirmed(
        self, text: Text, number: int, final: bool, hits: set[tuple[int, Span]]
    ) -> int:
        """Adds the confirmed hits of an expression; answers where an undecided one begins."""
        expression = self._expressions[number]
        data, lead, pending = text.plain, text.plain_lead, len(text.plain)
        candidates: list[tuple[int, int]] = []

        def on_match(_number: int, start: int, end: int, _flags: int, _context: object) -> None:
            candidates.append((start, end))

        self._exactly(number).scan(data, match_event_handler=on_match)
        if len(candidates) > MAX_CANDIDATES:
            raise TooManyCandidates(f"{len(candidates)} candidates in one text")
        longest = expression.pattern.width * (1 if data.isascii() else 4)
        for start, end in candidates:
            if start < lead:
                start = _start_after(expression.pattern, data, lead, end)
            if start < 0 or end - start > longest:
                continue
            if not final and end + LOOKAHEAD > len(data):
                pending = min(pending, start)
                continue
            exact = expression.confirm(data, start, end) if expression.confirm else (start, end)
            if exact is not None:
                hits.add((expression.use, text.plain_span(*exact, expression.label)))
        return pending


def _is_wanted(expression: Expression, wanted: frozenset[int] | None) -> bool:
    return wanted is None or expression.use in wanted


def _start_after(pattern: Bounded, data: bytes, lead: int, end: int) -> int:
    """The leftmost start inside a window of a match whose reported start was only context.

    Hyperscan reports one start per end, and does not see what stood before the window.
    """
    exact = re.compile(pattern.source, re.IGNORECASE | re.ASCII)
    before, inside = data[:lead].decode(errors="replace"), data[lead:end].decode()
    for index in range(len(inside)):
        if exact.fullmatch(before + inside, len(before) + index):
            return lead + len(inside[:index].encode())
    return -1
