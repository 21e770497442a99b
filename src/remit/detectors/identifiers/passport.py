"""Passport numbers, which only the word beside them makes recognisable."""

from __future__ import annotations

from remit.detectors.identifiers.base import (
    LINK,
    Candidate,
    Identifier,
    apart,
    compact,
    cut,
    goes_on,
    tail,
)

_PASSPORT_WORDS = (
    r"(?:passport|paspoort|paspoortnummer|pas[ -]?nummer|reisepass|passnummer|pass-nr|passeport"
    r"|pasaporte|passaporto|passaporte)"
)
_NUMBERED = tail(r"(?<![a-z0-9])(?:[a-z]{0,3}[0-9][a-z0-9]*(?: [0-9]{2,3}){0,2}|[a-z0-9]{6,9})")


def _passport_value(text: str) -> tuple[int, int]:
    start, end = _NUMBERED(text)
    series = text[max(start - 4, 0) : start]
    # "AB 123456": a series apart from its number is told from "is 123456" by its capitals.
    for size in (2, 1):
        letters = series[-size - 1 : -1]
        alone = len(series) > size + 1 and not series[-size - 2].isalpha()
        if series[-1:] == " " and len(letters) == size and letters.isupper() and alone:
            return start - size - 1, end
    return start, end


def _is_passport(candidate: Candidate) -> bool:
    value = compact(cut(_passport_value, candidate.text))
    if not apart(candidate) or goes_on(candidate):
        return False
    after = candidate.after
    if len(after) > 1 and after[0] in "-/." and after[1].isalnum():
        return False
    return 6 <= len(value) <= 9 and sum(char.isdigit() for char in value) >= 4


PASSPORT = Identifier(
    name="passport",
    title="passport number, named as such",
    expressions=(
        rf"{_PASSPORT_WORDS}{LINK}[a-z0-9]{{6,9}}",
        rf"{_PASSPORT_WORDS}{LINK}[a-z]{{1,2}} [0-9]{{6,7}}",
        rf"{_PASSPORT_WORDS}{LINK}[0-9]{{2,3}} [0-9]{{2,3}} [0-9]{{2,3}}",
    ),
    valid=_is_passport,
    group="national",
    value=_passport_value,
)

KINDS = (PASSPORT,)
