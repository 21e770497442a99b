"""E-mail and IP addresses: what FineWeb replaces in every text (Penedo et al. 2024, section 3.7).

Finds what the expressions of datatrove 0.10.1's `PIIFormatter` find, in linear time: those may
take quadratic time on hostile text, so here each `@` and each group of digits is looked at once.
Rules of a remit know far more kinds of identifiers; this is here for corpora made FineWeb's way.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from remit.layers.data.quality.batch import Batch
from remit.layers.data.quality.characters import DIGIT
from remit.layers.data.quality.judgement import Judgement
from remit.layers.data.rows import Way
from remit.types import Span, merge_spans

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)"
_IP = re.compile(rf"(?:{_OCTET}\.){{3}}{_OCTET}")
_MAY_BE_IP = re.compile(r"\.[0-9]{1,3}\.")
_LOCAL = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+/=?^_`{|}~-."
)
_DOMAIN = re.compile(
    r"@(?:(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
    r"|\[(?:(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\.){3}"
    r"(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?|[A-Za-z0-9-]*[A-Za-z0-9]:)])"
)
_BOUNDARY = re.compile(r"\b")


@dataclass(frozen=True, slots=True)
class Personal:
    """Takes e-mail addresses and public IPv4 addresses out."""

    name: str = "fineweb-pii"
    emails: bool = True
    ips: bool = True
    public_only: bool = True

    def judge(self, batch: Batch) -> list[Judgement | None]:
        """REDACT with the spans, labelled `email` and `ip`, or None."""
        judgements: list[Judgement | None] = [None] * len(batch.texts)
        signs = batch.points[batch.signs]
        dots = batch.signs[signs == ord(".")]
        # In an IPv4 address, two dots have one to three digits between them.
        gap, digit = np.diff(dots), (batch.kinds[dots[1:] - 1] & DIGIT) != 0
        near = dots[1:][digit & (gap > 1) & (gap < 5)]
        maybe = np.concatenate((batch.signs[signs == ord("@")], near))
        for i in np.unique(batch.text_of(maybe)).tolist():
            judgements[i] = self._text(batch.texts[i])
        return judgements

    def _text(self, text: str) -> Judgement | None:
        mails = tuple(emails(text)) if self.emails and "@" in text else ()
        ips = tuple(self._ips(text)) if self.ips and _MAY_BE_IP.search(text) else ()
        if not mails and not ips:
            return None
        reason = f"e-mail addresses {len(mails)}, IP addresses {len(ips)}"
        return Judgement(reason, Way.REDACT, merge_spans(mails + ips))

    def _ips(self, text: str) -> Iterator[Span]:
        for found in _IP.finditer(text):
            try:
                address = ipaddress.ip_address(found.group())
            except ValueError:  # octets with leading zeros
                continue
            if address.is_global or not self.public_only:
                yield Span(found.start(), found.end(), "ip")


def emails(text: str) -> Iterator[Span]:
    """E-mail addresses from left to right, each beginning as far left as it can."""
    low = 0
    at = text.find("@")
    while at >= 0:
        domain = _DOMAIN.match(text, at)
        start = _local(text, low, at) if domain else -1
        if domain and start >= 0:
            yield Span(start, domain.end(), "email")
            low = domain.end()
        else:
            low = at + 1
        at = text.find("@", low)


def _local(text: str, low: int, at: int) -> int:
    """Where the local part that ends at `at` begins, not before `low`; -1 where there is none."""
    start = at
    while start > low and text[start - 1] in _LOCAL:
        start -= 1
    if at == start or text[at - 1] == ".":
        return -1
    start = max(start, text.rfind("..", start, at) + 2 if ".." in text[start:at] else start)
    found = _BOUNDARY.search(text, start, at)
    while found and text[found.start()] == ".":
        found = _BOUNDARY.search(text, found.start() + 1, at)
    return found.start() if found and found.start() < at else -1
