"""Conversations in which a rule had nothing to say, counted once for all rules.

Nearly all are such: to bet on each for each rule would be most of the work of following a record.
A rule takes over what it has missed when next it matters; the tests are then as if one by one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from remit.layers.monitor.sequences import Sequence

Mark = tuple[int, int, int, int]


@dataclass(slots=True)
class Quiet:
    """Counts by stratum of what was not drawn and of what was judged and held; when the last was.

    `marks` is up to where each rule has taken them over.
    """

    undrawn: list[int] = field(default_factory=lambda: [0, 0])
    judged: list[int] = field(default_factory=lambda: [0, 0])
    day: float = 0.0
    marks: dict[str, Mark] = field(default_factory=dict)

    def add(self, day: float, *, risky: bool, judged: bool) -> None:
        """One more, closed at `day` (in days)."""
        (self.judged if judged else self.undrawn)[risky] += 1
        self.day = max(self.day, day)

    def mark(self, rules: Iterable[str]) -> None:
        """These rules have, or do not want, all there is so far."""
        at = (*self.undrawn, *self.judged)
        for rule in rules:
            self.marks[rule] = at  # type: ignore[assignment]  # two lists of two

    def hand_over(self, rule: str, sequence: Sequence) -> int:
        """Gives a rule what it has missed; how many conversations of it were judged."""
        before = self.marks.get(rule, (0, 0, 0, 0))
        undrawn = [self.undrawn[0] - before[0], self.undrawn[1] - before[1]]
        judged = [self.judged[0] - before[2], self.judged[1] - before[3]]
        if sum(undrawn) + sum(judged):
            self.mark([rule])
            sequence.add_quiet(undrawn, judged, self.day)
        return sum(judged) + (sum(undrawn) if sequence.basis == "own" else 0)
