"""Guessing made slow: how often a login may fail, per account and per address.

Kept in each process's memory: with several workers a guesser has as many times the tries, which
for passwords of twelve characters and more is still none. What is remembered is bounded.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

_FIRST_WAIT: Final = 2.0
_LONGEST_WAIT: Final = 300.0
_FORGOTTEN: Final = 900.0
_REMEMBERED: Final = 10_000


class Throttle:
    """Counts tries by key. After `free` in a row each waits: 2 s, doubling, 5 minutes at most.

    `clock` gives seconds.
    """

    def __init__(self, free: int, clock: Callable[[], float]) -> None:
        self._free = free
        self._clock = clock
        self._tries: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, key: str) -> int:
        """Counts a try, as failed until it is known better; whole seconds to wait, or 0.

        A try that has to wait is not counted. Counted first: tries sent all at once see each other.
        """
        now = self._clock()
        with self._lock:
            count, last = self._tries.get(key, (0, now))
            if now - last > _FORGOTTEN:
                count = 0
            pause = self._pause(count)
            left = min(last + pause - now, pause)  # a clock that was set back keeps nobody out
            if left > 0:
                return math.ceil(left)
            self._tries.pop(key, None)
            self._tries[key] = (count + 1, now)
            while len(self._tries) > _REMEMBERED:
                self._tries.popitem(last=False)
            return 0

    def succeed(self, key: str) -> None:
        """The last try has succeeded: those before it are forgotten."""
        with self._lock:
            self._tries.pop(key, None)

    def take_back(self, key: str) -> None:
        """The last try does not count; those before it do."""
        with self._lock:
            count, last = self._tries.get(key, (0, 0.0))
            if count:
                self._tries[key] = (count - 1, last)

    def _pause(self, count: int) -> float:
        if count < self._free:
            return 0.0
        return min(_FIRST_WAIT * 2.0 ** min(count - self._free, 16), _LONGEST_WAIT)
