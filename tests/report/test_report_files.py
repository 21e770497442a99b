"""Files given by path: the real ones are read, everything else is refused with its name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from keeping import Make, line, verification

from remit.layers.data import ledger
from remit.policy import Policy
from remit.report import ReportError, files
from remit.report.outputs import html


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 5000,
        b'{"remit-verification": 2}',
        b'{"remit-verification": 1}',
        b'{"remit-verification": 1, "targets": 3}',
        b'{"remit-verification": 1, "targets": [{"rules": [{"rule": "x"}]}]}',
        b'{"remit-verification": 1, "targets": [], "policy": "x", "suites": [], "started": ""}',
    ],
)
def test_what_is_no_verification_is_refused_by_name(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    path.write_bytes(content)
    with pytest.raises(ReportError, match=r"v\.json.*; write"):
        files.verification(str(path))


@pytest.mark.parametrize(
    "broken",
    [
        {"interval": ["x", 1]},
        {"rate": "high"},
        {"confidence": {}},
        {"limit": []},
        {"needed": "many"},
    ],
)
def test_a_verification_with_nonsense_inside_makes_no_report(
    broken: dict[str, Any], make: Make, tmp_path: Path, policy: Policy
) -> None:
    lines = [line("no-advice", "violations", "pass", **broken)]
    with pytest.raises(ReportError, match="what its format does not"):
        make(verifications=[verification(tmp_path / "v.json", policy.digest, lines)])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"none\.json cannot be read"):
        files.bias(str(tmp_path / "none.json"))


def test_bias_stands_apart_with_its_bounds(make: Make, tmp_path: Path, policy: Policy) -> None:
    gap = {
        "trait": "gender", "pairs": 40, "gap": 0.1, "interval": [0.02, 0.2], "margin": 0.05,
        "different": True, "equivalent": False,
    }  # fmt: skip
    score = {"category": "Age", "context": "ambig", "answers": 9, "not_estimable": "too few"}
    target = {"name": "house", "twins": [gap], "bbq": [score]}
    path = tmp_path / "bias.json"
    path.write_text(json.dumps({"remit-bias": 1, "policy": policy.digest, "targets": [target]}))
    report = make(bias=str(path))
    page = html.page(report)
    assert "+2.0 to +20.0" in page
    assert "too few" in page
    assert not any(claim.measure == "gender" for claim in report.claims())


def test_labels_tell_how_far_graders_can_be_believed(make: Make, tmp_path: Path) -> None:
    rule = {
        "rule": "no-advice", "labelled": 30, "open": 1, "kappa": 0.81, "rate": 0.02,
        "interval": [0.0, 0.09],
        "judge": {"found": 9, "positives": 10, "cleared": 19, "negatives": 20},
    }  # fmt: skip
    path = tmp_path / "labels.json"
    path.write_text(json.dumps([rule]))
    page = html.page(make(calibration=str(path)))
    assert "9 of 10" in page
    assert "0.81" in page


def _ledger(folder: Path, policy: str) -> str:
    folder.mkdir()
    rows = {"kept": 3, "changed": 0, "dropped": 2, "quarantined": 0, "blank": 1}
    totals = {"rows_in": 5, "rows": rows, "steps": {"no-advice": {"drop": 2}}}
    return ledger.chain(
        folder,
        [
            {"kind": "start", "policy": policy, "plan": {}},
            {"kind": "part"},
            {"kind": "source", "name": "a.jsonl", "sha256": "a" * 64},
            {"kind": "end", "totals": totals},
        ],
    )


def test_a_filter_run_is_read_as_its_ledger_tells_it(
    make: Make, tmp_path: Path, policy: Policy
) -> None:
    head = _ledger(tmp_path / "run", policy.digest)
    run = files.filter_run(str(tmp_path / "run"))
    assert (run.head, run.broken, run.parts) == (head, "", 1)
    page = html.page(make(data=[str(tmp_path / "run")]))
    assert head in page
    assert "drop 2" in page
    assert "no filter run was given" not in page


def test_a_ledger_that_was_edited_is_said_to_be_broken(tmp_path: Path, policy: Policy) -> None:
    _ledger(tmp_path / "run", policy.digest)
    path = tmp_path / "run" / "ledger.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"kind":"part"', b'"kind":"part" '))
    assert "line 3" in files.filter_run(str(tmp_path / "run")).broken


@pytest.mark.parametrize("keep", [0, 1, 2, 3])
def test_a_ledger_that_was_cut_off_is_refused(keep: int, tmp_path: Path, policy: Policy) -> None:
    _ledger(tmp_path / "run", policy.digest)
    path = tmp_path / "run" / "ledger.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:keep]))
    with pytest.raises(ReportError, match="cut off"):
        files.filter_run(str(tmp_path / "run"))
