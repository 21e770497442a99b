"""Checking the whole chain, as a job, with an entry that says who had it checked and what came."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import Final

from remit.console.jobs import Step
from remit.evidence import Evidence, VerifyReport, new_id, stamp, verify
from remit.types import Json

NAME: Final = "chain"
_SHOWN: Final = 50
_TICK_SECONDS: Final = 0.4


def checking(evidence: Evidence, who: str) -> Iterator[Step]:
    """Verifies the record in use. It cannot be stopped half way: half a chain proves nothing."""
    of = sum(evidence.heads().values())
    began = stamp()
    with ThreadPoolExecutor(1, thread_name_prefix="remit-chain") as pool:
        future = pool.submit(verify, evidence.url)
        while True:
            try:
                report = future.result(_TICK_SECONDS)
                break
            except NotYet:
                yield Step(0, of)
    result = _told(report)
    record = {"id": f"checked_{new_id()}", "time": stamp(), "kind": "checked"}
    more = {"action": "intact" if report.ok else "broken", "who": who, "began": began}
    evidence.append_sync({**record, **more, **result})
    yield Step(report.entries, report.entries, result)


def _told(report: VerifyReport) -> Json:
    return {
        "ok": report.ok,
        "entries": report.entries,
        "writers": report.writers,
        "erased": report.erased,
        "cases": report.cases,
        "found": report.found,
        "problems": [str(problem) for problem in report.problems[:_SHOWN]],
    }
