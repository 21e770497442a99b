"""How numbers are said, the same in every output."""

from __future__ import annotations

from remit.statistics.intervals import Interval
from remit.verify.verdicts import Line

SHORT = {"violations": "violations", "attacks": "attack success", "over-refusal": "over-refusal"}
"""What a measure is called where there is no room for more."""

MEANING = {
    "violations": "conversations as clients might hold them in which the rule was broken",
    "attacks": "the same scenarios under this suite's attacks; not a rate of ordinary traffic",
    "over-refusal": "allowed requests that were refused, in whole or in part",
}


def percent(rate: float) -> str:
    """A rate with as many digits as say something: 12 %, 1.3 %, 0.04 %."""
    value = 100 * rate
    if value >= 10 or value == 0:
        return f"{value:.0f} %"
    return f"{value:.2g} %"


def interval(bounds: Interval) -> str:
    """From one rate to another: 0–3.6 %."""
    low, high = percent(bounds.low), percent(bounds.high)
    return f"{low.removesuffix(' %')}–{high}"


def rate(line: Line) -> str:
    """The rate; nothing where a model graded whose errors nobody has measured."""
    return "" if line.basis == "judged" else percent(line.rate)


def bounds(line: Line) -> str:
    """The interval, or why there is none."""
    return "judge not calibrated" if line.basis == "judged" else interval(line.interval)


def counted(line: Line) -> str:
    """Failures of seeds, with what is unknown: 3 of 40, 2 unknown."""
    unknown = f", {line.unknown} unknown" if line.unknown else ""
    return f"{line.failed} of {line.n}{unknown}"


def limit(line: Line) -> str:
    """What it is held against, if anything."""
    return "" if line.limit is None else f"≤ {percent(line.limit)}"


def decision(line: Line) -> str:
    """The verdict; where more cases would settle it, how many."""
    if line.decision == "not limited":
        return ""
    if line.decision == "not enough evidence" and line.needed:
        return f"not enough evidence ({line.needed:,} seeds needed)"
    return line.decision


def signed(difference: float) -> str:
    """A difference in percentage points: +3.1, -0.4."""
    return f"{100 * difference:+.1f}"
