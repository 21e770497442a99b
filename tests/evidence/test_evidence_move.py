"""A record moves from SQLite to PostgreSQL with all it holds, all or nothing."""

from __future__ import annotations

import asyncio

import pytest

from remit.evidence import Evidence, EvidenceError, anchor_of, verify
from remit.evidence import move as moving
from remit.evidence.move import TABLES, move


@pytest.fixture
def full(path, answer, case):
    """A record with something in most tables, of two writers, with a body erased."""

    async def fill(one, two):
        await one.append(answer(id="a-1", subject="p-1", reply="nul \0 and \\ and é"))
        await one.append(answer(id="a-2", rule="no-law", action="flag"), case=case())
        await two.append(answer(id="a-3"))
        await two.answer_case("case-1", "No.\n\tNever: \\N", "Ms Finch")
        await one.keep_state("watch", {"e": 1})
        await one.erase("a-3", who="DPO", why="asked")

    with Evidence.open(path) as one, Evidence.open(path) as two:
        asyncio.run(fill(one, two))
    return str(path)


def contents(url):
    """All rows of all tables."""
    with Evidence.open(url) as evidence:
        return {
            table: sorted(evidence.rows(f"SELECT {columns} FROM {table}"), key=repr)
            for table, columns in TABLES.items()
        }


def test_everything_moves_with_the_same_chains(full, server, answer, tmp_path):
    target = server.url()
    before = anchor_of(full)
    report = move(full, target)
    assert (report.ok, report.entries, report.erased, report.cases) == (True, 6, 1, 1)
    assert contents(target) == contents(full)
    with Evidence.open(target) as evidence:
        assert evidence.get("a-1")["reply"] == "nul \0 and \\ and é"
        evidence.append_sync(answer())
    assert verify(target, anchor=before).ok
    back = str(tmp_path / "back.db")
    assert move(target, back).ok
    assert contents(back) == contents(target)


def test_a_store_that_holds_a_record_is_left_alone(full, server, answer):
    target = server.url()
    with Evidence.open(target) as evidence:
        evidence.append_sync(answer())
    before = contents(target)
    with pytest.raises(EvidenceError, match="holds a record already"):
        move(full, target)
    assert contents(target) == before


def test_a_source_that_is_written_meanwhile_leaves_the_target_empty(
    full, server, answer, monkeypatch
):
    target = server.url()
    chunks = moving._chunks

    def meanwhile(rows):
        yield from chunks(rows)
        with Evidence.open(full) as evidence:
            evidence.append_sync(answer())

    monkeypatch.setattr(moving, "_chunks", meanwhile)
    with pytest.raises(EvidenceError, match="written to meanwhile"):
        move(full, target)
    monkeypatch.undo()
    assert move(full, target).ok
