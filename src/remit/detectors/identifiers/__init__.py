"""Identifiers of people and businesses: what may not be repeated, confirmed digit by digit.

A kind nominates candidates by expressions that the scanning engine runs in one pass, and
confirms each exactly: check digits, real dates, issuers' prefixes, the word that names it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from types import MappingProxyType

from remit.detectors.identifiers import (
    anglophone,
    birth,
    contact,
    europe,
    finance,
    passport,
    reference,
    secrets,
    technical,
    telephone,
)
from remit.detectors.identifiers.base import Candidate, Identifier, compact
from remit.detectors.identifiers.dates import calendar_dates

__all__ = ["IDENTIFIERS", "Candidate", "Identifier", "canonical"]

_FAMILIES = (
    contact.KINDS,
    telephone.KINDS,
    birth.KINDS,
    finance.KINDS,
    reference.KINDS,
    europe.KINDS,
    anglophone.KINDS,
    passport.KINDS,
    technical.KINDS,
    secrets.KINDS,
)
IDENTIFIERS: Mapping[str, Identifier] = MappingProxyType(
    {kind.name: kind for family in _FAMILIES for kind in family}
)


def canonical(name: str, text: str) -> str:
    """The value with grouping and case removed: two spellings of one value compare equal.

    `text` is the value alone, without a context word. A telephone number loses its country code
    and trunk 0; a date becomes year, and day and month in ascending order, for 03/05/1990 may
    mean either. Raises KeyError where there is no such kind.
    """
    if name == "phone":
        return telephone.significant(text)
    if name == "email":
        return contact.plain_address(text).casefold()
    if name == "date-of-birth":
        return _canonical_date(text)
    if name == "ip":
        return _canonical_address(text)
    if IDENTIFIERS[name].group == "secret":
        return "".join(text.split())
    number = compact(text)
    return number.zfill(9) if name == "bsn" else number


def _canonical_date(text: str) -> str:
    readings = calendar_dates(text)
    if not readings:
        return compact(text)
    day = readings[0]
    low, high = sorted((day.month, day.day))
    return f"{day.year}-{low:02}-{high:02}"


def _canonical_address(text: str) -> str:
    try:
        return ipaddress.ip_address(text).compressed
    except ValueError:
        return text.casefold()
