"""Accounts and cases that only the words beside them make recognisable."""

from __future__ import annotations

import re

from stdnum.us import rtn

from remit.detectors.identifiers.base import (
    GAP,
    LINK,
    Candidate,
    Identifier,
    alone,
    apart,
    compact,
    cut,
    from_digit,
    goes_on,
    tail,
    trim,
)
from remit.detectors.identifiers.dates import looks_like_date

_NEAR = r"[ -/:-~]{1,16}"
_SORT_CODE = r"[0-9]{2}[ -]?[0-9]{2}[ -]?[0-9]{2}"
_BANK = re.compile(rf"{_SORT_CODE}[^0-9]+[0-9]{{8}}\Z|(?<![0-9])[0-9]{{8}}[^0-9]+{_SORT_CODE}\Z")


def _is_bank_account(candidate: Candidate) -> bool:
    if not alone(trim(candidate, from_digit)):
        return False
    text = candidate.text
    if text[:3].lower() in ("rou", "aba"):
        return rtn.is_valid(compact(cut(from_digit, text)))
    return _BANK.search(text) is not None


BANK_ACCOUNT = Identifier(
    name="bank-account",
    title="bank account (sort code with account number, or routing number)",
    expressions=(
        rf"sort[ -]?code{_NEAR}{_SORT_CODE}{_NEAR}[0-9]{{8}}",
        rf"s/?c[ :]{{1,3}}{_SORT_CODE}{GAP}[0-9]{{8}}",
        rf"{_SORT_CODE}[ ,;/-]{{1,3}}(?:a/c|acc|account){GAP}[0-9]{{8}}",
        rf"[0-9]{{8}}[ ,;./()-]{{1,4}}sort[ -]?code[ :=a-z]{{1,6}}{_SORT_CODE}",
        rf"(?:aba|routing){GAP}[0-9]{{9}}",
    ),
    valid=_is_bank_account,
    group="finance",
    value=from_digit,
)

_NUMBER_OF = r"(?:numéro|numero|n°|nº|no\.?|núm\.?|número|num\.?) ?(?:de |di |del |do )?"
_ACCOUNT_WORDS = (
    r"(?:(?:account|acct|a/c|customer|client|member|membership|policy|contract|subscriber|loyalty)"
    r"[ -]?(?:number|no|nr|num|id|ref|reference|#)"
    r"|(?:klant|cliënt|client|relatie|rekening|contract|polis|lid|debiteur|debiteuren)"
    r"[ -]?(?:nummer|nr|id|code)"
    r"|(?:kunden|konto|vertrags|mitglieds|versicherungs|policen)[ -]?(?:nummer|nr)"
    rf"|{_NUMBER_OF}(?:client|compte|contrat|adhérent|cliente|cuenta|contrato|conto|contratto|conta"
    r"|socio))"
)
_CASE_WORDS = (
    r"(?:(?:case|file|matter|claim|docket|ticket|dossier|incident)"
    r"[ -]?(?:number|no|nr|num|id|ref|reference|#)"
    r"|(?:dossier|zaak|claim|schade|kenmerk)[ -]?(?:nummer|nr|id)"
    r"|aktenzeichen|geschäftszeichen|(?:fall|vorgangs|schaden|akten)[ -]?(?:nummer|nr)"
    rf"|{_NUMBER_OF}(?:dossier|sinistre|expediente|caso|pratica|processo))"
)
_RECORD_WORDS = (
    r"(?:(?:mrn|npi|dea)(?:[ -]?(?:number|no|nr|id|#))?\b"
    r"|(?:medical record|patient|insurance|employee|staff|student|badge|bar|licen[cs]e"
    r"|registration|enrol?lment)[ -]?(?:number|no|nr|num|id|#)"
    r"|(?:patiënt|patient|personeels|medewerkers|student|kenteken|registratie)[ -]?(?:nummer|nr|id)"
    r"|(?:patienten|personal|matrikel|registrierungs)[ -]?(?:nummer|nr)"
    rf"|{_NUMBER_OF}(?:patient|employé|paciente|empleado|historia))"
)
_REFERENCE = r"[a-z0-9][a-z0-9/._-]*(?: [0-9]+){0,5}"
_SPACED = r"[0-9](?: ?[0-9]){3,15}"
_REFERENCE_VALUE = tail(
    rf"(?<![a-z0-9])(?:{_SPACED}|[a-z]{{0,9}}[-/._]?[a-z]{{0,9}}[-/._]?[0-9][a-z0-9./_-]*)"
)


def _is_reference(candidate: Candidate) -> bool:
    if not apart(candidate) or goes_on(candidate):
        return False
    after = candidate.after
    if len(after) > 1 and after[0] in "-/_." and after[1].isalnum():
        return False
    text = candidate.text
    value = cut(_REFERENCE_VALUE, text)
    if value == text or value[-1] in "./_-" or looks_like_date(value):
        return False
    if after[:1] == " " and after[1:2].isdigit() and value.isdigit() and len(value) < 8:
        return False  # the first group of a spaced number
    digits = sum(char.isdigit() for char in value)
    year = value.isdigit() and len(value) == 4 and value[:2] in ("19", "20")
    return digits >= 4 and digits * 2 >= sum(char.isalnum() for char in value) and not year


ACCOUNT_NUMBER = Identifier(
    name="account-number",
    title="account or customer number, named as such",
    expressions=(rf"{_ACCOUNT_WORDS}{LINK}{_REFERENCE}",),
    valid=_is_reference,
    group="finance",
    value=_REFERENCE_VALUE,
    width=96,
)

CASE_NUMBER = Identifier(
    name="case-number",
    title="case or file number, named as such",
    expressions=(rf"{_CASE_WORDS}{LINK}{_REFERENCE}",),
    valid=_is_reference,
    group="contact",
    value=_REFERENCE_VALUE,
    width=96,
)

RECORD_NUMBER = Identifier(
    name="record-number",
    title="number of a patient, employee, student or licence, named as such",
    expressions=(rf"\b{_RECORD_WORDS}{LINK}{_REFERENCE}",),
    valid=_is_reference,
    group="contact",
    value=_REFERENCE_VALUE,
    width=96,
)

KINDS = (BANK_ACCOUNT, ACCOUNT_NUMBER, CASE_NUMBER, RECORD_NUMBER)
