"""A record of the first version opens, is brought up to date, and can be read where it cannot."""

from __future__ import annotations

import sqlite3

import orjson
import pytest

from remit.evidence import Evidence, EvidenceError, State, anchor_of, chain, verify
from remit.evidence.sqlite import file, migrate, tables

RECORDS = [
    ("answer", "allow", {"rules": {}}),
    ("answer", "redact", {"rules": {"no-names": {"action": "redact", "score": 0.9}}}),
    ("answer", "hand_over", {"rules": {"no-names": {"action": "allow"}, "no-law": {}}}),
    ("policy", "", {"rules": ["no-names", "no-law"]}),
]


def add(connection, seq, prev, kind, action, id_, more):
    """One entry of writer `w`, as the first version wrote it."""
    time, salt = f"2026-11-{seq:02d}T05:47:07.123Z", bytes([seq]) * 16
    body = orjson.dumps({"id": id_, "time": time, "kind": kind, "action": action, **more})
    digest = chain.digest(salt, body)
    texts = (text.encode() for text in (time, id_, kind, action))
    hash_ = chain.link(prev, b"w", seq, *texts, digest)
    connection.execute(
        "INSERT INTO entries (writer, seq, time, id, kind, action, salt, body, digest, prev, hash)"
        " VALUES ('w', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (seq, time, id_, kind, action, salt, body, digest, prev, hash_),
    )
    return hash_


@pytest.fixture
def old(path):
    """A file of version 1: four records of one writer and a case, answered."""
    path.parent.mkdir()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA application_id = {migrate.APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 1")
    for statement in tables.ENTRIES + tables.CASES_1:
        connection.execute(statement)
    connection.execute("INSERT INTO meta VALUES ('database', 'd')")
    prev = chain.genesis("d", "w")
    for seq, (kind, action, more) in enumerate(RECORDS, 1):
        prev = add(connection, seq, prev, kind, action, f"id-{seq}", more)
    due = "2026-11-24T12:00:00.000Z"
    case = {"id": "c", "due": due, "owner": "o", "colleague": "k", "question": {"text": "?"}}
    prev = add(connection, 5, prev, "case", "open", "c/open", {"rule": "no-law", "case": case})
    answer = {"who": "Ms Finch", "case": {"id": "c", "text": "Yes."}}
    add(connection, 6, prev, "case", "answered", "c/answered", answer)
    connection.execute(
        "INSERT INTO cases VALUES ('c', '2026-11-05T05:47:07.123Z', ?, 'no-law', 'o', 'k',"
        """ 'answered', '{"text":"?"}', 'Yes.', 'Ms Finch', '2026-11-06T05:47:07.123Z')""",
        (due,),
    )
    connection.close()
    return path


def look(evidence):
    """What the rule's look-up and the counters say."""
    ids = [stored.id for stored in evidence.entries(rule="no-law")]
    counts = evidence.rows("SELECT day, action, number FROM counts WHERE kind = 'answer'")
    return ids, sorted(counts)


LOOKED = (
    ["id-3", "id-4", "c/open"],
    [("2026-11-01", "allow", 1), ("2026-11-02", "redact", 1), ("2026-11-03", "hand_over", 1)],
)


def test_a_file_of_version_1_is_migrated_when_it_is_opened(old, answer):
    before = anchor_of(old)
    assert verify(old).ok
    with Evidence.open(old, writer="w") as evidence:
        assert look(evidence) == LOOKED
        case = evidence.case("c")
        assert (case.state, case.kind, case.answer) == (State.ANSWERED, "handoff", "Yes.")
        assert evidence.append_sync(answer()).seq == 7
        assert evidence.pulse() == 0
    report = verify(old, anchor=before)
    assert (report.ok, report.entries, report.problems) == (True, 7, ())


def test_a_file_of_version_1_that_cannot_be_written_is_read_all_the_same(old):
    old.parent.chmod(0o500)
    old.chmod(0o400)
    whole = old.read_bytes()
    reader = file.open_to_read(old)
    try:
        rows = reader.execute("SELECT rule, action FROM marks ORDER BY seq, rule").fetchall()
        assert rows == [
            ("no-names", "redact"),
            ("no-law", "hand_over"),
            ("no-law", ""),
            ("no-names", ""),
            ("no-law", "open"),
        ]
        assert reader.execute("SELECT kind, outcome FROM cases").fetchall() == [("handoff", "")]
        assert reader.execute("SELECT count(*) FROM interventions").fetchone() == (0,)
        assert reader.execute("SELECT sum(number) FROM counts").fetchone() == (6,)
    finally:
        reader.close()
    assert verify(old).ok
    assert old.read_bytes() == whole


def test_a_migration_that_fails_leaves_the_file_as_it_was(old):
    connection = sqlite3.connect(old, isolation_level=None)
    connection.execute("CREATE TABLE marks (a)")
    connection.close()
    with pytest.raises(EvidenceError, match="marks already exists"):
        Evidence.open(old)
    connection = sqlite3.connect(old, isolation_level=None)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.execute("DROP TABLE marks")
    connection.close()
    assert verify(old).ok
    with Evidence.open(old) as evidence:
        assert look(evidence) == LOOKED


def test_a_file_of_a_later_version_is_refused(old):
    connection = sqlite3.connect(old, isolation_level=None)
    connection.execute("PRAGMA user_version = 3")
    connection.close()
    for read in (Evidence.open, verify):
        with pytest.raises(EvidenceError, match="format 3, and this Remit reads 1 to 2"):
            read(old)
