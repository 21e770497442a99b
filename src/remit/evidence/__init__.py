"""The append-only, chained record of what was decided.

`Evidence` writes it, `verify` proves that nobody changed it since, `export` hands it over.
"""

from remit.evidence.cases import Case, CaseError, State
from remit.evidence.chain import Entry
from remit.evidence.export import export, show
from remit.evidence.record import EvidenceError, stamp
from remit.evidence.store import Evidence, Stored
from remit.evidence.verify import Anchor, Problem, VerifyReport, verify

__all__ = [
    "Anchor",
    "Case",
    "CaseError",
    "Entry",
    "Evidence",
    "EvidenceError",
    "Problem",
    "State",
    "Stored",
    "VerifyReport",
    "export",
    "show",
    "stamp",
    "verify",
]
