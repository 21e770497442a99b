"""One rule's numbers in one epoch: the two tests, the interval, and what they were made of.

Every conversation is a bet. The *exceeded* test asks whether the rate of conversations in which a
violation reached the client is above the rule's tolerance; the *changed* test asks it anew from
every moment on, counted in days, so that the chance of a false alarm depends on how long one looks
and not on how much traffic there is. See `statistics.watch` for both, with their papers.

A conversation that was not drawn is a bet too, at the stake of the smallest share, so that nothing
needs to be known of how the draws fell: a failure that was found because the conversation was drawn
with probability p counts share / p, one that the guard itself saw go out counts the share. Where a
drawn one was never judged, it counts as not drawn: lost judgements can hide a violation, not make
an alarm.

The interval adds up two strata, risky and ordinary conversations: within one, all were judged with
one probability, so plain counts speak for it (a confidence sequence at half the error each), and
how large each is was counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from remit.layers.monitor.conversations import Unit
from remit.layers.monitor.overview import Basis, Epoch, Rate
from remit.layers.monitor.recovery import Recovery
from remit.policy import Rule
from remit.statistics.sequential import confidence_sequence
from remit.statistics.watch import RateWatch, restored, watch
from remit.types import Action, Stage

CONFIDENCE: Final = 0.95
LEAST_LIMIT: Final = 1e-4
"""A tolerance of nought can only be refuted, never tested; it is tested as one in ten thousand."""

_RUN_TIME: Final = (Stage.INPUT, Stage.OUTPUT, Stage.TOOL)
_STRATA: Final = ("ordinary", "risky")


@dataclass(slots=True)
class Counted:
    """Conversations by stratum: all of them, those judged, those of these that failed."""

    total: list[int] = field(default_factory=lambda: [0, 0])
    judged: list[int] = field(default_factory=lambda: [0, 0])
    failed: list[int] = field(default_factory=lambda: [0, 0])

    def add(self, *, risky: bool, judged: bool, failed: bool) -> None:
        """One more conversation."""
        self.total[risky] += 1
        self.judged[risky] += judged
        self.failed[risky] += judged and failed

    def add_held(self, undrawn: list[int], judged: list[int], *, own: bool) -> None:
        """Many that held, by stratum; with `own` those not drawn were judged as well."""
        for stratum in range(len(_STRATA)):
            self.total[stratum] += undrawn[stratum] + judged[stratum]
            self.judged[stratum] += judged[stratum] + (undrawn[stratum] if own else 0)

    def rate(self, basis: Basis) -> Rate:
        """The rate over all traffic of this epoch, with its interval."""
        if basis == "own":
            return rate_of(sum(self.failed), sum(self.judged))
        total = sum(self.total)
        each = 1 - (1 - CONFIDENCE) / len(_STRATA)
        low = high = middle = known = 0.0
        for all_, judged, failed in zip(self.total, self.judged, self.failed, strict=True):
            part = all_ / total if total else 1 / len(_STRATA)
            inner = rate_of(failed, judged, each)
            low, high = low + part * inner.low, high + part * inner.high
            if judged:
                middle, known = middle + part * failed / judged, known + part
        rate = middle / known if known else None
        return Rate(sum(self.failed), sum(self.judged), rate, low, min(1.0, high))

    def as_list(self) -> list[list[int]]:
        """As plain JSON values."""
        return [self.total, self.judged, self.failed]


@lru_cache(maxsize=4096)
def rate_of(count: int, n: int, confidence: float = CONFIDENCE) -> Rate:
    """A plain rate with its confidence sequence; all of [0, 1] before the first."""
    if not n:
        return Rate(0, 0, None, 0.0, 1.0)
    interval = confidence_sequence(count, n, confidence)
    return Rate(count, n, count / n, interval.low, interval.high)


@dataclass(slots=True)
class Sequence:
    """A rule since its epoch began. `share` is the least share of conversations that is judged.

    `alarm` is the one that stands. `calm` is the time from which `recovery` shows the rate to be
    below the limit; empty while it does not.
    """

    limit: float
    basis: Basis
    share: float
    epoch: Epoch
    last: float
    watch: RateWatch
    recovery: Recovery
    counted: Counted = field(default_factory=Counted)
    drawn: int = 0
    lost: int = 0
    skipped: int = 0
    missed: int = 0
    found: int = 0
    stopped: int = 0
    through: int = 0
    conversations: int = 0
    alarm: dict[str, Any] | None = None
    calm: str = ""
    _held: int = 0
    _days: float = 0.0
    _judged: int = 0
    _judged_days: float = 0.0

    @classmethod
    def begun(cls, limit: float, basis: Basis, share: float, epoch: Epoch, at: float) -> Sequence:
        """A sequence that has seen nothing; `at` is the epoch's beginning in days."""
        tested = min(max(limit, LEAST_LIMIT), 0.99)
        part = 1.0 if basis == "own" else share
        return cls(tested, basis, part, epoch, at, watch(tested), Recovery(tested))

    def add(self, rule: str, unit: Unit, day: float) -> bool:
        """One more conversation, closed at `day` (in days). True where it failed."""
        done = {d for (name, _), d in unit.found.items() if name == rule}
        self.conversations += 1
        self.found += bool(done - {"failed"})
        self.through += "through" in done
        self.stopped += "stopped" in done and "through" not in done
        own = unit.reached(rule)
        broken = self._audited(rule, unit, found=bool(done)) if self.basis == "audit" else own
        failed, judged = own or broken is True, broken is not None
        self.counted.add(risky=unit.risky, judged=judged, failed=failed)
        # What the guard saw go out it would have seen in any conversation, drawn or not.
        weight = 1.0 if own else 1.0 / (unit.sampled or 1.0)
        self.bet(day, failed=failed, judged=judged, weight=weight)
        return failed

    def _audited(self, rule: str, unit: Unit, *, found: bool) -> bool | None:
        """What the auditor found, if the conversation was drawn and judged; and counts which."""
        if unit.sampled is None:
            return None
        if not unit.sampled:
            self.skipped += 1
            return None
        self.drawn += 1
        broken = audited(rule, unit)
        self.lost += broken is None
        self.missed += broken is True and not found
        return broken

    def add_tried(self, day: float) -> None:
        """One that failed, of a sequence in which every conversation is judged."""
        self.conversations += 1
        self.counted.add(risky=False, judged=True, failed=True)
        self.bet(day, failed=True)

    def add_quiet(self, undrawn: list[int], judged: list[int], day: float) -> None:
        """Conversations, by stratum, in which nothing was found: not drawn, and judged and held."""
        n = sum(undrawn) + sum(judged)
        self.conversations += n
        if self.basis == "audit":
            self.drawn += sum(judged)
        own = self.basis == "own"
        self.counted.add_held(undrawn, judged, own=own)
        self._hold(n, n if own else sum(judged), self._since(day))

    def _since(self, day: float) -> float:
        since = max(0.0, day - self.last)
        self.last = max(self.last, day)
        return since

    def _hold(self, n: int, judged: int, days: float) -> None:
        self._held, self._days = self._held + n, self._days + days
        self._judged, self._judged_days = self._judged + judged, self._judged_days + days

    def bet(self, day: float, *, failed: bool, judged: bool = True, weight: float = 1.0) -> None:
        """One more conversation in the tests; `weight` is one over the chance of knowing."""
        since = self._since(day)
        if not failed:
            self._hold(1, int(judged), since)
            return
        self.settle()
        weight *= self.share
        self.watch = self.watch.observed(failed=True, weight=weight, share=self.share, since=since)
        self.recovery.failed(self._judged_days + since)
        self._judged_days = 0.0

    def settle(self) -> None:
        """Puts the conversations that held since the last failure into the tests, in one go."""
        if self._held:
            since = self._days / self._held
            self.watch = self.watch.held(self._held, share=self.share, since=since)
            self._held, self._days = 0, 0.0
        if self._judged:
            self.recovery.held(self._judged, self._judged_days)
            self._judged, self._judged_days = 0, 0.0

    @property
    def reached(self) -> Rate:
        """How often a violation reached the client."""
        return self.counted.rate(self.basis)

    def as_dict(self) -> dict[str, Any]:
        """As plain JSON values; `Sequence.restored` reads it back without loss."""
        self.settle()
        return {
            "limit": self.limit,
            "basis": self.basis,
            "share": self.share,
            "epoch": [self.epoch.id, self.epoch.began, self.epoch.reason],
            "last": self.last,
            "watch": self.watch.as_dict(),
            "counted": self.counted.as_list(),
            "sums": [getattr(self, name) for name in _SUMS],
            "alarm": self.alarm,
            "recovery": self.recovery.as_list(),
            "unplaced": self._judged_days,
            "calm": self.calm,
        }

    @classmethod
    def restored(cls, value: Mapping[str, Any]) -> Sequence:
        """What `as_dict` wrote down. Raises ValueError, KeyError or TypeError otherwise."""
        made = cls(
            float(value["limit"]),
            value["basis"],
            float(value["share"]),
            Epoch(*value["epoch"]),
            float(value["last"]),
            restored(value["watch"]),
            Recovery.restored(value["recovery"]),
            Counted(*value["counted"]),
            alarm=value["alarm"],
            calm=str(value["calm"]),
            _judged_days=float(value["unplaced"]),
        )
        for name, number in zip(_SUMS, value["sums"], strict=True):
            setattr(made, name, int(number))
        return made


_SUMS: Final = (
    "drawn", "lost", "skipped", "missed", "found", "stopped", "through", "conversations",
)  # fmt: skip


def watched(rule: Rule) -> bool:
    """True for a rule that is asked at run time."""
    return any((rule.action(stage) or Action.ALLOW) > Action.ALLOW for stage in _RUN_TIME)


def held(said: object) -> bool:
    """True where an auditor found a rule kept."""
    return isinstance(said, dict) and said.get("outcome") == "held"


def audited(rule: str, unit: Unit) -> bool | None:
    """Whether an auditor found a violation in what this conversation delivered; None if unsure.

    A client may have sent a history of its own making: only texts that the record says were
    delivered count.
    """
    judged = unit.judgement.get("judged") if unit.judgement else None
    said = judged.get(rule) if isinstance(judged, Mapping) else None
    if not isinstance(said, Mapping) or said.get("outcome") not in ("broken", "held"):
        return None
    turns = said.get("turns")
    return isinstance(turns, list) and any(turn in unit.hashes for turn in turns)
