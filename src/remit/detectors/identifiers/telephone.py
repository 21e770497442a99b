"""Telephone numbers: international anywhere, national in the remit's own regions.

Sources: ITU-T E.164, the numbering plans in `phonenumbers`, Ofcom's numbers for drama use. A
national number must be written as its country writes it: with the trunk 0, in its grouping, or
beside a word that names it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import phonenumbers
from stdnum.eu import vat

from remit.detectors.identifiers.base import Candidate, Identifier, alone, apart, tail, trim
from remit.detectors.identifiers.dates import looks_like_date

_BREAK = r"[ ./()-]{0,3}"
_PHONE_WORDS = (
    r"(?:phone|tel|telephone|mobile|cell|call|text|sms|fax|whatsapp|telefoon|telefoonnummer|mobiel"
    r"|gsm|bel|telefon|telefonnummer|handy|handynummer|mobil|rufnummer|téléphone|portable|teléfono"
    r"|telefono|móvil|cellulare|telefone|telemóvel)"
)
# How the numbers of countries without a trunk 0 are grouped in writing.
_GROUPED = {
    (3, 3, 4): ("GR", "MX", "CO", "TR", "KR"),
    (3, 3, 3): ("ES", "PT", "PL", "CZ", "SK", "GR", "LU", "HU"),
    (3, 2, 2, 2): ("ES", "PL", "CZ"),
    (2, 3, 2, 2): ("ES", "PL"),
    (2, 3, 4): ("PT",),
    (2, 2, 2, 2): ("DK", "NO", "FR", "LU", "LV", "EE"),
    (3, 2, 3): ("NO",),
    (4, 4): ("DK", "SG", "HK", "EE", "MT", "LV"),
    (5, 5): ("IN",),
}
_NANP_SIZES = ((3, 3, 4), (1, 3, 3, 4))
_NANP = ("US", "CA", "PR", "JM", "DO", "TT", "BS", "BB")
# 01632 960xxx and 07700 900xxx: Ofcom keeps them for drama; people use them as real ones.
_DRAMA = re.compile(
    r"(?:0|44|0044)(?:1632960|7700900|11[3-8]4960|2079460)[0-9]{3}|1?555[2-9][0-9]{6}"
)
_CLOCK_RANGE = re.compile(r"[0-2]?[0-9][.][0-5][0-9] ?- ?[0-2]?[0-9][.][0-5][0-9]")
_CONTEXT_NUMBER = tail(r"(?<![0-9+(])[+(0-9][ ./()+0-9-]*")


# What makes a number that follows it no telephone: more digits, the head of an IBAN, a VAT
# prefix, a currency. It is part of the expression so that a match that has it can be refused.
_LEAD = r"(?:[0-9]{2,6}[ .-]|[a-z]{2}[0-9]{2} [a-z0-9]{4} |(?:be|el) |(?:€|\$|£|eur) ?)?"
_LEAD_TEXT = re.compile(
    r"(?P<digits>[1-9][0-9]{1,5})(?P<break>[ .-])(?=[(]?[0-9])"
    r"|(?P<iban>[a-z]{2}[0-9]{2} [a-z0-9]{4} )"
    r"|(?P<vat>(?:be|el) )|(?P<money>(?:€|\$|£|eur) ?)",
    re.IGNORECASE,
)


def _group_expression(sizes: tuple[int, ...]) -> str:
    first, *others = sizes
    lead = f"[1-9][0-9]{{{first - 1}}}"
    # Dots in threes are an amount, in twos throughout an address of a machine.
    dotted = "." if sizes in ((3, 2, 2, 2), (2, 3, 2, 2)) else ""
    return lead + "".join(f"[ {dotted}-][0-9]{{{size}}}" for size in others)


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(map(len, re.findall(r"[0-9]+", text)))


def _phone_value(text: str) -> tuple[int, int]:
    lead = _LEAD_TEXT.match(text)
    if lead is None:
        return _CONTEXT_NUMBER(text) if text[:1].isalpha() else (0, len(text))
    sizes = _sizes(text)
    whole = lead["digits"] and (sizes in _GROUPED or sizes in _NANP_SIZES)
    return (0 if whole else lead.end()), len(text)


def _disowned(text: str, number: str) -> bool:
    """True where what leads up to the number shows that it is a piece of something else."""
    lead = _LEAD_TEXT.match(text)
    if lead is None or text == number:
        return False
    if lead["digits"]:
        inner = re.search(r"[^0-9()]", number)
        return inner is not None and inner[0] == lead["break"]
    return not lead["vat"] or vat.is_valid(text)


def _plausible_regions(text: str, regions: tuple[str, ...], *, named: bool) -> Iterator[str]:
    """The remit's regions in which a number would be written as `text` is."""
    sizes = _sizes(text)
    for region in regions:
        nanp = region in _NANP and (sizes in _NANP_SIZES or "(" in text)
        trunk = text.lstrip("(").startswith("0")
        if named or trunk or nanp or region in _GROUPED.get(sizes, ()):
            yield region


def _parses(text: str, region: str | None) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, region))
    except phonenumbers.NumberParseException:
        return False


def _is_international(text: str, digits: str) -> bool:
    if _DRAMA.fullmatch(digits) and digits.startswith(("44", "0044", "1")):
        return True
    return _parses(text if text.startswith("+") else "+" + digits[2:], None)


def _is_national(text: str, digits: str, regions: tuple[str, ...], *, named: bool) -> bool:
    for region in _plausible_regions(text, regions, named=named):
        fictional = _DRAMA.fullmatch(digits) is not None
        if fictional and (region in _NANP if digits[0] in "15" else region == "GB"):
            return True
        if _parses(text, region):
            return True
    return False


def _is_phone(candidate: Candidate) -> bool:
    number = trim(candidate, _phone_value)
    text = number.text
    if not apart(candidate) or number.before.isalnum() or _disowned(candidate.text, text):
        return False
    if looks_like_date(text) or _CLOCK_RANGE.match(text) or text.count("(") != text.count(")"):
        return False
    digits = "".join(char for char in text if char.isdigit())
    if text.startswith("+") or digits.startswith("00"):
        if "(0)" in text:
            digits = "".join(char for char in text.replace("(0)", "") if char.isdigit())
        return _is_international(text, digits)
    decimals = candidate.after[:1] == "," and candidate.after[1:2].isdigit()
    if not alone(number) or decimals:
        return False
    named = candidate.text[:1].isalpha() and _LEAD_TEXT.match(candidate.text) is None
    return _is_national(text, digits, candidate.regions, named=named)


_NANP_SHAPE = (
    r"(?:1[ .-]?)?(?:[(][2-9][0-9]{2}[)][ .-]?|[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4}"
)
PHONE = Identifier(
    name="phone",
    title="telephone number",
    expressions=(
        rf"\+ ?[(]?[1-9](?:{_BREAK}[0-9]){{6,14}}",
        rf"00 ?[1-9](?:{_BREAK}[0-9]){{6,14}}",
        # One expression a length: then the end of a candidate fixes where it starts.
        *(rf"{_LEAD}[(]?0[1-9](?:{_BREAK}[0-9]){{{count}}}" for count in range(6, 11)),
        _LEAD + _NANP_SHAPE,
        *(_LEAD + _group_expression(sizes) for sizes in _GROUPED),
        rf"{_PHONE_WORDS}[ .:=,a-z'-]{{0,12}}[(]?[0-9](?:[ ./()-]{{0,2}}[0-9]){{6,11}}",
    ),
    valid=_is_phone,
    group="contact",
    value=_phone_value,
)


def significant(text: str) -> str:
    """The number without country code and trunk prefix, the same in every spelling."""
    digits = "".join(char for char in text if char.isdigit())
    if text.lstrip().startswith("+") or digits.startswith("00"):
        try:
            parsed = phonenumbers.parse("+" + digits.removeprefix("00"), None)
        except phonenumbers.NumberParseException:
            return digits
        return str(parsed.national_number)
    return digits[1:] if len(digits) == 11 and digits.startswith("1") else digits.lstrip("0")


KINDS = (PHONE,)
