"""The console at a million records: server time and size of each of its pages.

    python bench/console.py [--records 1000000] [--trials 15] [--dir DIR] [--keep FILE]
        [--json FILE]

Writes the record through `Evidence.append` as a gateway would (bodies as the guard writes them, one
in twenty about a rule), with ten thousand cases, a hundred of them open, two hundred alarms and
interventions, and lets the monitor follow it to its end: some minutes. Then asks for each page as
an admin's browser does, and gives median, best and worst of the trials in milliseconds of the
server's own time (session, page, and the entry that says who saw what, on the disk), and the median
of the CPU time in it, which a busy machine does not change as much.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from remit.console import Console, Live, accounts, sessions
from remit.console.roles import Role
from remit.evidence import Case, Evidence, stamp
from remit.http.message import Request
from remit.layers.monitor.interventions import Begin, Intervention, expire
from remit.layers.monitor.monitor import Monitor
from remit.policy import Policy, load
from remit.policy.intervening import Kind
from remit.types import Json

REMIT = Path(__file__).resolve().parents[1] / "examples/accounting/remit.yaml"
DAYS, ABOUT_A_RULE, CASES, OPEN, ALARMS = 60, 20, 10_000, 100, 200
LATEST, BATCH = 200, 2_000
NOW = datetime.now(UTC)
LIMIT_MS, LIMIT_BYTES = 150.0, 100_000


def answers(policy: Policy, count: int) -> Iterator[Json]:
    """What a guard writes in sixty days."""
    rules = [rule.id for rule in policy.rules]
    step = timedelta(days=DAYS) / count
    for number in range(count):
        rule = rules[number // ABOUT_A_RULE % len(rules)]
        found = number % ABOUT_A_RULE == 0
        action = "redact" if found else "allow"
        finding = {"stage": "output", "message": 1, "rule": rule, "action": action, "score": 0.9}
        yield {
            "id": f"rct_{number:012d}",
            "time": stamp(NOW - timedelta(days=DAYS) + step * number),
            "kind": "answer",
            "policy": policy.digest,
            "model": "house",
            "action": action,
            "channels": {"input": {"checked": True, "texts": 1, "action": "allow"}},
            "findings": [finding] if found else [],
            "rules": {rule: {"action": action, "score": 0.9}} if found else {},
            "decisive": [rule] if found else [],
            "conversation": sha256(str(number // 3).encode()).hexdigest()[:32],
            "delivered": {"complete": True, "sha256": sha256(b"x").hexdigest()},
            "asked": "When is my VAT return due, and what do I need for it? " * 4,
            "answered": "On the last day of the month after the quarter. " * 8,
            "error": None,
        }


def case(policy: Policy, number: int) -> Case:
    """A handoff of those days."""
    rule = policy.rules[number % len(policy.rules)]
    began = NOW - timedelta(days=DAYS) * (1 - number / CASES)
    turn = {"role": "user", "text": "Can I sue him? " * 20}
    return Case(
        id=f"case_{number:06d}",
        time=stamp(began),
        due=stamp(began + timedelta(hours=24)),
        rule=rule.id,
        owner=rule.owner,
        colleague="the duty accountant",
        question={"conversation": [turn] * 6, "draft": "Yes. " * 100, "told": "No."},
        receipt=f"rct_{number:012d}",
    )


async def write(evidence: Evidence, policy: Policy, count: int) -> None:
    """The whole record."""
    batch: list[Any] = []
    start = {"id": "start_1", "time": stamp(NOW - timedelta(days=DAYS)), "kind": "start"}
    await evidence.append(
        {**start, "policy": policy.digest, "policy_text": policy.model_dump(mode="json")}
    )
    newest: list[Json] = []
    for number, record in enumerate(answers(policy, count)):
        if number >= count - LATEST:
            newest.append(record)  # written last, as the newest are
            continue
        batch.append(evidence.append_nowait(record))
        if len(batch) == BATCH:
            await asyncio.gather(*batch)
            batch.clear()
    await asyncio.gather(*batch)
    for number in range(CASES):
        await_open = case(policy, number)
        record = {"id": f"ho_{number}", "time": await_open.time, "kind": "handoff", "action": ""}
        batch.append(evidence.append_nowait(record, case=await_open))
        if len(batch) == BATCH:
            await asyncio.gather(*batch)
            batch.clear()
    await asyncio.gather(
        *(evidence.answer_case(f"case_{n:06d}", "Yes.", "rob") for n in range(CASES - OPEN))
    )
    for number in range(ALARMS):
        await signal(evidence, policy, number)
    await asyncio.gather(*(evidence.append_nowait(record) for record in newest))


async def signal(evidence: Evidence, policy: Policy, number: int) -> None:
    """An alarm, and an intervention that is over but for the last three."""
    rule = policy.rules[number % len(policy.rules)]
    began = NOW - timedelta(days=DAYS) * (1 - number / ALARMS)
    words = "3.1 % of 412 judged conversations; the limit is 1 %."
    record = {"id": f"alarm_{number}", "time": stamp(began), "kind": "alarm", "rule": rule.id}
    await evidence.append({**record, "action": "exceeded", "words": words})
    it = Intervention(
        id=f"int_{number}", time=stamp(began), rule=rule.id, kind=Kind.TIGHTEN,
        setting={"threshold": 0.3}, owner=rule.owner, who="olga", why="Too much law.",
        starts=stamp(began), expires=stamp(began + timedelta(hours=3)),
    )  # fmt: skip
    begun = Begin(it)
    await evidence.change(begun.record(), begun)
    if number < ALARMS - 3:
        over = expire(it, stamp(began + timedelta(hours=4)))
        await evidence.change(over.record(), over)
    close = {"id": f"alarm_{number}/closed", "time": stamp(began + timedelta(hours=5))}
    close |= {"kind": "incident", "action": "close", "rule": rule.id, "who": "olga"}
    if number < ALARMS - 10:
        await evidence.append(
            {**close, "incident": f"alarm_{number}", "cause": "a model", "text": "x"}
        )


PAGES = {
    "overview": "/",
    "one rule": "/rules/no-legal-advice",
    "live": "/live",
    "live, with words": "/live?words=1",
    "cases": "/cases",
    "cases, with words": "/cases?words=1",
    "answered cases": "/cases?state=answered",
    "one case": f"/cases/case_{CASES - 1:06d}",
    "incidents": "/incidents",
    "one incident": f"/incidents/no-legal-advice/alarm_{ALARMS - 10}",
    "interventions": "/interventions",
    "remit": "/remit",
    "evidence": "/evidence",
    "evidence of a rule": "/evidence?rule=no-legal-advice",
    "people": "/people",
}


async def timed(
    console: Console, cookie: str, path: str, trials: int
) -> tuple[list[float], list[float], int, int]:
    """Milliseconds of each trial, the size in bytes, and the status."""
    place, _, query = f"/console{path}".partition("?")
    times, work, size, status = [], [], 0, 0
    for _ in range(trials):
        request = Request(
            "GET", place, query, {"host": "bench", "cookie": cookie}, b"", "127.0.0.1"
        )
        before, began = time.perf_counter(), time.process_time()
        response = await console(request)
        times.append((time.perf_counter() - before) * 1e3)
        work.append((time.process_time() - began) * 1e3)
        size, status = len(response.body), response.status
    return times, work, size, status


async def measure(evidence: Evidence, policy: Policy, trials: int) -> dict[str, Any]:
    """Every page."""
    if accounts.find(evidence, "bench") is None:
        account = accounts.Account("bench", Role.ADMIN, "Managing partner")
        change = accounts.adding(account, "none", "bench", stamp())
        await evidence.change(change.record(), change)
    token = await asyncio.to_thread(sessions.begin, evidence, "bench", datetime.now(UTC))
    console = Console(evidence, lambda: Live(policy, REMIT.read_text()))
    found = {}
    for name, path in PAGES.items():
        times, work, size, status = await timed(console, f"remit-console={token}", path, trials)
        found[name] = {
            "status": status,
            "first_ms": round(times[0], 1),
            "median_ms": round(statistics.median(times), 1),
            "best_ms": round(min(times), 1),
            "worst_ms": round(max(times), 1),
            "cpu_ms": round(statistics.median(work), 1),
            "bytes": size,
        }
        print(
            f"{name:20} {status}  median {statistics.median(times):6.1f} ms  best {min(times):6.1f}"
            f"  worst {max(times):6.1f}  CPU {statistics.median(work):6.1f}  {size:7,} bytes"
        )
    await console.close()
    return found


def build(path: Path, policy: Policy, count: int) -> None:
    """Writes the record and lets the monitor follow it."""
    with Evidence.open(path, waiting=4 * BATCH) as evidence:
        before = time.perf_counter()
        asyncio.run(write(evidence, policy, count))
        print(f"written in {time.perf_counter() - before:.0f} s")
        before = time.perf_counter()
        asyncio.run(Monitor(evidence, [policy], acts=False).catch_up())
        print(f"followed in {time.perf_counter() - before:.0f} s")


def main() -> None:
    """Builds where it must, measures, prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--trials", type=int, default=15)
    parser.add_argument("--dir", type=Path, help="where to build it; default a temporary folder")
    parser.add_argument("--keep", type=Path, help="build it there, or use what is there")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    policy = load(REMIT).policy
    with TemporaryDirectory(dir=arguments.dir) as folder:
        path = arguments.keep or Path(folder) / "evidence.db"
        if not path.exists():
            build(path, policy, arguments.records)
        with Evidence.open(path) as evidence:
            found = asyncio.run(measure(evidence, policy, arguments.trials))
    slow = [name for name, page in found.items() if page["median_ms"] > LIMIT_MS]
    large = [name for name, page in found.items() if page["bytes"] > LIMIT_BYTES]
    print(
        f"over {LIMIT_MS:.0f} ms: {slow or 'none'}; over {LIMIT_BYTES:,} bytes: {large or 'none'}"
    )
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
