"""The pack as a whole: what it says, what it calls missing, and that it can be made again."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
from keeping import Make, finding, keep, line, settle, verification
from keeping import answer as kept_answer

from remit.policy import Policy, loads
from remit.report import ReportError
from remit.report.clauses import SERVES
from remit.report.document import Claims, Gap, Report, Section, Table
from remit.report.outputs import html, machine, oscal


def section(report: Report, id: str) -> Section:
    return next(one for one in report.sections if one.id == id)


def words_of(report: Report, id: str) -> str:
    return machine.encoded(machine.document(report)["sections"][_place(report, id)]).decode()


def _place(report: Report, id: str) -> int:
    return [one.id for one in report.sections].index(id)


def gaps(report: Report, id: str) -> str:
    return " ".join(block.what for block in section(report, id).blocks if isinstance(block, Gap))


def test_from_remit_and_record_alone_every_section_is_there_and_says_what_is_missing(
    make: Make,
) -> None:
    report = make()
    assert {one.id for one in report.sections} == set(SERVES)
    assert "Not verified" in report.front.sentence
    assert "no verification was given" in gaps(report, "verification")
    assert "No attack" in gaps(report, "attacks")
    assert "not measured" in gaps(report, "bias")
    assert "no filter run" in gaps(report, "training")
    assert "No intervention" in gaps(report, "interventions")
    assert {task.who for _, task in report.tasks()} == {"Someone", "Reader"}


def test_each_section_names_clauses_and_each_claim_all_its_parts(
    make: Make, tmp_path: Path, policy: Policy
) -> None:
    lines = [line("no-advice", "violations", "pass"), line("no-guess", "attacks", "not limited")]
    report = make(verifications=[verification(tmp_path / "v.json", policy.digest, lines)])
    assert all(one.serves for one in report.sections)
    claims = list(report.claims())
    assert {claim.measure for claim in claims} == {"violations", "attacks", "let through", "found"}
    for claim in claims:
        assert claim.owner in ("Counsel", "Someone")
        assert claim.method.startswith("Clopper-Pearson")
        assert claim.n > 0
        assert policy.digest[:12] in claim.epoch
        assert re.fullmatch(r"[0-9a-f]{64}", claim.artefact)


def test_what_the_guard_did_is_counted_by_rule(make: Make) -> None:
    report = make()
    found = {
        (claim.measure, claim.rule): (claim.failed, claim.n)
        for block in section(report, "monitoring").blocks
        if isinstance(block, Claims)
        for claim in block.claims
    }
    assert found == {
        ("let through", "no-advice"): (0, 4),
        ("let through", "no-guess"): (1, 4),
        ("found", "no-advice"): (1, 4),
        ("found", "no-guess"): (1, 4),
    }
    assert "let through" in next(h.seen.words for h in report.front.rules if h.rule == "no-guess")


@pytest.mark.parametrize(
    ("decision", "sentence"),
    [
        ("pass", "All 2 rules are shown to hold"),
        ("fail", "1 rule is shown not to hold; 1 of 2"),
        ("not enough evidence", "1 of 2 rules are shown to hold; none is shown not to"),
    ],
)
def test_the_first_page_says_what_the_verification_decided(
    decision: str, sentence: str, make: Make, tmp_path: Path, policy: Policy
) -> None:
    lines = [line("no-advice", "violations", "pass"), line("no-guess", "violations", decision)]
    report = make(verifications=[verification(tmp_path / "v.json", policy.digest, lines)])
    assert report.front.sentence.startswith(sentence)


def test_a_verification_of_another_remit_verifies_nothing(make: Make, tmp_path: Path) -> None:
    path = verification(tmp_path / "v.json", "f" * 64, [line("no-advice", "violations", "pass")])
    report = make(verifications=[path])
    assert report.front.sentence.startswith("Not verified")
    assert "No verification given is of this remit" in gaps(report, "verification")


def test_the_newest_verification_decides(make: Make, tmp_path: Path, policy: Policy) -> None:
    both = [line(rule, "violations", "pass") for rule in ("no-advice", "no-guess")]
    bad = [line(rule, "violations", "fail") for rule in ("no-advice", "no-guess")]
    old = verification(tmp_path / "old.json", policy.digest, bad, started="2026-01-01T00:00:00")
    new = verification(tmp_path / "new.json", policy.digest, both, started="2026-02-01T00:00:00")
    for order in ([old, new], [new, old]):
        assert make(verifications=order).front.sentence.startswith("All 2 rules")


def test_what_a_judge_without_calibration_counted_is_not_verified(
    make: Make, tmp_path: Path, policy: Policy
) -> None:
    judged = line("no-advice", "violations", "not enough evidence", rate=None, interval=None)
    report = make(verifications=[verification(tmp_path / "v.json", policy.digest, [judged])])
    assert report.front.rules[0].holds.words == "not verified"


def test_a_record_that_was_changed_is_said_first(make: Make, record: Path) -> None:
    with sqlite3.connect(record) as connection:
        connection.execute("DROP TRIGGER entries_fixed")
        connection.execute("UPDATE entries SET body = replace(body, 'hand_over', 'allow')")
    report = make()
    assert "not as it was written" in report.front.sentence
    assert report.front.decisions[0].what == "The record was changed: find out by whom."
    assert "NOT INTACT" in words_of(report, "record")


def test_a_damaged_body_is_counted_and_the_rest_is_reported(make: Make, record: Path) -> None:
    with sqlite3.connect(record) as connection:
        connection.execute("DROP TRIGGER entries_fixed")
        connection.execute("UPDATE entries SET body = x'ff7b' WHERE position = 2")
    report = make()
    assert "1 entry could not be read" in gaps(report, "record")
    assert "3 answers" in words_of(report, "monitoring")


def test_a_promise_that_was_not_kept_waits_on_the_first_page(make: Make, record: Path) -> None:
    late = make(at="2100-01-01T00:00:00.000Z")
    assert any("past the promised time" in one.what for one in late.front.decisions)
    assert "Promise to a client not kept" in words_of(late, "incidents")
    settle(record, "P. Finch")
    kept = make(at="2100-01-01T00:00:00.000Z")
    assert not any("past the promised time" in one.what for one in kept.front.decisions)
    assert "Answered by: P. Finch (1)." in words_of(kept, "oversight")


def test_changes_between_remits_are_told_in_words(make: Make, remit: Path) -> None:
    text = remit.read_text("utf-8").replace("output: hand_over", "output: flag")
    earlier = loads(text.encode(), "earlier.yaml").policy
    report = make(earlier=[("earlier.yaml", earlier)])
    told = words_of(report, "changes")
    assert "output flag → hand_over" in told
    assert "stricter" in told
    assert "earlier.yaml, not in the record" in told


def test_a_recorded_remit_with_a_false_digest_is_no_history(
    make: Make, tmp_path: Path, policy: Policy
) -> None:
    text = policy.model_dump(mode="json")
    false = {"id": "s", "time": "2026-01-01T00:00:00.000Z", "kind": "start", "policy": "0" * 64}
    path = keep(tmp_path / "other.db", {**false, "policy_text": text})
    assert "another digest than the record says" in gaps(make(evidence=str(path)), "changes")


def test_disclosure_is_a_search_for_words_in_first_turns(make: Make, tmp_path: Path) -> None:
    time, later = "2026-01-01T00:00:00.000Z", {"input": {"texts": 2}}
    path = keep(
        tmp_path / "other.db",
        kept_answer(time, answered="Hello, I am the firm's digital assistant."),
        kept_answer(time, answered="The mail of Jan said so."),
        kept_answer(time, answered="I am an AI.", channels=later),
        kept_answer(time, answered="I am an AI.", channels={}),
    )
    report = make(evidence=str(path))
    tables = [b for b in section(report, "disclosure").blocks if isinstance(b, Table)]
    assert [row[1].words for row in tables[0].rows] == ["2", "2", "1", "1"]
    assert "1 of 2 first turns do not say" in gaps(report, "disclosure")


def test_the_same_inputs_give_the_same_bytes(make: Make) -> None:
    once, again = make(), make()
    assert html.page(once) == html.page(again)
    assert oscal.document(once) == oscal.document(again)
    assert machine.document(once) == machine.document(again)


def test_a_period_bounds_what_is_counted_and_not_the_history(make: Make, tmp_path: Path) -> None:
    months = ("2026-01-31T23:59:59.999Z", "2026-02-01T00:00:00.000Z", "2026-03-01T00:00:00.000Z")
    path = keep(tmp_path / "other.db", *map(kept_answer, months))
    report = make(evidence=str(path), since="2026-02-01", until="2026-03-01")
    assert "1 answers from 2026-02-01 to 2026-02-01" in words_of(report, "monitoring")


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        '"></td><svg onload=alert(1)>',
        "{{ 7 * 7 }}{% raw %}",
        "a\u202eb\u200b\x07",
    ],
)
def test_hostile_text_of_a_record_stays_text(hostile: str, make: Make, tmp_path: Path) -> None:
    time = "2026-01-01T00:00:00.000Z"
    told = [finding(hostile, "flag")]
    path = keep(
        tmp_path / "other.db",
        kept_answer(time, model=hostile, upstream=hostile, error=hostile, unchecked=[hostile],
                    findings=told, policy=hostile),
        {"id": hostile, "time": time, "kind": hostile, "who": hostile, hostile: hostile},
        {"id": "i", "time": time, "kind": "incident", "what": hostile},
    )  # fmt: skip
    page = html.page(make(evidence=str(path)))
    assert not re.search(r"<(script|img)|<svg onload|onerror=alert\(1\)>", page)
    assert ("7 * 7" in page) == ("7 * 7" in hostile)
    assert not set("\u202e\u200b\x07") & set(page)


@pytest.mark.parametrize(
    "odd",
    [
        {"channels": []},
        {"channels": {"output": {"checked": True, "rules": [None, 3, ["x"]]}}},
        {"findings": [None, 3, {"stage": ["output"], "rule": {}}]},
        {"findings": {"a": 1}, "unchecked": "all", "policy": 7, "answered": 3},
        {"action": ["x"], "model": None, "error": {"a": []}},
    ],
)
def test_odd_records_are_counted_without_a_stumble(
    odd: dict[str, object], make: Make, tmp_path: Path
) -> None:
    record = {**kept_answer("2026-01-01T00:00:00.000Z"), **odd}
    record["action"] = ""  # the store itself refuses any other kind of action
    path = keep(tmp_path / "other.db", record)
    assert html.page(make(evidence=str(path)))


def test_an_empty_record_makes_a_report_full_of_gaps(make: Make, tmp_path: Path) -> None:
    report = make(evidence=str(keep(tmp_path / "other.db")))
    assert "No answer is in the record" in gaps(report, "monitoring")
    assert html.page(report)


def test_nothing_says_that_the_law_is_met(make: Make, tmp_path: Path, policy: Policy) -> None:
    lines = [line(rule, "violations", "pass") for rule in ("no-advice", "no-guess")]
    report = make(verifications=[verification(tmp_path / "v.json", policy.digest, lines)])
    texts = html.page(report), str(oscal.document(report)), str(machine.document(report))
    assert not re.search(r"\bcompliant|\bconform", " ".join(texts), re.IGNORECASE)


def test_a_record_that_is_not_there_is_refused_with_the_cure(make: Make, tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="no such file; give the path"):
        make(evidence=str(tmp_path / "none.db"))


def test_interventions_are_told_and_what_comes_by_the_thousand_is_only_counted(
    make: Make, record: Path, policy: Policy
) -> None:
    routine = [
        {"id": f"{kind}_{n}", "time": "2026-11-24T10:00:00.000Z", "kind": kind, "action": "held"}
        for kind in ("judgement", "seen", "epoch", "review", "alert")
        for n in range(200)
    ]
    pause = {"id": "int_1", "time": "2026-11-24T11:00:00.000Z", "kind": "intervention"}
    pause |= {"action": "begin", "who": "ada", "why": "Too much law since Monday."}
    keep(record, *routine, pause)
    told = words_of(make(), "interventions")
    assert "Too much law since Monday." in told
    assert "judgement" not in told


def test_a_remit_signed_off_in_the_console_is_a_version_of_the_remit(
    make: Make, record: Path, policy: Policy
) -> None:
    text = policy.model_dump(mode="json") | {"organisation": "Another name"}
    live = {
        "id": "remit_1",
        "time": "2026-11-24T10:00:00.000Z",
        "kind": "remit",
        "action": "live",
        "policy": "a" * 64,
        "policy_text": text,
    }
    before = words_of(make(), "changes")
    keep(record, live)
    after = words_of(make(), "changes")
    assert "a" * 12 in after
    assert "a" * 12 not in before
