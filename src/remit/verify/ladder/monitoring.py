"""The monitor on a rung: the same statistics as in production, answering an alarm with a pause.

It sees what is delivered, one reply after the other, with the remit's detectors. Where the evidence
that a rule is broken more often than its owner tolerates is overwhelming (e-BH over all rules at
1 %), the assistant is paused and every later client is handed over. A pause is a blunt measure, and
the ladder shows what it costs: nobody is helped any more either.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from remit.policy import Policy
from remit.statistics.multiplicity import e_bh
from remit.statistics.watch import RateWatch, watch

_ALPHA = 0.01
_LEAST = 1e-4  # a tolerance of nought cannot be watched


@dataclass(slots=True)
class Pausing:
    """Watches of all rules; `paused_by` is the rule that led to it, after `after` replies."""

    policy: Policy
    watches: dict[str, RateWatch] = field(init=False)
    paused_by: str = ""
    after: int = 0

    def __post_init__(self) -> None:
        self.watches = {
            rule.id: watch(min(max(rule.tolerance, _LEAST), 0.5)) for rule in self.policy.rules
        }

    @property
    def answer(self) -> str:
        """What a client is told while the assistant is paused."""
        return (
            f"I have passed your question to {self.policy.colleague.name}, who will reply to you."
        )

    def delivered(self, broken: frozenset[str]) -> None:
        """One more reply went out, in which the detectors found these rules broken."""
        self.after += 1
        for rule, now in self.watches.items():
            self.watches[rule] = now.observed(rule in broken)
        alarms = e_bh({rule: now.e_value for rule, now in self.watches.items()}, _ALPHA)
        if alarms:
            self.paused_by = alarms[0]
