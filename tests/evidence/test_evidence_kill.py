"""Law 5, nothing lost: what was acknowledged survives kill -9 at any moment."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from remit.evidence import Evidence, verify

WORKER = """
import asyncio, json, sys
from remit.evidence import Case, Evidence, new_id, stamp

def case(id_):
    return Case(id_, stamp(), "2026-11-24T12:00:00.000Z", "no-legal-advice", "owner", "colleague")

async def client(evidence, handoff):
    while True:
        record = {"id": new_id(), "time": stamp(), "kind": "answer", "reply": "x" * 300}
        record["handoff"] = handoff
        entry = await evidence.append(record, case=case(record["id"]) if handoff else None)
        receipt = {"id": record["id"], "handoff": handoff}
        receipt |= {"writer": entry.writer, "seq": entry.seq, "hash": entry.hash}
        sys.stdout.write(json.dumps(receipt) + "\\n")
        sys.stdout.flush()

async def main():
    evidence = Evidence.open(sys.argv[1])
    await asyncio.gather(*[client(evidence, n % 4 == 0) for n in range(16)])

asyncio.run(main())
"""


@pytest.mark.parametrize("after", [0.02, 0.11, 0.26])
def test_acknowledged_records_and_cases_survive_kill_9(path, tmp_path, after):
    told = []
    for round_ in range(2):
        out = tmp_path / f"receipts-{round_}"
        with out.open("wb") as receipts:
            workers = [
                subprocess.Popen([sys.executable, "-c", WORKER, str(path)], stdout=receipts)
                for _ in range(2)
            ]
            wait_for_bytes(out)
            time.sleep(after)
            for worker in workers:
                worker.send_signal(signal.SIGKILL)
            for worker in workers:
                worker.wait()
        # A line without an end was cut by the kill; its client was not told.
        told += [json.loads(line) for line in out.read_bytes().split(b"\n")[:-1]]
    report = verify(path, receipts=told)
    assert (report.ok, report.problems) == (True, ())
    assert report.entries >= len(told) > 16
    with Evidence.open(path) as evidence:
        cases = {case.id for case in evidence.cases()}
        answers = [stored.record for stored in evidence.entries(kind="answer")]
    promised = {record["id"] for record in answers if record["handoff"]}
    assert {receipt["id"] for receipt in told if receipt["handoff"]} <= promised == cases


def wait_for_bytes(file):
    deadline = time.monotonic() + 30
    while file.stat().st_size == 0:
        assert time.monotonic() < deadline, "the workers acknowledged nothing"
        time.sleep(0.005)
