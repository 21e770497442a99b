"""How far a long piece of work is: share, rate and time left, stage by stage."""

from __future__ import annotations

import sys
import time


class Stages:
    """How far a run is: share, rate and time left, on stderr where that is a terminal."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()
        self._name, self._size, self._seen = "", 0, 0
        self._start = self._next = 0.0

    def stage(self, name: str, size: int) -> None:
        """The next stage, of so many bytes."""
        self.end()
        self._name, self._size, self._seen = name, size, 0
        self._start = self._next = time.monotonic()

    def seen(self, size: int) -> None:
        """So many bytes more."""
        self._seen += size
        if self._on and time.monotonic() >= self._next:
            self._next = time.monotonic() + 0.5
            self._show()

    def end(self) -> None:
        """The stage is over."""
        if self._on and self._name:
            self._show()
            sys.stderr.write("\n")

    def _show(self) -> None:
        seconds = max(time.monotonic() - self._start, 1e-6)
        seen = min(self._seen, self._size)
        share = f"{seen / self._size:4.0%}, " if self._size else ""
        left = f", {_time((self._size - seen) * seconds / seen)} left" if seen else ""
        line = f"{self._name}: {share}{seen / seconds / 1e6:,.0f} MB/s{left}"
        sys.stderr.write(f"\r{line:<70}")
        sys.stderr.flush()


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
