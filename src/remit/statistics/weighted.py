"""A confidence sequence for a rate where riskier units are sampled more often.

The predictable plug-in empirical-Bernstein sequence of I. Waudby-Smith and A. Ramdas, *Estimating
means of bounded random variables by betting*, JRSS B 86 (2024), theorem 2. A weighted outcome
lies in [0, heaviest] and has the rate over all traffic as its mean, whatever made a unit be
picked. Valid after every unit; seven numbers of state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import isfinite, log, log1p, sqrt
from typing import Any

from remit.statistics.intervals import Interval, check_confidence

_BOLDEST = 0.5


@dataclass(frozen=True, slots=True)
class WeightedRate:
    """What `n` weighted units came to. Start with `WeightedRate(heaviest=…)`.

    `heaviest` is the largest weight that can occur, settled beforehand: 1 over the smallest
    ratio of a unit's share of the sample to its share of the traffic. The confidence is fixed
    too, since the stakes are chosen for it.
    """

    heaviest: float
    confidence: float = 0.95
    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    stakes: float = 0.0
    staked: float = 0.0
    spread: float = 0.0

    def __post_init__(self) -> None:
        check_confidence(self.confidence)
        if not (self.heaviest >= 1 and isfinite(self.heaviest)):
            raise ValueError(
                f"heaviest weight {self.heaviest}: weights have mean 1, give 1 or more"
            )

    def observed(self, failed: bool, weight: float = 1.0) -> WeightedRate:
        """The state after one more unit. Raises ValueError for a weight outside [0, heaviest]."""
        if not 0 <= weight <= self.heaviest:
            raise ValueError(f"weight {weight} lies outside [0, {self.heaviest}]")
        x = weight / self.heaviest if failed else 0.0
        before = (0.5 + self.total) / (self.n + 1)
        variance = (0.25 + self.squares) / (self.n + 1)
        t = self.n + 1
        wanted = sqrt(2 * log(2 / (1 - self.confidence)) / (variance * t * log1p(t)))
        stake = min(_BOLDEST, wanted)
        total = self.total + x
        mean = (0.5 + total) / (t + 1)
        return WeightedRate(
            self.heaviest,
            self.confidence,
            n=t,
            total=total,
            squares=self.squares + (x - mean) ** 2,
            stakes=self.stakes + stake,
            staked=self.staked + stake * x,
            spread=self.spread + (x - before) ** 2 * (-log1p(-stake) - stake),
        )

    @property
    def interval(self) -> Interval:
        """The rates that have not been refuted; all of [0, 1] before the first unit."""
        if not self.n:
            return Interval(0.0, 1.0)
        middle = self.staked / self.stakes
        reach = (log(2 / (1 - self.confidence)) + self.spread) / self.stakes
        low = max(0.0, (middle - reach) * self.heaviest)
        return Interval(min(1.0, low), min(1.0, (middle + reach) * self.heaviest))

    def as_dict(self) -> dict[str, Any]:
        """The state as plain JSON values; `restored_rate` reads it back without loss."""
        return asdict(self)


def restored_rate(state: Mapping[str, Any]) -> WeightedRate:
    """The state that `as_dict` wrote down. Raises ValueError for anything else."""
    try:
        numbers = {field.name: float(state[field.name]) for field in fields(WeightedRate)}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"not the state of a weighted rate: {error!r}; start a new one") from None
    if not all(isfinite(number) and number >= 0 for number in numbers.values()):
        raise ValueError("not the state of a weighted rate: a number is negative or not finite")
    n = numbers.pop("n")
    if not n.is_integer() or (n > 0) != (numbers["stakes"] > 0):
        raise ValueError("not the state of a weighted rate: its counts do not fit")
    return WeightedRate(**numbers, n=int(n))
