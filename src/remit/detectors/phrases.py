"""Words and phrases, found through disguise: case, accents, look-alikes, leetspeak, spacing.

All phrases of all rules are literals of one Hyperscan database over the skeleton folding. Each
hit is then confirmed against the original characters: words must stand apart where the phrase's
words do, letters must be the phrase's letters, and a digit may only stand for a letter where it
is written inside the word. A trailing `*` leaves the last word open (`advis*`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import hyperscan

from remit.detectors.base import ConfigError, Matcher, Reader, Reading, Setting, Use, clean, found
from remit.detectors.batch import Batch
from remit.detectors.compiled import compile_database
from remit.detectors.engine import MAX_CANDIDATES
from remit.detectors.text import WORD_START, Text, letters, plain, skeleton
from remit.types import Failure, Interaction, Outcome, Span

MAX_PHRASE = 200
# How many characters may stand between two letters of a phrase (spaces, dots, line breaks).
_GAP = 4


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase ready to be matched: its skeleton, and where in it each word begins."""

    text: str
    skeleton: bytes
    letters: str
    word_starts: frozenset[int]
    open_ended: bool


def phrase(text: str) -> Phrase:
    """Prepares a phrase. Raises ConfigError where nothing of it can be matched."""
    open_ended = text.endswith("*")
    words = [word for word in map(letters, text.rstrip("*").split()) if word]
    joined = "".join(words)
    if len(joined) < 2:
        raise ConfigError(f"phrase {text!r} is too short to match; give at least two letters")
    if len(joined) > MAX_PHRASE:
        raise ConfigError(f"phrase {text!r} is too long; {MAX_PHRASE} letters at most")
    starts, at = [], 0
    for word in words:
        starts.append(at)
        at += len(skeleton(word).encode())
    return Phrase(text, skeleton(joined).encode(), joined, frozenset(starts), open_ended)


class PhraseMatcher:
    """All phrases of all rules."""

    def __init__(self, uses: Sequence[tuple[Phrase, ...]]) -> None:
        self._clean = clean(len(uses))
        self.quiet: dict[str, int] = {}
        self._count = len(uses)
        self._phrases: dict[bytes, list[tuple[int, Phrase]]] = {}
        for number, phrases in enumerate(uses):
            for item in phrases:
                self._phrases.setdefault(item.skeleton, []).append((number, item))
        self._literals = tuple(self._phrases)
        self._prefixes = frozenset(
            literal[:length] for literal in self._literals for length in range(1, len(literal) + 1)
        )
        self._longest = max((len(literal) for literal in self._literals), default=0)
        self._database = compile_database([_escaped(lit) for lit in self._literals], 0)

    @cached_property
    def _gate(self) -> Any:
        # Each phrase once: a text full of them is told from a clean one as fast.
        sources = [_escaped(literal) for literal in self._literals]
        return compile_database(sources, hyperscan.HS_FLAG_SINGLEMATCH)

    def suspects(self, batch: Batch) -> Sequence[int]:
        """The texts whose skeleton holds some phrase's."""
        return batch.skeleton.firing(self._occurs)

    def _occurs(self, folded: bytes) -> bool:
        found: list[int] = []
        self._gate.scan(folded, match_event_handler=lambda number, *_: found.append(number))
        return bool(found)

    def bind(self, context: Interaction) -> Reader:
        """Itself: the conversation does not matter."""
        return self

    def read(self, text: Text, *, final: bool = True) -> Reading:
        """Outcomes of the window, one per use."""
        raw: list[tuple[int, int]] = []

        def on_match(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
            raw.append((number, end))

        self._database.scan(text.skeleton, match_event_handler=on_match)
        settled = len(text.raw) if final else self._settled(text)
        if not raw:
            return Reading(self._clean, settled)
        if len(raw) > MAX_CANDIDATES:
            return Reading((Failure("too many candidates in one text"),) * self._count, settled)
        return Reading(self._outcomes(text, raw, final), settled)

    def _outcomes(self, text: Text, raw: list[tuple[int, int]], final: bool) -> tuple[Outcome, ...]:
        spans: list[set[Span]] = [set() for _ in range(self._count)]
        reasons: list[str] = [""] * self._count
        origins = text.skeleton_origins
        for number, end in raw:
            literal = self._literals[number]
            where = origins[end - len(literal) : end]
            if where[0] < text.lead or (not final and where[-1] + 1 >= len(text.raw)):
                continue
            for use, item in self._phrases[literal]:
                if _confirmed(text.raw, where, item):
                    spans[use].add(Span(where[0], where[-1] + 1, "phrase"))
                    reasons[use] = reasons[use] or f"phrase “{item.text}”"
        return tuple(
            found(sorted(spans[use]), reasons[use]) if spans[use] else self._clean[use]
            for use in range(self._count)
        )

    def _settled(self, text: Text) -> int:
        """The first index from which the rest of the window begins some phrase."""
        folded = text.skeleton
        for at in range(max(0, len(folded) - self._longest), len(folded)):
            if folded[at:] in self._prefixes:
                start = text.skeleton_origins[at]
                if start >= text.lead and WORD_START.match(text.raw, start):
                    return start
        return len(text.raw)


def _escaped(literal: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in literal)


def _confirmed(raw: str, where: list[int], item: Phrase) -> bool:
    first, last = where[0], where[-1]
    if first and raw[first - 1].isalnum() and not _unspaced(raw[first]):
        return False
    after = raw[last + 1 : last + 2]
    if after.isalnum() and not item.open_ended and not _unspaced(raw[last]):
        return False
    if not _same_letters(letters(raw[first : last + 1]), item.letters):
        return False
    return _same_words(raw, where, item.word_starts)


def _unspaced(char: str) -> bool:
    """True for scripts written without spaces, where words have no visible edge."""
    return char >= "\u0e00" and not "\u1e00" <= char <= "\u2bff"


def _same_letters(written: str, wanted: str) -> bool:
    """A letter may be written as a digit or sign, never as another letter."""
    return all(
        mine == theirs or (theirs.isalpha() and not mine.isalpha())
        for mine, theirs in zip(written, wanted, strict=True)
    )


def _same_words(raw: str, where: list[int], word_starts: frozenset[int]) -> bool:
    """Words stand apart where the phrase's do; a word itself is whole, or spaced throughout."""
    inner: list[bool] = []
    for index in range(1, len(where)):
        if where[index] == where[index - 1] and index not in word_starts:
            continue  # one character of several bytes or letters
        gap = plain(raw[where[index - 1] + 1 : where[index]])
        if len(gap) > _GAP:
            return False
        if index in word_starts:
            if inner and any(inner) and not all(inner):
                return False
            inner = []
            if not gap:
                return False
        else:
            inner.append(any(char.isspace() for char in gap))
    return not any(inner) or all(inner)


class Phrases:
    """`phrases: [you should sue, it is legally binding]`"""

    name = "phrases"

    def parse(self, config: object) -> tuple[Phrase, ...]:
        """A list of phrases, or one."""
        items: Any = [config] if isinstance(config, str) else config
        if not isinstance(items, list) or not items or not all(isinstance(i, str) for i in items):
            raise ConfigError("phrases wants a list of texts, such as [you should sue]")
        return tuple(phrase(item) for item in items)

    def compile(self, uses: Sequence[Use], setting: Setting) -> Matcher:
        """One database for all phrases."""
        return PhraseMatcher([use.config for use in uses])
