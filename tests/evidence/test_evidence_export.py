"""An export checks by itself, with the description in `chain` and nothing else."""

from __future__ import annotations

import asyncio
import io
import json
import stat
from hashlib import sha256

import pytest

from remit.evidence import Evidence, EvidenceError, export, show


def u32(number):
    return number.to_bytes(4, "big")


def hash_as_described(line):
    """An auditor's own version, from the prose in `chain`, without our code."""
    parts = [line[name].encode() for name in ("writer", "time", "id", "kind", "action")]
    digest = line["digest"]
    if line["body"] is not None:
        salted = bytes.fromhex(line["salt"]) + line["body"].encode()
        digest = sha256(b"remit.evidence.body.v1\0" + salted).hexdigest()
    message = b"remit.evidence.entry.v1\0" + bytes.fromhex(line["prev"])
    message += line["seq"].to_bytes(8, "big") + b"".join(u32(len(part)) for part in parts)
    return sha256(message + b"".join(parts) + bytes.fromhex(digest)).hexdigest()


def genesis_as_described(database, writer):
    parts = (database.encode(), writer.encode())
    framed = b"".join(u32(len(part)) + part for part in parts)
    return sha256(b"remit.evidence.genesis.v1\0" + framed).hexdigest()


def test_an_auditor_recomputes_an_export_from_the_description_alone(path, answer, tmp_path):
    with Evidence.open(path) as evidence:
        for n in range(20):
            evidence.append_sync(
                answer(n=n, reply="naïve — 你好 🙂", action="" if n % 2 else "flag")
            )
        erased = next(evidence.entries()).id
        asyncio.run(evidence.erase(erased, who="Privacy officer", why="asked"))
        database = evidence.anchor().database
    out = tmp_path / "out.jsonl"
    assert export(path, out) == 21
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    last = genesis_as_described(database, lines[0]["writer"])
    for line in lines:
        assert line["prev"] == last
        last = line["hash"]
        assert hash_as_described(line) == last
    assert [line["body"] is None for line in lines].count(True) == 1


def test_an_export_goes_to_an_open_file_too(path, answer):
    with Evidence.open(path) as evidence:
        evidence.append_sync(answer())
    buffer = io.BytesIO()
    assert export(path, buffer) == 1
    assert json.loads(buffer.getvalue())["seq"] == 1


def test_an_export_never_overwrites_and_knows_its_formats(path, answer, tmp_path):
    with Evidence.open(path) as evidence:
        evidence.append_sync(answer())
    out = tmp_path / "out.jsonl"
    out.write_text("precious")
    with pytest.raises(EvidenceError, match="give a new path"):
        export(path, out)
    with pytest.raises(EvidenceError, match="have jsonl"):
        export(path, out, format="csv")
    assert out.read_text() == "precious"


def test_show_gives_the_record_and_its_place(path, answer):
    record = answer(reply="Good morning")
    with Evidence.open(path) as evidence:
        entry = evidence.append_sync(record)
        shown = show(path, record["id"])
        assert shown["record"] == record
        assert (shown["chain"]["seq"], shown["chain"]["hash"]) == (1, entry.hash)
        asyncio.run(evidence.erase(record["id"], who="Privacy officer", why="asked"))
        assert show(path, record["id"])["record"] is None
    with pytest.raises(EvidenceError, match="no record nobody"):
        show(path, "nobody")
