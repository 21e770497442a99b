"""Why there is no report."""

from __future__ import annotations


class ReportError(Exception):
    """The report cannot be made; the message names the file and the cure."""
