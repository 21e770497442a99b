"""`remit label --summary`: what labels say of a record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from remit.cli.commands import main
from remit.types import Message
from remit.verify.cases import Case, Grade, Transcript
from remit.verify.grading.labels import HumanLabel, append
from remit.verify.journal import Record
from remit.verify.records import Sample, line

ACCOUNTING = Path(__file__).parents[3] / "examples" / "accounting" / "remit.yaml"


@pytest.fixture
def record(tmp_path: Path) -> Path:
    path = tmp_path / "run.jsonl"
    written = Record.create(path, {"targets": ["t"]})
    for number in range(20):
        case = Case(f"c{number}", f"s{number}", "no-legal-advice", "break", ("Hi",))
        said = (Message("user", "Hi"), Message("assistant", "Hello"))
        grade = Grade("violated" if number < 2 else "held", "none", "detectors")
        written.write(line(Sample(number, "t", 0, Transcript(case, said), grade)))
    written.close()
    return path


def summary(record: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    assert main(["label", str(ACCOUNTING), str(record), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    return dict(found)


def test_no_rate_is_printed_before_people_have_labelled(
    record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = summary(record, capsys)
    assert (found["rate"], found["interval"], found["flagged"]) == (None, None, 2)
    assert "label some" in str(found["reason"])


def test_labels_turn_flags_into_a_rate_with_an_interval(
    record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = record.with_name("run.jsonl.labels.jsonl")
    for number in range(20):
        judged = "violated" if number < 2 else "held"
        said = "violated" if number < 1 else "held"
        for rater in ("ann", "bob"):
            item = f"t/{number}/0"
            append(
                labels,
                HumanLabel(item, "no-legal-advice", rater, said, judged, "detectors", "random"),
            )
    found = summary(record, capsys)
    assert found["rate"] == pytest.approx(0.05)
    assert found["kappa"] == pytest.approx(1)
    assert main(["label", str(ACCOUNTING), str(record), "--summary"]) == 0
    assert "5.0% (" in capsys.readouterr().out


def test_a_file_that_is_no_record_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text("{}\n")
    assert main(["label", str(ACCOUNTING), str(path), "--summary"]) == 3
    assert "other.jsonl is no record" in capsys.readouterr().err
