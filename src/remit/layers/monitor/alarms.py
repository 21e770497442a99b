"""When a test's evidence is an alarm: over all rules of a remit together, whenever one looks.

*Exceeded*: e-BH over the rules' e-processes at 1 %. Where no rule is broken, at most one epoch in a
hundred ever raises it, however long it is looked at. *Changed*: e-BH over the Shiryaev-Roberts
statistics, which count in days, divided by ninety, at 4 %. Where no rule is broken, in any ninety
days at most four assistants in a hundred see it. (R. Wang and A. Ramdas 2022; at the first
crossing the mean over all rules exceeds 1/alpha, and that mean is itself an e-process, or an
e-detector; J. Ville 1939; J. Shin, A. Ramdas and A. Rinaldo 2023.)

An alarm stands until the rate is shown to be back below the limit (`recovery`), or a new epoch
begins: it does not come and go with the numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Literal

from remit.layers.monitor.overview import Rate
from remit.layers.monitor.sequences import Sequence
from remit.policy import Rule
from remit.statistics.multiplicity import e_bh

EXCEEDED_ALPHA: Final = 0.01
CHANGED_ALPHA: Final = 0.04
HORIZON_DAYS: Final = 90

Test = Literal["exceeded", "changed", "moved", "cleared"]


@dataclass(frozen=True, slots=True)
class Alarm:
    """What was found, and on what. `rule` is empty for a quantity that moved."""

    id: str
    time: str
    policy: str
    rule: str
    test: Test
    epoch: str
    since: str
    limit: float
    e_value: float
    threshold: float
    rate: Rate
    says: str = ""
    owner: str = ""
    quantity: str = ""
    words: str = ""

    def record(self, now: str) -> dict[str, Any]:
        """The entry that goes with it, written at `now`; `at` is the time of its newest data."""
        return {
            "id": self.id,
            "time": now,
            "at": self.time,
            "kind": "alarm",
            "action": self.test,
            **({"rule": self.rule} if self.rule else {"quantity": self.quantity}),
            "policy": self.policy,
            "says": self.says,
            "owner": self.owner,
            **self.statistic,
            "words": self.words,
        }

    @property
    def statistic(self) -> dict[str, Any]:
        """The numbers, as they are kept with whatever is done about it."""
        return {
            "test": self.test,
            "e_value": _rounded(self.e_value),
            "threshold": _rounded(self.threshold),
            "limit": self.limit,
            "rate": None if self.rate.rate is None else _rounded(self.rate.rate),
            "interval": [_rounded(self.rate.low), _rounded(self.rate.high)],
            "broken": self.rate.count,
            "n": self.rate.n,
            "epoch": self.epoch,
            "since": self.since,
        }


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def shares(sequence: Sequence, rules: int) -> tuple[float, float]:
    """How far the two tests of a rule are: 1 and above alarms by itself, whatever the others."""
    return (
        sequence.watch.e_value * EXCEEDED_ALPHA / rules,
        sequence.watch.change / HORIZON_DAYS * CHANGED_ALPHA / rules,
    )


def alarming(sequences: Mapping[str, Sequence]) -> list[tuple[str, Test]]:
    """The rules whose tests alarm now, each with the test."""
    exceeded = {rule: s.watch.e_value for rule, s in sequences.items()}
    changed = {rule: s.watch.change / HORIZON_DAYS for rule, s in sequences.items()}
    found: list[tuple[str, Test]] = [(rule, "exceeded") for rule in e_bh(exceeded, EXCEEDED_ALPHA)]
    found += [(rule, "changed") for rule in e_bh(changed, CHANGED_ALPHA)]
    return found


def possible(sequence: Sequence) -> bool:
    """False where a rule cannot alarm, whatever the others': spares the comparison of them all."""
    return (
        sequence.watch.e_value >= 1 / EXCEEDED_ALPHA
        or sequence.watch.change >= HORIZON_DAYS / CHANGED_ALPHA
    )


def of_rule(
    rule: Rule, sequence: Sequence, test: Test, rules: int, time: str, policy: str
) -> Alarm:
    """A rule's alarm, or that it is over; one of each a test and epoch, by its id."""
    exceeded = test != "changed"
    value = sequence.watch.e_value if exceeded else sequence.watch.change
    share = shares(sequence, rules)[0 if exceeded else 1]
    return Alarm(
        id=f"alarm_{sequence.epoch.id.removeprefix('epoch_')}_{rule.id}_{test}",
        time=time,
        policy=policy,
        rule=rule.id,
        test=test,
        epoch=sequence.epoch.id,
        since=sequence.epoch.began,
        limit=sequence.limit,
        e_value=value,
        threshold=value / share if share else 0.0,
        rate=sequence.reached,
        says=rule.says,
        owner=rule.owner,
    )


def of_quantity(
    name: str, words: str, e_value: float, rate: Rate, time: str, policy: str, owner: str
) -> Alarm:
    """That a quantity moved; `rate` holds its reference and its recent mean."""
    place = sha256(f"{name} {time}".encode()).hexdigest()[:16]
    return Alarm(
        id=f"alarm_{policy[:16]}_{place}_moved",
        time=time,
        policy=policy,
        rule="",
        test="moved",
        epoch="",
        since="",
        limit=rate.high,
        e_value=e_value,
        threshold=HORIZON_DAYS / CHANGED_ALPHA,
        rate=rate,
        owner=owner,
        quantity=name,
        words=words,
    )
