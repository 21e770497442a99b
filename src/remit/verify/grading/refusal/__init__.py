"""Does a reply refuse? Fully, in part or not at all, told from how it is written."""

from remit.verify.grading.refusal.reader import Refused, refusal

__all__ = ["Refused", "refusal"]
