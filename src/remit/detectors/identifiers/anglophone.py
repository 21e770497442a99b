"""Numbers by which the United Kingdom and the United States know a person or a business.

Each is confirmed by its published check digits (`python-stdnum`). Where a number has none or
few, it counts only in its official grouping or beside a word that names it.
"""

from __future__ import annotations

import re

from stdnum.gb import nhs, utr
from stdnum.us import ein, ssn

from remit.detectors.identifiers.base import (
    GAP,
    Candidate,
    Identifier,
    alone,
    apart,
    compact,
    context_value,
    cut,
    digits_of,
    from_digit,
    goes_on,
    in_context,
    is_amount,
    numbered,
    tail,
)

# --- United Kingdom -------------------------------------------------------------------------

_NINO = re.compile(r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[A-D]?")
_NINO_SHAPE = r"[a-z]{2}[ -]?[0-9]{2}[ -]?[0-9]{2}[ -]?[0-9]{2}"
_NINO_VALUE = tail(rf"(?<![a-z]){_NINO_SHAPE}(?:[ -]?[a-d])?")


def _is_nino(candidate: Candidate) -> bool:
    text = candidate.text
    value = cut(_NINO_VALUE, text)
    if not apart(candidate) or goes_on(candidate) or not _NINO.fullmatch(compact(value)):
        return False
    if value != text:
        # The suffix that follows belongs to the number; the longer match has it.
        return value[-1].isalpha() or candidate.after[1:2].lower() not in tuple("abcd")
    lower = value[:2].islower() or value[-1].islower()
    return value[-1].isalpha() and not (lower and " " in value)


UK_NINO = Identifier(
    name="uk-nino",
    title="UK National Insurance number",
    expressions=(
        rf"{_NINO_SHAPE}[ -]?[a-d]",
        rf"(?:nino|n\.?i\.?|national insurance)\b{GAP}{_NINO_SHAPE}(?:[ -]?[a-d])?",
    ),
    valid=_is_nino,
    group="national",
    regions=("GB",),
    value=_NINO_VALUE,
)


def _is_utr(candidate: Candidate) -> bool:
    return alone(numbered(candidate)) and utr.is_valid(digits_of(candidate).removesuffix("K"))


UK_UTR = Identifier(
    name="uk-utr",
    title="UK unique taxpayer reference",
    expressions=(
        rf"(?:utr|unique taxpayer|tax ?payer reference|tax reference){GAP}[0-9](?:[ -]?[0-9]){{9}}",
    ),
    valid=_is_utr,
    group="national",
    regions=("GB",),
    value=from_digit,
)


def _is_nhs(candidate: Candidate) -> bool:
    if not alone(numbered(candidate)) or not nhs.is_valid(digits_of(candidate)):
        return False
    # Three, three and four digits with dashes is also how North America writes telephones.
    american = not {"US", "CA"}.isdisjoint(candidate.regions)
    return in_context(candidate) or "-" not in candidate.text or not american


UK_NHS = Identifier(
    name="uk-nhs",
    title="UK NHS number",
    expressions=(
        r"[0-9]{3} [0-9]{3} [0-9]{4}",
        r"[0-9]{3}-[0-9]{3}-[0-9]{4}",
        rf"(?:nhs|national health){GAP}[0-9](?:[ -]?[0-9]){{9}}",
    ),
    valid=_is_nhs,
    group="national",
    regions=("GB",),
    value=context_value,
)

# --- United States --------------------------------------------------------------------------


def _is_ssn(candidate: Candidate) -> bool:
    return (
        alone(numbered(candidate))
        and not is_amount(candidate)
        and ssn.is_valid(digits_of(candidate))
    )


US_SSN = Identifier(
    name="us-ssn",
    title="US social security number",
    expressions=(
        r"[0-9]{3}-[0-9]{2}-[0-9]{4}",
        r"[0-9]{3} [0-9]{2} [0-9]{4}",
        rf"(?:ssn|s\.s\.n\.|social security|social){GAP}[0-9]{{3}}[ .-]?[0-9]{{2}}[ .-]?[0-9]{{4}}",
    ),
    valid=_is_ssn,
    group="national",
    regions=("US",),
    value=context_value,
)


def _is_ein(candidate: Candidate) -> bool:
    # A parenthesis before it is an area code's: (0)20-7940958.
    return (
        candidate.before != ")"
        and alone(numbered(candidate))
        and ein.is_valid(digits_of(candidate))
    )


_EIN_WORDS = r"(?:ein|fein|employer id|employer identification|federal tax id|tax id)"
US_EIN = Identifier(
    name="us-ein",
    title="US employer identification number",
    expressions=(
        r"[0-9]{2}-[0-9]{7}",
        rf"{_EIN_WORDS}{GAP}[0-9]{{2}}[ -]?[0-9]{{7}}",
    ),
    valid=_is_ein,
    group="national",
    regions=("US",),
    value=context_value,
)

KINDS = (
    UK_NINO,
    UK_UTR,
    UK_NHS,
    US_SSN,
    US_EIN,
)
