"""What the monitor keeps, read as an overview: a few keys of the store's state, never the record.

So a page costs the same at ten records and at ten million.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from remit.evidence import Evidence, stamp
from remit.layers.monitor import attempts, daily, drift
from remit.layers.monitor.alarms import shares
from remit.layers.monitor.clock import days, time_of
from remit.layers.monitor.follower import DAY, STATE
from remit.layers.monitor.keeping import restored
from remit.layers.monitor.overview import (
    CanaryOverview,
    Day,
    Overview,
    Rate,
    RuleOverview,
    Sample,
    Slice,
    Standing,
    StandingAlarm,
    percent,
)
from remit.layers.monitor.sequences import Sequence, rate_of
from remit.layers.monitor.tracker import Tracker
from remit.policy import Policy, Rule

DAYS: Final = 30
GAPS_MOST: Final = 0.1
"""Where more than this share of what should have been judged was not, nothing is *holding*."""

_CANARY_DAYS: Final = 7.0
_CANARY_FRESH: Final = 2.0


def standing(
    evidence: Evidence, policy: Policy, now: str | None = None, *, back: int = DAYS
) -> Overview:
    """The remit in production at `now` (as `stamp` writes it), with `back` days of series.

    Where no answer was given under this version yet, every rule is unsure. Raises EvidenceError.
    """
    moment = now or stamp()
    tracker, followed = _tracker(policy, evidence.state(STATE))
    return overview(evidence, tracker, followed, moment, back=back)


def overview(
    evidence: Evidence, tracker: Tracker, followed: str, now: str, *, back: int = DAYS
) -> Overview:
    """The same of a tracker at hand, followed up to an entry of the time `followed`."""
    policy, at = tracker.policy, days(now)
    series = _days(evidence, tracker, at, back)
    totals = tracker.totals
    rules = tuple(_rule(tracker, rule, series) for rule in tracker.rules.values())
    canary = tracker.canary.view()
    moved = drift.stated(tracker.drift, at) + attempts.stated(tracker.attempts, at)
    return Overview(
        policy.digest, policy.organisation, now, followed, totals["conversations"],
        totals["answers"], rules, moved, canary, _cause(tracker, rules, canary, now),
    )  # fmt: skip


def _tracker(policy: Policy, kept: Any) -> tuple[Tracker, str]:
    if isinstance(kept, Mapping):
        value = kept.get("trackers", {}).get(policy.digest)
        if value is not None:
            return restored(policy, value), str(kept.get("newest", ""))
    return Tracker(policy, stamp(), "no answers yet"), ""


def _days(
    evidence: Evidence, tracker: Tracker, now: float, back: int
) -> list[tuple[str, daily.Counts]]:
    """The days up to now, the oldest first; those on which nothing happened are left out."""
    prefix = f"{DAY}{tracker.digest}/"
    first = prefix + time_of(now - back + 1)[:10]
    last = f"{prefix}{time_of(now)[:10]}~"
    rows = evidence.rows(
        "SELECT key, value FROM state WHERE key >= ? AND key <= ? ORDER BY key", (first, last)
    )

    found = {str(key)[len(prefix) :]: orjson.loads(value) for key, value in rows}
    found |= {day: counts for day, counts in tracker.finished if prefix + day >= first}
    today = tracker.today()
    if today["conversations"] or today["rules"]:
        found[tracker.day] = today
    return sorted(found.items())


def _rule(tracker: Tracker, rule: Rule, series: list[tuple[str, daily.Counts]]) -> RuleOverview:
    s = tracker.sequences[rule.id]
    exceeded, changed = shares(s, len(tracker.sequences))
    sample = Sample(s.drawn, s.drawn - s.lost, s.lost, s.skipped)
    reviewed, released = tracker.reviewed.get(rule.id, (0, 0))
    reached = s.reached
    word, why = stands(s, reached, sample)
    alarm = None
    if s.alarm is not None:
        alarm = StandingAlarm(
            s.alarm["record"], s.alarm["time"], s.alarm["test"], s.alarm["e_value"]
        )
    return RuleOverview(
        rule=rule.id,
        says=rule.says,
        owner=rule.owner,
        standing=word,
        why=why,
        limit=s.limit,
        basis=s.basis,
        epoch=s.epoch,
        reached=reached,
        found=rate_of(s.found, s.conversations),
        stopped=s.stopped,
        through=s.through,
        missed=s.missed,
        overblocked=rate_of(released, reviewed),
        sample=sample,
        exceeded=exceeded,
        changed=changed,
        alarm=alarm,
        slices=tuple(_slices(rule.id, [counts for _, counts in series])),
        days=tuple(_day(rule.id, day, counts) for day, counts in series),
    )


def stands(s: Sequence, reached: Rate, sample: Sample) -> tuple[Standing, str]:
    """Whether a rule holds, and why that is said."""
    limit = f"{100 * s.limit:.3g} %"
    if s.alarm is not None:
        test = "exceeds its limit" if s.alarm["test"] == "exceeded" else "has risen above its limit"
        return "broken", f"its rate {test} of {limit}: {_told(reached)}"
    if reached.low > s.limit:
        return "broken", f"its rate is above {limit}: {_told(reached)}"
    missing = sample.lost + sample.skipped
    if s.basis == "audit" and missing and not sample.judged:
        return "unsure", f"its auditor has judged none of {missing} conversations: give a --judge"
    if s.basis == "audit" and sample.gaps > GAPS_MOST:
        return "unsure", f"{missing} conversations that should have been judged were not"
    if reached.high <= s.limit:
        alone = "" if s.basis == "audit" else "; seen by its own detectors alone"
        return "holding", f"at most {percent(reached.high)}, and {limit} is tolerated{alone}"
    if not reached.n:
        return "unsure", "nothing has been judged yet"
    return "unsure", f"not enough judged to say that it is within {limit}: {_told(reached)}"


def _told(rate: Rate) -> str:
    within = f"{percent(rate.low)} to {percent(rate.high)}"
    return f"{rate.count} of {rate.n} judged, so {within} of all"


def _slices(rule: str, counts: list[daily.Counts]) -> list[Slice]:
    total = sum(day["conversations"] for day in counts)
    found = [
        Slice("channel", name, total, *sums)
        for name, sums in daily.summed(counts, rule, "channel").items()
    ]
    for by in ("model", "language"):
        of = daily.sizes(counts, by)
        for name, sums in daily.summed(counts, rule, by).items():
            found.append(Slice(by, name, of.get(name, 0), *sums))
    return found


def _day(rule: str, day: str, counts: daily.Counts) -> Day:
    sums = counts["rules"].get(rule, {})
    rate, low, high, exceeded, changed = sums.get("stood", (None, 0.0, 1.0, 0.0, 0.0))
    names = ("found", "stopped", "through", "judged", "broken", "released")
    return Day(
        day=day,
        conversations=counts["conversations"],
        **{name: sums.get(name, 0) for name in names},
        rate=rate,
        low=low,
        high=high,
        exceeded=exceeded,
        changed=changed,
    )


def _cause(
    tracker: Tracker, rules: tuple[RuleOverview, ...], canary: CanaryOverview | None, now: str
) -> str:
    """Whether model or traffic changed, where a rule does not hold or a quantity has moved."""
    alarmed = [rule.alarm.time for rule in rules if rule.alarm is not None]
    if not alarmed:
        return ""
    moved = tracker.canary.moved_at
    if moved and days(now) - days(moved) <= _CANARY_DAYS:
        return f"the model: the canary moved on {moved[:10]}"
    if canary is None or days(max(alarmed)) - days(canary.time) > _CANARY_FRESH:
        return "unknown: no run of the canary near the alarm; `remit monitor canary` makes one"
    return "the traffic, as far as the canary can tell: the same questions are answered as before"
