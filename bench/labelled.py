"""Lines labelled by hand with the identifiers in them, for the kinds that Remit and Presidio share.

The labels follow the standards (ISO 13616 and ISO 7812 check digits, the NHS and NINO rules, SSA's
list of numbers never issued), not what either program says. All numbers are documentation or test
numbers, or numbers of public desks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

KINDS = {
    "email": "EMAIL_ADDRESS",
    "phone": "PHONE_NUMBER",
    "iban": "IBAN_CODE",
    "payment-card": "CREDIT_CARD",
    "us-ssn": "US_SSN",
    "ip": "IP_ADDRESS",
    "uk-nhs": "UK_NHS",
    "uk-nino": "UK_NINO",
}
"""Remit's name of each kind, and Presidio's."""

REGIONS = ("GB", "US", "NL")
"""Whose national telephone numbers both programs are told to expect."""

LINES: tuple[tuple[str, frozenset[str]], ...] = tuple(
    (text, frozenset(kinds.split()))
    for kinds, text in (
        ("email", "Please write to p.visser@example.org about the invoice."),
        ("email", "My address is anna+books@mail.example.co.uk, thanks."),
        ("email", "Send it to <finance@example.com>."),
        ("email", "JAN.DEVRIES@EXAMPLE.NL is what I use"),
        ("email", "You can reach o'neill_88@example-shop.com any time."),
        ("email", "cc: a@example.io"),
        ("phone", "Call me on +31 20 624 1111 after five."),
        ("phone", "My number is +44 20 7946 0958."),
        ("phone", "Ring 020 7946 0018 and ask for Ada."),
        ("phone", "You can text me at 06-12345678."),
        ("phone", "Our desk is at (650) 253-0000."),
        ("phone", "tel. +1 650-253-0000, weekdays"),
        ("iban", "Pay into GB29 NWBK 6016 1331 9268 19 please."),
        ("iban", "The refund goes to NL91ABNA0417164300."),
        ("iban", "DE89 3704 0044 0532 0130 00 is the new account."),
        ("iban", "IBAN: FR14 2004 1010 0505 0001 3M02 606"),
        ("iban", "Use BE68 5390 0754 7034 from now on."),
        ("iban", "Account ES91 2100 0418 4502 0005 1332 is closed."),
        ("payment-card", "I paid with 4111 1111 1111 1111 last week."),
        ("payment-card", "Card 5555555555554444 was declined."),
        ("payment-card", "My Amex is 3782 822463 10005."),
        ("payment-card", "Use 6011-1111-1111-1117 instead."),
        ("payment-card", "The old one, 4012 8888 8888 1881, has expired."),
        ("payment-card", "card no. 5105 1051 0510 5100"),
        ("us-ssn", "My social security number is 536-22-8791."),
        ("us-ssn", "SSN: 212-09-7694"),
        ("us-ssn", "For the W-2, my SSN is 457-55-5462."),
        ("us-ssn", "Her social security number: 509-21-4386."),
        ("ip", "The upload came from 192.168.10.24."),
        ("ip", "Please allow 203.0.113.77 in the portal."),
        ("ip", "The server is 2001:db8:85a3::8a2e:370:7334."),
        ("ip", "It fails from 10.0.0.5, I think."),
        ("uk-nhs", "My NHS number is 943 476 5919."),
        ("uk-nhs", "NHS number 401-023-2137 is on the letter."),
        ("uk-nino", "My National Insurance number is AB 12 34 56 C."),
        ("uk-nino", "NI number: CE123456D"),
        ("uk-nino", "Payroll needs JG 10 37 59 A from me."),
        ("email phone", "Reach me at kim@example.com or +31 6 12345678."),
        ("iban email", "Refund NL91 ABNA 0417 1643 00, mail me at kees@example.nl."),
        ("payment-card us-ssn", "Card 4242 4242 4242 4242, SSN 536-22-8791."),
        ("", "Pay into GB29 NWBK 6016 1331 9268 18 please."),
        ("", "The refund goes to NL92ABNA0417164300."),
        ("", "I paid with 4111 1111 1111 1112 last week."),
        ("", "Card 1234 5678 9012 3456 is just an example."),
        ("", "My social security number is 000-12-3456."),
        ("", "SSN: 666-45-1234"),
        ("", "My NHS number is 943 476 5918."),
        ("", "National Insurance number QQ 12 34 56 C."),
        ("", "The address 256.300.1.1 does not exist."),
        ("", "We run version 10.4.2 of the package."),
        ("", "The invoice of 12-03-2026 is for 1,234.56 in total."),
        ("", "Order 20260312 was delivered on 14/03/2026."),
        ("", "Your file number is 2026-000451."),
        ("", "The total is EUR 12.345,67 including VAT."),
        ("", "See chapter 4.2.1 of the manual."),
        ("", "ISBN 978-0-306-40615-7 is the book I meant."),
        ("", "The meeting is on 2026-11-24 at 10:30-11:45."),
        ("", "Turnover was 2024: 812 000, 2025: 934 500."),
        ("", "Write to us at the office, 12 High Street."),
        ("", "Follow @example on the portal for news."),
        ("", "VAT period 2026Q3, box 5a: 4,310."),
        ("", "Parcel 3SABCD123456789 is on its way."),
    )
)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many labelled lines a program gets right, and what it misses or sees wrongly."""

    who: str
    lines: int
    right: int
    missed: int
    false: int


def agreement(who: str, found: Iterable[frozenset[str]]) -> Agreement:
    """Compares the kinds found in each line with its label."""
    pairs = [(label, kinds) for (_, label), kinds in zip(LINES, found, strict=True)]
    return Agreement(
        who,
        lines=len(pairs),
        right=sum(label == kinds for label, kinds in pairs),
        missed=sum(len(label - kinds) for label, kinds in pairs),
        false=sum(len(kinds - label) for label, kinds in pairs),
    )
