"""Ten million records: how long the look-ups of a console and an auditor take.

    python bench/evidence_scale.py [--records 10000000] [--dir DIR] [--keep FILE] [--json FILE]

Builds a SQLite record of a year (small bodies, four writers, twenty rules, one record in twenty
about one of them), without waiting for the disk; that takes some minutes and about 6 GB. Then asks
for a rule's last thirty days in three ways, and checks the whole chain. Each look-up is timed from
a fresh connection; the best of five and the first are given, for the first may meet a cold disk.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from remit.evidence import Evidence, chain, stamp, verify

RULES, WRITERS, DAYS, MARKED_EVERY, TRIALS = 20, 4, 365, 20, 5
END = datetime(2026, 11, 24, tzinfo=UTC)
SINCE = stamp(END - timedelta(days=30))
SALT = bytes(16)
CHUNK = 100_000


def rows(database: str, count: int) -> Iterator[tuple[Any, ...]]:
    """Entries as they lie in the table, chained."""
    heads = {f"w{n}": (0, chain.genesis(database, f"w{n}")) for n in range(WRITERS)}
    step = timedelta(days=DAYS) / count
    moment, time_ = END - timedelta(days=DAYS), ""
    for number in range(count):
        moment += step
        if number % 7 == 0:  # a few share a time, as they do
            time_ = stamp(moment)
        id_, writer = f"rct_{number:012d}", f"w{number % WRITERS}"
        rule = f"rule-{number // MARKED_EVERY % RULES}" if number % MARKED_EVERY == 0 else ""
        action = "redact" if rule else "allow"
        rules = f'{{"{rule}":{{"action":"redact"}}}}' if rule else "{}"
        body = (
            f'{{"id":"{id_}","time":"{time_}","kind":"answer","action":"{action}","rules":{rules}}}'
        ).encode()
        seq, prev = heads[writer]
        digest = sha256(chain.BODY + SALT + body).digest()
        texts = (writer.encode(), seq + 1, time_.encode(), id_.encode(), b"answer")
        hash_ = chain.link(prev, *texts, action.encode(), digest)
        heads[writer] = (seq + 1, hash_)
        yield writer, seq + 1, time_, id_, "answer", action, SALT, body, digest, prev, hash_


def build(path: Path, count: int) -> None:
    """A record of `count` entries, written past the triggers, which are put back."""
    Evidence.open(path).close()
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -800000"):
        connection.execute(f"PRAGMA {pragma}")
    kept = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND (type = 'trigger'"
    kept += " OR name IN ('entries_by_id', 'marks_by_entry'))"
    definitions = connection.execute(kept).fetchall()
    for type_, name, _ in definitions:
        connection.execute(f"DROP {type_} {name}")
    database = connection.execute("SELECT value FROM meta").fetchone()[0]
    connection.execute("BEGIN")
    columns = "writer, seq, time, id, kind, action, salt, body, digest, prev, hash"
    marks = ", ".join("?" * 11)
    connection.executemany(
        f"INSERT INTO entries ({columns}) VALUES ({marks})", rows(database, count)
    )
    connection.execute(
        "INSERT INTO marks SELECT json_extract(rule.key, '$'), time, writer, seq, kind, action FROM"
        " (SELECT '\"rule-' || (CAST(substr(id, 5) AS INTEGER) / ? % ?) || '\"' AS key, entries.*"
        "  FROM entries WHERE action = 'redact') AS rule",
        (MARKED_EVERY, RULES),
    )
    connection.execute(
        "INSERT INTO counts SELECT substr(time, 1, 10), kind, action, writer, count(*)"
        " FROM entries GROUP BY 1, 2, 3, 4"
    )
    connection.execute(
        "INSERT INTO heads SELECT writer, seq, hash FROM entries WHERE (writer, seq) IN"
        " (SELECT writer, max(seq) FROM entries GROUP BY writer)"
    )
    for _, _, sql in definitions:
        connection.execute(sql)
    connection.execute("COMMIT")
    connection.close()


def by_day(evidence: Evidence) -> int:
    """What a chart shows: findings of a rule by day and action, and all answers by day."""
    found = evidence.rows(
        "SELECT substr(time, 1, 10) AS day, action, count(*) FROM marks"
        " WHERE rule = 'rule-7' AND time >= ? GROUP BY 1, 2",
        (SINCE,),
    )
    answers = evidence.rows(
        "SELECT day, sum(number) FROM counts WHERE kind = 'answer' AND day >= ? GROUP BY day",
        (SINCE[:10],),
    )
    return len(found) + len(answers)


def newest(evidence: Evidence) -> int:
    """What a page shows: the fifty newest records of a rule."""
    return len(
        evidence.rows(
            "SELECT entries.* FROM marks JOIN entries ON entries.writer = marks.writer"
            " AND entries.seq = marks.seq WHERE marks.rule = 'rule-7' AND marks.time >= ?"
            " ORDER BY marks.time DESC LIMIT 50",
            (SINCE,),
        )
    )


def every(evidence: Evidence) -> int:
    """What a report reads: every record of a rule, parsed."""
    return sum(1 for _ in evidence.entries(rule="rule-7", since=SINCE))


def timed(path: Path, ask: Callable[[Evidence], int]) -> tuple[float, float, int]:
    """Milliseconds: the best of some trials and the first; and how many rows."""
    times, count = [], 0
    for _ in range(TRIALS):
        with Evidence.open(path) as evidence:
            before = time.perf_counter()
            count = ask(evidence)
            times.append((time.perf_counter() - before) * 1e3)
    return min(times), times[0], count


def main() -> None:
    """Builds, asks, prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--dir", type=Path, default=Path.cwd(), help="on the disk to measure")
    parser.add_argument("--keep", type=Path, help="build it there, or use what is there")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    figures: dict[str, Any] = {"records": options.records}
    with TemporaryDirectory(dir=options.dir, prefix=".bench-evidence-") as folder:
        path = options.keep or Path(folder) / "year.db"
        if not path.exists():
            before = time.perf_counter()
            build(path, options.records)
            figures["built in, s"] = time.perf_counter() - before
        figures["size, GB"] = path.stat().st_size / 1e9
        for ask in (by_day, newest, every):
            best, first, count = timed(path, ask)
            figures[f"{ask.__name__}: best, ms"], figures[f"{ask.__name__}: first, ms"] = (
                best,
                first,
            )
            figures[f"{ask.__name__}: rows"] = count
        before = time.perf_counter()
        report = verify(path)
        if not report.ok:
            raise SystemExit(f"the record does not verify: {report.problems[0]}")
        figures["verified records/s"] = report.entries / (time.perf_counter() - before)
    for name, value in figures.items():
        print(
            f"{name:<24} {value:>14,.1f}"
            if isinstance(value, float)
            else f"{name:<24} {value:>14,}"
        )
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
