"""Calendar dates as people write them, in seven languages."""

from __future__ import annotations

import re
from datetime import date

_MONTHS = (
    "jan ene gen",
    "feb fév fev",
    "mar maa mrt mär mae mrz",
    "apr avr abr",
    "may mei mai mag",
    "jun jui giu",
    "jul jui lug",
    "aug aoû aou ago",
    "sep set",
    "oct okt ott out",
    "nov",
    "dec dez dic déc",
)
# "jui" begins both juin and juillet; the fourth letter decides.
_BY_PREFIX = {
    prefix: month for month, names in enumerate(_MONTHS, 1) for prefix in names.split()
} | {"juin": 6, "juil": 7}

NUMERIC = r"[0-9]{1,2}[ ./-]{1,2}[0-9]{1,2}[ ./-]{1,2}(?:[0-9]{4}|[0-9]{2})"
ISO = r"[0-9]{4}[./-][0-9]{1,2}[./-][0-9]{1,2}"
COMPACT = r"[0-9]{8}"
DAY_FIRST = (
    r"[0-9]{1,2}(?:st|nd|rd|th|er|\.|º|°)?[ -]{1,2}(?:of |de )?[a-zéûä]{3,9}[.,]?"
    r"(?: de| del)?[ -]'?[0-9]{2,4}"
)
MONTH_FIRST = r"[a-zéûä]{3,9}\.? [0-9]{1,2}(?:st|nd|rd|th)?,? [0-9]{4}"
WRITTEN = (NUMERIC, ISO, DAY_FIRST, MONTH_FIRST, COMPACT)

_SHAPE = re.compile(
    r"(?:[0-9]{1,2}([./-])[0-9]{1,2}\1(?:[0-9]{4}|[0-9]{2})|[0-9]{4}([./-])[0-9]{1,2}\2[0-9]{1,2})"
    r"(?![0-9]|[./-][0-9])"
    r"|[0-9]{2}( ?)[0-9]{2}\3(?:19|20)[0-9]{2}\Z"
)
_WORD = re.compile(r"[^\W\d_]+")
_NUMBER = re.compile(r"[0-9]+")


def looks_like_date(text: str) -> bool:
    """True where a number begins as a numeric date does: 03-05-1990, 2024/1/31, 1.2.24."""
    shape = _SHAPE.match(text)
    return shape is not None and calendar_dates(shape[0]) != ()


def month_number(word: str) -> int | None:
    """1 to 12 for a month's name or abbreviation, else None."""
    word = word.lower()
    return _BY_PREFIX.get(word[:4]) or _BY_PREFIX.get(word[:3])


def calendar_dates(text: str) -> tuple[date, ...]:
    """Every real date that the text may mean: 03/05/1990 is in March and in May."""
    numbers = _NUMBER.findall(text)
    months = [m for m in map(month_number, _WORD.findall(text)) if m]
    if len(numbers) == 1 and len(numbers[0]) == 8:
        digits = numbers[0]
        return _real((digits[:4], digits[4:6], digits[6:]), (digits[4:], digits[2:4], digits[:2]))
    if len(numbers) == 2 and months:
        return _real((numbers[1], str(months[0]), numbers[0]))
    if len(numbers) != 3:
        return ()
    first, second, third = numbers
    if len(first) == 4:
        return _real((first, second, third))
    return _real((third, second, first), (third, first, second))


def _real(*readings: tuple[str, str, str]) -> tuple[date, ...]:
    found = []
    for year, month, day in readings:
        full = int(year) + (1900 if len(year) == 2 else 0)
        try:
            found.append(date(full, int(month), int(day)))
        except ValueError:
            continue
    return tuple(dict.fromkeys(found))
