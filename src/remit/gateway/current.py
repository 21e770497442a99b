"""What is in force now in this worker, also for answers that are on their way already."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from remit.layers.monitor.cases import Waiting
from remit.layers.monitor.measures import NONE, Measures


@dataclass(slots=True)
class Current:
    """Shared by all deployments that were ever in service under one name.

    `told` holds, by fingerprint of a conversation, the cases of which its client is to hear;
    `decided` the ids of those that have an answer.
    """

    measures: Measures = NONE
    told: Mapping[str, Sequence[Waiting]] = field(default_factory=dict)
    workers: int = 1
    decided: frozenset[str] = frozenset()
    _tokens: float = 0.0
    _at: float = 0.0
    _rate: int = 0
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, measures: Measures, told: Mapping[str, Sequence[Waiting]]) -> None:
        """Takes in what the record says now, and wakes whoever waits for a change."""
        if told is not self.told:
            listed = (case for cases in told.values() for case in cases)
            self.decided = frozenset(case.id for case in listed if case.decided)
        self.measures, self.told = measures, told
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def until(self, done: Callable[[], bool], seconds: float) -> bool:
        """Waits for a change after which `done()` holds; False where none came in time."""
        deadline = time.monotonic() + seconds
        while not done():
            moved = self._moved
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            try:
                await asyncio.wait_for(moved.wait(), left)
            except TimeoutError:
                return done()
        return True

    def throttled(self, now: float | None = None) -> float:
        """Seconds until the next request may come in; 0 lets one in. Shared out among workers."""
        rate = self.measures.per_minute
        if rate is None:
            return 0.0
        now = time.monotonic() if now is None else now
        size = max(1.0, rate / self.workers)
        if rate != self._rate:
            self._rate, self._tokens, self._at = rate, size, now
        per_second = rate / self.workers / 60
        self._tokens = min(size, self._tokens + (now - self._at) * per_second)
        self._at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / per_second
