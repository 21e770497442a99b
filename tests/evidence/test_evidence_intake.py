"""Batches: what one turn of an event loop appends is handed over together, and none is left."""

from __future__ import annotations

import asyncio
import sqlite3
import threading

from remit.evidence import Evidence, verify
from remit.evidence.intake import Intake, Job
from remit.evidence.record import draft


def test_appends_of_one_turn_wake_the_writer_once(answer):
    async def append_five(intake):
        loop = asyncio.get_running_loop()
        jobs = [Job((draft(answer(n=n)),), None, loop.create_future()) for n in range(5)]
        for job in jobs:
            intake.put(job)
        assert intake._calls.empty()
        await asyncio.sleep(0)
        assert intake._calls.qsize() == 1
        assert intake.take(3) + intake.take(3) == jobs
        assert intake.take(3) == []

    asyncio.run(append_five(Intake(limit=10)))


def test_an_intake_is_full_at_its_limit_and_not_before(answer):
    async def fill(intake):
        future = asyncio.get_running_loop().create_future()
        full = []
        for _ in range(3):
            full.append(intake.full)
            intake.put(Job((draft(answer()),), None, future))
        return [*full, intake.full]

    assert asyncio.run(fill(Intake(limit=3))) == [False, False, False, True]


def test_event_loops_and_threads_may_share_a_store(path, answer):
    async def append_in_turns(evidence):
        return [await evidence.append(answer()) for _ in range(50)]

    entries, lock = [], threading.Lock()

    def in_a_loop(evidence):
        done = asyncio.run(append_in_turns(evidence))
        with lock:
            entries.extend(done)

    def in_no_loop(evidence):
        done = [evidence.append_sync(answer(), timeout=20) for _ in range(50)]
        with lock:
            entries.extend(done)

    with Evidence.open(path) as evidence:
        targets = (in_a_loop, in_a_loop, in_a_loop, in_no_loop)
        threads = [threading.Thread(target=target, args=(evidence,)) for target in targets]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
    assert sorted(entry.seq for entry in entries) == list(range(1, 201))
    assert verify(path, receipts=entries).ok


def test_what_a_stopped_loop_never_handed_over_is_written_at_the_next_chance(path, answer):
    def append_and_stop(loop, evidence):
        loop.stop()
        evidence.append_nowait(answer())

    with Evidence.open(path) as evidence:
        for _ in range(2):  # the first goes with the next append, the last with closing
            loop = asyncio.new_event_loop()
            loop.call_soon(append_and_stop, loop, evidence)
            loop.run_forever()
            loop.close()
            if evidence.anchor().entries == 0:
                assert evidence.append_sync(answer(), timeout=20).seq == 2
    assert verify(path).entries == 3


def test_salts_never_repeat(path, answer):
    async def many(evidence):
        await asyncio.gather(*[evidence.append(answer()) for _ in range(1100)])

    with Evidence.open(path) as evidence:
        asyncio.run(many(evidence))
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT count(DISTINCT salt), min(length(salt)) FROM entries")
    assert rows.fetchone() == (1100, 16)
    connection.close()
