"""Does the model try more often? What the guard finds and stops, beside a reference window.

A violation that the guard stops reaches nobody, so it is none of the rule's tolerance; that there
are suddenly more of them still says that the model, or what it is asked, has changed. The first
thousand conversations give an exact upper bound; then every conversation is a bet that the rate is
above it, as in `sequences`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from remit.layers.monitor.alarms import CHANGED_ALPHA, HORIZON_DAYS
from remit.layers.monitor.overview import Drift, Epoch
from remit.layers.monitor.quantities import found, quantity
from remit.layers.monitor.sequences import Sequence
from remit.statistics.intervals import upper_bound
from remit.statistics.multiplicity import e_bh

REFERENCE_N: Final = 1_000
_INTERVALS_ALPHA: Final = 0.01
_SHOWN_DAYS: Final = 7.0
_NOWHEN: Final = Epoch("", "", "")


@dataclass(slots=True)
class Attempts:
    """One rule: what was found in the reference window, and the bets after it.

    `seen` is up to which conversation of the tracker they are taken over.
    """

    n: int = 0
    count: int = 0
    after: Sequence | None = None
    moved: float | None = None
    seen: int = 0

    def add(self, day: float, rules: int, held: int, *, tried: bool) -> None:
        """Conversations up to `day`: `held` in which it was not tried, then one if it was."""
        if self.after is not None:
            self.after.add_quiet([held, 0], [0, 0], day)
            if tried:
                self.after.add_tried(day)
            return
        self.n, self.count = self.n + held + tried, self.count + tried
        if self.n >= REFERENCE_N:
            bound = upper_bound(self.count, self.n, 1 - _INTERVALS_ALPHA / max(1, rules))
            self.after = Sequence.begun(bound, "own", 1.0, _NOWHEN, day)

    def as_list(self) -> list[Any]:
        """As plain JSON values."""
        return [self.n, self.count, self.after and self.after.as_dict(), self.moved, self.seen]

    @classmethod
    def restored(cls, value: list[Any]) -> Attempts:
        """What `as_list` wrote down. Raises ValueError, KeyError or TypeError otherwise."""
        n, count, after, moved, seen = value
        sequence = Sequence.restored(after) if after else None
        return cls(int(n), int(count), sequence, moved, int(seen))


def rising(attempts: Mapping[str, Attempts]) -> list[tuple[str, float]]:
    """The rules that are tried more often than in their reference, each with its evidence."""
    changes = {
        rule: one.after.watch.change / HORIZON_DAYS for rule, one in attempts.items() if one.after
    }
    return [(rule, changes[rule]) for rule in e_bh(changes, CHANGED_ALPHA)]


def stated(attempts: Mapping[str, Attempts], now: float) -> tuple[Drift, ...]:
    """Each rule in a sentence, at `now` (in days)."""
    return tuple(_stated(rule, one, now, len(attempts)) for rule, one in attempts.items())


def _stated(rule: str, one: Attempts, now: float, rules: int) -> Drift:
    of = quantity(found(rule))
    assert of is not None  # noqa: S101  every rule has one
    up = one.moved is not None and now - one.moved <= _SHOWN_DAYS
    if one.after is None:
        words = f"{of.words}: the reference is being gathered"
        return Drift(of.name, of.unit, of.side, one.n, None, None, 0, None, "", 0.0, words)
    reached = one.after.reached
    recent, limit = reached.rate, one.after.limit
    words = f"{of.words}: {100 * (recent or 0):.1f} %, against at most {100 * limit:.1f} %"
    e_value = one.after.watch.change / HORIZON_DAYS * CHANGED_ALPHA / max(1, rules)
    return Drift(
        of.name, of.unit, of.side, one.n, 0.0, limit, reached.n, recent, "up" if up else "",
        e_value, f"{of.words} went up; a new reference is being gathered" if up else words,
    )  # fmt: skip
