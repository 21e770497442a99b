"""Where people label replies, in the browser, without seeing what the graders said."""

from remit.verify.grading.labelling.server import LabelServer

__all__ = ["LabelServer"]
