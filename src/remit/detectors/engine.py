"""The scanning engine: many bounded patterns, one linear pass, exact spans, also of a stream."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import hyperscan

from remit.detectors.bounded import Bounded, PatternError, bounded
from remit.detectors.text import Text
from remit.types import Span

# A hit is final only when this much text follows it, so that a confirmation may look at it.
LOOKAHEAD = 2
# More candidates than this in one text is an attack on the scanner, not a text.
MAX_CANDIDATES = 50_000

Confirm = Callable[[bytes, int, int], "tuple[int, int] | None"]
# Without HS_FLAG_UCP, in which Hyperscan has no \b: \w, \d and \b mean ASCII (foreign digits
# are folded to ASCII before).
_FLAGS = hyperscan.HS_FLAG_SOM_LEFTMOST | hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_UTF8


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


def check_supported(pattern: Bounded) -> None:
    """Raises PatternError where Hyperscan cannot run the pattern with exact starts."""
    try:
        _compile([pattern.expression, f"(?:{pattern.prefixes})\\z"])
    except hyperscan.error as error:
        raise PatternError(
            f"pattern {pattern.source!r} cannot be run in linear time ({error}); "
            "make its repetitions smaller"
        ) from None


def parse_pattern(source: str, width: int | None = None) -> Bounded:
    """A pattern that the engine is known to run. Raises PatternError.

    With `width`, repetitions may be open-ended and longer candidates are discarded. That is exact
    in a stream only where `confirm` refuses a candidate whose neighbours could have extended it.
    """
    pattern = bounded(source, width)
    check_supported(pattern)
    return pattern


def _compile(expressions: Sequence[str], flags: Sequence[int] | None = None) -> Any:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[expression.encode() for expression in expressions],
        ids=list(range(len(expressions))),
        elements=len(expressions),
        flags=list(flags) if flags is not None else [_FLAGS] * len(expressions),
    )
    return database


class Engine:
    """Compiled expressions over the plain folding of a text."""

    def __init__(self, expressions: Sequence[Expression]) -> None:
        self._expressions = tuple(expressions)
        self._count = len(self._expressions)
        self._width = max((e.pattern.width for e in expressions), default=0)
        self._whole = _compile([e.pattern.expression for e in expressions]) if expressions else None

    @cached_property
    def _streaming(self) -> Any:
        # Compiled on the first stream: a program that only scans whole texts never pays for it.
        wholes = [e.pattern.expression for e in self._expressions]
        tails = [f"(?:{e.pattern.prefixes})\\z" for e in self._expressions]
        return _compile(wholes + tails)

    def prepare(self) -> None:
        """Compiles what streams need, so that the first stream does not wait for it."""
        if self._count:
            _ = self._streaming

    def scan(self, text: Text, *, final: bool) -> Scan:
        """All confirmed hits of a window. Raises TooManyCandidates."""
        if self._whole is None:
            return Scan((), len(text.raw))
        raw: list[tuple[int, int, int]] = []

        def on_match(number: int, start: int, end: int, _flags: int, _context: object) -> None:
            raw.append((number, start, end))

        database = self._whole if final else self._streaming
        database.scan(text.plain, match_event_handler=on_match)
        if not raw:
            return Scan((), len(text.raw))
        if len(raw) > MAX_CANDIDATES:
            raise TooManyCandidates(f"{len(raw)} candidates in one text")
        return self._confirmed(text, raw, final)

    def _confirmed(self, text: Text, raw: list[tuple[int, int, int]], final: bool) -> Scan:
        data, lead, size = text.plain, text.plain_lead, len(text.plain)
        live = size
        widest = 1 if len(data) == len(text.raw) else 4  # bytes of the longest character
        hits: set[tuple[int, Span]] = set()
        for number, start, end in raw:
            if number >= self._count:
                width = self._expressions[number - self._count].pattern.width * widest
                live = min(live, max(start, lead, size - width))
                continue
            expression = self._expressions[number]
            if end - start > expression.pattern.width * widest:
                continue
            if start < lead:
                start = self._start_after(expression, data, lead, end)
                if start < 0:
                    continue
            if not final and end + LOOKAHEAD > size:
                live = min(live, start)
                continue
            exact = expression.confirm(data, start, end) if expression.confirm else (start, end)
            if exact is not None:
                hits.add((expression.use, text.plain_span(*exact, expression.label)))
        settled = len(text.raw) if final else text.plain_index(live)
        return Scan(tuple(sorted(hits)), settled)

    def _start_after(self, expression: Expression, data: bytes, lead: int, end: int) -> int:
        """The leftmost start inside the window of a match whose reported start was context."""
        exact = _exact(expression.pattern.source)
        before, inside = data[:lead].decode(errors="replace"), data[lead:end].decode()
        whole = before + inside
        for index in range(len(inside)):
            if exact.fullmatch(whole, len(before) + index):
                return lead + len(inside[:index].encode())
        return -1


def _exact(source: str) -> re.Pattern[str]:
    return re.compile(source, re.IGNORECASE | re.ASCII)


