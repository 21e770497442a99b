"""How a person is reached or known: e-mail address, telephone number, date of birth.

Sources: RFC 5321 and 5322 (addresses), ITU-T E.164 and the metadata of `phonenumbers`
(numbering plans), Ofcom's numbers for drama use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

import phonenumbers

from remit.detectors.identifiers.base import (
    Candidate,
    Identifier,
    alone,
    apart,
    cut,
    in_context,
    tail,
)
from remit.detectors.identifiers.dates import WRITTEN, calendar_dates, looks_like_date

# --- e-mail ---------------------------------------------------------------------------------

_LOCAL = re.compile(r"[\w%+'&-]+(?:\.[\w%+'&-]+)*")
_DOMAIN = re.compile(r"(?:[a-z0-9à-ÿ](?:[a-z0-9à-ÿ-]{0,61}[a-z0-9à-ÿ])?\.)+(?:[a-zà-ÿ]{2,18}|xn--[a-z0-9-]{2,59})", re.I)
_FILE_ENDINGS = ("png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "ts", "map", "tar", "gz")
_AT = r" ?[\[({<] ?(?:at|@) ?[\])}>] ?"
_DOT = r"(?: ?[\[({<] ?(?:dot|punt|punkt|\.) ?[\])}>] ?|\.| dot )"
_DISGUISED_AT = re.compile(r" ?(?:[\[({<] ?(?:at|@) ?[\])}>]) ?", re.I)
_DISGUISED_DOT = re.compile(r" ?[\[({<] ?(?:dot|punt|punkt|\.) ?[\])}>] ?| dot ", re.I)


def _address(text: str) -> str:
    """The plain spelling of an address that was written with (at) and [dot]."""
    return _DISGUISED_DOT.sub(".", _DISGUISED_AT.sub("@", text))


def _email_value(text: str) -> tuple[int, int]:
    # Three dots are an ellipsis that ran into the address, not part of it.
    start = text.rfind("...", 0, text.find("@") + 1) + 3 if "..." in text else 0
    return max(start, 0), len(text)


def _is_email(candidate: Candidate) -> bool:
    after = candidate.after
    if candidate.before == "@" or after[:1].isalnum() or after[:1] in ("-", "_", "@"):
        return False
    if after[:1] == "." and after[1:2].isalpha():
        return False  # the domain goes on
    local, _, domain = _address(cut(_email_value, candidate.text)).rpartition("@")
    if len(local) > 64 or not _LOCAL.fullmatch(local.lstrip("'")) or not _DOMAIN.fullmatch(domain):
        return False
    if local.lower() == "git" and after[:1] == ":":
        return False  # git@host:path names a repository
    return domain.rpartition(".")[2].lower() not in _FILE_ENDINGS


EMAIL = Identifier(
    name="email",
    title="e-mail address",
    expressions=(
        r"[a-z0-9_à-ÿ.%+&'-]+@[a-z0-9à-ÿ.-]+",
        rf"[a-z0-9_.%+-]{{1,40}}{_AT}[a-z0-9-]{{1,30}}(?:{_DOT}[a-z0-9-]{{1,20}}){{1,3}}",
        r"[a-z0-9_%+-]{1,24}[0-9._+-][a-z0-9_%+-]{1,24} at [a-z0-9-]{1,30} dot [a-z]{2,10}",
    ),
    valid=_is_email,
    group="contact",
    value=_email_value,
    width=254,
)

# --- telephone ------------------------------------------------------------------------------

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
_NANP = ("US", "CA", "PR", "JM", "DO", "TT", "BS", "BB")
# 01632 960xxx and 07700 900xxx: Ofcom keeps them for drama; people use them as real ones.
_DRAMA = re.compile(r"(?:0|44|0044)(?:1632960|7700900|11[3-8]4960|2079460)[0-9]{3}|1?555[2-9][0-9]{6}")
_CLOCK_RANGE = re.compile(r"[0-2]?[0-9][.][0-5][0-9] ?- ?[0-2]?[0-9][.][0-5][0-9]")
_CONTEXT_NUMBER = tail(r"(?<![0-9+(])[+(0-9][ ./()+0-9-]*")


def _group_expression(sizes: tuple[int, ...]) -> str:
    first, *others = sizes
    lead = f"[1-9][0-9]{{{first - 1}}}"
    return lead + "".join(f"[ .-][0-9]{{{size}}}" for size in others)


def _plausible_regions(text: str, regions: tuple[str, ...], named: bool) -> Iterator[str]:
    """The remit's regions in which a number would be written as `text` is."""
    sizes = tuple(map(len, re.findall(r"[0-9]+", text)))
    bare = text.lstrip("(")
    for region in regions:
        nanp = region in _NANP and (sizes in ((3, 3, 4), (1, 3, 3, 4)) or "(" in text)
        if named or bare.startswith("0") or nanp or region in _GROUPED.get(sizes, ()):
            yield region


def _parses(text: str, region: str | None) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, region))
    except phonenumbers.NumberParseException:
        return False


def _is_phone(candidate: Candidate) -> bool:
    named = in_context(candidate)
    text = cut(_CONTEXT_NUMBER, candidate.text) if named else candidate.text
    after = candidate.after
    if after[:1].isalnum() or candidate.before.isalnum():
        return False
    if looks_like_date(text) or _CLOCK_RANGE.match(text) or text.count("(") != text.count(")"):
        return False
    digits = "".join(char for char in text if char.isdigit())
    if text.startswith("+") or digits.startswith("00"):
        plain = text if text.startswith("+") else "+" + digits[2:]
        drama = _DRAMA.fullmatch(digits) is not None and digits.startswith(("44", "0044", "1"))
        return drama or _parses(plain, None)
    if not alone(candidate._replace(text=text)):
        return False
    for region in _plausible_regions(text, candidate.regions, named):
        home = "GB" if digits.startswith("0") else region if region in _NANP else ""
        if (home == region and _DRAMA.fullmatch(digits)) or _parses(text, region):
            return True
    return False


PHONE = Identifier(
    name="phone",
    title="telephone number",
    expressions=(
        rf"\+ ?[(]?[1-9](?:{_BREAK}[0-9]){{6,14}}",
        rf"00 ?[1-9](?:{_BREAK}[0-9]){{6,14}}",
        # One expression a length: then the end of a candidate fixes where it starts.
        *(rf"[(]?0[1-9](?:[ ./()-]{{0,2}}[0-9]){{{count}}}" for count in range(6, 11)),
        r"(?:1[ .-]?)?(?:[(][2-9][0-9]{2}[)][ .-]?|[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4}",
        *(_group_expression(sizes) for sizes in _GROUPED),
        rf"{_PHONE_WORDS}[ -'*,-/:-~à-ÿ]{{0,20}}[(+]{{0,2}}[0-9](?:{_BREAK}[0-9]){{6,14}}",
    ),
    valid=_is_phone,
    group="contact",
    value=lambda text: _CONTEXT_NUMBER(text) if text[:1].isalpha() else (0, len(text)),
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


# --- date of birth --------------------------------------------------------------------------

_BIRTH_WORDS = (
    r"(?:born|date of birth|birth ?date|birthday|d\.?o\.?b\.?|b-day|geboren|geboortedatum"
    r"|geboortedag|geb\.?|geburtsdatum|geburtstag|né|née|n[ée]\(e\)|nee le|ne le|nés|date de naissance"
    r"|naissance|naci[oó]|nacid[oa]|fecha de nacimiento|f\. ?nac\.?|nat[oa]|data di nascita"
    r"|nascid[oa]|data de nascimento|nasceu|född|født|födelsedatum|fødselsdato|urodzon[ya]"
    r"|data urodzenia)"
)
_WRITTEN_DATE = "|".join(WRITTEN)
_MONTH_WORD = r"(?:[a-zà-ÿ]{3,10}\.? )?"
_BIRTH_DATE = tail(rf"(?<![0-9])(?:{_WRITTEN_DATE})")


def _birth_value(text: str) -> tuple[int, int]:
    start, end = _BIRTH_DATE(text)
    if text[start : start + 1].isdigit():
        return start, end
    # The month-first shape also fits the end of a longer word; the date begins at a whole word.
    while start > 0 and text[start - 1].isalpha():
        start -= 1
    return start, end


def _is_birth(candidate: Candidate) -> bool:
    if not apart(candidate):
        return False
    after = candidate.after
    if len(after) > 1 and after[0] in "./-" and after[1].isdigit():
        return False
    today = date.today()
    readings = calendar_dates(cut(_birth_value, candidate.text))
    return any(1900 <= reading.year and reading <= today for reading in readings)


DATE_OF_BIRTH = Identifier(
    name="date-of-birth",
    title="date of birth",
    expressions=tuple(
        rf"{_BIRTH_WORDS}[ -/:-~\nà-ÿ]{{0,20}}(?:{shape})" for shape in WRITTEN
    ),
    valid=_is_birth,
    group="contact",
    value=_birth_value,
)

KINDS = (EMAIL, PHONE, DATE_OF_BIRTH)
