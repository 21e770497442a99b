"""Has something moved? A quantity's mean beside that of a reference window, at every look.

The first hundred conversations settle a scale from 0 to 1 (their middle nine tenths), the next
three hundred an interval for the mean (by betting, `statistics.means`); then it never changes.
Each later conversation is a bet that the mean is above the interval, and one that it is below it:
the e-detectors of `statistics.watch` for a bounded mean. (J. Shin, A. Ramdas and A. Rinaldo 2023;
I. Waudby-Smith and A. Ramdas, JRSS B 86 (2024).)

The chance that any quantity is said to have moved in ninety days in which none has is at most 5 %:
1 % for all intervals together, 4 % for the bets of all quantities and both directions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final, Literal

from remit.layers.monitor.alarms import CHANGED_ALPHA, HORIZON_DAYS
from remit.layers.monitor.conversations import Unit
from remit.layers.monitor.overview import Drift
from remit.layers.monitor.quantities import Quantity, quantity
from remit.statistics.means import mean_interval
from remit.statistics.multiplicity import e_bh
from remit.statistics.watch import RateWatch, restored, watch

SCALE_N: Final = 100
REFERENCE_N: Final = 300
QUANTITIES_MOST: Final = 60
_INTERVALS_ALPHA: Final = 0.01
_FADE: Final = 0.02
_EDGE: Final = 0.001
_SHOWN_DAYS: Final = 7.0
"""How long a move is told after it was found; its new reference window has begun meanwhile."""

Direction = Literal["up", "down"]


@dataclass(slots=True)
class Watched:
    """One quantity: the values of its reference window, and after it the two bets."""

    low: float | None = None
    high: float | None = None
    values: list[float] = field(default_factory=list)
    bounds: tuple[float, float] | None = None
    up: RateWatch | None = None
    down: RateWatch | None = None
    n: int = 0
    recent: float = 0.0
    last: float = 0.0
    moved: tuple[Direction, float] | None = None

    def add(self, of: Quantity, value: float, day: float, quantities: int) -> None:
        """One more conversation, at `day` (in days)."""
        scaled = of.scaled(value)
        if self.up is not None and self.down is not None:
            self._bet(self._placed(scaled), day, self.up, self.down)
            return
        self.last = day
        if self.low is None or self.high is None:
            if of.is_share:
                self.low, self.high = 0.0, 1.0
            else:
                self.values.append(scaled)
                if len(self.values) >= SCALE_N:
                    self._settle_scale()
                return
        self.values.append(self._placed(scaled))
        if len(self.values) >= REFERENCE_N:
            self._settle_reference(quantities)

    def _settle_scale(self) -> None:
        ranked = sorted(self.values)
        tail = SCALE_N // 20
        low, high = ranked[tail], ranked[-tail - 1]
        wider = max(0.0, 0.25 - (high - low)) / 2  # all alike: a quarter of an octave around it
        self.low, self.high, self.values = low - wider, high + wider, []

    def _settle_reference(self, quantities: int) -> None:
        confidence = 1 - _INTERVALS_ALPHA / max(1, quantities)
        found = mean_interval(self.values, 0.0, 1.0, confidence)
        self.bounds = found.low, found.high
        self.up = watch(min(1 - _EDGE, max(_EDGE, found.high)))
        self.down = watch(min(1 - _EDGE, max(_EDGE, 1 - found.low)))
        self.recent, self.values = sum(self.values) / len(self.values), []

    def _placed(self, scaled: float) -> float:
        low, high = self.low or 0.0, 1.0 if self.high is None else self.high
        return min(1.0, max(0.0, (scaled - low) / (high - low)))

    def _bet(self, placed: float, day: float, up: RateWatch, down: RateWatch) -> None:
        since = max(0.0, day - self.last)
        self.last = max(self.last, day)
        self.up = up.observed(failed=True, weight=placed, since=since)
        self.down = down.observed(failed=True, weight=1 - placed, since=since)
        self.n += 1
        self.recent += _FADE * (placed - self.recent)

    def in_units(self, of: Quantity, placed: float) -> float:
        """A place on the scale, in the quantity's unit."""
        low, high = self.low or 0.0, 1.0 if self.high is None else self.high
        return of.unscaled(low + placed * (high - low))

    def as_list(self) -> list[Any]:
        """As plain JSON values."""
        return [
            self.low, self.high, [round(v, 5) for v in self.values], self.bounds,
            self.up and self.up.as_dict(), self.down and self.down.as_dict(),
            self.n, self.recent, self.last, self.moved,
        ]  # fmt: skip

    @classmethod
    def restored(cls, value: list[Any]) -> Watched:
        """What `as_list` wrote down. Raises ValueError or TypeError for anything else."""
        low, high, values, bounds, up, down, n, recent, last, moved = value
        return cls(
            low, high, list(values), tuple(bounds) if bounds else None,
            restored(up) if up else None, restored(down) if down else None,
            int(n), float(recent), float(last), tuple(moved) if moved else None,
        )  # fmt: skip


def kept(unit: Unit, share: float) -> bool:
    """Whether a judged conversation is in the sample for drift, in which all have one share.

    Of those that were judged more often, as many are left out, by a hash of the receipt.
    """
    digest = blake2b(unit.receipt.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64 * (unit.sampled or 1.0) < share


def add(watched: dict[str, Watched], values: Mapping[str, float], day: float) -> None:
    """One more conversation, with all that was measured of it."""
    for name, value in values.items():
        of = quantity(name)
        if of is None or (name not in watched and len(watched) >= QUANTITIES_MOST):
            continue
        watched.setdefault(name, Watched()).add(of, value, day, len(values))


def moving(watched: Mapping[str, Watched]) -> list[tuple[str, Direction, float]]:
    """The quantities that have moved, which way, and the evidence; e-BH over all directions."""
    changes: dict[tuple[str, Direction], float] = {}
    for name, one in watched.items():
        if one.up is not None and one.down is not None:
            changes[name, "up"] = one.up.change / HORIZON_DAYS
            changes[name, "down"] = one.down.change / HORIZON_DAYS
    return [(*key, changes[key]) for key in e_bh(changes, CHANGED_ALPHA)]


def restart(watched: dict[str, Watched], name: str, direction: Direction, day: float) -> None:
    """What has moved gets a new reference: from now on, this is what it is compared with."""
    watched[name] = Watched(moved=(direction, day))


def stated(watched: Mapping[str, Watched], now: float) -> tuple[Drift, ...]:
    """Each quantity in a sentence, at `now` (in days)."""
    directions = sum(2 for one in watched.values() if one.up is not None) or 1
    found = ((quantity(name), one) for name, one in watched.items())
    return tuple(_stated(of, one, now, directions) for of, one in found if of is not None)


def _stated(of: Quantity, one: Watched, now: float, directions: int) -> Drift:
    moved: Literal["", "up", "down"] = ""
    if one.moved is not None and now - one.moved[1] <= _SHOWN_DAYS:
        moved = one.moved[0]
    low = high = recent = None
    e_value = 0.0
    if one.bounds is not None and one.up is not None and one.down is not None:
        low, high = (one.in_units(of, bound) for bound in one.bounds)
        recent = one.in_units(of, one.recent)
        strongest = max(one.up.change, one.down.change)
        e_value = strongest / HORIZON_DAYS * CHANGED_ALPHA / directions
    words = _words(of, moved, low, high, recent)
    gathered = REFERENCE_N if one.bounds is not None else len(one.values)
    return Drift(
        of.name, of.unit, of.side, gathered, low, high, one.n, recent, moved, e_value, words
    )


def _words(
    of: Quantity, moved: str, low: float | None, high: float | None, recent: float | None
) -> str:
    if moved:
        return f"{of.words} went {moved}; a new reference is being gathered"
    if low is None or high is None or recent is None:
        return f"{of.words}: the reference is being gathered"
    return f"{of.words}: {_told(of, recent)}, against {_told(of, low)} to {_told(of, high)}"


def _told(of: Quantity, value: float) -> str:
    return f"{100 * value:.1f} %" if of.is_share else f"{value:,.3g} {of.unit}"
