"""What `remit verify` shows: progress while it runs, then its numbers."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from remit.cli.terminal import safe, say, table
from remit.verify.outputs import rows

if TYPE_CHECKING:
    from remit.verify.records import Sample
    from remit.verify.session import Session
    from remit.verify.verification import Verification

_EVERY = 0.5
_EVERY_UNWATCHED = 30.0


Write = Callable[[str, Iterable[bytes]], None]


@contextmanager
def results(*places: str | None) -> Iterator[Write]:
    """Gives what writes a result to its place; `-` is standard output, which it then has alone.

    A file is replaced whole, so that a baseline is never half a file. Raises OSError.
    """
    out = sys.stdout

    def write(place: str, parts: Iterable[bytes]) -> None:
        if place == "-":
            for part in parts:
                out.write(part.decode("utf-8", "replace"))
            return
        path = Path(place)
        if path.is_symlink() or not path.is_file():  # such as /dev/stdout, or a pipe
            with path.open("wb") as file:
                file.writelines(parts)
            return
        whole = path.with_name(f".{path.name}.part")
        with whole.open("wb") as file:
            file.writelines(parts)
        whole.replace(path)

    if "-" in places:
        with redirect_stdout(sys.stderr):
            yield write
    else:
        yield write


class Live:
    """Samples, rate, violations, errors, cost and time left, on stderr.

    On a terminal one line that is written over; elsewhere, as in CI, a line now and then.
    """

    def __init__(self, session: Session, repeats: int) -> None:
        self._session = session
        self._total = session.suites.cases * repeats * len(session.targets)
        self._terminal = sys.stderr.isatty()
        self._start = time.monotonic()
        self._next = self._start + (0.0 if self._terminal else _EVERY_UNWATCHED)
        self._count = self._violated = self._failed = self._before = 0

    def resumed(self, held: Iterable[Sample]) -> Iterator[Sample]:
        """Passes on what an earlier run played, and counts it as done."""
        for sample in held:
            self._before += 1
            yield sample

    def add(self, sample: Sample) -> None:
        """One more is done."""
        self._count += 1
        self._violated += sample.grade.label == "violated"
        self._failed += sample.failed
        now = time.monotonic()
        if now >= self._next:
            self._next = now + (_EVERY if self._terminal else _EVERY_UNWATCHED)
            self._show(now)

    def end(self) -> None:
        """The last state."""
        if self._terminal and self._count:
            self._show(time.monotonic())
            sys.stderr.write("\n")

    def line(self, seconds: float) -> str:
        """How it stands after so many seconds."""
        rate = self._count / max(seconds, 1e-6)
        done = self._before + self._count
        parts = [f"{done:,}/{self._total:,}", f"{rate:,.0f}/s"]
        parts.append(f"{self._violated:,} violated")
        if self._failed:
            parts.append(f"{self._failed:,} errors")
        if self._session.asked.prices:
            parts.append(f"cost {self._session.budget.spent:,.2f}")
        left = (self._total - done) / rate if rate else 0
        parts.append(f"{_clock(left)} left" if left > 0 else "done")
        return ", ".join(parts)

    def _show(self, now: float) -> None:
        text = self.line(now - self._start)
        sys.stderr.write(f"\r\x1b[K{text}" if self._terminal else f"{text}\n")
        sys.stderr.flush()


def show(verification: Verification) -> None:
    """The result, on standard output."""
    policy = verification.policy
    say(safe(f"{policy.organisation}, policy {policy.digest[:12]}"))
    for target in verification.targets:
        say()
        layers = f" (with {', '.join(target.layers)})" if target.layers else ""
        say(safe(f"{target.name}{layers}: {target.outcome.samples:,} samples"))
        _table(rows.numbers(target))
    if verification.ladder:
        say()
        say("What each layer buys, all rules together; every rule by itself is above:")
        _table(rows.ladder(verification))
    if verification.contrasts:
        _compared(verification)
    if verification.regression is not None:
        say()
        worse = verification.regression.worse
        told = f"worse in {len(worse)}" if worse else "not shown to be worse"
        say(safe(f"Against {verification.regression.baseline}: {told}"))
        if worse:
            _table(rows.compared(worse))
    if verification.mutants:
        say()
        say("Taken apart; a rule of which nothing is noticed is decoration here:")
        _table(rows.mutated(verification))
    say()
    for remark in rows.remarks(verification):
        say(safe(remark))
    say(f"{verification.decision} in {verification.seconds:,.1f} s")


def _compared(verification: Verification) -> None:
    apart = rows.told_apart(verification.contrasts)
    rest = len(verification.contrasts) - len(apart)
    say()
    say("Compared on the same seeds; exact p, judged for all questions together (Holm):")
    if apart:
        _table(rows.compared(apart))
    if rest:
        say(f"{rest} of {rest + len(apart)} questions: not distinguished, which is not 'equal'")


def _table(lines: Sequence[Sequence[str]]) -> None:
    for line in table(lines):
        say(line)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
