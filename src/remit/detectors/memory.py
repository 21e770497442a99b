"""What a conversation confided, as values that are found again however they are written."""

from __future__ import annotations

import itertools
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, lru_cache

from remit.detectors.identifier import IdentifierMatcher
from remit.detectors.identifiers import canonical
from remit.detectors.text import Text, letters, plain
from remit.types import Interaction, Message, Span

MAX_VALUES = 5_000
_CACHE = 512
_CACHED_CHARS = 4_000_000
# How much may stand between two characters of a value: grouping, never another word.
_GAP = 3
# A value is decided when this much text follows it: a separator and a digit would continue it.
_LOOKAHEAD = 2

_NUMBER = re.compile(r"\d(?:[ .,'’/-]?\d){3,30}")
_AMOUNT = re.compile(
    r"(?:[€$£]|\b(?:EUR|USD|GBP|euro)) ?(\d[\d., '’]{0,18}\d|\d)"
    r"|(\d[\d., '’]{0,18}\d|\d) ?(?:€|EUR\b|USD\b|GBP\b|euros?\b|pounds?\b|dollars?\b)",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_CAPITAL = r"[A-ZÀ-ÖØ-Þ][\w'’-]{1,30}"
_PARTICLE = r"(?:van|de|der|den|von|zu|du|la|le|el|ten|ter|di|da|bin|al)"
_FULL_NAME = rf"{_CAPITAL}(?: +(?:{_PARTICLE} +){{0,3}}{_CAPITAL}){{0,3}}"
_NAME_CUES = (
    r"my (?:full )?name is|name's|i am called|mr\.?|mrs\.?|ms\.?|mijn naam is|ik heet|"
    r"de heer|mevrouw|dhr\.|mevr\.|mein name ist|ich heiße|herrn?|frau|je m'appelle|monsieur|"
    r"madame|me llamo|mi nombre es|señora?|mi chiamo|(?:full |client |last )?name ?:|naam ?:|"
    r"klant ?:|client ?:"
)
_NAME_KEY = r"\"(?:full_?|last_?|client_?|sur)?name\" ?: ?\""
_NAMED = re.compile(
    rf"(?:\b(?i:{_NAME_CUES})|(?i:{_NAME_KEY}))"
    rf" *({_PARTICLE} +(?:{_PARTICLE} +)?{_CAPITAL}|{_FULL_NAME})"
)
_INTRODUCTIONS = "i am|i'm|this is|ik ben|ich bin|je suis|soy|sono|regards,|groet,|groeten,"
_INTRODUCED = re.compile(
    rf"\b(?i:{_INTRODUCTIONS}) *\n?"
    rf" *({_CAPITAL} +(?:{_PARTICLE} +){{0,3}}{_CAPITAL}(?: +{_CAPITAL})?)"
)
# Beginnings of what `Memory` takes, by the part of `echo` that wants it: where none of these
# matches a folded text, nothing of that part is confided in it. They are Hyperscan's, in which
# `\b` means ASCII: before an ASCII letter it holds wherever Python's does.
_STARTS = r"[A-ZÀ-ÖØ-Þ](?:[\w'-]|[^\x00-\x7f])"
BEGINNINGS: Mapping[str, tuple[str, ...]] = {
    "numbers": (r"\d(?:[ .,'’/-]?\d){3}",),
    "amounts": (
        r"(?i:[€$£]|\b(?:EUR|USD|GBP|euro)) ?\d",
        r"\d ?(?i:€|EUR|USD|GBP|euro|pound|dollar)",
    ),
    "names": tuple(
        source.replace("ß", "[ßẞ]").replace("ñ", "[ñÑ]")
        for source in (
            rf"(?:\b(?i:{_NAME_CUES})|(?i:{_NAME_KEY})) *(?:{_PARTICLE} |{_STARTS})",
            rf"\b(?i:{_INTRODUCTIONS}) *\n? *{_STARTS}",
        )
    ),
}
_DIGIT_WORDS = {
    letters(word): str(digit)
    for words in (
        "zero one two three four five six seven eight nine",
        "nul een twee drie vier vijf zes zeven acht negen",
        "null eins zwei drei vier fünf sechs sieben acht neun",
        "zéro un deux trois quatre cinq six sept huit neuf",
        "cero uno dos tres cuatro cinco seis siete ocho nueve",
    )
    for digit, word in enumerate(words.split())
} | {"oh": "0"}
_ACCENTED = ("één", "fünf", "zéro")
_ANY_WORD = "(?:double[ -])?(?:{})".format(
    "|".join(sorted((*_DIGIT_WORDS, *_ACCENTED), key=len, reverse=True))
)
_DIGIT_WORD = re.compile(rf"(?<![^\W_]){_ANY_WORD}(?![^\W_])", re.IGNORECASE)
# The end of a window that more text may make the next digit.
_HALF_WORD = re.compile(r"(?<![^\W_])(?:(double[ -])[^\W\d_]{0,6}|[^\W\d_]{1,6})\Z", re.IGNORECASE)
_HALVES = frozenset(
    word[:length] for word in (*_DIGIT_WORDS, "double") for length in range(1, len(word) + 1)
)
_TOKEN = rf"(?:{_ANY_WORD}|\d{{1,4}})"
# A number spelled out is three words or more in a row; "one or two" is no number.
_SEP = r"[\W_]{1,3}"
_SPELLED = re.compile(
    rf"(?<![^\W_])(?:(?:{_ANY_WORD}){_SEP}{_TOKEN}{_SEP}{_TOKEN}"
    rf"|{_TOKEN}{_SEP}(?:{_ANY_WORD}){_SEP}{_TOKEN}"
    rf"|{_TOKEN}{_SEP}{_TOKEN}{_SEP}(?:{_ANY_WORD}))(?![^\W_])",
    re.IGNORECASE,
)
_SPELLING = re.compile(
    rf"(?<![^\W_])(?:{_ANY_WORD})(?:[\W_]{{1,3}}{_TOKEN})*[\W_]{{0,3}}\Z", re.IGNORECASE
)


_TOKENS = re.compile(r"[^\W_]+")
_SPOKEN = frozenset((*_DIGIT_WORDS, *_ACCENTED))


class Memory:
    """Takes from a conversation the values that must not come back. Remembers seen messages."""

    def __init__(self, identifiers: IdentifierMatcher | None, wanted: frozenset[str]) -> None:
        self._identifiers = identifiers
        self._wanted = wanted
        self._seen: OrderedDict[str, Mapping[str, str]] = OrderedDict()
        self._size = 0

    def recall(self, context: Interaction) -> Confided:
        """The values confided before the judged message."""
        values: dict[str, str] = {}
        for text in _confiding(context.before):
            values.update(self._values(text))
        for text in context.confidential:
            values.update(self._values(text))
        canaries = context.canaries if "canary" in self._wanted else ()
        if not values:
            return _planted(canaries)
        values.update((letters(canary), "canary") for canary in canaries)
        return Confided(values)

    def _values(self, text: str) -> Mapping[str, str]:
        values = self._seen.get(text)
        if values is None:
            values = dict(self._extract(text))
            self._seen[text] = values
            self._size += len(text)
            while len(self._seen) > _CACHE or (self._size > _CACHED_CHARS and len(self._seen) > 1):
                forgotten, _ = self._seen.popitem(last=False)
                self._size -= len(forgotten)
        return values

    def _extract(self, text: str) -> Iterator[tuple[str, str]]:
        folded = plain(text)
        if "numbers" in self._wanted:
            for match in _NUMBER.finditer(folded):
                digits = re.sub(r"\D", "", match[0])
                if not _YEAR.fullmatch(digits):
                    yield digits, "numbers"
        if "amounts" in self._wanted:
            for match in _AMOUNT.finditer(folded):
                yield from ((digits, "amounts") for digits in _amount(match[1] or match[2]))
        if "names" in self._wanted:
            yield from ((name, "names") for name in _names(folded))
        if self._identifiers is not None:
            for span in self._identifiers.spans(Text(text)):
                for value in _spellings(span.label, text[span.start : span.end]):
                    yield value, span.label


def _confiding(messages: Iterable[Message]) -> Iterator[str]:
    return (message.text for message in messages if confides(message))


def confides(message: Message) -> bool:
    """True for a message whose values must not come back: a client's, a tool's, a record."""
    return message.role in ("user", "tool", "function") or message.name.startswith("record")


def _amount(written: str) -> Iterator[str]:
    """Digits of an amount with and without its cents, whichever way it was written."""
    decimals = re.search(r"[.,](\d\d)$", written)
    whole = re.sub(r"\D", "", written[: decimals.start()] if decimals else written)
    if decimals and decimals[1] != "00":
        if len(whole) >= 2:
            yield whole + decimals[1]
    elif len(whole) >= 3:
        yield whole
        yield whole + "00"


def _names(text: str) -> Iterator[str]:
    for expression in (_NAMED, _INTRODUCED):
        for match in expression.finditer(text):
            words = match[1].split()
            yield letters(match[1])
            if len(words[-1]) >= 4 and len(words) > 1:
                yield letters(words[-1])


def _spellings(label: str, written: str) -> Iterator[str]:
    for value in {letters(written), letters(canonical(label, written))}:
        if len(value) >= 4:
            yield value
    if label == "phone":
        yield "0" + letters(canonical(label, written))
    if label == "date-of-birth":
        yield from _date_spellings(canonical(label, written))


def _date_spellings(iso: str) -> Iterator[str]:
    match = re.fullmatch(r"(\d{4})-?(\d\d)-?(\d\d)", iso)
    if match:
        year, month, day = match.groups()
        yield day + month + year
        yield month + day + year
        yield f"{int(day)}{int(month)}{year}"


class Confided:
    """Values by their folding, each with its label.

    `private` is False where they are the same for every conversation.
    """

    def __init__(self, values: Mapping[str, str], *, private: bool = True) -> None:
        self.private = private
        self._values = {value: label for value, label in values.items() if value}
        self._excess = len(self._values) > MAX_VALUES
        self._longest = max(map(len, self._values), default=0)
        self._digits = any(value.isdigit() for value in self._values)

    @cached_property
    def _prefixes(self) -> frozenset[str]:
        # Only streams ask: a whole text is settled to its end.
        return frozenset(
            value[:length] for value in self._values for length in range(1, len(value) + 1)
        )

    @property
    def excess(self) -> bool:
        """True where more was confided than can be looked for; the reader then fails closed."""
        return self._excess

    def find(self, text: Text, *, final: bool) -> tuple[list[Span], int]:
        """Echoes in a window, and the character before which none can begin any more."""
        if not self._values or self._excess:
            return [], len(text.raw)
        spans, settled = self._search(text, text.letters, None, final)
        if self._digits and (_may_spell(text.raw) or (not final and _SPELLING.search(text.raw))):
            folded, origins = _spelled(text)
            more, other = self._search(text, folded, origins, final, spelled=True)
            spans, settled = [*spans, *more], min(settled, other)
        if self._digits and not final:
            settled = min(settled, self._half_spelled(text))
        return spans, settled

    def _half_spelled(self, text: Text) -> int:
        """Where a value begins of which the window's last word may become the next digit."""
        half = _HALF_WORD.search(text.raw, text.lead)
        if not half or not (half[1] or letters(half[0]) in _HALVES):
            return len(text.raw)
        before = Text(text.raw[: half.start()], text.lead)
        return min(self._settled(before, *_spelled(before)), half.start())

    def _search(
        self,
        text: Text,
        folded: str,
        origins: list[tuple[int, int]] | None,
        final: bool,
        *,
        spelled: bool = False,
    ) -> tuple[list[Span], int]:
        spans, undecided = [], len(text.raw)
        for value, label in self._values.items():
            at = folded.find(value)
            while at >= 0:
                origins = origins or [(i, i + 1) for i in text.letter_origins]
                start, end = origins[at][0], origins[at + len(value) - 1][1]
                if not final and end + _LOOKAHEAD > len(text.raw):
                    undecided = min(undecided, start if start >= text.lead else undecided)
                elif spelled and not _SPELLED.search(text.raw, start, end):
                    pass  # written in digits here; the other folding finds it
                elif _aligned(text, origins[at : at + len(value)], value):
                    spans.append(Span(start, end, label))
                at = folded.find(value, at + 1)
        if final:
            return spans, len(text.raw)
        return spans, min(undecided, self._settled(text, folded, origins))

    def _settled(self, text: Text, folded: str, origins: list[tuple[int, int]] | None) -> int:
        for length in range(min(self._longest, len(folded)), 0, -1):
            if folded[-length:] in self._prefixes:
                origins = origins or [(i, i + 1) for i in text.letter_origins]
                start = origins[-length][0]
                if start >= text.lead and _edge(text.raw[start - 1 : start], folded[-length]):
                    return start
        return len(text.raw)


def _may_spell(raw: str) -> bool:
    """True where `_SPELLED` may match: a cheap look at the words, which errs on this side only."""
    run, spelled, last = 0, False, 0
    for match in _TOKENS.finditer(raw):
        said = match[0].casefold()
        is_word = said in _SPOKEN or (not said.isascii() and letters(said) in _DIGIT_WORDS)
        if is_word or (len(said) <= 4 and said.isdecimal()):
            near = match.start() - last <= 3
            run, spelled = (run + 1, spelled or is_word) if near else (1, is_word)
            if run >= 3 and spelled:
                return True
        elif said != "double":
            run, spelled = 0, False
        last = match.end()
    return False


def _edge(left: str, right: str) -> bool:
    """True where a value may begin or end between two characters: not inside a word or number."""
    both_digits = left.isdigit() and right.isdigit()
    both_letters = left.isalpha() and right.isalpha()
    return not (both_digits or both_letters)


def _aligned(text: Text, origins: list[tuple[int, int]], value: str) -> bool:
    """True where a value stands by itself, not in a word or number, and is not torn apart."""
    start, end = origins[0][0], origins[-1][1]
    raw = text.raw
    if start < text.lead or not _edge(raw[start - 1 : start] if start else "", value[0]):
        return False
    after = raw[end : end + 2]
    if not _edge(value[-1], after[:1]):
        return False
    if value[-1].isdigit() and after[:1] in (",", ".") and after[1:2].isdigit():
        return False  # a longer number goes on
    return all(right - left <= _GAP for (_, left), (right, _) in itertools.pairwise(origins))


def _spelled(text: Text) -> tuple[str, list[tuple[int, int]]]:
    """The letters folding with spelled-out digits as digits, and where each came from."""
    folded: list[str] = []
    origins: list[tuple[int, int]] = []

    def take(start: int, end: int) -> None:
        for index in range(start, end):
            for char in letters(text.raw[index]):
                folded.append(char)
                origins.append((index, index + 1))

    at = 0
    for match in _DIGIT_WORD.finditer(text.raw):
        take(at, match.start())
        double, word = _digit(match[0])
        for _ in range(2 if double else 1):
            folded.append(_DIGIT_WORDS[word])
            origins.append(match.span())
        at = match.end()
    take(at, len(text.raw))
    return "".join(folded), origins


def _digit(written: str) -> tuple[bool, str]:
    """Whether a digit stands for two, and its word."""
    word = letters(written)
    double = word.startswith("double") and word not in _DIGIT_WORDS
    return double, word.removeprefix("double") if double else word


@lru_cache(maxsize=64)
def _planted(canaries: tuple[str, ...]) -> Confided:
    """What is looked for where nothing was confided: the same for every such conversation."""
    return Confided({letters(canary): "canary" for canary in canaries}, private=False)
