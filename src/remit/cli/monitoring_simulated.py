"""`remit monitor simulate`: what the alarms would find, and when, under so much traffic."""

from __future__ import annotations

import argparse
from random import Random
from statistics import median
from typing import TYPE_CHECKING

from remit.cli.terminal import MisuseError, Progress, say, say_json

if TYPE_CHECKING:
    from remit.policy import Policy

_STEP_DAY = 30.0


def simulate(arguments: argparse.Namespace, policy: Policy) -> int:
    """Plays the remit's rules at their limits, and with one of them broken. Raises MisuseError."""
    from remit.layers.monitor.sequences import watched
    from remit.layers.monitor.simulation import FIRST, World, run, step
    from remit.policy.monitoring import USUAL

    _check(arguments)
    rules = [rule for rule in policy.rules if watched(rule)]
    if not rules:
        raise MisuseError("monitor simulate: no rule of this remit is asked at run time")
    share = (policy.monitor or USUAL).sample if any(rule.audit for rule in rules) else 1.0
    limit = min(0.3, max(1e-4, min(rule.tolerance for rule in rules)))
    quiet = World(rules=len(rules), per_day=arguments.per_day, limit=limit, share=share)
    broken = World(
        rules=len(rules), per_day=arguments.per_day, limit=limit, share=share,
        rate=step(arguments.times, _STEP_DAY), peak=max(1.0, arguments.times),
    )  # fmt: skip
    progress, false, found = Progress("stretches of 90 days"), 0, []
    for number in range(arguments.runs):
        dice, others = Random(number), Random(-1 - number)  # noqa: S311  no secrets
        false += run(dice, quiet).alarmed
        first = run(others, broken).first(FIRST)
        if first is not None and first >= _STEP_DAY:
            found.append(first - _STEP_DAY)
        progress.add(2)
    progress.end()
    result = {
        "rules": len(rules),
        "limit": limit,
        "judged_per_day": quiet.judged,
        "runs": arguments.runs,
        "false_alarms": false / arguments.runs,
        "found": len(found) / arguments.runs,
        "median_days": median(found) if found else None,
    }
    if arguments.json:
        say_json(result)
        return 0
    say(f"{len(rules)} rules, {quiet.judged:.0f} conversations judged a day, limit {limit:.2%}")
    say(f"nothing wrong, 90 days: {false} of {arguments.runs} see any false alarm")
    when = f"in a median of {median(found):.1f} days" if found else "never"
    what = f"a step to {arguments.times:g} times the limit"
    say(f"{what}: found within 60 days by {len(found)} of {arguments.runs}, {when}")
    return 0


def _check(arguments: argparse.Namespace) -> None:
    for name, value, least, most in (
        ("per-day", arguments.per_day, 1, 1_000_000),
        ("runs", arguments.runs, 1, 10_000),
        ("times", arguments.times, 0.1, 100),
    ):
        if not least <= value <= most:
            raise MisuseError(f"monitor simulate: --{name} is from {least} to {most:,}")
