"""The outputs: OSCAL's structure, the page, numbers in words, and the command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from keeping import Make, line, verification

from remit.cli import reporting
from remit.cli.grammar import Grammar
from remit.cli.terminal import CannotRunError, MisuseError
from remit.policy import Policy
from remit.report import ReportError, words
from remit.report.outputs import html, oscal
from remit.report.outputs.pdf import pdf

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@pytest.fixture
def results(make: Make, tmp_path: Path, policy: Policy) -> dict[str, Any]:
    lines = [line("no-advice", "violations", "pass"), line("no-guess", "violations", "fail")]
    lines += [line("no-advice", "over-refusal", "not limited", limit=None)]
    path = verification(tmp_path / "v.json", policy.digest, lines)
    found: dict[str, Any] = oscal.document(make(verifications=[path]))["assessment-results"]
    return found


def walk(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield key, part
            yield from walk(part)
    elif isinstance(value, list):
        for part in value:
            yield from walk(part)


def test_oscal_has_what_its_schema_requires_and_nothing_empty(results: dict[str, Any]) -> None:
    assert set(results) == {"uuid", "metadata", "import-ap", "results", "back-matter"}
    assert {"title", "last-modified", "version", "oscal-version"} <= set(results["metadata"])
    (result,) = results["results"]
    assert {"uuid", "title", "description", "start", "reviewed-controls"} <= set(result)
    for observation in result["observations"]:
        assert {"uuid", "description", "methods", "collected"} <= set(observation)
    for key, value in walk(results):
        assert value not in ([], "", None), key
        if key in ("start", "end", "last-modified", "collected"):
            assert _TIME.fullmatch(value), value
        if key == "value":
            assert re.fullmatch(r"\S(.*\S)?", value)


def test_oscal_ids_are_version_5_unique_and_all_references_lead_somewhere(
    results: dict[str, Any],
) -> None:
    ids = [value for key, value in walk(results) if key == "uuid"]
    assert len(ids) == len(set(ids))
    assert {UUID(one).version for one in ids} == {5}
    refers = [value for key, value in walk(results) if key == "observation-uuid"]
    assert refers
    assert {*refers, results["import-ap"]["href"].removeprefix("#")} <= set(ids)


def test_oscal_finds_only_what_a_verification_decided(results: dict[str, Any]) -> None:
    states = {
        finding["target"]["target-id"]: finding["target"]["status"]["state"]
        for finding in results["results"][0]["findings"]
    }
    assert states == {"rule-no-advice": "satisfied", "rule-no-guess": "not-satisfied"}


def test_a_ladder_is_decided_by_its_last_step_alone(
    make: Make, tmp_path: Path, policy: Policy
) -> None:
    failed, held = line("no-advice", "violations", "fail"), line("no-advice", "violations", "pass")
    bare = {"name": "house", "layers": [], "rules": [failed]}
    guarded = {"name": "house", "layers": ["prompt", "guard"], "rules": [held]}
    path = verification(tmp_path / "v.json", policy.digest, [], targets=[bare, bare, guarded])
    result = oscal.document(make(verifications=[path, path]))["assessment-results"]["results"][0]
    (finding,) = result["findings"]
    assert finding["target"]["status"]["state"] == "satisfied"
    ids = [one["uuid"] for one in result["observations"]]
    assert len(ids) == len(set(ids))


def test_without_a_verification_oscal_has_no_finding(make: Make) -> None:
    assert "findings" not in oscal.document(make())["assessment-results"]["results"][0]


def test_the_page_loads_and_runs_nothing(make: Make) -> None:
    page = html.page(make())
    assert "default-src 'none'" in page
    assert not re.search(r"<(script|link|img|iframe|object)\b|url\(|@import", page)
    assert set(re.findall(r'href="(.)', page)) == {"#"}


def test_every_link_of_the_page_leads_to_a_section(make: Make) -> None:
    page = html.page(make())
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r' id="([^"]+)"', page))


def test_a_pdf_is_made_or_the_cure_is_told(make: Make) -> None:
    page = html.page(make())
    if find_spec("weasyprint"):
        assert pdf(page).startswith(b"%PDF-")
    else:
        with pytest.raises(ReportError, match=r"pip install 'remit\[report\]'"):
            pdf(page)


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.00001, "< 0.01 %"),
        (0.001, "0.1 %"),
        (0.0123, "1.2 %"),
        (0.393, "39 %"),
        (0.9899, "99 %"),
        (0.99149, "99.1 %"),
        (0.99999, "99.9 %"),
    ],
)
def test_a_share_is_never_rounded_to_nought_or_all(share: float, told: str) -> None:
    assert words.percent(share).replace("\N{NO-BREAK SPACE}", " ") == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(1, "1 second"), (90, "1.5 minutes"), (3600, "1 hour"), (172800, "2 days")],
)
def test_a_span_of_time_is_told_in_the_unit_that_fits(seconds: float, told: str) -> None:
    assert words.duration(seconds) == told


# --- The command ---------------------------------------------------------------------------------


def run(*arguments: str) -> int:
    grammar = Grammar(prog="remit")
    reporting.add(grammar.add_subparsers())
    asked = grammar.parse_args(["report", *arguments])
    code: int = asked.run(asked, {})
    return code


def test_the_command_writes_the_files_asked_for_and_their_hashes(
    remit: Path, record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "pack"
    base = (str(remit), "--evidence", str(record), "--out", str(out))
    assert run(*base, "--json", "--oscal") == 0
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    assert set(first) == {"report.html", "report.json", "assessment-results.json"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in out.iterdir())
    assert "gaps" in capsys.readouterr().out
    assert run(*base, "--json", "--oscal") == 0
    assert first == {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.mark.parametrize("time", ["yesterday", "2026-1-1", "2026-01-01T09:00", "2026-01-01 09:00Z"])
def test_a_time_that_cannot_be_read_is_refused(time: str, remit: Path, record: Path) -> None:
    with pytest.raises(MisuseError, match="--since"):
        run(str(remit), "--evidence", str(record), "--out", "x", "--since", time)


def test_a_record_that_is_missing_writes_nothing(remit: Path, tmp_path: Path) -> None:
    out = tmp_path / "pack"
    with pytest.raises(CannotRunError, match="no such file"):
        run(str(remit), "--evidence", str(tmp_path / "none.db"), "--out", str(out))
    assert not out.exists()
