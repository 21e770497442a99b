"""The record on PostgreSQL: the same chain, the same promises, and what only a server can do."""

from __future__ import annotations

import asyncio
import io

import orjson
import psycopg
import pytest

from remit.evidence import Evidence, EvidenceError, State, anchor_of, export, show, verify
from remit.evidence.ledger import ledger_of


@pytest.fixture
def url(server):
    return server.url()


def test_a_record_on_a_server_is_written_read_exported_and_verified(url, answer, case):
    async def handoff(evidence):
        await evidence.append(answer(id="a-1", reply="nul \0, %s, ? and é"), case=case())
        await evidence.answer_case("case-1", "Ask a solicitor.", "Ms Finch")

    with Evidence.open(url) as evidence:
        asyncio.run(handoff(evidence))
        assert evidence.get("a-1")["reply"] == "nul \0, %s, ? and é"
        assert evidence.case("case-1").state is State.ANSWERED
        assert [s.action for s in evidence.entries(kind="case")] == ["open", "answered"]
        assert evidence.rows("SELECT sum(number), count(*) FROM counts") == [(3, 3)]
        anchor = evidence.anchor()
    report = verify(url, anchor=anchor)
    assert (report.ok, report.entries, report.cases, report.problems) == (True, 3, 1, ())
    assert anchor_of(url).heads == anchor.heads
    assert show(url, "a-1")["chain"]["seq"] == 1
    lines = io.BytesIO()
    assert export(url, lines) == 3
    assert [orjson.loads(line)["seq"] for line in lines.getvalue().splitlines()] == [1, 2, 3]


def test_a_body_is_erased_and_the_chain_holds(url, answer):
    with Evidence.open(url) as evidence:
        evidence.append_sync(answer(id="a-1", reply="a secret"))
        asyncio.run(evidence.erase("a-1", who="DPO", why="asked to"))
        assert evidence.get("a-1") is None
    report = verify(url)
    assert (report.ok, report.erased) == (True, 1)


def test_a_password_is_never_shown(server, caplog):
    with pytest.raises(EvidenceError) as wrong:
        Evidence.open("postgresql://remit:hunter2@127.0.0.1:1/none?connect_timeout=2")
    with pytest.raises(EvidenceError) as malformed:
        Evidence.open("postgresql://remit:hunter2@h/d?hunter2")
    name = ledger_of("postgresql://remit:hunter2@h:5/d?sslmode=require").name
    assert name == "postgresql://remit@h:5/d"
    for text in (str(wrong.value), str(malformed.value), repr(wrong.value), caplog.text):
        assert "hunter2" not in text
    assert "check the server" in str(wrong.value)
    assert "~/.pgpass" in str(malformed.value)


REFUSED = {
    "a change": "UPDATE entries SET action = 'block'",
    "a body replaced": "UPDATE entries SET body = 'x', salt = 'y'",
    "a removal": "DELETE FROM entries",
    "a truncation": "TRUNCATE entries",
    "a head moved back": "UPDATE heads SET seq = seq - 1",
    "a head moved on": "UPDATE heads SET seq = seq + 1",
    "a head removed": "DELETE FROM heads",
    "a mark changed": "UPDATE marks SET rule = 'other'",
    "a mark removed": "DELETE FROM marks",
    "a case removed": "DELETE FROM cases",
    "a gap": "INSERT INTO entries (writer, seq, time, id, kind, action, digest, prev, hash)"
    " SELECT writer, seq + 2, time, id, kind, action, digest, hash, hash FROM entries",
    "a fork": "INSERT INTO entries (writer, seq, time, id, kind, action, digest, prev, hash)"
    " SELECT writer, seq + 1, time, id, kind, action, digest, prev || 'x', hash FROM entries"
    " WHERE seq = 2",
}


@pytest.fixture
def kept(url, answer, case):
    with Evidence.open(url, writer="a") as evidence:
        evidence.append_sync(answer(rule="no-law", action="flag"), case=case())
    return url


@pytest.mark.parametrize("what", REFUSED)
def test_the_server_refuses_to_change_what_is_chained(kept, what):
    with (
        psycopg.connect(kept, options="-c search_path=remit") as connection,
        pytest.raises(psycopg.errors.RaiseException, match="evidence: "),
    ):
        connection.execute(REFUSED[what])
    assert verify(kept).ok


TAMPERED = {
    "a body": ["UPDATE entries SET body = 'x' WHERE seq = 1"],
    "a time": ["UPDATE entries SET time = '2020-01-01T00:00:00.000Z' WHERE seq = 1"],
    "an entry": ["DELETE FROM entries WHERE seq = 1"],
    "the tail": ["DELETE FROM entries WHERE seq = 2", "DELETE FROM cases"],
    "a head": ["UPDATE heads SET hash = 'x'"],
    "the id": ["UPDATE meta SET value = 'other'"],
    "a case": ["UPDATE cases SET state = 'answered'"],
    "a trigger gone": ["DROP TRIGGER cases_kept ON cases"],
    "a trigger off": ["ALTER TABLE heads DISABLE TRIGGER heads_kept"],
    "a function hollowed out": [
        """CREATE OR REPLACE FUNCTION kept() RETURNS trigger LANGUAGE plpgsql AS
 'BEGIN RETURN NULL; END'"""
    ],
    "a trigger that looks away": [
        "DROP TRIGGER entries_fixed ON entries",
        """CREATE TRIGGER entries_fixed BEFORE UPDATE ON entries FOR EACH ROW
 WHEN (false) EXECUTE FUNCTION entries_fixed()""",
    ],
    "a table": ["CREATE TABLE extra (a TEXT)"],
    "a rule": ["CREATE RULE quiet AS ON UPDATE TO cases DO INSTEAD NOTHING"],
}


@pytest.mark.parametrize("what", TAMPERED)
def test_tampering_by_the_server_s_owner_is_found(kept, what):
    with psycopg.connect(kept, options="-c search_path=remit") as connection:
        connection.execute("SET session_replication_role TO replica")  # no trigger fires
        for statement in TAMPERED[what]:
            connection.execute(statement)
    assert not verify(kept).ok


def test_tables_of_a_newer_remit_are_refused(url):
    Evidence.open(url).close()
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE remit.alembic_version SET version_num = '9999'")
    for read in (Evidence.open, verify):
        with pytest.raises(EvidenceError, match="version 9999, and this Remit's of 0001"):
            read(url)


def test_a_database_without_a_record_is_told(url):
    with pytest.raises(EvidenceError, match="holds no record"):
        verify(url)


def test_two_processes_of_one_writer_s_name_do_not_fork_the_chain(url, answer):
    with Evidence.open(url, writer="a") as one, Evidence.open(url, writer="a") as two:
        one.append_sync(answer())
        with pytest.raises(EvidenceError, match="same writer name"):
            two.append_sync(answer())
    assert verify(url).ok
