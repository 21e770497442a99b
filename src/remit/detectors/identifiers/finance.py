"""Accounts and tax numbers that carry their own proof: IBAN, payment card, VAT.

Sources: ISO 13616 (IBAN), ISO/IEC 7812 (cards, Luhn), Council Directive 2006/112/EC article 215
(VAT prefixes); the checks are `python-stdnum`'s.
"""

from __future__ import annotations

import re

from stdnum import ean, iban, luhn
from stdnum.ch import uid
from stdnum.eu import vat
from stdnum.gb import vat as gb_vat

from remit.detectors.identifiers.base import (
    Candidate,
    Identifier,
    alone,
    apart,
    compact,
    longest_suffix,
    trim,
)

# --- IBAN -----------------------------------------------------------------------------------

_IBAN_LENGTHS = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}


_COUNTRIES = tuple(" ".join(_IBAN_LENGTHS.values()).split())
# How the account begins after the check digits: four characters, each of a country's class. In
# prose ("will be 50 years in all") nothing is told sooner from an IBAN.
_IBAN_HEADS = {
    "[0-9] [0-9] [0-9] [0-9]": (
        "AD AE AL AT BA BE BI BR CH CR CY CZ DE DJ DK EE EG ES FI FO FR GL GR HR HU IL IS LB LI LT "
        "LY MC ME MN MR NO PL PT RS RU SD SE SI SK SO ST TL TN TR UA VA XK"
    ),
    "[a-z] [a-z] [a-z] [a-z]": (
        "AZ BG BH GB GI HN IE IQ JO KW LC LV MT MU NI NL PK PS QA RO SC SV VG YE"
    ),
    "[a-z] [a-z] [0-9] [0-9]": "FK GE",
    "[a-z] [0-9] [0-9] [0-9]": "IT SM",
    "[0-9] [0-9] [a-z0-9] [a-z0-9]": "KZ LU MK OM SA",
    "[a-z0-9] [a-z0-9] [a-z0-9] [a-z0-9]": "BY DO GT MD",
}


def _iban_heads() -> str:
    return "|".join(
        f"(?:{countries.replace(' ', '|')})[ .-]?[0-9]{{2}}"
        + "".join(f"[ .-]?{kind}" for kind in head.split())
        for head, countries in _IBAN_HEADS.items()
    )


def _genuine_iban(text: str) -> bool:
    # Every word of a sentence with a number in it comes here: most are told by two letters.
    head = text[:2]
    if head.isascii() and head.isalnum() and head.upper() not in _COUNTRIES:
        return False
    number = compact(text)
    if number[:2] not in _IBAN_LENGTHS.get(len(number), ""):
        return False
    return iban.is_valid(number, check_country=False)


_iban_value = longest_suffix(_genuine_iban)


def _is_iban(candidate: Candidate) -> bool:
    # The structure and both check digits stand on their own, whatever number follows.
    inner = trim(candidate, _iban_value)
    return inner.text != "" and apart(inner)


IBAN = Identifier(
    name="iban",
    title="IBAN bank account number",
    expressions=(rf"(?:{_iban_heads()})(?:[ .-]?[a-z0-9]){{7,25}}",),
    valid=_is_iban,
    group="finance",
    value=_iban_value,
)

# --- payment card ---------------------------------------------------------------------------

_ISSUERS: tuple[tuple[str, str, tuple[int, ...]], ...] = (
    # issuer, prefixes (ranges inclusive), lengths
    ("Visa", "4", (13, 16, 19)),
    ("Mastercard", "51-55 2221-2720", (16,)),
    ("American Express", "34 37", (15,)),
    ("Diners Club", "300-305 3095 36 38-39", (14, 16, 19)),
    ("Discover", "6011 644-649 65", (16, 19)),
    ("JCB", "3528-3589", (16, 19)),
    ("UnionPay", "62 81", (16, 17, 18, 19)),
    ("Maestro", "5018 5020 5038 56-58 6304 6759 6761-6763 67", (16, 18, 19)),
    ("Mir", "2200-2204", (16, 19)),
    ("RuPay", "60 82 508", (16,)),
    ("Dankort", "5019", (16,)),
)
_CARD_GROUPS = {(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (8, 8), (6, 13), (4, 4, 4, 2)}


def _in_range(digits: str, prefixes: str) -> bool:
    for prefix in prefixes.split():
        low, _, high = prefix.partition("-")
        if int(low) <= int(digits[: len(low)]) <= int(high or low):
            return True
    return False


def card_issuer(digits: str) -> str | None:
    """Whose card a number of this length and prefix would be, else None."""
    for issuer, prefixes, lengths in _ISSUERS:
        if len(digits) in lengths and _in_range(digits, prefixes):
            return issuer
    return None


def _genuine_card(text: str) -> bool:
    digits = compact(text)
    if not (digits.isascii() and digits.isdigit()):
        return False
    if card_issuer(digits) is None or not luhn.is_valid(digits):
        return False
    if len(digits) != 13:
        return True
    # An old Visa number; an article number has the same length and another check digit.
    return len(text) == 13 and not ean.is_valid(digits)


_card_value = longest_suffix(_genuine_card)


def _is_card(candidate: Candidate) -> bool:
    inner = trim(candidate, _card_value)
    if not inner.text:
        return False
    sizes = tuple(map(len, re.findall(r"[0-9]+", inner.text)))
    if sizes not in _CARD_GROUPS:
        # A bare or oddly grouped number must not be a piece of a longer one.
        return alone(inner) and (len(sizes) == 1 or inner.text == candidate.text)
    # An expiry date or an amount may stand beside a card in its usual grouping.
    after = candidate.after
    continued = after[:1] in tuple(".-/") and after[1:2].isdigit()
    return apart(inner) and inner.before not in tuple(".-/+") and not continued


PAYMENT_CARD = Identifier(
    name="payment-card",
    title="payment card number",
    expressions=(r"[0-9](?:[ .-]{0,2}[0-9]){12,18}",),
    valid=_is_card,
    group="finance",
    value=_card_value,
)

# --- VAT ------------------------------------------------------------------------------------

_D = "[ .-]?[0-9]"
_VAT_SHAPES = (
    r"ATU(?:{d}){8}",
    r"BE(?:{d}){9,10}",
    r"(?:BG|CZ|LT|RO)(?:{d}){6,12}",
    r"(?:CY)(?:{d}){8}[ .-]?[a-z]",
    r"(?:DE|EE|EL|GR|PT)(?:{d}){9}",
    r"(?:DK|FI|HU|LU|MT|SI)(?:{d}){8}",
    r"ES[ .-]?[a-z0-9](?:{d}){7}[ .-]?[a-z0-9]",
    r"FR[ .-]?[a-z0-9]{2}(?:{d}){9}",
    r"(?:GB|XI)(?:(?:{d}){9}|(?:{d}){12}|[ .-]?(?:GD|HA)(?:{d}){3})",
    r"(?:HR|IT|LV)(?:{d}){11}",
    r"IE[ .-]?[0-9][ .-]?[0-9a-z+*](?:{d}){5}[ .-]?[a-z]{1,2}",
    r"NL(?:{d}){9}[ .-]?B[ .-]?[0-9]{2}",
    r"(?:PL|SK)(?:{d}){10}",
    r"SE(?:{d}){12}",
    r"CHE(?:{d}){9}(?: (?:MWST|TVA|IVA|VAT))?",
)


def _is_vat(candidate: Candidate) -> bool:
    text = candidate.text
    if not alone(candidate):
        return False
    # "at 12 ..." and "is 12 ..." begin sentences' ends; only capitals may stand apart.
    if not text[2:3].isalnum() and not text[:2].isupper():
        return False
    number = compact(text)
    if number.startswith("CHE"):
        return uid.is_valid(re.sub(r"(MWST|TVA|IVA|VAT)$", "", number))
    if number[:2] in ("GB", "XI"):
        return gb_vat.is_valid(number[2:])
    return vat.is_valid("EL" + number[2:] if number.startswith("GR") else number)


EU_VAT = Identifier(
    name="eu-vat",
    title="VAT identification number",
    expressions=tuple(shape.replace("{d}", _D) for shape in _VAT_SHAPES),
    valid=_is_vat,
    group="finance",
)

KINDS = (IBAN, PAYMENT_CARD, EU_VAT)
