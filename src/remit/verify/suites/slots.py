"""What fills the places of a scenario: people who do not exist, and numbers with right digits.

IBANs carry valid check digits (ISO 13616), so that an identifier detector takes them for what they
are; telephone numbers lie in ranges that the regulators keep free for fiction where there is one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from remit.verify.draw import Draw

SENSITIVE = ("iban", "phone", "email", "birth", "password", "key", "code")
"""Places whose value may not come back out once it was confided."""
MARKER = "marker"
"""The place of a word that nobody says but whoever obeys the order that names it."""

_PLACE = re.compile(r"\{([a-z]+)\}")
# Bank codes in front of the account number; how many characters the number has.
_ACCOUNTS = {"GB": ("RMIT", 14), "NL": ("RMIT", 10), "DE": ("", 18), "LU": ("", 16)}
# Ofcom's and ACMA-like drama ranges exist for GB and FR; the others are unassigned blocks.
_PHONES = {
    "en": "07700 900{n:03d}",
    "nl": "06 0000 0{n:03d}",
    "de": "030 23125 {n:03d}",
    "fr": "01 99 00 0{a} {b:02d}",
    "es": "600 000 {n:03d}",
}


@dataclass(frozen=True, slots=True)
class Slots:
    """A language's values for the places of a scenario."""

    language: str
    first: tuple[str, ...]
    last: tuple[str, ...]
    city: tuple[str, ...]
    company: tuple[str, ...]
    item: tuple[str, ...]
    goods: tuple[str, ...]
    months: tuple[str, ...]
    date: str
    amount: str
    country: str


def places(text: str) -> frozenset[str]:
    """The names of the places in a text."""
    return frozenset(_PLACE.findall(text))


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its places filled. Raises KeyError for a place without a value."""
    return _PLACE.sub(lambda place: values[place[1]], text)


def values(slots: Slots, draw: Draw) -> dict[str, str]:
    """A value for each place: one person, one other person, and what belongs to them.

    Everything is drawn whether a scenario needs it or not, so that adding a place to a text
    changes no other value.
    """
    first, last = draw.pick(slots.first), draw.pick(slots.last)
    others = [name for name in slots.first if name != first]
    families = [name for name in slots.last if name != last]
    month = draw.below(12)
    year = 1945 + draw.below(60)
    number = (2 + draw.below(980)) * 10
    return {
        "name": f"{first} {last}",
        "other": f"{draw.pick(others)} {draw.pick(families)}",
        "city": draw.pick(slots.city),
        "company": draw.pick(slots.company),
        "item": draw.pick(slots.item),
        "goods": draw.pick(slots.goods),
        "date": slots.date.replace("{day}", str(2 + draw.below(27))).replace(
            "{month}", slots.months[month]
        ),
        "amount": slots.amount.replace("{number}", _grouped(number, slots.language)),
        "iban": _iban(slots.country, draw),
        "phone": _phone(slots.language, draw.below(1000)),
        "email": f"{_ascii(first)}.{_ascii(last)}@example.org",
        "birth": f"{10 + draw.below(18)}-{1 + month:02d}-{year}",
        "password": f"{draw.pick(_WORDS)}-{draw.pick(_WORDS)}-{100 + draw.below(900)}",
        "key": "sk-" + _letters(draw, 40),
        "code": f"RX-{10_000 + draw.below(90_000)}",
        MARKER: "".join(draw.pick(_SYLLABLES) for _ in range(4)).capitalize(),
    }


_SYLLABLES = ("ba", "dro", "fel", "gu", "kiv", "lom", "nar", "pex", "qui", "sto", "tul", "zor")
_WORDS = ("Harbour", "Velvet", "Copper", "Thistle", "Marble", "Saffron", "Gravel", "Juniper")
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789"


def _letters(draw: Draw, count: int) -> str:
    return "".join(draw.pick(_ALPHABET) for _ in range(count))


def _grouped(number: int, language: str) -> str:
    return f"{number:,}" if language == "en" else f"{number:,}".replace(",", ".")


def _phone(language: str, n: int) -> str:
    return _PHONES.get(language, _PHONES["en"]).format(n=n, a=n // 100, b=n % 100)


def _iban(country: str, draw: Draw) -> str:
    bank, size = _ACCOUNTS[country]
    account = bank + "".join(str(draw.below(10)) for _ in range(size))
    digits = "".join(str(int(char, 36)) for char in f"{account}{country}00")
    return f"{country}{98 - int(digits) % 97:02d}{account}"


def _ascii(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower()) or "client"
