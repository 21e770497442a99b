"""How fast the monitor works in a process that answers clients: as fast as they leave it room.

Following and auditing can wait; an answer can not. While the rest of the process works, each takes
a small share of what that takes, and falls behind; it catches up when there is room.
"""

from __future__ import annotations

import time
from typing import Final

SHARE: Final = 0.02
"""Of the processor time that the rest of the process takes."""

_IDLE: Final = 0.02
_LONGEST: Final = 2.0


class Pace:
    """Measures what a piece of work costs beside what the whole process does."""

    def __init__(self) -> None:
        self._wall, self._all = time.monotonic(), time.process_time()
        self._spent = 0.0
        self.busy = False

    def spent(self, seconds: float) -> None:
        """So much processor time went into the work."""
        self._spent += seconds

    def pause(self) -> float:
        """Seconds to leave to the others before the next piece of work."""
        wall, all_, spent = time.monotonic(), time.process_time(), self._spent
        others = (all_ - self._all - spent) / max(1e-3, wall - self._wall)
        self._wall, self._all, self._spent = wall, all_, 0.0
        self.busy = others > _IDLE
        return min(_LONGEST, spent / (SHARE * others)) if self.busy else 0.0
