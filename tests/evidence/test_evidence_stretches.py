"""A long record is checked by two processes, which find what one finds."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from rewriting import tamper

from remit.evidence import Entry, Evidence, EvidenceError, stretches, verify
from remit.evidence.problems import Problem
from remit.evidence.segment import Segment


@pytest.fixture
def long(url, answer, case, monkeypatch):
    """A record of two writers, 61 entries, long enough for two."""

    async def fill(one, two):
        for n in range(20):
            await one.append(answer(rule="no-law", action="flag" if n % 3 else "allow"))
            await two.append(answer())
            await two.append(answer(subject=f"p-{n}"))
        await one.open_case(case())

    with Evidence.open(url, writer="a") as one, Evidence.open(url, writer="b") as two:
        asyncio.run(fill(one, two))
    monkeypatch.setattr(stretches, "SHARED_FROM", 10)
    return url


def change(url, statement):
    """Behind the triggers' back."""
    if not url.startswith("postgresql"):
        tamper(url, [statement])
        return
    with psycopg.connect(url, options="-c search_path=remit") as connection:
        connection.execute("SET session_replication_role TO replica")
        connection.execute(statement)


def test_two_processes_find_a_whole_record_intact(long):
    with Evidence.open(long) as evidence:
        anchor = evidence.anchor()
    report = verify(long, anchor=anchor, receipts=[*anchor.heads])
    assert (report.ok, report.problems) == (True, ())
    assert (report.entries, report.writers, report.cases) == (61, 2, 1)


@pytest.mark.parametrize("position", [2, 25, 26, 27, 60])
def test_two_processes_find_what_was_altered_wherever_it_is(long, position, monkeypatch):
    change(long, f"UPDATE entries SET action = 'x' WHERE position = {position}")
    shared = verify(long)
    monkeypatch.setattr(stretches, "SHARED_FROM", 1000)
    alone = verify(long)
    assert not alone.ok
    assert (shared.problems, shared.found) == (alone.problems, alone.found)


@pytest.mark.parametrize("position", [25, 26, 27, 40])
def test_an_entry_dropped_at_the_seam_is_found(long, position):
    change(long, f"DELETE FROM entries WHERE position = {position}")
    assert any("out of order" in problem.what for problem in verify(long).problems)


def test_what_a_process_found_survives_its_way_back():
    segment = Segment(
        3, 2, 1, 1 << 130, 1, {b"\xff": (1, b"\0\xfe")}, {b"w": (2, b"x")},
        {(b"w", b"2026", b"answer", b"\xff"): 3}, {(b"w", 2)}, [Problem("w", 1, "what", "cure")],
    )  # fmt: skip
    assert stretches._from_json(stretches._to_json(segment).encode()) == segment


@pytest.mark.parametrize("told", [b"", b"{", b'{"error": "gone"}'])
def test_a_process_that_dies_is_no_proof(told):
    with pytest.raises(EvidenceError, match=r"died; try again|gone"):
        stretches._from_json(told)


def test_receipts_that_contradict_each_other_are_told(long):
    with Evidence.open(long) as evidence:
        head = evidence.anchor().heads[0]
    forged = Entry(head.writer, head.seq, "0" * 64)
    for receipts in ([head, forged], [forged, head]):
        assert not verify(long, receipts=receipts).ok
