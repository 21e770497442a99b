"""Cases: opened, answered, late, and how long people took. One pass, a number kept for each."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import Final

from remit.report.reading import CaseRow

_MOST_OPEN: Final = 20
_MOST_RULES: Final = 1000


@dataclass(slots=True)
class Handled:
    """Counts of one rule's cases. `late` were answered after they were due; `times` in seconds."""

    owner: str = ""
    opened: int = 0
    answered: int = 0
    closed_unanswered: int = 0
    open: int = 0
    overdue: int = 0
    late: int = 0
    times: array[float] = field(default_factory=lambda: array("d"))

    @property
    def median(self) -> float | None:
        """Seconds from question to answer, of those answered."""
        return median(self.times) if self.times else None


@dataclass(slots=True)
class Handoffs:
    """All cases opened within the period, and which of them wait too long at the moment `at`."""

    all: Handled = field(default_factory=Handled)
    rules: dict[str, Handled] = field(default_factory=dict)
    waiting: list[CaseRow] = field(default_factory=list)
    people: dict[str, int] = field(default_factory=dict)


def count(cases: Iterable[CaseRow], at: str, since: str = "", until: str = "") -> Handoffs:
    """Counts the cases opened from `since` on and before `until`, as they stood at `at`."""
    found = Handoffs()
    for case in cases:
        if case.opened < since or (until and case.opened >= until):
            continue
        name = case.rule if case.rule in found.rules or len(found.rules) < _MOST_RULES else "others"
        mine = found.rules.setdefault(name, Handled(case.owner))
        overdue = not _answered(case, at) and case.state != "closed" and at > case.due
        for one in (found.all, mine):
            _add(one, case, at, overdue=overdue)
        if overdue and len(found.waiting) < _MOST_OPEN:
            found.waiting.append(case)
        if _answered(case, at) and case.who and len(found.people) < _MOST_RULES:
            found.people[case.who] = found.people.get(case.who, 0) + 1
    return found


def _add(one: Handled, case: CaseRow, at: str, *, overdue: bool) -> None:
    one.opened += 1
    one.overdue += overdue
    if _answered(case, at):
        one.answered += 1
        one.late += case.answered > case.due
        seconds = _seconds(case.opened, case.answered)
        if seconds is not None:
            one.times.append(seconds)
    elif case.state == "closed":
        one.closed_unanswered += 1
    else:
        one.open += 1


def _answered(case: CaseRow, at: str) -> bool:
    return bool(case.answered) and case.answered <= at


def _seconds(start: str, end: str) -> float | None:
    try:
        return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    except (ValueError, TypeError):
        return None  # a record that was tampered with; the chain's check says so
