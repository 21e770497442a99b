"""The one error of suites."""

from __future__ import annotations


class SuiteError(ValueError):
    """A suite cannot be made or read; the message names the place and the cure."""
