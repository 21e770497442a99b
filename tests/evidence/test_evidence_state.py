"""Changes of state that go with an entry: both or neither, in turn, and noticed by the others."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from remit.evidence import CaseError, Evidence, EvidenceError, new_id, stamp, verify


@dataclass(frozen=True)
class Begin:
    """An intervention that begins, and then fails where it is told to."""

    id: str
    fails: Exception | None = None

    def apply(self, database):
        columns = (self.id, stamp(), "no-law", "pause", "{}", "o", "w", "y", "{}", "", "")
        marks = ", ".join("?" * 15)
        database.execute(
            f"INSERT INTO interventions VALUES ({marks})", (*columns, "active", "", "", "")
        )
        if self.fails:
            raise self.fails


@dataclass(frozen=True)
class Take:
    """Sessions as a shared counter: reads, then writes."""

    def apply(self, database):
        row = database.execute("SELECT value FROM state WHERE key = 'n'").fetchone()
        database.execute(
            "INSERT INTO state VALUES ('n', ?, '') ON CONFLICT (key)"
            " DO UPDATE SET value = excluded.value",
            (str(int(row[0]) + 1 if row else 1),),
        )


def intervention():
    return {"id": new_id(), "time": stamp(), "kind": "intervention", "rule": "no-law"}


def active(evidence):
    return [row[0] for row in evidence.rows("SELECT id FROM interventions ORDER BY id")]


def test_a_change_and_its_entry_are_written_together(url):
    with Evidence.open(url) as evidence:
        entry = evidence.change_sync(intervention(), Begin("i-1"))
        assert (entry.seq, active(evidence), evidence.pulse()) == (1, ["i-1"], 1)
        assert [stored.kind for stored in evidence.entries(rule="no-law")] == ["intervention"]


@pytest.mark.parametrize(
    ("fails", "told"),
    [
        (CaseError("not now"), "not now"),
        (KeyError("setting"), "the change failed.*setting"),
        (None, "unique|UNIQUE"),
    ],
)
def test_a_change_that_fails_takes_its_entry_along_and_no_other(url, answer, fails, told):
    async def crowd(evidence):
        await evidence.change(intervention(), Begin("i-1"))
        bad = evidence.change(intervention(), Begin("i-2" if fails else "i-1", fails))
        return await asyncio.gather(
            evidence.append(answer()),
            bad,
            evidence.change(intervention(), Begin("i-3")),
            return_exceptions=True,
        )

    with Evidence.open(url) as evidence:
        one, refused, three = asyncio.run(crowd(evidence))
        assert isinstance(refused, EvidenceError)
        with pytest.raises(EvidenceError, match=told):
            raise refused
        assert (one.seq, three.seq) == (2, 3)
        assert active(evidence) == ["i-1", "i-3"]
        assert evidence.broken is None
    assert verify(url).ok


def test_changes_of_several_processes_take_turns(url):
    async def both(one, two):
        jobs = [store.change(intervention(), Take()) for _ in range(40) for store in (one, two)]
        await asyncio.gather(*jobs)

    with Evidence.open(url) as one, Evidence.open(url) as two:
        asyncio.run(both(one, two))
        assert one.state("n") == 80
        assert two.pulse() > 1
    assert verify(url).entries == 80


def test_a_state_is_kept_outside_the_chain_and_raises_no_pulse(url):
    async def keep(evidence):
        await evidence.keep_state("watch/no-law", {"e": 1.5})
        await evidence.keep_state("watch/no-law", {"e": 2.5})

    with Evidence.open(url) as evidence:
        assert evidence.state("watch/no-law") is None
        asyncio.run(keep(evidence))
        assert evidence.state("watch/no-law") == {"e": 2.5}
        assert evidence.pulse() == 0
    assert verify(url).entries == 0


def test_a_look_up_cannot_write(url):
    with Evidence.open(url) as evidence, pytest.raises(EvidenceError, match=r"read-?only"):
        evidence.rows("UPDATE pulse SET value = 9 RETURNING value")


def test_followers_see_every_entry_once(url, answer):
    async def write(store):
        for _ in range(60):
            await store.append(answer())

    with Evidence.open(url, writer="a") as one, Evidence.open(url, writer="b") as two:
        cursor, seen = one.heads(), []
        assert cursor == {}

        async def follow():
            nonlocal cursor
            while len(seen) < 120:
                followed = one.follow(cursor, limit=7)
                assert len(followed.entries) <= 7
                seen.extend(followed.entries)
                cursor = followed.cursor
                await asyncio.sleep(0)

        async def all_():
            await asyncio.gather(write(one), write(two), follow())

        asyncio.run(all_())
        assert one.follow(cursor).entries == ()
        assert cursor == one.heads() == {"a": 60, "b": 60}
    for writer in "ab":
        told = [each.entry.seq for each in seen if each.entry.writer == writer]
        assert told == list(range(1, 61))


def test_a_record_is_found_by_each_rule_it_is_about(url, answer):
    rules = {"kept": {"action": "allow"}, "broken": {"action": "redact"}, "judged": "unsure"}
    with Evidence.open(url) as evidence:
        evidence.append_sync(answer(rules=rules))
        evidence.append_sync(answer(rule="broken", action="flag"))
        marks = evidence.rows("SELECT rule, action, seq FROM marks ORDER BY rule, seq")
        assert marks == [("broken", "redact", 1), ("broken", "flag", 2), ("judged", "unsure", 1)]
        assert [s.entry.seq for s in evidence.entries(rule="broken", action="flag")] == [2]
        with pytest.raises(EvidenceError, match="longer than 200 characters"):
            evidence.append_sync(answer(rule="x" * 201))
