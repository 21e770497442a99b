"""`python bench/monitor.py`: do the alarms keep what they promise, and what does following cost?

Simulated with the monitor's own sequences: eight rules, 90 days. Nothing wrong means that every
rule is exactly at its limit of 1 %, the worst case. `--quick` to try, `--svg FILE` for the picture.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from math import sqrt
from pathlib import Path
from random import Random
from statistics import median

from monitor_drawn import picture
from remit.evidence import Evidence
from remit.layers.monitor.alarms import CHANGED_ALPHA, EXCEEDED_ALPHA, HORIZON_DAYS
from remit.layers.monitor.monitor import Monitor
from remit.layers.monitor.simulation import FIRST, World, gap, run, step
from remit.statistics.intervals import at_least, clopper_pearson

STEP = 30.0
QUIET = World()
SAMPLED = World(per_day=2000, share=0.1)
# A tenth is risky, fails five times as often and is judged five times as often: 200 judged a day.
WEIGHTED = World(per_day=1429, share=0.1, risky=0.1)


def exact_daily(seed: int, rules: int = 1, alpha: float = 0.05) -> bool:
    """Whether an exact binomial test of each day by itself ever alarms, as a dashboard has it."""
    rng, n = Random(seed), QUIET.per_day
    critical = next(k for k in range(n) if at_least(k, n, QUIET.limit) <= alpha)
    return any(fails(rng, n) >= critical for _ in range(rules * QUIET.days))


def exact_cumulative(seed: int, rules: int = 1, alpha: float = 0.05) -> bool:
    """Whether an exact test of all so far, repeated each day, ever alarms."""
    rng, n = Random(seed), QUIET.per_day
    for _ in range(rules):
        count = 0
        for day in range(1, QUIET.days + 1):
            count += fails(rng, n)
            if count and at_least(count, day * n, QUIET.limit) <= alpha:
                return True
    return False


def fails(rng: Random, n: int) -> int:
    """Of so many conversations at the limit, how many fail."""
    left, count = n, 0
    while (held := gap(rng, QUIET.limit)) < left:
        left, count = left - held - 1, count + 1
    return count


def false_alarm(world: World, daily: bool, seed: int) -> bool:
    """Whether anything alarms in a stretch in which nothing is wrong."""
    return run(Random(seed), world, daily=daily).alarmed


def days_to_find(world: World, times: float, seed: int) -> tuple[float, float, float]:
    """Days from a step to each test's alarm, and to the first of both; infinite where never."""
    given = replace(world, rate=step(times, STEP), peak=times)
    found = run(Random(seed), given)
    days = [tests.get(FIRST, float("inf")) for tests in (found.changed, found.exceeded)]
    late = [day - STEP if day >= STEP else float("nan") for day in days]
    return late[0], late[1], min((d for d in late if d == d), default=float("nan"))


def clustered(share: float, whole: bool, seed: int) -> bool:
    """Whether a rule alarms whose conversations of five answers keep to the limit.

    Answers are alike within a conversation: `share` of those that have any bad answer have five.
    With `whole` the unit is the conversation, as in the monitor; else it is the answer.
    """
    from remit.layers.monitor.alarms import alarming
    from remit.layers.monitor.overview import Epoch
    from remit.layers.monitor.sequences import Sequence

    rng, turns, per_day = Random(seed), 5, 200
    # Per answer the rate is the limit as well, so that both are asked the same question.
    mean = share * turns + (1 - share)
    rate = QUIET.limit if whole else QUIET.limit * turns / mean
    seen = Sequence.begun(QUIET.limit, "own", 1.0, Epoch("", "", ""), 0.0)
    at = 0
    while (held := gap(rng, rate)) + at < QUIET.days * per_day:
        units = held * (1 if whole else turns)
        seen.add_quiet([units, 0], [0, 0], (at + held) / per_day)
        at += held + 1
        bad = 1 if whole else (turns if rng.random() < share else 1)
        for _ in range(bad):
            seen.bet(at / per_day, failed=True)
        if not whole and turns > bad:
            seen.add_quiet([turns - bad, 0], [0, 0], at / per_day)
        seen.settle()
        if alarming({FIRST: seen}):
            return True
    return False


def share(values: Iterable[bool]) -> dict[str, float]:
    """How often, with the exact 95 % interval."""
    listed = list(values)
    interval = clopper_pearson(sum(listed), len(listed))
    return {"share": sum(listed) / len(listed), "low": interval.low, "high": interval.high}


def spread(values: list[float]) -> dict[str, float]:
    """The median with its 95 % interval (order statistics), the ninth tenth, how many had it."""
    ranked = sorted(v for v in values if v == v)
    n = len(ranked)
    reach = 0.98 * sqrt(n)
    low, high = max(0, round(n / 2 - reach)), min(n - 1, round(n / 2 + reach))
    return {
        "median": median(ranked), "low": ranked[low], "high": ranked[high],
        "p90": ranked[int(0.9 * n)], "early": (len(values) - n) / len(values),
    }  # fmt: skip


def simulated(runs: int, pool: ProcessPoolExecutor) -> dict[str, object]:
    """Every figure that is thrown by dice."""

    def thrown(what: Callable[[int], object], count: int = runs) -> list[object]:
        return list(pool.map(what, range(count), chunksize=8))

    found: dict[str, object] = {}
    for name, world, daily in (
        ("each conversation", QUIET, False),
        ("each day", QUIET, True),
        ("a tenth judged", SAMPLED, False),
        ("weighted", WEIGHTED, False),
    ):
        found[f"quiet: {name}"] = share(thrown(partial(false_alarm, world, daily)))
    found["quiet: exact test each day, one rule"] = share(thrown(exact_daily))
    found["quiet: exact test each day, eight rules"] = share(thrown(partial(exact_daily, rules=8)))
    found["quiet: exact test of all so far, one rule"] = share(thrown(exact_cumulative))
    for name, world in (("all", QUIET), ("a tenth", SAMPLED), ("weighted", WEIGHTED)):
        for times in (3.0, 2.0) if name == "all" else (3.0,):
            days = thrown(partial(days_to_find, world, times), max(40, runs // 2))
            columns = zip(*days, strict=True)
            for test, values in zip(("changed", "exceeded", "first"), columns, strict=True):
                found[f"step x{times:g}, {name} judged: {test}"] = spread(list(values))
    for whole, unit in ((True, "conversation"), (False, "answer")):
        found[f"clustered, the unit an {unit}".replace("an c", "a c")] = share(
            thrown(partial(clustered, 0.5, whole))
        )
    return found


def followed(count: int) -> dict[str, float]:
    """Records a second that the monitor follows, and the overview's time, on this machine."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "layers" / "monitor"))
    from traffic import Traffic, keep, policy

    from remit.layers.monitor.standing import standing

    remit = policy(rules=8, share="10%")
    traffic = Traffic(remit, per_day=count / 30, share=0.1)
    best, page = float("inf"), float("inf")
    with tempfile.TemporaryDirectory() as folder, Evidence.open(Path(folder) / "e.db") as evidence:
        records = [traffic.start(), *traffic.conversations(count, missed=0.005, found=0.02)]

        async def follow() -> None:
            nonlocal best
            await keep(evidence, records)
            for _ in range(3):
                await evidence.keep_state("monitor", None)
                monitor = Monitor(evidence, [remit], acts=False)
                began = time.perf_counter()
                await monitor.catch_up()
                best = min(best, time.perf_counter() - began)

        asyncio.run(follow())
        for _ in range(5):
            began = time.perf_counter()
            standing(evidence, remit)
            page = min(page, time.perf_counter() - began)
    return {"records": len(records), "per_second": len(records) / best, "overview_ms": 1e3 * page}


def main() -> None:
    """Prints the figures, and those that Remit sets itself as reached or MISSED."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="to try, not to quote")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--svg", metavar="FILE")
    arguments = parser.parse_args()
    runs = 80 if arguments.quick else arguments.runs
    print(f"{runs} runs of {QUIET.days} days, {QUIET.rules} rules; load {os.getloadavg()[0]:.1f}")
    print(
        f"exceeded at {EXCEEDED_ALPHA:.0%}, changed at {CHANGED_ALPHA:.0%} in {HORIZON_DAYS} days"
    )
    with ProcessPoolExecutor(2) as pool:
        found = simulated(runs, pool)
    found["following"] = followed(3_000 if arguments.quick else 30_000)
    for name, value in found.items():
        numbers = ", ".join(f"{key} {number:.4g}" for key, number in value.items())
        print(f"  {name:<50} {numbers}")
    checks = (
        ("false alarms, each conversation", found["quiet: each conversation"]["share"], 0.05),
        ("false alarms, each day", found["quiet: each day"]["share"], 0.05),
        ("false alarms, weighted", found["quiet: weighted"]["share"], 0.05),
        ("days to a step to 3 %", found["step x3, all judged: first"]["median"], 4.0),
        ("the same, weighted", found["step x3, weighted judged: first"]["median"], 4.0),
    )
    for what, value, most in checks:
        print(f"  {what:<40} {value:8.3g}  ≤ {most:g}  {'reached' if value <= most else 'MISSED'}")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(found, indent=2))
    if arguments.svg:
        Path(arguments.svg).write_text(picture(found))


if __name__ == "__main__":
    main()
