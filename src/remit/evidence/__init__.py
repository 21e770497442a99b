"""The append-only, chained record of what was decided.

`Evidence` writes it, `verify` proves that nobody changed it since, `export` hands it over.
"""

from remit.evidence.cases import Case, CaseError, Opening, State, Step
from remit.evidence.chain import Entry
from remit.evidence.database import Change, Database
from remit.evidence.export import export, show
from remit.evidence.keys import Keys
from remit.evidence.lookup import Followed, Stored
from remit.evidence.problems import Problem
from remit.evidence.record import EvidenceError, new_id, stamp, subject_of
from remit.evidence.store import Evidence
from remit.evidence.verify import Anchor, VerifyReport, anchor_of, verify

__all__ = [
    "Anchor",
    "Case",
    "CaseError",
    "Change",
    "Database",
    "Entry",
    "Evidence",
    "EvidenceError",
    "Followed",
    "Keys",
    "Opening",
    "Problem",
    "State",
    "Step",
    "Stored",
    "VerifyReport",
    "anchor_of",
    "export",
    "new_id",
    "show",
    "stamp",
    "subject_of",
    "verify",
]
