"""Numbers by which the states of the continent know a person or a business.

Each is confirmed by its published check digits (`python-stdnum`). Where a number has none or
few, it counts only in its official grouping or beside a word that names it.
"""

from __future__ import annotations

import re

from stdnum.be import bis, nn
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.it import codicefiscale
from stdnum.nl import bsn

from remit.detectors.identifiers.base import (
    GAP,
    Candidate,
    Identifier,
    alone,
    apart,
    compact,
    context_value,
    digits_of,
    in_context,
    is_amount,
    numbered,
)

# --- Netherlands, Belgium, Germany ----------------------------------------------------------


def _is_bsn(candidate: Candidate) -> bool:
    if not alone(numbered(candidate)) or is_amount(candidate):
        return False
    number = digits_of(candidate)
    if not in_context(candidate):
        joined = candidate.after[:1] == "." and candidate.after[1:2].isalnum()
        if len(number) != 9 or joined:
            return False
    return bsn.is_valid(number.zfill(9))


_BSN_WORDS = r"(?:bsn|b\.s\.n\.|burgerservice|sofi|citizen service|persoonsnummer)"
BSN = Identifier(
    name="bsn",
    title="Dutch citizen service number (BSN)",
    expressions=(
        # The currency is part of the expression so that an amount can be told and refused.
        r"(?:(?:€|\$|£|eur) ?)?[0-9]{3}[.][0-9]{3}[.][0-9]{3}",
        r"(?:(?:€|\$|£|eur) ?)?[0-9]{3} [0-9]{3} [0-9]{3}",
        r"[0-9]{4}[. ][0-9]{2}[. ][0-9]{3}",
        rf"{_BSN_WORDS}{GAP}[0-9](?:[ .-]?[0-9]){{7,8}}",
    ),
    valid=_is_bsn,
    group="national",
    regions=("NL",),
    value=context_value,
)


def _is_be_national(candidate: Candidate) -> bool:
    number = digits_of(candidate)
    return alone(numbered(candidate)) and (nn.is_valid(number) or bis.is_valid(number))


BE_NATIONAL = Identifier(
    name="be-national",
    title="Belgian national register number",
    expressions=(
        r"[0-9]{2}[.]?[0-9]{2}[.]?[0-9]{2}[ -]?[0-9]{3}[ .-]?[0-9]{2}",
        r"[0-9]{2}[ -][0-9]{2}[ -][0-9]{2}[ -][0-9]{3}[ .-][0-9]{2}",
    ),
    valid=_is_be_national,
    group="national",
    regions=("BE",),
)


def _is_steuer_id(candidate: Candidate) -> bool:
    if not alone(numbered(candidate)) or not idnr.is_valid(digits_of(candidate)):
        return False
    return in_context(candidate) or candidate.before not in ("€", "$", "£")


DE_STEUER_ID = Identifier(
    name="de-steuer-id",
    title="German tax identification number",
    expressions=(
        r"[1-9][0-9][ ./]?[0-9]{3}[ ./]?[0-9]{3}[ ./]?[0-9]{3}",
        rf"(?:steuer|idnr|identifikationsnummer|tax id){GAP}[1-9](?:[ ./-]?[0-9]){{10}}",
    ),
    valid=_is_steuer_id,
    group="national",
    regions=("DE",),
    value=context_value,
)

# --- France, Spain, Italy -------------------------------------------------------------------

_NIR = re.compile(r"[1-478][0-9]{2}(?:0[1-9]|1[0-2]|[2-9][0-9])(?:[0-9]{2}|2[AB])[0-9]{6}")


def _is_nir(candidate: Candidate) -> bool:
    if not alone(numbered(candidate)):
        return False
    number = digits_of(candidate)
    if len(number) == 13:
        return in_context(candidate) and _NIR.fullmatch(number) is not None
    return _NIR.match(number) is not None and nir.is_valid(number)


_NIR_SHAPE = r"[1-478](?:[ .-]?[0-9]){4}[ .-]?[0-9][ .-]?[0-9AB](?:[ .-]?[0-9]){6}"
FR_NIR = Identifier(
    name="fr-nir",
    title="French social security number (NIR)",
    expressions=(
        rf"{_NIR_SHAPE}(?:[ ./-]{{0,3}}[0-9]){{2}}",
        rf"(?:sécurité sociale|securite sociale|sécu|\bnir|insee){GAP}{_NIR_SHAPE}",
    ),
    valid=_is_nir,
    group="national",
    regions=("FR",),
    value=context_value,
)


def _is_dni(candidate: Candidate) -> bool:
    text = candidate.text
    if not alone(numbered(candidate)):
        return False
    # "12345678 a las ..." is a number and a word; only a capital may stand apart.
    if text[-2:-1] == " " and not text[-1:].isupper():
        return False
    number = compact(text)
    return len(number) == 9 and dni.is_valid(number)


ES_DNI = Identifier(
    name="es-dni",
    title="Spanish identity number (DNI)",
    expressions=(r"[0-9]{2}[. ]?[0-9]{3}[. ]?[0-9]{3}[ -]{0,3}[a-z]",),
    valid=_is_dni,
    group="national",
    regions=("ES",),
)


def _is_nie(candidate: Candidate) -> bool:
    return alone(candidate) and nie.is_valid(compact(candidate.text))


ES_NIE = Identifier(
    name="es-nie",
    title="Spanish foreigner's number (NIE)",
    expressions=(
        r"[xyz][ -]?[0-9]{7}[ -]?[a-z]",
        r"[xyz][ -]?[0-9][. ]?[0-9]{3}[. ]?[0-9]{3}[ -]?[a-z]",
    ),
    valid=_is_nie,
    group="national",
    regions=("ES",),
)


def _is_codice_fiscale(candidate: Candidate) -> bool:
    number = compact(candidate.text)
    return apart(candidate) and len(number) == 16 and codicefiscale.is_valid(number)


_NAMES = r"[a-z]{3}[ -]?[a-z]{3}"
# A digit, or the letter that stands for it where two people share a code (omocodia).
_N = "[0-9lmnp-v]"
IT_CODICE_FISCALE = Identifier(
    name="it-codice-fiscale",
    title="Italian tax code (codice fiscale)",
    expressions=(
        rf"{_NAMES}[ -]?{_N}{{2}}[ -]?[abcdehlmprst][ -]?{_N}{{2}}[ -]?[a-z]{_N}{{3}}[ -]?[a-z]",
    ),
    valid=_is_codice_fiscale,
    group="national",
    regions=("IT",),
)

KINDS = (
    BSN,
    BE_NATIONAL,
    DE_STEUER_ID,
    FR_NIR,
    ES_DNI,
    ES_NIE,
    IT_CODICE_FISCALE,
)
