"""The beginnings of IBANs that the scanner looks for are those of the registry (ISO 13616)."""

from __future__ import annotations

import re

import pytest
from stdnum import iban

from remit.detectors.identifier import IdentifierMatcher
from remit.detectors.identifiers import finance
from remit.detectors.text import Text

HEADS = {
    country: head.split()
    for head, countries in finance._IBAN_HEADS.items()
    for country in countries.split()
}
WIDER = {"n": {"[0-9]", "[a-z0-9]"}, "a": {"[a-z]", "[a-z0-9]"}, "c": {"[a-z0-9]"}}
SAMPLE = {"n": "123456789" * 4, "a": "ABCDEFGHI" * 4, "c": "1A2B3C4D5" * 4}


def structure(country: str) -> str:
    """Each character of the account part: n, a or c."""
    ((_, info), *_rest) = iban._ibandb.info(f"{country}00")
    parts = re.findall(r"(\d+)!?([nac])", info["bban"])
    return "".join(kind * int(count) for count, kind in parts)


def test_every_country_has_a_head_as_wide_as_the_registry() -> None:
    assert set(HEADS) == set(finance._COUNTRIES)
    for country, head in HEADS.items():
        for wanted, kind in zip(head, structure(country), strict=False):
            assert wanted in WIDER[kind], country


@pytest.mark.parametrize("country", sorted(HEADS))
def test_an_iban_of_every_country_is_found(country: str) -> None:
    account = "".join(SAMPLE[kind][at] for at, kind in enumerate(structure(country)))
    checked = next(n for n in (f"{country}{c:02}{account}" for c in range(2, 99)) if valid(n))
    spaced = " ".join(checked[at : at + 4] for at in range(0, len(checked), 4))
    matcher = IdentifierMatcher([("iban",)], ())
    for written in (checked, spaced, checked.lower()):
        text = f"it will be 20 to {written}, please"
        (span,) = matcher.spans(Text(text))
        assert text[span.start : span.end] == written


def valid(number: str) -> bool:
    return bool(iban.is_valid(number, check_country=False))
