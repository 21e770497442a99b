"""What came of a case: was the rule broken, did the model refuse, and who says so."""

from remit.verify.grading.panel import Grader, Panel, panel
from remit.verify.grading.refusal import Refused, refusal

__all__ = ["Grader", "Panel", "Refused", "panel", "refusal"]
