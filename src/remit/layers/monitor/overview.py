"""What the monitor has to say, as frozen values: what the console and the report show.

Nothing here reads or computes; `standing` fills it from what the monitor keeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Standing = Literal["holding", "unsure", "broken"]
Basis = Literal["audit", "own"]


def percent(rate: float) -> str:
    """A rate for people: two digits below 10 %."""
    return f"{100 * rate:.2g} %" if rate < 0.0995 else f"{100 * rate:.0f} %"


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something was so, among `n` conversations, and what that tells of all traffic.

    `count` is as counted, `rate` weighted where riskier conversations are judged more often; it is
    None before the first. `low` and `high` may be read at any time: together, all intervals ever
    shown in an epoch contain the rate with 95 % confidence.
    """

    count: int
    n: int
    rate: float | None
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Epoch:
    """A stretch in which nothing was changed on purpose: numbers are never mixed across two."""

    id: str
    began: str
    reason: str


@dataclass(frozen=True, slots=True)
class Sample:
    """What became of the conversations that were drawn to be judged.

    `skipped`: the queue was full, so none was drawn; `lost`: drawn, and never judged, because the
    process ended or the auditor failed.
    """

    drawn: int
    judged: int
    lost: int
    skipped: int

    @property
    def gaps(self) -> float:
        """The share of what should have been judged that was not."""
        due = self.drawn + self.skipped
        return (self.lost + self.skipped) / due if due else 0.0


@dataclass(frozen=True, slots=True)
class Day:
    """A rule on one day (UTC). The interval and the statistics are as they stood at its end."""

    day: str
    conversations: int
    found: int
    stopped: int
    through: int
    judged: int
    broken: int
    released: int
    rate: float | None
    low: float
    high: float
    exceeded: float
    changed: float


@dataclass(frozen=True, slots=True)
class Slice:
    """The findings of a rule for one channel, model or language."""

    by: Literal["channel", "model", "language"]
    name: str
    conversations: int
    found: int
    stopped: int
    through: int


@dataclass(frozen=True, slots=True)
class StandingAlarm:
    """An alarm that has not been cleared. `record` is its id in the evidence."""

    record: str
    time: str
    test: str
    e_value: float


@dataclass(frozen=True, slots=True)
class RuleOverview:
    """One rule in production.

    `reached` is what its tolerance is about: a violation that reached the client, among judged
    conversations. With `basis` "own" nobody but the rule's own detectors looked, so what these
    miss is not in it. `found` is what the guard found, whatever it then did: `stopped` in time or
    let `through`. `missed` is what only the auditor found. `overblocked` is, of the cases that
    people reviewed, those released unchanged. `exceeded` and `changed` are the two tests, as
    shares of what alarms: 1 does.
    """

    rule: str
    says: str
    owner: str
    standing: Standing
    why: str
    limit: float
    basis: Basis
    epoch: Epoch
    reached: Rate
    found: Rate
    stopped: int
    through: int
    missed: int
    overblocked: Rate
    sample: Sample
    exceeded: float
    changed: float
    alarm: StandingAlarm | None
    slices: tuple[Slice, ...]
    days: tuple[Day, ...]


@dataclass(frozen=True, slots=True)
class Drift:
    """A quantity beside its reference window: `moved` is up, down, or empty where it has not.

    Values are in the quantity's own unit. `e_value` is the share of what alarms, of the stronger
    of the two directions; `n` units came after the reference of `reference_n`, which is still
    being gathered where `low` and `high` are None.
    """

    quantity: str
    unit: str
    side: Literal["input", "output"]
    reference_n: int
    low: float | None
    high: float | None
    n: int
    recent: float | None
    moved: Literal["", "up", "down"]
    e_value: float
    words: str


@dataclass(frozen=True, slots=True)
class CanaryOverview:
    """The last canary run beside the first of its epoch.

    It last moved at `moved_at` (empty: never), and then in the rules of `moved`.
    """

    time: str
    cases: int
    broken: int
    failed: int
    model: str
    moved: tuple[str, ...]
    moved_at: str
    words: str


@dataclass(frozen=True, slots=True)
class Overview:
    """An assistant in production, at `at`; `followed` is the time of the newest entry counted.

    `cause` says, where a rule does not hold, whether model or traffic changed, as far as is known.
    """

    policy: str
    organisation: str
    at: str
    followed: str
    conversations: int
    answers: int
    rules: tuple[RuleOverview, ...]
    drift: tuple[Drift, ...]
    canary: CanaryOverview | None
    cause: str

    @property
    def broken(self) -> tuple[str, ...]:
        """The rules that do not hold."""
        return tuple(rule.rule for rule in self.rules if rule.standing == "broken")
