"""Addresses of machines: IPv4 and IPv6 (RFC 791, RFC 4291), and MAC (IEEE 802)."""

from __future__ import annotations

import ipaddress
import re

from remit.detectors.identifiers.base import Candidate, Identifier

# The word is part of the expression so that a match that has it can be refused.
_NOT_AN_ADDRESS = (
    r"(?:(?:version|versie|versione|versión|release|build|ver|rev|v|firmware|driver|section|clause|chapter"
    r"|article|artikel|hoofdstuk|paragraph|paragraaf|abschnitt|kapitel|annex|§|§§)[. :=#-]{0,2})?"
)
_OCTETS = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
_GROUPS = re.compile(r"[0-9a-f]+", re.IGNORECASE)


def _v4(text: str) -> bool:
    octets = text.split(".")
    return len(octets) == 4 and all(
        o.isdigit() and int(o) < 256 and (o == "0" or o[0] != "0") for o in octets
    )


def _v6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    # C++ and Rust write a::b; an address has a decimal digit and a longer or larger shape.
    groups = _GROUPS.findall(text)
    if not any(char.isdigit() for char in text):
        return False
    return len(groups) >= 3 or text.startswith("::") or len(groups[0]) == 4


def _is_ip(candidate: Candidate) -> bool:
    before, after, text = candidate.before, candidate.after, candidate.text
    if before.isalnum() or after[:1].isalnum() or before in (".", "-", "_"):
        return False
    if before == ":":
        return _v4(text)  # "ip:8.8.8.8"
    if ":" in text:
        return not (after[:1] == ":" or (after[:1] == "." and after[1:2].isdigit())) and _v6(text)
    if after[:1] in (".", "-", "_") and after[1:2].isalnum():
        return False
    return _v4(text)


IP = Identifier(
    name="ip",
    title="IP address",
    expressions=(
        _NOT_AN_ADDRESS + _OCTETS,
        rf"(?:[0-9a-f]{{0,4}}:){{2,7}}(?:[0-9a-f]{{1,4}}|{_OCTETS})",
        r"[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,6}::",
    ),
    valid=_is_ip,
    group="technical",
)


def _is_mac(candidate: Candidate) -> bool:
    before, after, text = candidate.before, candidate.after, candidate.text
    sign = text[2:3]
    goes_on = after[:1] == sign and after[1:2].isalnum()
    if before.isalnum() or before == sign or after[:1].isalnum() or goes_on:
        return False
    return len(text) == 17 and text.count(sign) == 5 and any(char.isdigit() for char in text)


MAC = Identifier(
    name="mac-address",
    title="MAC address",
    expressions=(r"[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}",),
    valid=_is_mac,
    group="technical",
)

KINDS = (IP, MAC)
