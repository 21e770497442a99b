"""Tampering, by someone who knows SQLite: every way to do it is found."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3

import orjson
import pytest
from rewriting import rewrite, tamper

from remit.evidence import (
    Anchor,
    Evidence,
    EvidenceError,
    anchor_of,
    verify,
)

SHIFT = "UPDATE entries SET seq = seq - 1 WHERE writer = 'a' AND seq > 5"
SWAP = """UPDATE entries SET
 ({0}) = (SELECT {0} FROM entries AS other WHERE other.position = 7 - entries.position)
 WHERE position IN (3, 4)"""
EVERYTHING = "time, id, kind, action, salt, body, digest, prev, hash"

TAMPERINGS = {
    "a byte of a body": ["UPDATE entries SET body = CAST(replace(body, 'no. 5', 'no. 6') AS BLOB)"],
    "an action": ["UPDATE entries SET action = 'block' WHERE seq = 4"],
    "a time": ["UPDATE entries SET time = '2020-01-01T00:00:00.000Z' WHERE seq = 4"],
    "an id": ["UPDATE entries SET id = 'other' WHERE seq = 4"],
    "a kind": ["UPDATE entries SET kind = 'start' WHERE seq = 4"],
    "a salt": ["UPDATE entries SET salt = zeroblob(16) WHERE seq = 4"],
    "a digest": ["UPDATE entries SET digest = zeroblob(32) WHERE seq = 4"],
    "a prev": ["UPDATE entries SET prev = zeroblob(32) WHERE seq = 4"],
    "a prev of another length": ["UPDATE entries SET prev = zeroblob(31) WHERE seq = 4"],
    "a hash": ["UPDATE entries SET hash = zeroblob(32) WHERE seq = 4"],
    "a type": ["UPDATE entries SET id = CAST(id AS BLOB) WHERE seq = 4"],
    "a number for a hash": ["UPDATE entries SET hash = 7 WHERE seq = 4"],
    "text that is no UTF-8": ["UPDATE entries SET id = CAST(x'ff' AS TEXT) WHERE seq = 4"],
    "an entry dropped": ["DELETE FROM entries WHERE seq = 5 AND writer = 'a'"],
    "an entry dropped and the rest renumbered": [
        "DELETE FROM entries WHERE seq = 5 AND writer = 'a'",
        SHIFT,
        "UPDATE heads SET seq = seq - 1 WHERE writer = 'a'",
    ],
    "the first entry dropped": ["DELETE FROM entries WHERE seq = 1 AND writer = 'a'"],
    "the tail cut": ["DELETE FROM entries WHERE seq > 8 AND writer = 'a'"],
    "a whole writer": ["DELETE FROM entries WHERE writer = 'a'"],
    "two entries swapped": [SWAP.format(EVERYTHING)],
    "two contents swapped": [SWAP.format("id, body, salt, digest")],
    "an entry doubled": [
        f"""INSERT INTO entries (writer, seq, {EVERYTHING})
 SELECT writer, 14, {EVERYTHING} FROM entries WHERE writer = 'a' AND seq = 13"""
    ],
    "an entry moved to another writer": [
        "DELETE FROM entries WHERE writer = 'b' AND seq = 4",
        "UPDATE entries SET writer = 'b' WHERE writer = 'a' AND seq = 4",
    ],
    "the writers' names exchanged": [
        "UPDATE entries SET writer = CASE writer WHEN 'a' THEN 'x' ELSE 'a' END",
        "UPDATE entries SET writer = 'b' WHERE writer = 'x'",
    ],
    "a head": ["UPDATE heads SET hash = zeroblob(32) WHERE writer = 'a'"],
    "no head": ["DELETE FROM heads WHERE writer = 'a'"],
    "a head too many": ["INSERT INTO heads VALUES ('c', 3, zeroblob(32))"],
    "the database's id": ["UPDATE meta SET value = 'other'"],
    "an unrecorded erasure": ["UPDATE entries SET body = NULL, salt = NULL WHERE seq = 4"],
    "a body without its salt": ["UPDATE entries SET salt = NULL WHERE seq = 4"],
    "a trigger gone": ["DROP TRIGGER IF EXISTS heads_kept"],
    "a table too many": ["CREATE TABLE extra (a)"],
    "entries of the store that hold nonsense": [
        """UPDATE entries SET body = CAST('{"erased": [["a", [1]], 2], "case": 3}' AS BLOB)""",
        "UPDATE entries SET kind = 'erasure' WHERE seq = 4",
    ],
    "entries of the store that are no JSON": [
        "UPDATE entries SET body = x'00', kind = CASE seq WHEN 4 THEN 'erasure' ELSE kind END"
    ],
    "an index that hides entries": [
        "DROP INDEX entries_by_id",
        "CREATE INDEX entries_by_id ON entries (id) WHERE 0",
        "PRAGMA writable_schema = ON",
        """UPDATE sqlite_master SET sql = 'CREATE INDEX entries_by_id ON entries (id)'
 WHERE name = 'entries_by_id'""",
    ],
    "a case answered unseen": ["UPDATE cases SET state = 'answered', answer = 'Yes, sue.'"],
    "a case's question": ["UPDATE cases SET question = '{}'"],
    "a case gone": ["DELETE FROM cases"],
    "a mark": ["UPDATE marks SET rule = 'another'"],
    "a mark gone": ["DELETE FROM marks"],
    "a mark too many": [
        "INSERT INTO marks SELECT 'rule', time, writer, seq, kind, action FROM entries LIMIT 1"
    ],
    "a count": ["UPDATE counts SET number = number + 1 WHERE writer = 'a'"],
    "a case for another": ["UPDATE cases SET id = 'case-2'"],
}


@pytest.fixture
def kept(path, answer, case):
    """A record of two writers, 24 entries, and a case; and its anchor and a receipt."""
    with Evidence.open(path, writer="a") as one, Evidence.open(path, writer="b") as two:
        for n in range(11):
            receipt = one.append_sync(answer(reply=f"no. {n}"))
            two.append_sync(answer(reply=f"no. {n}"))
        one.append_sync(answer(reply="I have passed it on"), case=case())
        anchor = one.anchor()
    assert verify(path, anchor=anchor, receipts=[receipt]).ok
    return path, anchor, receipt


@pytest.mark.parametrize("way", TAMPERINGS)
def test_tampering_is_found(kept, way):
    path, _, _ = kept
    assert tamper(path, TAMPERINGS[way]) != 0
    report = verify(path)
    assert not report.ok
    assert list(report.lines())[-1].startswith("NOT INTACT")


def test_a_gap_is_told_with_its_place(kept):
    path, _, _ = kept
    tamper(path, TAMPERINGS["an entry dropped"])
    told = [str(problem) for problem in verify(path).problems]
    assert ["counts differ" in text for text in told] == [False, True]
    assert told[0].startswith("a:6: out of order: 5 was to follow; compare with a copy")


def test_an_index_that_hides_entries_is_told(path, answer):
    with Evidence.open(path) as evidence:
        evidence.append_sync(answer())
    tamper(path, TAMPERINGS["an index that hides entries"])
    assert any("damaged" in problem.what for problem in verify(path).problems)


def test_taking_the_triggers_off_and_on_again_changes_nothing(kept):
    path, anchor, receipt = kept
    tamper(path, [])
    assert verify(path, anchor=anchor, receipts=[receipt]).ok


def test_only_an_anchor_or_a_receipt_finds_a_record_rewritten_as_a_whole(kept):
    path, anchor, receipt = kept
    rewrite(path, lambda body: body.replace(b"no. 10", b"no. 99"))
    assert verify(path).ok
    assert "anchor" in str(verify(path, anchor=anchor).problems[0])
    assert [problem.seq for problem in verify(path, receipts=[receipt]).problems] == [11]


def test_an_anchor_finds_a_tail_cut_off_heads_and_all(kept):
    path, anchor, receipt = kept
    tamper(
        path,
        [
            "DELETE FROM cases",
            "DELETE FROM marks WHERE writer = 'a' AND seq > 8",
            "DELETE FROM counts WHERE writer = 'a' AND kind = 'case'",
            "UPDATE counts SET number = 8 WHERE writer = 'a'",
            "DELETE FROM entries WHERE writer = 'a' AND seq > 8",
            """UPDATE heads SET seq = 8, hash =
 (SELECT hash FROM entries WHERE writer = 'a' AND seq = 8) WHERE writer = 'a'""",
        ],
    )
    assert verify(path).ok
    assert "no longer in the record" in str(verify(path, anchor=anchor).problems[0])
    assert not verify(path, receipts=[receipt]).ok


def test_an_anchor_holds_while_the_record_grows(kept, answer):
    path, anchor, _ = kept
    with Evidence.open(path, writer="a") as evidence:
        evidence.append_sync(answer())
    assert verify(path, anchor=anchor).ok


def test_an_anchor_survives_its_json(kept):
    path, anchor, _ = kept
    assert Anchor.from_json(anchor.to_json()) == anchor
    assert (anchor.entries, len(anchor.heads)) == (24, 2)
    assert anchor_of(path).heads == anchor.heads
    for text in ("", "[]", "{}", '{"heads": [1]}'):
        with pytest.raises(EvidenceError, match="anchor: not one of ours"):
            Anchor.from_json(text)
    other = Anchor("another", anchor.time, anchor.entries, anchor.heads)
    assert "another database" in str(verify(path, anchor=other).problems[0])


def test_a_receipt_may_come_as_a_client_keeps_it(kept):
    path, _, receipt = kept
    mapping = {"writer": receipt.writer, "seq": str(receipt.seq), "hash": receipt.hash}
    assert verify(path, receipts=[mapping]).ok
    assert not verify(path, receipts=[mapping | {"hash": "0" * 64}]).ok
    assert not verify(path, receipts=[mapping | {"seq": 999}]).ok
    with pytest.raises(EvidenceError, match="needs writer, seq and hash"):
        verify(path, receipts=[{"writer": "a"}])


def test_any_flipped_byte_is_found_or_changes_nothing(kept, tmp_path):
    path, _, _ = kept
    whole = path.read_bytes()
    content = read_all(path)
    chance = random.Random(7)
    found = 0
    for round_ in range(250):
        copy = tmp_path / f"copy-{round_}.db"
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        copy.write_bytes(damaged)
        try:
            intact = verify(copy).ok
        except EvidenceError:
            intact = False
        assert not intact or read_all(copy) == content
        found += not intact
    assert found > 5


@pytest.mark.parametrize("read", [verify, anchor_of, Evidence.open])
def test_a_schema_that_is_no_text_any_more_is_said_to_be_damaged(kept, read):
    path, _, _ = kept
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"CREATE TABLE heads (", b"CREATE TABLE \xc3eads \xc3"))
    with pytest.raises(EvidenceError, match="malformed; keep the file"):
        read(path)


def read_all(path):
    """Everything that a reader can get out of the tables."""
    connection = sqlite3.connect(path)
    try:
        return {
            table: connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
            for table in ("meta", "entries", "heads", "cases", "marks", "counts")
        }
    finally:
        connection.close()


def test_a_report_counts_all_problems_and_lists_the_first(path, answer):
    async def many(evidence):
        await asyncio.gather(*[evidence.append(answer()) for _ in range(1007)])

    with Evidence.open(path) as evidence:
        asyncio.run(many(evidence))
    tamper(path, ["UPDATE entries SET action = 'block'"])
    report = verify(path)
    assert (len(report.problems), report.found) == (1000, 1008)
    assert "  … and 8 more" in list(report.lines())
    assert orjson.loads(orjson.dumps(report.to_dict()))["ok"] is False


def test_a_record_is_verified_while_it_grows(path, answer):
    with Evidence.open(path) as evidence:
        for n in range(20):
            evidence.append_sync(answer())
            report = verify(path)
            assert (report.ok, report.entries) == (True, n + 1)


def test_a_read_only_copy_can_be_verified(kept, tmp_path):
    path, anchor, _ = kept
    folder = tmp_path / "auditor"
    folder.mkdir()
    shutil.copy(path, folder)
    folder.chmod(0o500)
    try:
        assert verify(folder / path.name, anchor=anchor).ok
    finally:
        folder.chmod(0o700)


def test_a_copy_without_its_log_is_told(path, answer, tmp_path):
    with Evidence.open(path) as evidence:
        evidence.append_sync(answer())
        copy = shutil.copy(path, tmp_path / "copy.db")
        with pytest.raises(EvidenceError, match="copy its -wal file along"):
            verify(copy)


def test_a_closed_record_is_one_file(path, answer):
    with Evidence.open(path) as one, Evidence.open(path) as two:
        one.append_sync(answer())
        two.append_sync(answer())
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(EvidenceError, match="no such file"):
        verify(tmp_path / "nothing.db")
