"""Production by dice: what the tests would make of it, before there is any.

The sequences are those that the monitor itself uses. Only failures are drawn (geometric gaps), and
all between two of them is one step, so that ninety days of eight rules take some hundredths of a
second. Looking at each failure is looking at each conversation: between two failures both
statistics fall, but for the stakes placed anew, which never alarm by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import merge
from math import log, log1p
from random import Random
from typing import Final

from remit.layers.monitor.alarms import alarming, possible
from remit.layers.monitor.overview import Basis, Epoch
from remit.layers.monitor.sequences import Sequence

_EPOCH: Final = Epoch("simulated", "", "")
FIRST: Final = "rule-0"
"""The rule whose rate changes; all others stay at the limit."""


def at_limit(day: float) -> float:
    """A rate that stays at the limit: the worst case in which nothing is wrong."""
    return 1.0


def step(times: float, at: float) -> Callable[[float], float]:
    """A rate that is at the limit until a day, and `times` as high from then on."""
    return lambda day: times if day >= at else 1.0


@dataclass(frozen=True, slots=True)
class World:
    """Traffic and sampling. `rate` is the first rule's by the day, in multiples of `limit`, and at
    most `peak`; conversations are so many `per_day`, and a `share` of them is judged.

    A part `risky` of them is judged `times` as often (each at most once), and fails `risk` times as
    often as the others, at the same mean.
    """

    rules: int = 8
    days: int = 90
    per_day: int = 200
    limit: float = 0.01
    share: float = 1.0
    risky: float = 0.0
    times: float = 5.0
    risk: float = 5.0
    rate: Callable[[float], float] = at_limit
    peak: float = 1.0

    @property
    def judged(self) -> float:
        """Judged conversations a day, on the average."""
        ordinary = (1 - self.risky) * self.share
        return self.per_day * (ordinary + self.risky * min(1.0, self.share * self.times))


@dataclass(frozen=True, slots=True)
class Run:
    """The day of each rule's first alarm, by test."""

    exceeded: dict[str, float]
    changed: dict[str, float]

    @property
    def alarmed(self) -> bool:
        """True where anything alarmed at all."""
        return bool(self.exceeded or self.changed)

    def first(self, rule: str) -> float | None:
        """The day of a rule's first alarm, of either test."""
        found = [days[rule] for days in (self.exceeded, self.changed) if rule in days]
        return min(found, default=None)


def run(rng: Random, world: World, *, daily: bool = False) -> Run:
    """One stretch, looked at after each conversation, or once a day."""
    names = [f"rule-{number}" for number in range(world.rules)]
    basis: Basis = "own" if world.share == 1 else "audit"
    sequences = {n: Sequence.begun(world.limit, basis, world.share, _EPOCH, 0.0) for n in names}
    played = _Played(world, sequences, dict.fromkeys(names, 0), {}, {})
    today = 0
    for at, rule, seen in merge(*(_failures(rng, world, name) for name in names)):
        if daily and int(at / world.per_day) > today:
            today = int(at / world.per_day)
            played.look(today * world.per_day)
        played.catch_up(rule, at - 1)
        sequences[rule].bet(at / world.per_day, failed=True, weight=1 / seen)
        played.done[rule] = at
        if not daily and possible(sequences[rule]):
            played.look(at)
    played.look(world.days * world.per_day)
    return Run(played.exceeded, played.changed)


@dataclass(slots=True)
class _Played:
    world: World
    sequences: dict[str, Sequence]
    done: dict[str, int]
    exceeded: dict[str, float]
    changed: dict[str, float]

    def catch_up(self, rule: str, at: int) -> None:
        """Those that held since, up to conversation `at`."""
        if at > self.done[rule]:
            held = [at - self.done[rule], 0]
            self.sequences[rule].add_quiet(held, [0, 0], at / self.world.per_day)
            self.done[rule] = at

    def look(self, at: int) -> None:
        """Whatever alarms at conversation `at` and has not before."""
        for rule, sequence in self.sequences.items():
            self.catch_up(rule, at)
            sequence.settle()
        for rule, test in alarming(self.sequences):
            found = self.changed if test == "changed" else self.exceeded
            found.setdefault(rule, at / self.world.per_day)


def _failures(rng: Random, world: World, rule: str) -> Iterator[tuple[int, str, float]]:
    """Conversations that fail and are known to: number, rule, and the chance of knowing it."""
    ordinary = 1 / (1 + world.risky * (world.risk - 1))
    rate = world.rate if rule == FIRST else at_limit
    highest = world.limit * (world.peak if rule == FIRST else 1.0) * max(1.0, world.risk * ordinary)
    at, end = 0, world.days * world.per_day
    while (at := at + gap(rng, highest) + 1) <= end:
        # Thinned from the highest rate that can occur, so that it may change at any time.
        risky = rng.random() < world.risky
        now = world.limit * rate(at / world.per_day) * ordinary * (world.risk if risky else 1.0)
        seen = min(1.0, world.share * (world.times if risky else 1.0))
        if rng.random() * highest < now and rng.random() < seen:
            yield at, rule, seen


def gap(rng: Random, rate: float) -> int:
    """Conversations that hold before the next one that fails."""
    return int(log(1 - rng.random()) / log1p(-rate))
