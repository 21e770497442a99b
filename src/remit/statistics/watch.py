"""Watching a rate in production: has the limit been exceeded, and did something change?

Both questions are answered after every unit (a conversation that was sampled at random and
judged), with the error bounded over all looks together:

- *Exceeded*: a betting e-process against "the rate is at most the limit". Among watches that keep
  to it, at most alpha ever alarm at 1/alpha. (I. Waudby-Smith and A. Ramdas, *Estimating means of
  bounded random variables by betting*, JRSS B 86 (2024).)
- *Changed*: the Shiryaev-Roberts e-detector, which bets anew from every moment at once, so it
  does not have to win back what it lost while all was well. At threshold A the mean number of
  units to a false alarm is at least A, and the chance of one within m units at most m/A.
  (J. Shin, A. Ramdas and A. Rinaldo, *E-detectors: a nonparametric framework for sequential
  change detection*, New England J. Statist. Data Sci. (2023), arXiv 2203.03532.)

The state is about a dozen numbers whatever was seen; a unit costs some ten microseconds. An
intervention starts a new watch: what came before is no evidence about what comes after.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

_LARGEST = 1e300
_BOLDEST = 0.5
_MOST_TIMID = 0.1


@dataclass(frozen=True, slots=True)
class RateWatch:
    """Bets on a rate above `limit`, as they stand after `n` units. Start with `watch(limit)`.

    `wealth` and `restarted` hold, for each of the `bets`, what one unit of stake has become:
    staked once at the start, and staked anew at every unit.
    """

    limit: float
    bets: tuple[float, ...]
    wealth: tuple[float, ...]
    restarted: tuple[float, ...]
    n: int = 0
    failures: float = 0.0

    @property
    def e_value(self) -> float:
        """Evidence that the rate is above the limit; alarm at 1/alpha. Valid at every look."""
        return sum(self.wealth) / len(self.wealth)

    @property
    def change(self) -> float:
        """The Shiryaev-Roberts statistic; alarm at A for at least A units between false alarms."""
        return sum(self.restarted) / len(self.restarted)

    def observed(
        self, failed: bool, weight: float = 1.0, *, share: float = 1.0, since: float = 1.0
    ) -> RateWatch:
        """The watch after one more unit.

        Where riskier units are sampled more often, `weight` is the unit's share of the traffic
        over its share of the sample: it must be settled before the outcome is known and have
        mean 1. It is what makes the sample speak for all traffic.

        Where every unit of the traffic is shown to the watch, and only some were judged, `share`
        is what is judged at least; then `weight` is `share` over the probability with which this
        unit was judged, and 0 where it was not: so weighted it has mean `share`.

        `since` is how much of a new stake is placed before this unit: 1 makes `change` count in
        units, the days since the unit before make it count in days, whatever the traffic.

        Raises ValueError for a weight that is negative or not finite.
        """
        if not (weight >= 0 and isfinite(weight)):
            raise ValueError(f"weight {weight}: must be a finite number of at least 0")
        gain = (weight if failed else 0.0) - self.limit * share
        factors = [1 + bet * gain for bet in self.bets]
        return RateWatch(
            self.limit,
            self.bets,
            tuple([min(_LARGEST, w * f) for w, f in zip(self.wealth, factors, strict=True)]),
            tuple(
                [
                    min(_LARGEST, (r + since) * f)
                    for r, f in zip(self.restarted, factors, strict=True)
                ]
            ),
            self.n + 1,
            self.failures + (weight if failed else 0.0),
        )

    def held(self, units: int, *, share: float = 1.0, since: float = 1.0) -> RateWatch:
        """The watch after `units` more that all held, as one by one, in constant time."""
        if units < 0:
            raise ValueError(f"{units} units: must be 0 or more")
        kept = [1 - bet * self.limit * share for bet in self.bets]
        powers = [k**units for k in kept]
        return replace(
            self,
            wealth=tuple(w * p for w, p in zip(self.wealth, powers, strict=True)),
            restarted=tuple(
                r * p + since * k * (1 - p) / (1 - k)
                for r, k, p in zip(self.restarted, kept, powers, strict=True)
            ),
            n=self.n + units,
        )

    def as_dict(self) -> dict[str, Any]:
        """The state as plain JSON values; `restored` reads it back without loss."""
        return {
            "limit": self.limit,
            "wealth": list(self.wealth),
            "restarted": list(self.restarted),
            "n": self.n,
            "failures": self.failures,
        }


def watch(limit: float) -> RateWatch:
    """A watch that has seen nothing. Raises ValueError unless 0 < limit < 1."""
    if not 0 < limit < 1:
        raise ValueError(f"limit {limit}: give a rate between 0 and 1, not either")
    bets = _bets(limit)
    return RateWatch(limit, bets, wealth=(1.0,) * len(bets), restarted=(0.0,) * len(bets))


def restored(state: Mapping[str, Any]) -> RateWatch:
    """The watch that `as_dict` wrote down. Raises ValueError for anything else."""
    try:
        limit, n, failures = float(state["limit"]), int(state["n"]), float(state["failures"])
        wealth = tuple(float(w) for w in state["wealth"])
        restarted = tuple(float(r) for r in state["restarted"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"not the state of a watch: {error!r}; start a new one") from None
    fresh = watch(limit)
    numbers = (*wealth, *restarted, failures)
    if len(wealth) != len(fresh.wealth) or len(restarted) != len(wealth) or n < 0:
        raise ValueError("not the state of a watch of this limit; start a new one")
    if not all(isfinite(number) and number >= 0 for number in numbers):
        raise ValueError("not the state of a watch: a number is negative or not finite")
    return replace(fresh, wealth=wealth, restarted=restarted, n=n, failures=failures)


def _bets(limit: float) -> tuple[float, ...]:
    """Stakes from bold to timid, each half of the one before.

    A stake s is the right one for a rate of about (1 + s) times the limit; below 1/limit no
    outcome can ruin it.
    """
    bets = [_BOLDEST / limit]
    while bets[-1] > 2 * _MOST_TIMID:
        bets.append(bets[-1] / 2)
    return tuple(bets)
