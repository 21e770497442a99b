"""Times of the record as numbers, and back. A day is the unit; all are UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from remit.evidence import stamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


def days(time: str) -> float:
    """Days since 1970 of a time as the record writes it. Raises ValueError for anything else."""
    return _midnight(time[:10]) + _of_day(time)


@lru_cache(maxsize=64)
def _midnight(day: str) -> int:
    return (datetime.fromisoformat(day).replace(tzinfo=UTC) - _EPOCH).days


def _of_day(time: str) -> float:
    return (int(time[11:13]) * 3600 + int(time[14:16]) * 60 + float(time[17:23])) / 86_400


def time_of(at: float) -> str:
    """The time, as the record writes it, of so many days since 1970."""
    return stamp(_EPOCH + at * _DAY)


def earlier(time: str, minutes: float) -> str:
    """A time so many minutes before another."""
    return time_of(days(time) - minutes / 1440)
