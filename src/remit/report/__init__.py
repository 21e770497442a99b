"""The evidence pack: what an auditor gets, from the remit and the evidence alone.

`gather` reads, `compose` writes the sections, `outputs` renders them. What is absent is stated as a
gap; what only a person can say is marked as theirs to add; and nothing here passes a verdict on the
law.
"""

from remit.report.compose import compose
from remit.report.document import Report
from remit.report.gather import Asked, Gathered, gather
from remit.report.problems import ReportError

__all__ = ["Asked", "Gathered", "Report", "ReportError", "compose", "gather"]
