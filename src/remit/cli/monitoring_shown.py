"""What `remit monitor` shows: an overview in lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from remit.cli.terminal import table
from remit.layers.monitor.overview import percent

if TYPE_CHECKING:
    from remit.layers.monitor.overview import Overview, Rate, RuleOverview


def lines(found: Overview) -> Iterator[str]:
    """The rules in a table, why each stands as it does, and what has moved."""
    yield f"{found.organisation}, remit {found.policy[:12]}: {found.conversations} conversations"
    yield f"followed to {found.followed or 'nothing yet'}; those of the last 30 minutes are open"
    yield ""
    head = ["rule", "standing", "reached clients", "at 95 %", "limit", "found", "stopped", "judged"]
    yield from table([head, *(_row(rule) for rule in found.rules)])
    yield ""
    for rule in found.rules:
        yield f"{rule.rule}: {rule.why} (since {rule.epoch.began[:16]}, {rule.epoch.reason})"
        if rule.alarm is not None:
            yield f"  alarm {rule.alarm.record}, {rule.alarm.time}"
        if rule.overblocked.n:
            count, n = rule.overblocked.count, rule.overblocked.n
            yield f"  of {n} reviewed by people, {count} should not have been stopped"
    if found.cause:
        yield f"what changed: {found.cause}"
    moved = [one for one in found.drift if one.moved]
    gathering = sum(one.low is None for one in found.drift)
    yield ""
    yield f"drift: {len(found.drift)} quantities, {gathering} still gathering, {len(moved)} moved"
    yield from (f"  {one.words}" for one in found.drift if one.low is not None or one.moved)
    canary = found.canary
    yield f"canary: {canary.time[:16]}, {canary.words}" if canary else "canary: no run yet"


def _row(rule: RuleOverview) -> list[str]:
    reached = rule.reached
    seen = f"{reached.n}" if rule.basis == "audit" else f"{reached.n} (own detectors)"
    return [
        rule.rule,
        rule.standing,
        _percent(reached),
        f"{percent(reached.low)} to {percent(reached.high)}",
        f"{100 * rule.limit:.3g} %",
        str(rule.found.count),
        str(rule.stopped),
        seen,
    ]


def _percent(rate: Rate) -> str:
    return "-" if rate.rate is None else percent(rate.rate)
