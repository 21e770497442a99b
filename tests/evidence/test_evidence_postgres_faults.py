"""PostgreSQL under kill -9, restarts and full disks: no acknowledged record is lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from pgserver import Server

from remit.evidence import Evidence, EvidenceError, verify

WORKER = """
import asyncio, json, sys
from remit.evidence import Case, Evidence, new_id, stamp

def case(id_):
    return Case(id_, stamp(), "2026-11-24T12:00:00.000Z", "no-legal-advice", "owner", "colleague")

async def client(evidence, handoff):
    while True:
        record = {"id": new_id(), "time": stamp(), "kind": "answer", "reply": "x" * 300}
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


@pytest.fixture
def url(server):
    return server.url()


def test_acknowledged_records_survive_kill_9_of_two_hosts_writers(url, tmp_path):
    out = tmp_path / "receipts"
    Evidence.open(url).close()
    with out.open("wb") as receipts:
        workers = [
            subprocess.Popen([sys.executable, "-c", WORKER, url], stdout=receipts) for _ in range(2)
        ]
        wait_for_bytes(out)
        time.sleep(0.3)
        for worker in workers:
            worker.send_signal(signal.SIGKILL)
        for worker in workers:
            worker.wait()
    told = [json.loads(line) for line in out.read_bytes().split(b"\n")[:-1]]
    report = verify(url, receipts=told)
    assert (report.ok, report.problems) == (True, ())
    assert report.entries >= len(told) > 16
    with Evidence.open(url) as evidence:
        cases = {case.id for case in evidence.cases()}
    assert {receipt["id"] for receipt in told if receipt["handoff"]} <= cases


@pytest.mark.parametrize("crash", [False, True])
def test_a_server_that_restarts_under_load_loses_no_acknowledged_record(
    server, url, answer, crash, caplog
):
    receipts, failures, stop = [], [], threading.Event()

    def client(evidence):
        while not stop.is_set():
            try:
                receipts.append(evidence.append_sync(answer(), timeout=60))
            except EvidenceError as error:
                failures.append(error)

    with Evidence.open(url) as evidence:
        threads = [threading.Thread(target=client, args=(evidence,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(receipts) > 50)
        server.kill() if crash else server.stop()
        server.start()
        before = len(receipts)
        wait_until(lambda: len(receipts) > before + 50)
        stop.set()
        for thread in threads:
            thread.join()
        assert evidence.broken is None
        assert evidence.pulse() == 0  # the reader is back as well
    report = verify(url, receipts=receipts)
    assert (report.ok, report.problems) == (True, ())
    assert report.entries <= len(receipts) + len(failures)


def test_a_server_that_stays_away_fails_the_append_and_heals(server, url, answer, monkeypatch):
    monkeypatch.setattr("remit.evidence.ledger.BUSY_SECONDS", 0.2)
    with Evidence.open(url) as evidence:
        evidence.append_sync(answer())
        server.stop("fast")
        try:
            with pytest.raises(EvidenceError, match="writing resumes by itself"):
                evidence.append_sync(answer(), timeout=30)
            assert evidence.broken
            with pytest.raises(EvidenceError):
                evidence.heads()
        finally:
            server.start()
        evidence.append_sync(answer(), timeout=30)
        assert evidence.broken is None
        assert sum(evidence.heads().values()) == 2
    assert verify(url).ok


@pytest.fixture
def small(tmp_path_factory):
    """A server on a disk of 100 MB of its own."""
    if os.getuid() != 0:
        pytest.skip("a small disk can only be mounted as root")
    folder = Path(tempfile.mkdtemp(prefix="remit-pg-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=100m", "none", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        folder.rmdir()
        pytest.skip("a small disk cannot be mounted here")
    try:
        server = Server(folder)
        yield server
        server.stop()
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


def test_a_server_s_full_disk_fails_appends_until_there_is_room_again(small, answer, monkeypatch):
    monkeypatch.setattr("remit.evidence.ledger.BUSY_SECONDS", 0.5)
    receipts, failures = [], []
    with Evidence.open(small.url()) as evidence:
        ballast = small.folder / "ballast"
        ballast.write_bytes(bytes(shutil.disk_usage(small.folder).free - 4_000_000))
        for _ in range(2000):
            try:
                receipts.append(
                    evidence.append_sync(answer(reply=os.urandom(10_000).hex()), timeout=60)
                )
            except EvidenceError as error:
                failures.append(str(error))
                if len(failures) > 3:
                    break
        assert len(failures) > 3
        assert evidence.broken
        ballast.unlink()
        if not small.runs:
            small.start()
        wait_until(lambda: heals(evidence, receipts, answer))
        url = small.url("record_1")
        report = verify(url, receipts=receipts)
    assert (report.ok, report.problems) == (True, ())
    assert len(receipts) > 10


def heals(evidence, receipts, answer):
    """True where it can be written again."""
    try:
        receipts.append(evidence.append_sync(answer(), timeout=60))
    except EvidenceError:
        return False
    return evidence.broken is None


def wait_for_bytes(file):
    wait_until(lambda: file.stat().st_size > 0)


def wait_until(true):
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
