"""Numbers and hashes as people read them."""

from __future__ import annotations

import unicodedata
from typing import Any, Final

_PERCENT: Final = "\N{NO-BREAK SPACE}%"


def percent(share: float) -> str:
    """A share as a percentage: two digits that count, and never a rounded-away nought."""
    value = 100 * share
    if value in (0, 100) or 10 <= value < 99:
        told = f"{value:.0f}"
    elif value >= 99:
        told = f"{min(value, 99.9):.1f}"
    else:
        told = f"{value:.2g}" if value >= 0.01 else "< 0.01"
    return told + _PERCENT


def between(low: float, high: float) -> str:
    """Bounds, the unit once."""
    return f"{percent(low).removesuffix(_PERCENT)} to {percent(high)}"


def count(n: int, one: str, many: str | None = None) -> str:
    """So many of a thing."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def short(digest: str) -> str:
    """The beginning of a hash."""
    return plain(digest[:12])


def day(time: str) -> str:
    """The day of a time stamp."""
    return plain(time[:10])


def minute(time: str) -> str:
    """A time stamp without seconds: 2026-11-24 09:05 UTC."""
    return plain(f"{time[:10]} {time[11:16]} UTC" if len(time) >= 16 else time)


def duration(seconds: float) -> str:
    """A span of time, in the unit that fits."""
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            value = seconds / size
            told = f"{value:.1f}".removesuffix(".0")
            return f"{told} {unit}{'' if told == '1' else 's'}"
    return count(round(seconds), "second")


def plain(value: Any, longest: int = 300) -> str:
    """Text from a record, on one line and bounded; what cannot be seen is written as its code."""
    text = " ".join(str(value).split())
    shown = "".join(c if _shows(c) else f"⟨{ord(c):04X}⟩" for c in text[:longest])
    return shown + ("…" if len(text) > longest else "")


def _shows(char: str) -> bool:
    return unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn")
