"""How numbers and hostile texts are said, the same in every output."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from math import ceil, floor, log10

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


def interval(bounds: Interval, limit: float | None = None) -> str:
    """From one rate to another: 0–3.6 %, rounded outwards, so that what is said holds as well.

    With a `limit` as many digits as it takes to see on which side of it each bound lies.
    """
    for digits in range(2, 9):
        low, high = _rounded(bounds.low, digits, floor), _rounded(bounds.high, digits, ceil)
        same = limit is None or (
            (low <= 100 * limit) == (bounds.low <= limit)
            and (high <= 100 * limit) == (bounds.high <= limit)
        )
        if same:
            break
    return f"{low:.9g}–{high:.9g} %"


def _rounded(share: float, digits: int, way: Callable[[float], int]) -> float:
    """A share as per cent; `way` is floor or ceil. What a float adds by itself is no digit."""
    if share <= 0:
        return 0.0
    step = digits - 1 - floor(log10(100 * share))
    return float(way(round(100 * share * 10.0**step, 6)) / 10.0**step)


def rate(line: Line) -> str:
    """The rate; nothing where a model graded whose errors nobody has measured."""
    return "" if line.basis == "judged" else percent(line.rate)


def bounds(line: Line) -> str:
    """The interval, or why there is none."""
    if line.basis == "judged":
        return "judge not calibrated"
    return interval(line.interval, line.limit)


def counted(line: Line) -> str:
    """Failures of seeds, with what is unknown: 3 of 40, 2 unknown."""
    unknown = f", {line.unknown} unknown" if line.unknown else ""
    return f"{line.failed} of {line.n}{unknown}"


def limit(line: Line) -> str:
    """What it is held against, if anything."""
    return "" if line.limit is None else f"≤ {100 * line.limit:.9g} %"


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


def visible(text: str) -> str:
    """Text with what cannot be seen written as its code: what an attack hides must show."""
    return "".join(char if _shows(char) else f"⟨{ord(char):04X}⟩" for char in text)


def _shows(char: str) -> bool:
    return char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn")
