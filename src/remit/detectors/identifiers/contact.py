"""E-mail addresses (RFC 5321, RFC 6531), also where (at) and [dot] disguise them."""

from __future__ import annotations

import re

from remit.detectors.identifiers.base import Candidate, Identifier, cut

_LOCAL = re.compile(r"[\w%+'&-]+(?:\.[\w%+'&-]+)*")
_DOMAIN = re.compile(
    r"(?:[a-z0-9à-ÿ](?:[a-z0-9à-ÿ-]{0,61}[a-z0-9à-ÿ])?\.)+(?:[a-zà-ÿ]{2,18}|xn--[a-z0-9-]{2,59})",
    re.IGNORECASE,
)
_FILE_ENDINGS = ("png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "ts", "map", "tar", "gz")
_AT = r" ?[\[({<] ?(?:at|@) ?[\])}>] ?"
_DOT = r"(?: ?[\[({<] ?(?:dot|punt|punkt|\.) ?[\])}>] ?|\.| dot )"
_DISGUISED_AT = re.compile(
    r" ?[\[({<] ?(?:at|@) ?[\])}>] ?|(?<=[a-z0-9]) at (?=\S+ dot )", re.IGNORECASE
)
_DISGUISED_DOT = re.compile(r" ?[\[({<] ?(?:dot|punt|punkt|\.) ?[\])}>] ?| dot ", re.IGNORECASE)


def plain_address(text: str) -> str:
    """The plain spelling of an address that was written with (at) and [dot]."""
    return _DISGUISED_DOT.sub(".", _DISGUISED_AT.sub("@", text, count=1))


def _email_value(text: str) -> tuple[int, int]:
    # Three dots are an ellipsis that ran into the address, not part of it.
    start = text.rfind("...", 0, text.find("@") + 1) + 3 if "..." in text else 0
    while start < len(text) and text[start] in "'.":
        start += 1
    return start, len(text)


def _is_email(candidate: Candidate) -> bool:
    after = candidate.after
    if candidate.before == "@" or after[:1].isalnum() or after[:1] in ("-", "_", "@"):
        return False
    if after[:1] == "." and after[1:2].isalpha():
        return False  # the domain goes on
    local, _, domain = plain_address(cut(_email_value, candidate.text)).rpartition("@")
    if len(local) > 64 or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        return False
    if local.lower() == "git" and after[:1] == ":":
        return False  # git@host:path names a repository
    if " at " in candidate.text and not re.search(r"[\d._+-]", local):
        return False  # "meet me at google dot com" is talk
    return domain.rpartition(".")[2].lower() not in _FILE_ENDINGS


EMAIL = Identifier(
    name="email",
    title="e-mail address",
    expressions=(
        r"[a-z0-9_à-ÿ.%+&'-]+@[a-z0-9à-ÿ.-]+",
        rf"[a-z0-9_.%+-]+{_AT}[a-z0-9-]+(?:{_DOT}[a-z0-9-]+){{1,3}}",
        r"[a-z0-9_.%+-]+ at [a-z0-9-]+ dot [a-z]+",
    ),
    valid=_is_email,
    group="contact",
    value=_email_value,
    width=254,
)

KINDS = (EMAIL,)
