"""What an identifier is: expressions that nominate candidates, and an exact confirmation."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

# What may stand between a context word and its value where the value has a check digit: any
# text without digits, so that "my BSN, as you asked, is 111222333" is found.
GAP = r"[ -/:-~\n\tà-ÿ]{0,24}"
# The narrow kind, for values that nothing but their context confirms.
LINK = (
    r"[ .:#=(-]{0,3}(?:(?:is|was|ist|lautet|est|es|è|number|no|nr|nummer|numero|número|numéro"
    r"|n°|nº)[ .:#=-]{1,3}){0,2}"
)


class Candidate(NamedTuple):
    """A match and its surroundings, all that a confirmation may look at.

    `before` is the one character before the match ('' at the start of the text), `after` up to
    two characters after it ('' at the end), `regions` the remit's ISO 3166 country codes.
    """

    text: str
    before: str = ""
    after: str = ""
    regions: tuple[str, ...] = ()


def whole(text: str) -> tuple[int, int]:
    """The value is all that matched."""
    return 0, len(text)


@dataclass(frozen=True, slots=True)
class Identifier:
    """A kind of identifier.

    `expressions` are look-around-free patterns that the scanning engine can run; with `width`
    (characters) they may be open-ended. `valid` is a pure function that never raises, true only
    for a whole and genuine identifier. `value` gives the offsets of the identifier in a matched
    text that also holds a context word. `regions` are the countries that issue it; empty means
    anywhere.
    """

    name: str
    title: str
    expressions: tuple[str, ...]
    valid: Callable[[Candidate], bool]
    group: str
    regions: tuple[str, ...] = ()
    value: Callable[[str], tuple[int, int]] = whole
    width: int | None = None


def tail(pattern: str) -> Callable[[str], tuple[int, int]]:
    """A `value` function: the leftmost match of `pattern` that reaches the end of the text."""
    expression = re.compile(f"(?:{pattern})\\Z", re.IGNORECASE | re.DOTALL)

    def value(text: str) -> tuple[int, int]:
        found = expression.search(text)
        return (found.start(), found.end()) if found else (0, len(text))

    return value


def cut(value: Callable[[str], tuple[int, int]], text: str) -> str:
    """The value itself."""
    start, end = value(text)
    return text[start:end]


def longest_suffix(genuine: Callable[[str], bool]) -> Callable[[str], tuple[int, int]]:
    """A `value` function: the longest genuine end of the text that begins where a word does.

    A scan reports the leftmost start of a match, which may lie in a number that stands before
    the identifier: `BE12 NL91 ABNA 0417 1643 00`. Where no end is genuine, the value is empty.
    """

    def value(text: str) -> tuple[int, int]:
        for index, char in enumerate(text):
            begins = char == "(" or (char.isalnum() and not text[index - 1 : index].isalnum())
            if begins and genuine(text[index:]):
                return index, len(text)
        return len(text), len(text)

    return value


# From the first digit on: the value of a context match whose gap holds no digits.
from_digit = tail(r"[0-9].*")


def apart(candidate: Candidate) -> bool:
    """True where neither neighbour is a letter or digit."""
    return not (candidate.before.isalnum() or candidate.after[:1].isalnum())


def alone(candidate: Candidate) -> bool:
    """True where the match is a number of its own, not a piece of a longer number."""
    if not apart(candidate) or candidate.before in (".", "-", "/", "+"):
        return False
    return not goes_on(candidate)


def goes_on(candidate: Candidate) -> bool:
    """True where a separator and another digit follow, as the rest of a longer number would."""
    after = candidate.after
    if len(after) < 2 or not after[1].isdigit():
        return False
    if after[0] in ".-/":
        return True
    text = candidate.text.strip()
    return after[0] == " " and " " in text and text[-1:].isdigit()


def trim(candidate: Candidate, value: Callable[[str], tuple[int, int]]) -> Candidate:
    """The candidate without its context word: the value and its own neighbours."""
    text = candidate.text
    start, end = value(text)
    before = text[start - 1] if start else candidate.before
    return candidate._replace(text=text[start:end], before=before)


def in_context(candidate: Candidate) -> bool:
    """True where the match begins with a context word rather than with the number itself."""
    return candidate.text[:1].isalpha()


def compact(text: str) -> str:
    """Letters and digits only, upper case: the spelling without grouping."""
    return "".join(char for char in text if char.isalnum()).upper()


def context_value(text: str) -> tuple[int, int]:
    """From the first digit where a context word leads, else all."""
    return from_digit(text) if text[:1].isalpha() else (0, len(text))


def numbered(candidate: Candidate) -> Candidate:
    """The candidate without its context word."""
    return trim(candidate, context_value)


def digits_of(candidate: Candidate) -> str:
    """The value's letters and digits."""
    return compact(numbered(candidate).text)


def is_amount(candidate: Candidate) -> bool:
    """True where a currency sign stands before, or decimals or a sign after."""
    text, after = candidate.text, candidate.after
    if text[:1] in "€$£" or text[:3].lower() == "eur" or candidate.before in ("€", "$", "£"):
        return True
    decimals = after[:1] == "," and after[1:2].isdigit()
    return decimals or any(char in "€$£%" for char in after)
