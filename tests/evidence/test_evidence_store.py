"""Appending, looking up, and what is refused."""

from __future__ import annotations

import asyncio
import sqlite3
import threading

import pytest

from remit.evidence import Evidence, EvidenceError, new_id, stamp, verify
from remit.evidence.sqlite import file, migrate


def test_an_appended_record_can_be_read_back(path, answer):
    record = answer(reply="Good morning", rules={"no-legal-advice": {"action": "allow"}})
    with Evidence.open(path) as evidence:
        entry = asyncio.run(evidence.append(record))
        assert (entry.writer, entry.seq) == (evidence.writer, 1)
        assert evidence.get(record["id"]) == record
        assert evidence.get("nothing") is None
    assert verify(path, receipts=[entry]).ok


def test_concurrent_appends_share_commits(path, answer):
    async def many(evidence):
        return await asyncio.gather(*[evidence.append(answer(n=n)) for n in range(300)])

    with Evidence.open(path) as evidence:
        before = commits(path)
        entries = asyncio.run(many(evidence))
        assert 1 <= commits(path) - before < 30
    assert [entry.seq for entry in entries] == list(range(1, 301))
    assert verify(path).entries == 300


def commits(path):
    """How many transactions are in the write-ahead log: frames that give the file's size."""
    log = path.with_name(path.name + "-wal").read_bytes()
    page = int.from_bytes(log[8:12], "big")
    return sum(log[at + 4 : at + 8] != bytes(4) for at in range(32, len(log), 24 + page))


def test_a_record_is_fixed_when_it_is_handed_over(path, answer):
    async def change_it_meanwhile(evidence):
        record = answer(reply="as it was")
        future = evidence.append_nowait(record)
        record["reply"] = "as it never was"
        await future
        return record["id"]

    with Evidence.open(path) as evidence:
        id_ = asyncio.run(change_it_meanwhile(evidence))
        assert evidence.get(id_)["reply"] == "as it was"


def test_threads_may_append_too(path, answer):
    with Evidence.open(path) as evidence:
        threads = [
            threading.Thread(target=lambda: evidence.append_sync(answer(), timeout=20))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert verify(path).entries == 8


def test_only_the_owner_may_read_the_file(path, answer):
    with Evidence.open(path) as evidence:
        evidence.append_sync(answer())
        files = sorted(path.parent.iterdir())
        assert [file.name for file in files] == [
            "evidence.db",
            "evidence.db-shm",
            "evidence.db-wal",
        ]
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
        assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (":memory:", "no evidence"),
        ("sqlite:///:memory:", "no evidence"),
        ("", "no evidence"),
        ("sqlite://", "give a path"),
        ("mysql://remit:secret@db/remit", "no store for 'mysql://…'"),
    ],
)
def test_a_store_that_is_none_is_refused_with_the_cure(url, told):
    with pytest.raises(EvidenceError, match="give a path, sqlite:///PATH") as refusal:
        Evidence.open(url)
    assert told in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_a_url_and_a_path_name_the_same_file(path, answer):
    with Evidence.open(f"sqlite:///{path}") as evidence:
        assert evidence.name == str(path)
        evidence.append_sync(answer())
    assert verify(path).entries == verify(f"sqlite:///{path}").entries == 1


def test_another_programs_database_is_refused(path):
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (a)")
    connection.close()
    for use in (Evidence.open, verify):
        with pytest.raises(EvidenceError, match="another program's file"):
            use(path)


def test_a_file_that_is_no_database_is_refused(path):
    path.parent.mkdir()
    path.write_bytes(b"Dear diary, " * 400)
    for use in (Evidence.open, verify):
        with pytest.raises(EvidenceError, match="not a database"):
            use(path)


def test_a_path_may_hold_any_sign(tmp_path, answer):
    path = tmp_path / "Hollis & Finch" / "50% of #1?mode=memory.db"
    with Evidence.open(path) as evidence:
        evidence.append_sync(answer())
        assert len(list(evidence.entries())) == 1
    assert verify(path).entries == 1


def test_an_old_sqlite_is_refused_and_not_left_to_fail_under_load(path, monkeypatch):
    monkeypatch.setattr(file, "SQLITE_LEAST", (99, 0))
    with pytest.raises(EvidenceError, match=r"use a Python with 99\.0 or newer"):
        Evidence.open(path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"id": ""}, "'id'"),
        ({"id": 7}, "'id'"),
        ({"id": "x" * 201}, "'id'"),
        ({"time": "yesterday"}, "use evidence.stamp"),
        ({"time": "2026-11-24T05:47:07.123+01:00"}, "use evidence.stamp"),
        ({"kind": None}, "'kind'"),
        ({"kind": "case"}, "use open_case"),
        ({"kind": "erasure"}, "use open_case"),
        ({"action": 3}, "use Action.word"),
        ({"reply": object()}, "not JSON"),
        ({"reply": "\ud800"}, "not JSON"),
    ],
)
def test_a_record_that_lacks_something_is_refused_at_once(path, answer, change, told):
    with Evidence.open(path) as evidence:
        with pytest.raises(EvidenceError, match=told):
            evidence.append_sync(answer(**change))
        evidence.append_sync(answer())
    assert verify(path).entries == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET body = 'x'",
        "UPDATE entries SET action = 'block', body = NULL, salt = NULL",
        "DELETE FROM entries",
        "INSERT OR REPLACE INTO entries SELECT * FROM entries",
        "UPDATE heads SET seq = 1",
        "DELETE FROM heads",
        "DELETE FROM cases",
    ],
)
def test_the_database_itself_refuses_changes(path, answer, case, statement):
    with Evidence.open(path) as evidence:
        evidence.append_sync(answer(), case=case())
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="evidence:"):
        connection.execute(statement)
    connection.close()
    assert verify(path).ok


def test_several_writers_share_a_file(path, answer):
    with Evidence.open(path) as one, Evidence.open(path) as two:
        for n in range(10):
            (one, two)[n % 2].append_sync(answer(n=n))
        assert [stored.record["n"] for stored in one.entries()] == list(range(10))
    report = verify(path)
    assert (report.ok, report.entries, report.writers) == (True, 10, 2)


def test_a_named_writer_goes_on_with_its_chain(path, answer):
    for seq in (1, 2, 3):
        with Evidence.open(path, writer="desk") as evidence:
            assert evidence.append_sync(answer()).seq == seq
    assert verify(path).ok


def test_a_writer_name_in_use_twice_is_told_and_heals(path, answer):
    with Evidence.open(path, writer="desk") as one, Evidence.open(path, writer="desk") as two:
        one.append_sync(answer())
        with pytest.raises(EvidenceError, match="leave `writer` out"):
            two.append_sync(answer())
        assert two.append_sync(answer()).seq == 2
    assert verify(path).entries == 2


def test_entries_are_found_by_rule_action_kind_and_time(path, answer):
    broke = {"no-legal-advice": {"action": "block"}, "no-names": {"action": "allow"}}
    with Evidence.open(path) as evidence:
        first = answer(rules=broke, action="block", time="2026-01-01T00:00:00.000Z")
        second = answer(rules=["no-names"], time="2026-02-01T00:00:00.000Z")
        third = answer(rule="no-names", kind="refusal", time="2026-03-01T00:00:00.000Z")
        for record in (first, second, third):
            evidence.append_sync(record)

        def found(**filters):
            return [stored.record for stored in evidence.entries(**filters)]

        assert found() == [first, second, third]
        assert found(rule="no-names") == [second, third]
        assert found(rule="no-legal-advice") == [first]
        assert found(action="block") == [first]
        assert found(kind="refusal") == [third]
        assert found(since="2026-02-01T00:00:00.000Z") == [second, third]
        assert found(after=1, limit=1) == [second]
        assert found(limit=0) == []


def test_entries_run_past_a_page(path, answer):
    async def many(evidence):
        await asyncio.gather(*[evidence.append(answer(n=n)) for n in range(1203)])

    with Evidence.open(path) as evidence:
        asyncio.run(many(evidence))
        assert [stored.record["n"] for stored in evidence.entries()] == list(range(1203))


def test_new_ids_sort_by_time_and_never_repeat():
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert [id_[:13] for id_ in ids] == sorted(id_[:13] for id_ in ids)
    assert {(id_[14], id_[19] in "89ab") for id_ in ids} == {("7", True)}


def test_a_stamp_is_utc_with_milliseconds():
    assert len(stamp()) == len("2026-11-24T05:47:07.123Z")
    assert stamp().endswith("Z")


def test_the_schema_is_made_once_when_many_open_at_once(path, answer):
    opened, start = [], threading.Barrier(6)

    def open_it():
        start.wait()
        opened.append(Evidence.open(path))

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for evidence in opened:
        evidence.append_sync(answer())
        evidence.close()
    report = verify(path)
    assert (len(opened), report.ok, report.entries) == (6, True, 6)
    assert migrate.VERSION == 2
