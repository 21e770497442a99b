"""Dates of birth: a real calendar date beside a word for being born, in ten languages."""

from __future__ import annotations

from datetime import UTC, datetime

from remit.detectors.identifiers.base import Candidate, Identifier, apart, cut, tail
from remit.detectors.identifiers.dates import DAY_FIRST, WRITTEN, calendar_dates

_BIRTH_WORDS = (
    r"(?:born|date of birth|birth ?date|birthday|d\.?o\.?b\.?|b-day|geboren|geboortedatum"
    r"|geboortedag|verjaardag|geb\.?|geburtsdatum|geburtstag|né|née|n[ée]\(e\)|nee le|ne le|nés"
    r"|date de naissance"
    r"|naissance|naci[oó]|nacid[oa]|fecha de nacimiento|f\. ?nac\.?|nat[oa]|data di nascita"
    r"|nascid[oa]|data de nascimento|nasceu|född|født|födelsedatum|fødselsdato|urodzon[ya]"
    r"|data urodzenia)"
)
_WRITTEN_DATE = "|".join(WRITTEN)
# What the scan looks for; `_BIRTH_DATE` then says whether it is a date.
_BIRTH_GAP = r"[ -/:-~\n]{0,16}"
_LOOSE_DATES = (
    r"(?:[0-9]{1,4}[ ./-]{1,2}[0-9]{1,2}[ ./-]{1,2}[0-9]{2,4}|[0-9]{8})",
    DAY_FIRST,
    # The name of the month lies in the gap.
    r"[0-9]{1,2}(?:st|nd|rd|th)?,? [0-9]{4}",
)
_BIRTH_DATE = tail(rf"(?<![0-9])(?:{_WRITTEN_DATE})")


def _birth_value(text: str) -> tuple[int, int]:
    start, end = _BIRTH_DATE(text)
    if text[start : start + 1].isdigit():
        return start, end
    # The month-first shape also fits the end of a longer word; the date begins at a whole word.
    while start > 0 and text[start - 1].isalpha():
        start -= 1
    return start, end


def _is_birth(candidate: Candidate) -> bool:
    if not apart(candidate):
        return False
    after = candidate.after
    if len(after) > 1 and after[0] in "./-" and after[1].isdigit():
        return False
    today = datetime.now(tz=UTC).date()
    written = cut(_birth_value, candidate.text)
    readings = calendar_dates(written) if written != candidate.text else ()
    return any(reading.year >= 1900 and reading <= today for reading in readings)


DATE_OF_BIRTH = Identifier(
    name="date-of-birth",
    title="date of birth",
    expressions=tuple(_BIRTH_WORDS + _BIRTH_GAP + shape for shape in _LOOSE_DATES),
    valid=_is_birth,
    group="contact",
    value=_birth_value,
)

KINDS = (DATE_OF_BIRTH,)
