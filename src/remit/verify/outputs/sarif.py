"""A verification as SARIF 2.1.0: what was found, at the rule's line of the remit.

Counts and seeds only, never what was said: code hosts show a log to whoever may read the code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from remit.policy import Loaded, Problem
from remit.policy.sarif import sarif as log
from remit.verify.outputs import words
from remit.verify.verification import Verification


def sarif(verification: Verification, loaded: Loaded) -> dict[str, Any]:
    """The log. A fail is an error, a lack of evidence a note."""
    return log(_problems(verification, loaded), verification.remit_version)


def _problems(verification: Verification, loaded: Loaded) -> Iterator[Problem]:
    places = {rule.id: number for number, rule in enumerate(loaded.policy.rules)}
    for target, line in verification.decisive():
        message = (
            f"rule {line.rule}: {words.decision(line)}: {target}, {words.SHORT[line.measure]} in "
            f"{words.counted(line)} seeds ({words.bounds(line)}, each bound "
            f"at {100 * line.confidence:g} %), limit {words.limit(line)}"
        )
        level = "error" if line.decision == "fail" else "note"
        yield _at(loaded, places, line.rule, message, f"verify-{line.measure}", level)
    for contrast in verification.regression.worse if verification.regression else ():
        message = (
            f"rule {contrast.rule}: {words.SHORT[contrast.measure]} worse than the baseline by "
            f"{words.signed(contrast.comparison.difference)} points; for instance in "
            f"{', '.join(contrast.worse_seeds[:3])}"
        )
        yield _at(loaded, places, contrast.rule, message, "verify-regression", "error")


def _at(
    loaded: Loaded, places: dict[str, int], rule: str, message: str, code: str, level: str
) -> Problem:
    path = ("rules", places[rule]) if rule in places else ("rules",)
    return loaded.problem(path, message, code=code, level=level, rule=rule)
