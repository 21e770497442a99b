"""How fast a provider may be asked: a rate of our own, its headers, and pauses after refusals."""

from __future__ import annotations

import asyncio
import math
import random
import re
from collections.abc import Mapping

RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""Statuses after which the same request may be sent again; 529 is Anthropic's "overloaded"."""

LONGEST = 300.0
"""Seconds of a pause at most, whatever a header asks for."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def asked_pause(headers: Mapping[str, str]) -> float | None:
    """Seconds that `retry-after-ms` or `retry-after` asks for; None where neither says a number.

    The form with a date (RFC 9110, 10.2.3) is not read: no provider of models sends it.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return min(seconds, LONGEST)
    return None


def exhausted(headers: Mapping[str, str]) -> float:
    """Seconds until requests or tokens are allowed again, by `x-ratelimit-*`; 0 while some are."""
    waits = (
        duration(headers.get(f"x-ratelimit-reset-{what}", ""))
        for what in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{what}") == "0"
    )
    return min(max(waits, default=0.0), LONGEST)


def duration(text: str) -> float:
    """Seconds of `6m0s`, `20ms` or `1.5`; 0 where it is neither."""
    text = text.strip()
    parts = _DURATION.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return float(sum(float(number) * _UNITS[unit] for number, unit in parts))
    try:
        seconds = float(text)
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0


class Pace:
    """When the next request may start, for all tasks that ask the same provider."""

    def __init__(self, per_second: float | None = None, *, retries: int = 5, seed: int = 0) -> None:
        """`per_second` is a limit of our own; `retries` how often a request is sent again."""
        self.retries = retries
        self.paused = 0.0
        self._gap = 1 / per_second if per_second else 0.0
        self._next = 0.0
        self._jitter = random.Random(seed)  # noqa: S311  spreads retries, keeps no secret

    async def turn(self) -> None:
        """Waits until a request may start."""
        if not self._gap and not self._next:
            return
        clock = asyncio.get_running_loop().time
        while (wait := self._next - clock()) > 0:  # noqa: ASYNC110  others may put it off again
            await asyncio.sleep(wait)
        if self._gap:
            self._next = max(self._next, clock()) + self._gap
        else:
            self._next = 0.0

    def heed(self, headers: Mapping[str, str]) -> None:
        """Pauses everybody where the provider says that nothing is left."""
        if wait := exhausted(headers):
            self.pause(wait)

    def pause(self, seconds: float) -> None:
        """Nobody starts for so long."""
        self.paused += seconds
        self._next = max(self._next, asyncio.get_running_loop().time() + seconds)

    def backoff(self, attempt: int, headers: Mapping[str, str]) -> float:
        """Seconds before the next try: what was asked for, else doubling from half a second."""
        asked = asked_pause(headers)
        if asked is not None:
            return asked
        return min(0.5 * 2.0 ** min(attempt, 10), 30.0) * self._jitter.uniform(0.75, 1.25)
