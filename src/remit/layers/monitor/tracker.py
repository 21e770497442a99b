"""One version of a remit in production: every record in, its numbers and alarms out.

Pure but for its own memory: no clock, no disk. What it is fed, in the same order, it always turns
into the same numbers; `keeping` writes them down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from remit.layers.monitor import attempts, daily, drift
from remit.layers.monitor.alarms import (
    Alarm,
    Test,
    alarming,
    of_quantity,
    of_rule,
    possible,
    shares,
)
from remit.layers.monitor.answers import Answer, word
from remit.layers.monitor.attempts import Attempts
from remit.layers.monitor.canary import Canary
from remit.layers.monitor.clock import days
from remit.layers.monitor.conversations import Conversations, Unit
from remit.layers.monitor.drift import Watched
from remit.layers.monitor.overview import Basis, Epoch, Rate
from remit.layers.monitor.quantities import found, measured, quantity
from remit.layers.monitor.quiet import Quiet
from remit.layers.monitor.recovery import Recovery
from remit.layers.monitor.sequences import Sequence, held, watched
from remit.policy import Policy, Rule
from remit.policy.monitoring import USUAL

Record = dict[str, Any]


class Tracker:
    """The rules of one remit, followed. `share` is the least share of conversations judged."""

    def __init__(self, policy: Policy, began: str, reason: str) -> None:
        self.policy = policy
        self.digest = policy.digest
        self.share = (policy.monitor or USUAL).sample
        self.rules = {rule.id: rule for rule in policy.rules if watched(rule)}
        self.audited = [rule.id for rule in self.rules.values() if rule.audit]
        self.conversations = Conversations()
        self.quiet = Quiet()
        self.newest = ""
        self.drift: dict[str, Watched] = {}
        self.attempts: dict[str, Attempts] = {}
        self.day = began[:10]
        self.counts = daily.fresh()
        self.totals = {"conversations": 0, "answers": 0}
        self.reviewed: dict[str, list[int]] = {}
        self.epochs = 0
        self.sequences: dict[str, Sequence] = {}
        self.canary = Canary()
        self.model = ""
        self.active: dict[str, str] = {}
        self.finished: list[tuple[str, daily.Counts]] = []
        self.alarms: list[Alarm] = []
        self.news: list[Record] = []
        self.begin(self.rules, began, reason)

    # --- What comes in ---------------------------------------------------------------------------

    def answer(self, answer: Answer) -> None:
        """One answer under this remit."""
        for unit in self.conversations.add(answer):
            self._close(unit)

    def judgement(self, record: Mapping[str, Any]) -> None:
        """What the auditors found."""
        self.conversations.judged(record)

    def review(self, rule: str, label: str, time: str) -> None:
        """What a person made of a case: `held` says that the rule was wrong to stop it."""
        if label not in ("held", "broken"):
            return
        sums = self.reviewed.setdefault(rule, [0, 0])
        sums[0] += 1
        sums[1] += label == "held"
        self._turn_day(time[:10])
        daily.count_rule(self.counts, rule, reviewed=1, released=int(label == "held"))

    def idle(self, before: str) -> None:
        """Counts the conversations that have had no answer since `before`."""
        for unit in self.conversations.idle(before):
            self._close(unit)

    def canary_run(self, record: Mapping[str, Any]) -> None:
        """A run of the canary; one that moved says that the model is another."""
        time = word(record.get("time"))
        if self.canary.add(record):
            rate, owner = Rate(0, 0, None, 0.0, 1.0), ""
            alarm = of_quantity("canary", self.canary.words, 0.0, rate, time, self.digest, owner)
            self.alarms.append(alarm)
            self.begin(self.rules, time, "model: the canary moved", alarm.id)

    def start(self, record: Mapping[str, Any]) -> None:
        """A process began to serve this remit; with another model it is another epoch."""
        model = f"{word(record.get('upstream'))} {word(record.get('model'))}".strip()
        if self.model and model != self.model:
            self.begin(self.rules, word(record.get("time")), f"model: {self.model} → {model}")
        self.model = model

    def intervention(self, record: Mapping[str, Any]) -> None:
        """Something was done about a rule or the assistant, or ended: another epoch."""
        told = record.get("intervention")
        if not isinstance(told, Mapping):
            return
        name = word(told.get("id"))
        if record.get("action") == "begin":
            rule = self.active[name] = word(record.get("rule"))
        else:
            rule = self.active.pop(name, "")
        if rule in self.rules or not rule:
            what = f"intervention: {word(record.get('action'))} {word(told.get('kind'))}".strip()
            rules = [rule] if rule else list(self.rules)
            self.begin(rules, word(record.get("time")), what, name)

    def begin(self, rules: Iterable[str], time: str, reason: str, cause: str = "") -> None:
        """A new epoch for some rules, or all: nothing from before counts."""
        self.epochs += 1
        epoch = Epoch(f"epoch_{self.digest[:16]}_{self.epochs}", time, reason)
        named = [rule for rule in rules if rule in self.rules]
        for rule in named:
            self.sequences[rule] = self._fresh(self.rules[rule], epoch)
            self.attempts[rule] = Attempts(seen=self.totals["conversations"])
        self.quiet.mark(named)
        self.newest = max(self.newest, time)
        if reason.startswith("model"):
            outputs = [n for n in self.drift if (of := quantity(n)) and of.side == "output"]
            for name in outputs:
                del self.drift[name]
        self.news.append(
            {
                "id": epoch.id,
                "began": time,
                "kind": "epoch",
                "policy": self.digest,
                "reason": reason,
                "cause": cause,
                "rules": named,
            }
        )

    def _fresh(self, rule: Rule, epoch: Epoch) -> Sequence:
        basis: Basis = "audit" if rule.audit else "own"
        return Sequence.begun(rule.tolerance, basis, self.share, epoch, days(epoch.began))

    # --- What is counted -------------------------------------------------------------------------

    def _close(self, unit: Unit) -> None:
        self._turn_day(unit.last[:10])
        day = days(unit.last)
        daily.count(self.counts, unit)
        touched = self._touched(unit)
        for rule in touched:
            self._hand_over(rule)
            self._count(rule, unit, day)
        if len(touched) < len(self.rules):
            self.quiet.add(day, risky=unit.risky, judged=bool(unit.sampled))
        self.quiet.mark(touched)
        self.totals["conversations"] += 1
        self.totals["answers"] += unit.answers
        for rule in {name for name, channel in unit.found if channel != "input"} & touched:
            self._tried(rule, unit, day)
        if unit.judgement is not None and drift.kept(unit, self.share):
            drift.add(self.drift, measured(unit.judgement.get("measures") or {}), day)
            self._moving(unit, day)

    def _touched(self, unit: Unit) -> set[str]:
        """The rules to which this conversation is more than one more that held."""
        judged = unit.judgement.get("judged") if unit.judgement else None
        if unit.began < self.newest or (unit.sampled is not None and not isinstance(judged, dict)):
            return set(self.rules)
        touched = {name for name, _ in unit.found} & self.rules.keys()
        if unit.sampled is not None and judged is not None:
            touched |= {rule for rule in self.audited if not held(judged.get(rule))}
        return touched

    def _hand_over(self, rule: str) -> None:
        judged = self.quiet.hand_over(rule, self.sequences[rule])
        daily.count_rule(self.counts, rule, judged=judged)

    def _count(self, rule: str, unit: Unit, day: float) -> None:
        sequence = self.sequences[rule]
        if unit.began < sequence.epoch.began:
            return
        judged = sum(sequence.counted.judged)
        before = sequence.found, sequence.stopped, sequence.through
        failed = sequence.add(rule, unit, day)
        names = zip(("found", "stopped", "through"), before, strict=True)
        daily.count_rule(
            self.counts,
            rule,
            judged=sum(sequence.counted.judged) - judged,
            broken=int(failed),
            **{name: getattr(sequence, name) - value for name, value in names},
        )
        if failed and possible(sequence):
            self._alarm(unit.last)

    def _alarm(self, time: str) -> None:
        self.take_over()
        for rule, test in alarming(self.sequences):
            sequence = self.sequences[rule]
            known = sequence.alarm or {"tests": []}
            if test not in known["tests"]:
                alarm = self._made(rule, test, time)
                self.alarms.append(alarm)
                first = sequence.alarm or {"record": alarm.id, "time": time, "test": test}
                first |= {"tests": [*known["tests"], test], "e_value": alarm.e_value}
                sequence.alarm = first
                sequence.recovery = Recovery(sequence.limit)

    def _made(self, rule: str, test: Test, time: str) -> Alarm:
        sequence = self.sequences[rule]
        return of_rule(self.rules[rule], sequence, test, len(self.sequences), time, self.digest)

    def settle(self, time: str) -> None:
        """At the end of a step: which alarms are over, and since when each rule is calm."""
        self.take_over()
        for rule, sequence in list(self.sequences.items()):
            calm = sequence.recovery.shown
            sequence.calm = (sequence.calm or time) if calm else ""
            if calm and sequence.alarm is not None:
                cleared = self._made(rule, "cleared", time)
                self.alarms.append(cleared)
                self.begin([rule], time, "recovered", cleared.id)

    # --- Drift -----------------------------------------------------------------------------------

    def _tried(self, rule: str, unit: Unit, day: float) -> None:
        if unit.found.get((rule, "output"), unit.found.get((rule, "tool"))) == "failed":
            return
        self._catch_up(rule, day, tried=True)
        one = self.attempts[rule]
        if one.after is None or not possible(one.after):
            return
        self.take_over()
        for name, e_value in attempts.rising(self.attempts):
            after = self.attempts[name].after
            assert after is not None  # noqa: S101  only what has a reference rises
            self.alarms.append(self._moved(found(name), "up", e_value, unit.last, after.reached))
            self.attempts[name] = Attempts(moved=day, seen=self.totals["conversations"])

    def _catch_up(self, rule: str, day: float, *, tried: bool = False) -> None:
        one, all_ = self.attempts[rule], self.totals["conversations"]
        held = all_ - one.seen - tried
        if held > 0 or tried:
            one.add(day, len(self.attempts), max(0, held), tried=tried)
            one.seen = all_

    def take_over(self) -> None:
        """Every rule takes over what was counted once for all."""
        for rule, sequence in self.sequences.items():
            self._hand_over(rule)
            sequence.settle()
            self._catch_up(rule, max(sequence.last, self.quiet.day))
            after = self.attempts[rule].after
            if after is not None:
                after.settle()

    def _moving(self, unit: Unit, day: float) -> None:
        for name, direction, e_value in drift.moving(self.drift):
            one, of = self.drift[name], quantity(name)
            if of is not None:
                bounds = one.bounds or (0.0, 1.0)
                low, high, recent = (one.in_units(of, v) for v in (*bounds, one.recent))
                rate = Rate(0, one.n, recent, low, high)
                self.alarms.append(self._moved(name, direction, e_value, unit.last, rate))
            drift.restart(self.drift, name, direction, day)

    def _moved(self, name: str, direction: str, e_value: float, time: str, rate: Rate) -> Alarm:
        of = quantity(name)
        words = f"{of.words if of else name} went {direction}"
        owner = self.policy.responsible.owner if self.policy.responsible else ""
        return of_quantity(name, words, e_value, rate, time, self.digest, owner)

    # --- Days ------------------------------------------------------------------------------------

    def _turn_day(self, day: str) -> None:
        if day > self.day:
            self.finished.append((self.day, self.today()))
            self.day, self.counts = day, daily.fresh()

    def today(self) -> daily.Counts:
        """The day so far, with where the sequences stand."""
        self.take_over()
        for rule, sequence in self.sequences.items():
            reached = sequence.reached
            daily.rule_of(self.counts, rule)["stood"] = [
                reached.rate, reached.low, reached.high,
                *shares(sequence, len(self.sequences)),
            ]  # fmt: skip
        return self.counts
