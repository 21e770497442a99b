"""What the remit itself does at an alarm, and when it lets go again. Pure.

No flapping, by construction: a measure answers one alarm once; the next alarm counts only if all
its data are younger than the last change; and nothing is lifted before the rate has been within
the tolerance for the rung's `calm_hours` without a change, one measure at a time, the gravest
first. So a rung begins at most once per `calm_hours`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from remit.evidence import stamp
from remit.layers.monitor.interventions import Begin, End, Intervention, lift
from remit.layers.monitor.people import AUTOMATIC
from remit.policy import Policy
from remit.policy.intervening import Kind, Ladder, Rung

_CALM_HOURS = 24


@dataclass(frozen=True, slots=True)
class Signal:
    """An alarm as the ladder needs it.

    `alarm` is its id, `since` the time from which its data are (the beginning of its epoch), as
    `stamp()` writes it; `statistic` what is kept with the intervention: test, e-value, rate, n.
    """

    alarm: str
    rule: str
    since: str
    statistic: Mapping[str, Any] = field(default_factory=dict)


def ladder_of(policy: Policy, rule: str) -> Ladder:
    """The rule's own rungs, or the remit's where it has none; an empty list means none."""
    own = policy.rule(rule).when_broken
    return own if own is not None else policy.when_broken or ()


def respond(
    policy: Policy, signal: Signal, history: Sequence[Intervention], now: datetime
) -> Begin | None:
    """The next rung for a rule that alarms, or None where nothing (more) is to be done."""
    moment = stamp(now)
    mine = _mine(history, signal.rule)
    if any(it.statistic.get("alarm") == signal.alarm for it in mine):
        return None
    if signal.since < _last_change(mine):
        return None  # it speaks of a time before what was done since
    rung = _next(ladder_of(policy, signal.rule), [it for it in mine if it.in_force(moment)])
    return None if rung is None else _begin(policy, signal, rung, now)


def calmed(
    policy: Policy, rule: str, history: Sequence[Intervention], calm_since: str, now: datetime
) -> End | None:
    """Lifts the gravest of the remit's own measures on a rule, once it has been calm long enough.

    `calm_since` is from when on the rule's rate has been within its tolerance; empty: it is not.
    """
    moment = stamp(now)
    mine = _mine(history, rule)
    active = [it for it in mine if it.in_force(moment) and it.kind is not Kind.KILL]
    if not calm_since or not active:
        return None
    last = max(active, key=lambda it: (it.kind.gravity, it.starts, it.id))
    hours = _calm_hours(ladder_of(policy, rule), last)
    calm = max(calm_since, _last_change(mine))
    if calm > stamp(now - timedelta(hours=hours)):
        return None
    return lift(last, f"the rate has been within the tolerance since {calm}", moment)


def _mine(history: Iterable[Intervention], rule: str) -> list[Intervention]:
    return [it for it in history if it.automatic and it.rule == rule]


def _last_change(mine: Sequence[Intervention]) -> str:
    return max((max(it.starts, it.ended) for it in mine), default="")


def _next(ladder: Ladder, active: Sequence[Intervention]) -> Rung | None:
    taken = [(it.kind, dict(it.setting)) for it in active]
    return next((rung for rung in ladder if (rung.kind, dict(rung.setting)) not in taken), None)


def _calm_hours(ladder: Ladder, it: Intervention) -> int:
    """As its rung says; a day where the remit has lost the rung meanwhile."""
    same = (
        rung for rung in ladder if (rung.kind, dict(rung.setting)) == (it.kind, dict(it.setting))
    )
    found = next(same, None)
    return _CALM_HOURS if found is None else found.calm_hours


def _begin(policy: Policy, signal: Signal, rung: Rung, now: datetime) -> Begin:
    rule = policy.rule(signal.rule)
    expires = "" if rung.kind is Kind.KILL else stamp(now + timedelta(hours=rung.hours))
    return Begin(
        Intervention(
            # Made of the alarm: however many processes see it, it is begun once.
            id=f"int_{sha256(signal.alarm.encode('utf-8', 'replace')).hexdigest()[:32]}",
            time=stamp(now),
            rule=rule.id,
            kind=rung.kind,
            setting=dict(rung.setting),
            owner=rule.owner,
            who=AUTOMATIC,
            why=f"when_broken of rule {rule.id}",
            statistic={**signal.statistic, "alarm": signal.alarm},
            starts=stamp(now),
            expires=expires,
        ),
        "monitor",
    )
