"""Full disks, busy files, full queues, closing: no append is ever silently dropped."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import contextmanager

import pytest

from remit.evidence import Evidence, EvidenceError, ledger, verify

FULL_DISK = """
import resource, signal, sys
from remit.evidence import Evidence, EvidenceError, new_id, stamp, verify

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = sys.argv[1]
evidence = Evidence.open(path)

def append():
    record = {"id": new_id(), "time": stamp(), "kind": "answer", "reply": "x" * 4000}
    return evidence.append_sync(record, timeout=20)

receipts = [append()]
free = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, free[1]))
failures = 0
for _ in range(60):
    try:
        receipts.append(append())
    except EvidenceError as error:
        assert "evidence" in str(error) and "; " in str(error), error
        assert evidence.broken
        failures += 1
assert failures > 10, failures
resource.setrlimit(resource.RLIMIT_FSIZE, free)
receipts.append(append())
assert evidence.broken is None
evidence.close()
report = verify(path, receipts=receipts)
assert report.ok, report.problems
print("healed", report.entries >= len(receipts))
"""

FORKED = """
import os, sys
from remit.evidence import Evidence, EvidenceError, new_id, stamp

evidence = Evidence.open(sys.argv[1])
child = os.fork()
if child == 0:
    try:
        evidence.append_sync({"id": new_id(), "time": stamp(), "kind": "start"}, timeout=20)
    except EvidenceError as error:
        os._exit(7 if "open it after" in str(error) else 1)
    os._exit(0)
_, status = os.waitpid(child, 0)
evidence.append_sync({"id": new_id(), "time": stamp(), "kind": "start"}, timeout=20)
evidence.close()
sys.exit(os.waitstatus_to_exitcode(status))
"""


@contextmanager
def held_by_another(path):
    """The file, while another process's transaction holds it."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def test_a_full_disk_fails_appends_until_there_is_room_again(path):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "healed True\n", done.stderr


def test_a_file_held_too_long_fails_the_append_and_heals(path, answer, monkeypatch, caplog):
    monkeypatch.setattr(ledger, "BUSY_SECONDS", 0.1)
    with Evidence.open(path) as evidence:
        with held_by_another(path):
            with pytest.raises(EvidenceError, match="another process held it"):
                evidence.append_sync(answer(reply="a client's secret"))
            assert "another process" in evidence.broken
        evidence.append_sync(answer())
        assert evidence.broken is None
    assert verify(path).entries == 1
    assert "another process" in caplog.text
    assert "a client's secret" not in caplog.text


def test_an_append_waits_for_a_busy_file(path, answer):
    async def append_while_held(evidence):
        with held_by_another(path):
            future = evidence.append_nowait(answer())
            await asyncio.sleep(0.05)
            assert not future.done()
        return await future

    with Evidence.open(path) as evidence:
        assert asyncio.run(append_while_held(evidence)).seq == 1


def test_a_file_that_may_not_be_written_is_told(path, answer):
    with Evidence.open(path) as evidence:
        evidence.append_sync(answer())
        evidence._writer._connection.execute("PRAGMA query_only = ON")
        with pytest.raises(EvidenceError, match="let this user write"):
            evidence.append_sync(answer())
        assert evidence.append_sync(answer()).seq == 2


def test_a_full_queue_refuses_or_waits_and_loses_nothing(path, answer):
    async def crowd(evidence):
        with held_by_another(path):
            futures = [evidence.append_nowait(answer())]
            await asyncio.sleep(0.05)  # the thread has taken it, and waits for the file
            futures += [evidence.append_nowait(answer()) for _ in range(4)]
            with pytest.raises(EvidenceError, match="4 records wait"):
                evidence.append_nowait(answer())
            waiting = [asyncio.create_task(evidence.append(answer())) for _ in range(20)]
            await asyncio.sleep(0.05)
            assert not any(task.done() for task in waiting)
        return await asyncio.gather(*futures, *waiting)

    with Evidence.open(path, waiting=4) as evidence:
        entries = asyncio.run(crowd(evidence))
    assert sorted(entry.seq for entry in entries) == list(range(1, 26))
    assert verify(path, receipts=entries).ok


def test_a_cancelled_caller_leaves_the_record_and_the_others_alone(path, answer):
    async def cancel_one(evidence):
        with held_by_another(path):
            tasks = [asyncio.create_task(evidence.append(answer())) for _ in range(3)]
            await asyncio.sleep(0.02)
            tasks[1].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    with Evidence.open(path) as evidence:
        one, cancelled, three = asyncio.run(cancel_one(evidence))
        assert isinstance(cancelled, asyncio.CancelledError)
        assert (one.seq, three.seq) == (1, 3)
    assert verify(path).entries == 3


def test_an_event_loop_that_went_away_does_not_stop_the_store(path, answer):
    async def leave_at_once(evidence):
        evidence.append_nowait(answer())

    with Evidence.open(path) as evidence:
        with held_by_another(path):
            asyncio.run(leave_at_once(evidence))
        assert evidence.append_sync(answer()).seq == 2


def test_closing_writes_what_is_queued_and_refuses_the_rest(path, answer):
    async def close_early(evidence):
        futures = [evidence.append_nowait(answer()) for _ in range(700)]
        evidence.close()
        with pytest.raises(EvidenceError, match="closed"):
            await evidence.append(answer())
        return await asyncio.gather(*futures)

    evidence = Evidence.open(path)
    entries = asyncio.run(close_early(evidence))
    evidence.close()
    assert verify(path, receipts=entries).entries == 700


def test_a_store_from_before_a_fork_is_refused_in_the_child(path):
    done = subprocess.run([sys.executable, "-c", FORKED, str(path)], timeout=60, check=False)
    assert done.returncode == 7
    assert verify(path).entries == 1


def test_every_commit_reaches_the_disk(path):
    with Evidence.open(path) as evidence:
        connection = evidence._writer._connection
        settings = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "fullfsync", "secure_delete")
        }
    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,
        "fullfsync": 1,
        "secure_delete": 1,
    }


def test_looking_into_a_closed_store_is_told(path):
    evidence = Evidence.open(path)
    evidence.close()
    for look in (evidence.anchor, evidence.cases, lambda: evidence.get("x")):
        with pytest.raises(EvidenceError, match="closed"):
            look()
