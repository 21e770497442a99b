"""How fast the record is: durable records a second, their delay, and verification.

    python bench/evidence.py [--seconds 2] [--rounds 3] [--dir DIR] [--postgres URL] [--json FILE]

Figures depend on the disk: the time of a bare 1 KB append with fdatasync is given beside them, and
for PostgreSQL that of a bare commit of one such row. `--dir` chooses the disk (the current
folder's, unless given); a file system in memory would flatter. URL is of an empty database, whose
record is taken away afterwards. A figure is the median of the rounds, with the lowest and the
highest; "CPU" is of this process alone, and says what a quieter machine would reach.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from remit.evidence import Evidence, new_id, stamp, verify

CONCURRENCIES = (1, 16, 64, 256)
VERIFIED = 200_000

Figures = dict[str, list[float]]
Note = Callable[[str, float], None]


def record() -> dict[str, object]:
    """About 1 KB: an answer's receipt with eight rules."""
    rules = {f"rule-{n}": {"action": "allow", "score": 0.01, "spans": []} for n in range(8)}
    return {
        "id": new_id(),
        "time": stamp(),
        "kind": "answer",
        "action": "allow",
        "policy": "sha256:" + "0" * 64,
        "rules": rules,
        "reply": "x" * 400,
    }


async def append_for(evidence: Evidence, seconds: float, clients: int) -> tuple[float, list[float]]:
    """Records a second, and each append's delay in ms; every client waits for its own."""
    delays: list[float] = []
    start = time.perf_counter()

    async def client() -> None:
        while (before := time.perf_counter()) < start + seconds:
            await evidence.append(record())
            delays.append((time.perf_counter() - before) * 1e3)

    await asyncio.gather(*[client() for _ in range(clients)])
    return len(delays) / (time.perf_counter() - start), sorted(delays)


async def fill(evidence: Evidence, count: int) -> None:
    """`count` records, a thousand at a time."""
    for _ in range(count // 1000):
        await asyncio.gather(*[evidence.append(record()) for _ in range(1000)])


async def loop_cost(evidence: Evidence) -> float:
    """Microseconds of the event loop's thread for one append_nowait of a ready record."""
    records = [record() for _ in range(5000)]
    before = time.thread_time()
    futures = [evidence.append_nowait(each) for each in records]
    cost = (time.thread_time() - before) / len(records) * 1e6
    await asyncio.gather(*futures)
    return cost


def sync_ms(folder: Path) -> float:
    """Median milliseconds of a bare 1 KB append with fdatasync (fsync where there is none)."""
    sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)
    times = []
    file = os.open(folder / "bare", os.O_CREAT | os.O_WRONLY, 0o600)
    for _ in range(200):
        before = time.perf_counter()
        os.write(file, bytes(1024))
        sync(file)
        times.append((time.perf_counter() - before) * 1e3)
    os.close(file)
    return statistics.median(times)


def commit_ms(url: str) -> float:
    """Median milliseconds of a bare commit of a 1 KB row on PostgreSQL."""
    import psycopg

    times = []
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE bare (a BYTEA)")
        for _ in range(100):
            before = time.perf_counter()
            connection.execute("INSERT INTO bare VALUES (%s)", (os.urandom(1024),))
            times.append((time.perf_counter() - before) * 1e3)
        connection.execute("DROP TABLE bare")
    return statistics.median(times)


def drop(url: str) -> None:
    """Takes the record away."""
    import psycopg

    with psycopg.connect(url) as connection:
        connection.execute("DROP SCHEMA IF EXISTS remit CASCADE")


def measure(store: str, url: str, seconds: float, note: Note) -> None:
    """Appends, look-ups and verification on one store."""
    with Evidence.open(url) as evidence:
        for clients in CONCURRENCIES:
            before = time.process_time()
            rate, delays = asyncio.run(append_for(evidence, seconds, clients))
            cpu = (time.process_time() - before) / len(delays) * 1e6
            note(f"{store}: durable records/s, {clients} at once", rate)
            note(f"{store}: delay p50 ms, {clients} at once", delays[len(delays) // 2])
            note(f"{store}: delay p99 ms, {clients} at once", delays[int(len(delays) * 0.99)])
            note(f"{store}: CPU us a record, {clients} at once", cpu)
        note(f"{store}: event loop's CPU, us an append", asyncio.run(loop_cost(evidence)))
        asyncio.run(fill(evidence, max(0, VERIFIED - sum(evidence.heads().values()))))
        ids = [stored.id for stored in evidence.entries(limit=2000)]
        before = time.perf_counter()
        for id_ in ids:
            evidence.get(id_)
        note(f"{store}: look-up by id, us", (time.perf_counter() - before) / len(ids) * 1e6)
        before = time.perf_counter()
        for _ in range(1000):
            evidence.pulse()
        note(f"{store}: pulse, us", (time.perf_counter() - before) * 1e3)
    before = time.perf_counter()
    report = verify(url)
    if not report.ok:
        raise SystemExit(f"the record does not verify: {report.problems[0]}")
    note(f"{store}: verified records/s", report.entries / (time.perf_counter() - before))


def hashed_a_second() -> float:
    """The bare limit of verification: two SHA-256 of a record, in one process."""
    body = json.dumps(record()).encode()
    before = time.perf_counter()
    for _ in range(50_000):
        sha256(sha256(body).digest() + body[:200]).digest()
    return 50_000 / (time.perf_counter() - before)


def one_round(folder: Path, postgres: str | None, seconds: float, figures: Figures) -> None:
    """Every figure once, on fresh databases."""

    def note(name: str, value: float) -> None:
        figures.setdefault(name, []).append(value)

    note("bare fdatasync, ms", sync_ms(folder))
    note("bare hashing, records/s", hashed_a_second())
    measure("SQLite", str(folder / "record.db"), seconds, note)
    if postgres:
        drop(postgres)
        note("bare commit on PostgreSQL, ms", commit_ms(postgres))
        measure("PostgreSQL", postgres, seconds, note)
        drop(postgres)


def main() -> None:
    """Prints the table, and writes the JSON where asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="of each rate, each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dir", type=Path, default=Path.cwd(), help="on the disk to measure")
    parser.add_argument("--postgres", metavar="URL", help="of an empty database")
    parser.add_argument("--json", type=Path, help="write the figures of every round there")
    options = parser.parse_args()
    figures: Figures = {}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory(dir=options.dir, prefix=".bench-evidence-") as folder:
            one_round(Path(folder), options.postgres, options.seconds, figures)
    machine = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    machine += f", {os.cpu_count()} cores, {platform.system()}, {options.rounds} rounds"
    print(machine)
    print(f"{'':<46} {'median':>10} {'low':>10} {'high':>10}")
    for name, values in figures.items():
        row = (statistics.median(values), min(values), max(values))
        print(f"{name:<46} " + " ".join(f"{value:>10,.{digits(value)}f}" for value in row))
    if options.json:
        document = {"machine": machine, "figures": figures}
        options.json.write_text(json.dumps(document, indent=1) + "\n")


def digits(value: float) -> int:
    """Decimals worth printing."""
    return 2 if value < 10 else 1 if value < 1000 else 0


if __name__ == "__main__":
    main()
