"""Forgetting: a record, a person, or all that is older than it may be kept; and the chain holds."""

from __future__ import annotations

import asyncio
import io
import shutil
import sqlite3
from pathlib import Path

import orjson
import pytest

from remit.evidence import Case, Evidence, EvidenceError, Keys, State, export, show, verify

pytest.importorskip("cryptography", reason="needs the extra crypto")

SECRET = "my divorce, and the house in Leeds"


@pytest.fixture
def keys(tmp_path):
    return tmp_path / "keys.db"


def handoff(subject):
    time = "2026-11-24T08:00:00.000Z"
    question = {"text": SECRET}
    return Case("case-1", time, time, "no-law", "o", "k", question, subject=subject)


def everything(path):
    """All bytes of the record's files."""
    return b"".join(file.read_bytes() for file in Path(path).parent.glob("evidence.db*"))


def test_what_is_kept_of_a_person_is_sealed_and_opened_with_their_key(path, keys, answer):
    async def ask(evidence):
        await evidence.append(answer(id="a-1", subject="p-1", asked=SECRET), case=handoff("p-1"))
        await evidence.answer_case("case-1", f"About {SECRET}: no.", "Ms Finch")
        await evidence.append(answer(id="a-2", asked="of nobody"))

    with Evidence.open(path, keys=keys) as evidence:
        asyncio.run(ask(evidence))
        assert evidence.get("a-1")["asked"] == evidence.case("case-1").question["text"] == SECRET
        assert evidence.case("case-1").answer == f"About {SECRET}: no."
        told = [stored.record for stored in evidence.entries()]
        assert [record["id"] for record in told][:2] == ["a-1", "case-1/open"]
    assert SECRET.encode() not in everything(path)
    with Evidence.open(path) as evidence:  # without the keys
        assert evidence.get("a-1") is None
        case = evidence.case("case-1")
        assert (case.state, case.question, case.answer) == (State.ANSWERED, {}, "")
        assert evidence.get("a-2")["asked"] == "of nobody"
    ring = Keys(keys)
    for given in (None, ring):
        report = verify(path, keys=given)
        assert (report.ok, report.erased, report.problems) == (True, 0, ())
    ring.close()
    assert oct(keys.stat().st_mode)[-3:] == "600"


def test_a_forgotten_person_cannot_be_read_in_a_backup_either(path, keys, answer, tmp_path):
    async def forget(evidence):
        return await evidence.forget("p-1", who="DPO", why="they asked to")

    with Evidence.open(path, keys=keys) as evidence:
        evidence.append_sync(answer(id="a-1", subject="p-1", asked=SECRET), case=handoff("p-1"))
        evidence.append_sync(answer(id="a-2", subject="p-2", asked=SECRET))
    backup = tmp_path / "backup" / "evidence.db"
    backup.parent.mkdir()
    shutil.copy(path, backup)
    with Evidence.open(path, keys=keys) as evidence:
        assert evidence.get("a-1")["asked"] == SECRET  # the key is in this process's memory
        with Evidence.open(path, keys=keys) as another:
            assert asyncio.run(forget(another)) == 2
        assert evidence.get("a-1") is None
        assert evidence.get("a-2")["asked"] == SECRET
        (erasure,) = evidence.entries(kind="erasure")
        assert (erasure.record["of"], erasure.record["who"]) == ("p-1", "DPO")
        evidence.append_sync(answer(id="a-3", subject="p-1", asked="back again"))
        assert evidence.get("a-3")["asked"] == "back again"
    for record in (path, backup):
        assert verify(record).ok
    with Evidence.open(backup, keys=keys) as evidence:
        assert (evidence.get("a-1"), evidence.case("case-1").question) == (None, {})
        assert evidence.get("a-2")["asked"] == SECRET


def test_a_person_is_forgotten_without_keys_too(url, answer):
    with Evidence.open(url) as evidence:
        asyncio.run(many(evidence, answer, 1003))
        evidence.append_sync(answer(id="other", subject="p-2"), case=handoff("p-1"))
        assert asyncio.run(evidence.forget("p-1", who="DPO", why="asked")) == 1004
        assert asyncio.run(evidence.forget("p-9", who="DPO", why="asked")) == 0
        assert [s.id for s in evidence.entries(kind="answer") if s.record] == ["other"]
        assert evidence.case("case-1").question == {}
    report = verify(url)
    assert (report.ok, report.erased, report.problems) == (True, 1004, ())


async def many(evidence, answer, count):
    await asyncio.gather(*[evidence.append(answer(subject="p-1")) for _ in range(count)])


def test_an_export_and_a_look_open_what_the_keys_open(path, keys, answer):
    with Evidence.open(path, keys=keys) as evidence:
        evidence.append_sync(answer(id="a-1", subject="p-1", asked=SECRET))
    ring = Keys(keys)
    lines = io.BytesIO()
    assert export(path, lines, keys=ring) == 1
    line = orjson.loads(lines.getvalue())
    assert orjson.loads(line["opened"])["asked"] == SECRET
    assert SECRET not in line["body"]
    assert show(path, "a-1", keys=ring)["record"]["asked"] == SECRET
    assert show(path, "a-1")["record"] is None
    ring.close()


def test_a_sealed_case_that_was_altered_is_found(path, keys):
    with Evidence.open(path, keys=keys) as evidence:
        asyncio.run(evidence.open_case(handoff("p-1")))
    for statement in ("UPDATE cases SET owner = 'me'", "UPDATE cases SET state = 'answered'"):
        connection = sqlite3.connect(path)
        connection.execute(statement)
        connection.commit()
        connection.close()
        ring = Keys(keys)
        assert not verify(path, keys=ring).ok
        ring.close()
    assert not verify(path).ok  # its state can be told without the key


def test_a_sealed_body_that_was_altered_is_not_opened(keys):
    ring = Keys(keys)
    ring.ensure(["p-1", "p-2"])
    sealed = ring.seal("p-1", b"text")
    assert ring.unseal(sealed) == b"text"
    for forged in (
        sealed.replace(b"p-1", b"p-2"),
        sealed.replace(b"p-1", b"p-3"),
        b"{}",
        b"",
        b"7",
    ):
        assert ring.unseal(forged) is None
    with pytest.raises(EvidenceError, match="no key for subject p-3"):
        ring.seal("p-3", b"text")
    ring.close()


def test_a_key_that_is_deleted_leaves_no_bytes_in_its_file(keys):
    ring = Keys(keys)
    ring.ensure(["p-1"])
    connection = sqlite3.connect(keys)
    (key,) = connection.execute("SELECT key FROM keys").fetchone()
    connection.close()
    assert key in keys.read_bytes()
    assert ring.forget("p-1")
    assert not ring.forget("p-1")
    assert key not in b"".join(file.read_bytes() for file in keys.parent.glob("keys.db*"))
    ring.close()


def test_a_record_cannot_pretend_to_be_sealed(path, answer):
    with Evidence.open(path) as evidence, pytest.raises(EvidenceError, match="store's word"):
        evidence.append_sync({"sealed": "AES-256-GCM", **answer()})


def test_what_is_older_than_it_may_be_kept_is_erased_by_class(url, answer):
    old, new = "2025-01-01T00:00:00.000Z", "2026-11-01T00:00:00.000Z"
    before = "2026-01-01T00:00:00.000Z"

    async def fill(evidence):
        for time in (old, new):
            for kind in ("answer", "judgement", "policy"):
                await evidence.append(answer(id=f"{kind}-{time}", time=time, kind=kind, rule="r"))
        await evidence.open_case(handoff(""))

    with Evidence.open(url) as evidence:
        asyncio.run(fill(evidence))
        done = evidence.retain({"answers": before, "cases": before}, who="DPO", why="a year")
        assert asyncio.run(done) == 1
        left = [stored.id for stored in evidence.entries() if stored.record is not None]
        assert left[:4] == [
            f"judgement-{old}",
            f"policy-{old}",
            f"answer-{new}",
            f"judgement-{new}",
        ]
        assert len(list(evidence.entries(rule="r"))) == 6  # still counted
        with pytest.raises(EvidenceError, match="no class 'everything'"):
            asyncio.run(evidence.retain({"everything": before}, who="w", why="y"))
    report = verify(url)
    assert (report.ok, report.erased, report.problems) == (True, 1, ())


def test_a_closed_case_is_erased_and_an_open_one_waits(url):
    later = "2999-01-01T00:00:00.000Z"

    async def life(evidence):
        await evidence.open_case(handoff(""))
        assert await evidence.retain({"cases": later}, who="DPO", why="y") == 0
        await evidence.answer_case("case-1", "No.", "Ms Finch")
        await evidence.close_case("case-1", "done", "Ms Finch")
        assert await evidence.retain({"cases": later}, who="DPO", why="y") == 3

    with Evidence.open(url) as evidence:
        asyncio.run(life(evidence))
        case = evidence.case("case-1")
        assert (case.state, case.question, case.answer) == (State.CLOSED, {}, "")
    assert verify(url).ok
