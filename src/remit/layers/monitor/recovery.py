"""Is it over? The mirror image of the *changed* test: has the rate come down below the limit?

A Shiryaev-Roberts e-detector against "the rate is at least the limit", over judged conversations,
counted in days: while the rate is at its limit, it says so on the average once in `RECOVERED_DAYS`
days at the most. Risky conversations are judged more often and count as the others here, so that
it errs towards not yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

RECOVERED_DAYS: Final = 100.0

_BETS: Final = (0.9, 0.45, 0.225)
_LARGEST: Final = 1e300
_MOST_NATS: Final = 600.0


@dataclass(slots=True)
class Recovery:
    """Bets on a rate below `limit`, anew from every moment on; `stakes` is what each has become."""

    limit: float
    stakes: tuple[float, ...] = (0.0,) * len(_BETS)

    @property
    def shown(self) -> bool:
        """True where the rate is shown to be below the limit by now."""
        return sum(self.stakes) / len(_BETS) >= RECOVERED_DAYS

    def held(self, units: int, days: float) -> None:
        """So many judged conversations that held, over so many days since the last ones."""
        if units <= 0:
            return
        made = []
        for bet, stake in zip(_BETS, self.stakes, strict=True):
            gain = 1 + bet * self.limit
            power = gain ** min(units, _MOST_NATS / (bet * self.limit))
            placed = days / units * gain * (power - 1) / (gain - 1)
            made.append(min(_LARGEST, stake * power + placed))
        self.stakes = tuple(made)

    def failed(self, days: float) -> None:
        """A judged conversation that failed."""
        self.stakes = tuple(
            (stake + days) * (1 - bet * (1 - self.limit))
            for bet, stake in zip(_BETS, self.stakes, strict=True)
        )

    def as_list(self) -> list[Any]:
        """As plain JSON values."""
        return [self.limit, list(self.stakes)]

    @classmethod
    def restored(cls, value: list[Any]) -> Recovery:
        """What `as_list` wrote down. Raises ValueError or TypeError for anything else."""
        limit, stakes = value
        if len(stakes) != len(_BETS):
            raise ValueError("not the state of a recovery")
        return cls(float(limit), tuple(float(stake) for stake in stakes))
