"""What is put to a model: cases from the remit, from scenarios, from records, from public files."""

from __future__ import annotations

from remit.verify.identity import as_json, from_json, identified, suite_hash
from remit.verify.suites.errors import SuiteError
from remit.verify.suites.kinds import LANGUAGES
from remit.verify.suites.loading import load, write, write_inspect
from remit.verify.suites.remit import VERSION, from_remit
from remit.verify.suites.written import Written, written

__all__ = [
    "LANGUAGES",
    "VERSION",
    "SuiteError",
    "Written",
    "as_json",
    "from_json",
    "from_remit",
    "identified",
    "load",
    "suite_hash",
    "write",
    "write_inspect",
    "written",
]
