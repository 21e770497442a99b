"""`evidence`: verify, show, export, anchor."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from remit.cli import main
from remit.evidence import Evidence, new_id, stamp


@pytest.fixture
def record(tmp_path: Path) -> tuple[str, list[str]]:
    path = str(tmp_path / "evidence.db")
    ids = [new_id() for _ in range(3)]
    with Evidence.open(path) as evidence:
        for id_, action in zip(ids, ("allow", "block", "allow"), strict=True):
            rules = {"no-advice": {"action": action, "score": 1.0}}
            evidence.append_sync(
                {"id": id_, "time": stamp(), "kind": "answer", "action": action, "rules": rules}
            )
    return path, ids


def test_evidence_verify_tells_intact_from_not(
    record: tuple[str, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, _ = record
    assert main(["evidence", "anchor", path]) == 0
    anchor = tmp_path / "anchor.json"
    anchor.write_text(capsys.readouterr().out)
    assert main(["evidence", "verify", path, "--anchor", str(anchor)]) == 0
    assert capsys.readouterr().out.rstrip().endswith("intact")
    other = json.loads(anchor.read_text()) | {"database": "other"}
    anchor.write_text(json.dumps(other))
    assert main(["evidence", "verify", path, "--anchor", str(anchor), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False


def test_evidence_show_lists_the_newest_and_shows_one(
    record: tuple[str, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    path, ids = record
    assert main(["evidence", "show", path, "--limit", "2"]) == 0
    shown = capsys.readouterr().out.split("\n")
    assert shown[0].split() == ["time", "kind", "action", "id"]
    assert [line.split()[-1] for line in shown[1:3]] == ids[1:]
    assert main(["evidence", "show", path, "--rule", "no-advice", "--json"]) == 0
    assert [entry["id"] for entry in json.loads(capsys.readouterr().out)] == [ids[1]]
    assert main(["evidence", "show", path, "--json", ids[0]]) == 0
    assert json.loads(capsys.readouterr().out)["record"]["id"] == ids[0]
    assert main(["evidence", "show", path, ids[1]]) == 0
    assert re.search(r"no-advice +block +1.0", capsys.readouterr().out)
    assert main(["evidence", "show", path, "none"]) == 3


def test_evidence_export_writes_every_entry_and_keeps_what_is_there(
    record: tuple[str, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, ids = record
    out = tmp_path / "out.jsonl"
    assert main(["evidence", "export", path, "--out", str(out)]) == 0
    assert [json.loads(line)["id"] for line in out.read_text().splitlines()] == ids
    assert main(["evidence", "export", path, "--out", str(out)]) == 3
    assert "give a new path" in capsys.readouterr().err


def test_evidence_that_is_not_there_is_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "none.db"
    for action in ("verify", "show", "export", "anchor"):
        assert main(["evidence", action, str(path)]) == 3
        assert capsys.readouterr().err.startswith("remit: ")
    assert not path.exists()


def test_evidence_checkpoints_are_made_and_verified(
    record: tuple[str, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("cryptography", reason="needs the extra crypto")
    path, _ = record
    key, out = str(tmp_path / "audit.pem"), str(tmp_path / "checkpoints.jsonl")
    make = ["evidence", "checkpoint", path, "--key", key, "--out", out]
    assert main([*make, "--make-key"]) == 0
    assert main(make) == 0
    verify = ["evidence", "verify", path, "--checkpoint", out]
    assert main([*verify, "--public", f"{key}.pub"]) == 0
    assert "5 entries" in capsys.readouterr().out  # a checkpoint is on record itself
    assert main(verify) == 2
    Path(out).write_text(Path(out).read_text().replace('"entries":3', '"entries":2'))
    assert main([*verify, "--public", f"{key}.pub"]) != 0
    assert "line 1: not signed with this key" in capsys.readouterr().err


def test_evidence_is_retained_and_forgotten(
    record: tuple[str, list[str]], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path, _ = record
    asked = ["--who", "DPO", "--why", "our rule"]
    retain = ["evidence", "retain", path, *asked, "--older-than"]
    assert main([*retain, "answers=365d"]) == 0
    assert capsys.readouterr().out == "0 entries erased\n"
    assert main([*retain, "answers=0d"]) == 2
    assert "--shorter-because" in capsys.readouterr().err
    assert main([*retain, "everything=400d"]) == 2
    assert main([*retain, "answers=0d", "--shorter-because", "a test"]) == 0
    assert capsys.readouterr().out == "3 entries erased\n"
    assert main(["evidence", "forget", path, "--subject", "p-1", *asked]) == 0
    assert "backups" in capsys.readouterr().err
    assert main(["evidence", "verify", path]) == 0
    assert "3 erased on record" in capsys.readouterr().out


def test_evidence_moves_to_another_store(
    record: tuple[str, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, ids = record
    other = str(tmp_path / "other.db")
    assert main(["evidence", "migrate", path]) == 0
    assert main(["evidence", "move", path, other]) == 0
    assert capsys.readouterr().out.rstrip().endswith("intact")
    assert main(["evidence", "show", other, ids[1], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["record"]["action"] == "block"
    assert main(["evidence", "move", path, other]) != 0
    assert "holds a record already" in capsys.readouterr().err
